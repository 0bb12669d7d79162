"""`flytenb engine …`: the daemon's life."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import deque
from pathlib import Path
from typing import Any

from flytenb.client.link import LinkBroken, connect
from flytenb.client.session import session
from flytenb.errors import BaseRuntimeError, EngineError
from flytenb.wire import paths

#: Seconds an engine may take to end.
_STOP_TIMEOUT_S = 45.0


def start(state: Path) -> dict[str, Any]:
    """Start the engine, or find it running."""
    answer: dict[str, Any] = session(state).query("status")
    return answer


def stop(state: Path, *, force: bool = False) -> bool:
    """End the engine; False when none ran.

    Raises:
        EngineError: runs go on (use force), or it does not end.
    """
    pid = _pid(state)
    try:
        connect(state).close()
    except LinkBroken:
        return False
    except EngineError:
        # Of another version: it refuses to talk, but its process obeys.
        if pid is None:
            raise
        os.kill(pid, signal.SIGTERM)
    else:
        try:
            pid = int(session(state).query("stop", force=force)["pid"])
        except BaseRuntimeError as error:
            raise EngineError(str(error)) from error
        session(state).close()
    deadline = time.monotonic() + _STOP_TIMEOUT_S
    while _is_alive(pid):
        if time.monotonic() > deadline:
            raise EngineError(
                f"the engine (process {pid}) did not end within {_STOP_TIMEOUT_S:.0f} s; see `flytenb engine logs`"
            )
        time.sleep(0.02)
    return True


def last_log_lines(state: Path, count: int) -> list[str]:
    """The end of the engine's own log."""
    try:
        with (state / "engine.log").open(errors="replace") as log:
            return [line.rstrip("\n") for line in deque(log, maxlen=count)]
    except FileNotFoundError:
        return []


def _pid(state: Path) -> int | None:
    try:
        return int(json.loads(paths.info_path(state).read_bytes())["pid"])
    except (OSError, ValueError, KeyError):
        return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie of this very process has ended too.
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == 0
    except ChildProcessError:
        return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False
