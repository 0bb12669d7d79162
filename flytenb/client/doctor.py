"""Looks at everything that a run needs and says what to do: `flytenb doctor`, `%flyte_doctor`. Starts nothing."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flytenb.client.link import LinkBroken, connect
from flytenb.client.session import session
from flytenb.containers.address import docker_words
from flytenb.errors import FlytenbError
from flytenb.model.version import VERSION
from flytenb.wire import paths

_LOW_DISK_BYTES = 1 << 30
#: SQLite's write-ahead log needs memory that all processes share: not over a network.
_REMOTE_FILE_SYSTEMS = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "afpfs", "9p", "lustre", "beegfs")
)
_OPTIONAL = (("numpy", "arrays"), ("pandas", "frames"), ("pyarrow", "frames on disk"))


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    what: str
    is_good: bool
    text: str
    #: What to do about it.
    fix: str = ""


def examine() -> list[Finding]:
    """All findings."""
    state = paths.home()
    return [
        Finding("flytenb", True, f"{VERSION} with Python {sys.version.split()[0]} ({sys.executable})"),
        _home(state),
        _disk(state),
        _store(state),
        _engine(state),
        _docker(state),
        *(_module(name, why) for name, why in _OPTIONAL),
    ]


def lines(findings: list[Finding]) -> list[str]:
    """Findings as text, one line each."""
    width = max(len(found.what) for found in findings)
    return [
        f"{'ok ' if found.is_good else 'BAD'} {found.what:<{width}} {found.text}" + (f"; {found.fix}" * bool(found.fix))
        for found in findings
    ]


def status(state: Path) -> dict[str, Any] | None:
    """What the engine tells of itself; None when none runs. Never starts one."""
    try:
        connect(state).close()
    except LinkBroken:
        return None
    answer: dict[str, Any] = session(state).query("status")
    return answer


def _existing(state: Path) -> Path:
    while not state.exists():
        state = state.parent
    return state


def _home(state: Path) -> Finding:
    whose = "FLYTENB_HOME" if os.environ.get("FLYTENB_HOME") else "the default"
    near = _existing(state)
    if not near.is_dir() or not os.access(near, os.W_OK | os.X_OK):
        text = f"{state} ({whose}) cannot be written"
        return Finding("home", False, text, "set FLYTENB_HOME to a directory of yours")
    kind = _file_system(near)
    if kind in _REMOTE_FILE_SYSTEMS:
        return Finding("home", False, f"{state} lies on {kind}", "set FLYTENB_HOME to a disk of this machine")
    return Finding("home", True, f"{state} ({whose}{'' if state.exists() else ', made by the first run'})")


def _file_system(place: Path) -> str:
    """The type of the file system that holds a path; "" where that is not known."""
    try:
        mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    except OSError:
        return ""
    whole = str(place.resolve())
    found = ("", "")
    for _, point, kind, *_ in mounts:
        point = point.replace("\\040", " ")
        if whole == point or whole.startswith(point.rstrip("/") + "/"):
            found = max(found, (point, kind), key=lambda one: len(one[0]))
    return found[1]


def _disk(state: Path) -> Finding:
    free = shutil.disk_usage(_existing(state)).free
    text = f"{free / (1 << 30):.1f} GiB free"
    fix = "" if free > _LOW_DISK_BYTES else "make room, or set FLYTENB_HOME to another disk"
    return Finding("disk", not fix, text, fix)


def _store(state: Path) -> Finding:
    path = state / "store.db"
    if not path.exists():
        return Finding("store", True, "none yet; the first run makes it")
    kept = sorted(one.name for one in state.glob("store.db.corrupt-*[0-9]"))
    text = _size(sum(one.stat().st_size for one in (path, path.with_name("store.db-wal")) if one.exists()))
    return Finding("store", True, f"{text}; a damaged one is kept aside: {', '.join(kept)}" if kept else text)


def _size(size_bytes: int) -> str:
    return f"{size_bytes / (1 << 20):.1f} MiB" if size_bytes >= 1 << 20 else f"{size_bytes / 1024:.0f} KiB"


def _engine(state: Path) -> Finding:
    try:
        answer = status(state)
    except FlytenbError as error:
        return Finding("engine", False, str(error), "flytenb engine restart")
    if answer is None:
        return Finding("engine", True, "not running; it starts by itself when needed")
    trouble = str(answer.get("trouble") or "")
    if trouble:
        return Finding("engine", False, trouble, "flytenb engine logs")
    notes = "; ".join(str(note) for note in answer.get("notes") or ())
    runs, workers = answer["runs_active"], len(answer["workers"])
    room = f"{answer['cpu']:g} CPU and {_gib(answer['memory_bytes'])} to give"
    text = (
        f"process {answer['pid']}, version {answer['version']}, {runs} run{'' if runs == 1 else 's'} going on, "
        f"{workers} worker{'' if workers == 1 else 's'}, {room}"
    )
    return Finding("engine", True, text + (f"; {notes}" if notes else ""))


def _docker(state: Path) -> Finding:
    """Which container engine images are built with: that of the process that flytenb's engine is, not of this one."""
    here = docker_words()
    try:
        answer = status(state)
    except FlytenbError:
        answer = None
    if answer is None:
        return Finding("docker", True, f"{here}, when an image needs it")
    there = str(answer.get("docker", here))
    if there == here:
        return Finding("docker", True, f"{there}, when an image needs it")
    text = f"the engine uses {there}; this process would use {here}"
    return Finding("docker", True, text, "flytenb engine restart, here, takes this one")


def _gib(size_bytes: int) -> str:
    return f"{size_bytes / (1 << 30):.1f} GiB"


def _module(name: str, why: str) -> Finding:
    is_there = importlib.util.find_spec(name) is not None
    return Finding(name, True, "installed" if is_there else f"not installed (only needed for {why}: flytenb[frames])")
