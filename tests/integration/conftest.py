"""Real engines, each in a home of its own."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest


class Home:
    """A state directory and what a test does with it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.env = {**os.environ, "FLYTENB_HOME": str(path), "PYTHONUNBUFFERED": "1"}

    def script(self, name: str, text: str) -> Path:
        """A script beside the home."""
        path = self.path.parent / "work" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    def popen(self, *command: str, **options: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *command],
            env=self.env,
            cwd=self.path.parent,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,
        )

    def python(self, *command: str, timeout: float = 60, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *command],
            env=self.env,
            cwd=self.path.parent,
            text=True,
            capture_output=True,
            timeout=timeout,
        )
        if check:
            assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{self.engine_log()}"
        return done

    def cli(self, *command: str, **options: object) -> subprocess.CompletedProcess[str]:
        return self.python("-m", "flytenb.cli", *command, **options)

    def engine_pid(self) -> int | None:
        try:
            return int(json.loads((self.path / "engine.json").read_text())["pid"])
        except (OSError, ValueError):
            return None

    def engine_log(self) -> str:
        try:
            return (self.path / "engine.log").read_text()
        except OSError:
            return ""

    def engine_log_of_trouble(self) -> str:
        """The log, and the older part of it that was turned over."""
        older = self.path / "engine.log.1"
        return (older.read_text() if older.exists() else "") + self.engine_log()

    def kill_engine(self) -> bool:
        """SIGKILL, and wait until the process is gone."""
        pid = self.engine_pid()
        if pid is None:
            return False
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        until(lambda: not _is_alive(pid), "the engine to die")
        return True

    def rows(self, sql: str, *arguments: object) -> list[tuple]:
        """What another connection sees in the store."""
        connection = sqlite3.connect(f"file:{self.path / 'store.db'}?mode=ro", uri=True, timeout=10)
        try:
            return connection.execute(sql, arguments).fetchall()
        finally:
            connection.close()


def _is_alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def until(claim: object, what: str, seconds: float = 90) -> None:
    """Wait for something that gives no event: another process's state."""
    deadline = time.monotonic() + seconds
    while not claim():  # type: ignore[operator]
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.01)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    made = Home(tmp_path / "home")
    yield made
    pid = made.engine_pid()
    if pid is not None and _is_alive(pid):
        os.kill(pid, signal.SIGTERM)
        until(lambda: not _is_alive(pid), "the engine to stop")
