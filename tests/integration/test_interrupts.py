"""Ctrl-C in scripts and commands: the first leaves the run to go on, a second cancels; without a terminal one does."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.integration.conftest import Home, until

_SCRIPT = """
    import asyncio, os, sys
    import flytenb as flyte

    env = flyte.TaskEnvironment("keys")

    @env.task
    async def gated(name: str = "one") -> str:
        open(os.path.join(MARKS, name), "w").close()
        while not os.path.exists(os.path.join(MARKS, "go")):
            await asyncio.sleep(0.02)
        return "went"

    @env.task
    async def asks() -> bool:
        open(os.path.join(MARKS, "one"), "w").close()
        return await flyte.new_condition("ok", prompt="Go on?").wait.aio()

    if __name__ == "__main__":
        run = flyte.run(globals()[sys.argv[1]])
        print(run.name, flush=True)
        if sys.argv[2:] == ["await"]:
            async def main():
                return await run
            print(asyncio.run(main()))
        else:
            print(run.outputs()[0])
"""


class Keyboard:
    """Processes that believe to be in a terminal."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.marks = home.path.parent / "marks"
        self.marks.mkdir()
        self.script = home.script("keys.py", _SCRIPT.replace("MARKS", repr(str(self.marks))))
        self._stack = ExitStack()

    def start(self, *command: str, in_terminal: bool = True) -> subprocess.Popen[str]:
        ours, theirs = pty.openpty() if in_terminal else (-1, subprocess.DEVNULL)
        process = subprocess.Popen(
            [sys.executable, *command],
            env=self.home.env,
            cwd=self.home.path.parent,
            text=True,
            stdin=theirs,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        if in_terminal:
            os.close(theirs)
            self._stack.callback(os.close, ours)
        return process

    def run_name(self, process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        until((self.marks / "one").exists, "the action to run")
        time.sleep(0.3)  # the wait begins, which gives no event
        return name

    def phase(self, run: str) -> Any:
        return json.loads(self.home.cli("get", "run", run, "-o", "json").stdout)["phase"]

    def close(self) -> None:
        (self.marks / "go").touch()
        self._stack.close()


@pytest.fixture
def keyboard(home: Home) -> Iterator[Keyboard]:
    made = Keyboard(home)
    yield made
    made.close()


def test_one_in_a_terminal_leaves_the_run_to_go_on(keyboard: Keyboard) -> None:
    process = keyboard.start(str(keyboard.script), "gated")
    run = keyboard.run_name(process)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode in (-signal.SIGINT, 130)
    assert f"run {run} goes on in the background; interrupt again within 3 s to cancel it\n" in told
    assert keyboard.phase(run) == "running"
    (keyboard.marks / "go").touch()
    until(lambda: keyboard.phase(run) == "succeeded", "the run to end")


@pytest.mark.parametrize("how", ["wait", "await"])
def test_a_second_one_cancels(keyboard: Keyboard, how: str) -> None:
    process = keyboard.start(str(keyboard.script), "gated", how)
    run = keyboard.run_name(process)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    until(lambda: "interrupt again" in process.stderr.readline(), "the line")  # type: ignore[union-attr]
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode in (-signal.SIGINT, 130)
    assert f"run {run} is being cancelled" in told
    until(lambda: keyboard.phase(run) == "aborted", "the run to be cancelled")


def test_without_a_terminal_one_cancels(keyboard: Keyboard) -> None:
    process = keyboard.start(str(keyboard.script), "gated", in_terminal=False)
    run = keyboard.run_name(process)
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert f"run {run} is being cancelled: it was interrupted where nobody watches" in told
    until(lambda: keyboard.phase(run) == "aborted", "the run to be cancelled")


@pytest.mark.parametrize("follow", [[], ["--follow"]], ids=["wait", "follow"])
def test_the_command_line_does_the_same(keyboard: Keyboard, follow: list[str]) -> None:
    process = keyboard.start("-m", "flytenb.cli", "run", *follow, str(keyboard.script), "gated")
    run = keyboard.run_name(process)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    until(lambda: "interrupt again" in process.stderr.readline(), "the line")  # type: ignore[union-attr]
    process.send_signal(signal.SIGINT)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"run {run} is being cancelled" in told
    assert "Traceback" not in told
    until(lambda: keyboard.phase(run) == "aborted", "the run to be cancelled")


@pytest.mark.parametrize("how", ["script", "command", "follow"])
def test_who_waits_for_a_run_that_asks_is_told(keyboard: Keyboard, how: str) -> None:
    words = {
        "script": [str(keyboard.script), "asks"],
        "command": ["-m", "flytenb.cli", "run", str(keyboard.script), "asks"],
        "follow": ["-m", "flytenb.cli", "run", "--follow", str(keyboard.script), "asks"],
    }[how]
    process = keyboard.start(*words, in_terminal=False)
    run = keyboard.run_name(process)
    assert process.stderr is not None
    told = process.stderr.readline()
    assert told == f"run {run} waits for an answer: Go on?  →  flytenb signal condition {run} a1 true\n"
    keyboard.home.cli("signal", "condition", run, "a1", "true")
    assert "True" in process.communicate(timeout=60)[0]
