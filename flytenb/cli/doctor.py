"""`flytenb doctor`: looks at everything that a run needs and says what to do."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from flytenb.cli import engine
from flytenb.errors import FlytenbError
from flytenb.model.version import VERSION
from flytenb.wire import paths

_LOW_DISK_BYTES = 1 << 30


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    is_good: bool
    text: str
    #: What to do about it.
    fix: str = ""


def examine() -> list[Finding]:
    """All findings, the engine's last."""
    state = paths.home()
    found = [
        Finding("flytenb", True, f"{VERSION} with Python {sys.version.split()[0]} ({sys.executable})"),
        _home(state),
        _disk(state),
        _engine(state),
    ]
    found += [
        _module(name, why) for name, why in (("numpy", "arrays"), ("pandas", "frames"), ("pyarrow", "frames on disk"))
    ]
    return found


def _home(state: Path) -> Finding:
    near = state
    while not near.exists():
        near = near.parent
    if not os.access(near, os.W_OK):
        return Finding("home", False, f"{state} cannot be written", "set FLYTENB_HOME to a directory of yours")
    return Finding("home", True, f"{state}{'' if state.exists() else ' (made by the first run)'}")


def _disk(state: Path) -> Finding:
    near = state
    while not near.exists():
        near = near.parent
    free = shutil.disk_usage(near).free
    text = f"{free / (1 << 30):.1f} GiB free"
    fix = "" if free > _LOW_DISK_BYTES else "make room, or set FLYTENB_HOME to another disk"
    return Finding("disk", not fix, text, fix)


def _engine(state: Path) -> Finding:
    try:
        answer = engine.status(state)
    except FlytenbError as error:
        return Finding("engine", False, str(error), "flytenb engine restart")
    if answer is None:
        return Finding("engine", True, "not running; it starts by itself when needed")
    trouble = str(answer.get("trouble") or "")
    if trouble:
        return Finding("engine", False, trouble, "flytenb engine logs")
    notes = "; ".join(str(note) for note in answer.get("notes") or ())
    workers = answer.get("workers") or []
    count = workers if isinstance(workers, int) else len(workers)
    runs = answer.get("runs_active")
    text = f"process {answer.get('pid')}, version {answer.get('version')}, {runs} runs, {count} workers"
    return Finding("engine", True, text + (f"; {notes}" if notes else ""))


def _module(name: str, why: str) -> Finding:
    is_there = importlib.util.find_spec(name) is not None
    return Finding(name, True, "installed" if is_there else f"not installed (only needed for {why}: flytenb[frames])")
