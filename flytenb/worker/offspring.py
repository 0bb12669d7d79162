"""Processes that an aborted action has started: asked to end, and ended.

They are found by their group or their ancestry and by their age. One with a session of its own was meant to outlive
its starter, and is left alone; so is Python's resource tracker, which serves the whole process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

#: Seconds between asking a process to end and ending it.
TERM_S = 2.0
_SPARED = (b"resource_tracker", b"semaphore_tracker")
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class _Process:
    pid: int
    parent: int
    group: int
    session: int
    #: Seconds since boot.
    started_at: float


def end_since(age_s: float) -> list[int]:
    """Ask all processes that this one has started within the last seconds to end; what stays is killed later.

    Returns:
        Their ids.
    """
    found = started_within(age_s)
    for process in found:
        with contextlib.suppress(OSError):
            os.kill(process.pid, signal.SIGTERM)
    if found:
        timer = threading.Timer(TERM_S, _kill, (found,))
        timer.daemon = True
        timer.start()
    return [process.pid for process in found]


def started_within(age_s: float) -> list[_Process]:
    """Processes of this one that are younger than this."""
    if not _PROC.is_dir():
        return []  # the group's end is all there is elsewhere
    # Before the look at all processes, which takes its time; the kernel counts in ticks.
    since = time.clock_gettime(time.CLOCK_BOOTTIME) - age_s - 2 / os.sysconf("SC_CLK_TCK")
    own = os.getpid()
    known = _all()
    me = known.get(own)
    if me is None:
        return []
    young = [each for each in known.values() if each.pid != own and each.started_at >= since]
    return [
        each
        for each in young
        if each.session == me.session
        and (each.group == own or _descends(each, own, known))
        and not any(word in _command(each.pid) for word in _SPARED)
    ]


def _descends(process: _Process, ancestor: int, known: dict[int, _Process]) -> bool:
    for _ in range(64):
        if process.parent == ancestor:
            return True
        above = known.get(process.parent)
        if above is None:
            return False
        process = above
    return False


def _kill(found: list[_Process]) -> None:
    for process in found:
        now = _read(process.pid)
        if now is not None and now.started_at == process.started_at:
            with contextlib.suppress(OSError):
                os.kill(process.pid, signal.SIGKILL)


def _all() -> dict[int, _Process]:
    pids = (int(entry) for entry in os.listdir(_PROC) if entry.isdigit())
    return {pid: process for pid in pids if (process := _read(pid)) is not None}


def _read(pid: int) -> _Process | None:
    try:
        after_name = (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    if not after_name or after_name[0] in (b"Z", b"X"):
        return None
    started = int(after_name[19]) / os.sysconf("SC_CLK_TCK")
    return _Process(pid, int(after_name[1]), int(after_name[2]), int(after_name[3]), started)


def _command(pid: int) -> bytes:
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return b""
