"""Looks at everything that a run needs and says what to do: `flytenb doctor`, `%flyte_doctor`. Starts nothing."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from flytenb.client.finding import Finding
from flytenb.client.link import LinkBroken, connect
from flytenb.client.session import session
from flytenb.containers.address import docker_words
from flytenb.errors import FlytenbError
from flytenb.model.sizes import size_words
from flytenb.model.version import VERSION
from flytenb.wire import paths

__all__ = ["Finding", "examine", "lines", "status"]

_LOW_DISK_BYTES = 1 << 30
#: SQLite's write-ahead log needs memory that all processes share: not over a network.
_REMOTE_FILE_SYSTEMS = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "afpfs", "9p", "lustre", "beegfs")
)
#: How a database begins; one that was never written is empty.
_SQLITE = b"SQLite format 3\0"
_OPTIONAL = (("numpy", "arrays"), ("pandas", "frames"), ("pyarrow", "frames on disk"))


def examine() -> list[Finding]:
    """All findings."""
    from flytenb.client import doctor_jupyter  # who asks pays for it

    state = paths.home()
    return [
        Finding("flytenb", True, f"{VERSION} with Python {sys.version.split()[0]} ({sys.executable})"),
        _home(state),
        _disk(state),
        _store(state),
        _engine(state),
        _docker(state),
        _gpus(state),
        *doctor_jupyter.examine(),
        *(_module(name, why) for name, why in _OPTIONAL),
    ]


def lines(findings: list[Finding]) -> list[str]:
    """Findings as text, one line each."""
    width = max(len(found.what) for found in findings)
    return [
        f"{found.sign:<3} {found.what:<{width}} {found.text}" + (f"; {found.fix}" * bool(found.fix))
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
    text = f"{size_words(free)} free"
    if free > _LOW_DISK_BYTES:
        return Finding("disk", True, text)
    fix = "make room (flytenb runs prune, flytenb cache prune), or set FLYTENB_HOME to another disk"
    return Finding("disk", False, f"{text} where {state} is", fix)


def _store(state: Path) -> Finding:
    path = state / "store.db"
    if not path.exists():
        return Finding("store", True, "none yet; the first run makes it")
    trouble = _damage(path)
    if trouble:
        fix = "flytenb doctor --repair saves what can be read; otherwise the next run begins a new store"
        return Finding("store", False, f"{path} {trouble}", fix)
    kept = sorted(one.name for one in state.glob("store.db.corrupt-*[0-9]"))
    text = size_words(sum(one.stat().st_size for one in (path, path.with_name("store.db-wal")) if one.exists()))
    return Finding("store", True, f"{text}; a damaged one is kept aside: {', '.join(kept)}" if kept else text)


def _damage(path: Path) -> str:
    """What is wrong with a database at first sight; `flytenb doctor --store` reads all of it."""
    try:
        with path.open("rb") as file:
            begins = file.read(len(_SQLITE))
    except OSError as error:
        return f"cannot be read: {error.strerror or error}"
    return "" if begins in (_SQLITE, b"") else "is no database"


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
    room = f"{answer['cpu']:g} CPU and {size_words(answer['memory_bytes'])} to give"
    text = (
        f"process {answer['pid']}, version {answer['version']}, {runs} run{'' if runs == 1 else 's'} going on, "
        f"{workers} worker{'' if workers == 1 else 's'}, {room}"
    )
    return Finding("engine", True, text + (f"; {notes}" if notes else ""))


def _asked(state: Path) -> dict[str, Any]:
    """What the engine tells; nothing when it cannot be asked."""
    try:
        return status(state) or {}
    except FlytenbError:
        return {}


def _docker(state: Path) -> Finding:
    """Which container engine images are built with: that of the process that flytenb's engine is, not of this one."""
    here = docker_words()
    there = str(_asked(state).get("docker", here))
    if there != here:
        text = f"the engine uses {there}; this process would use {here}"
        return Finding("docker", True, text, "flytenb engine restart, here, takes this one")
    from flytenb.containers.client import connect as connect_docker  # its library takes a while to load
    from flytenb.errors import ContainerEngineError

    try:
        facts = connect_docker().facts
    except ContainerEngineError as error:
        # Who has named one expects it to be there; others may never need it.
        is_named = here.endswith(")")
        return Finding("docker", not is_named, f"{error}; only images and containers need it", is_optional=True)
    words = f"{there}, version {facts.version}, {facts.cpus} CPUs, {size_words(facts.memory_bytes)}"
    traits = [("rootless", facts.rootless), ("Docker Desktop", facts.desktop), ("cgroup 1", facts.cgroup == "1")]
    return Finding("docker", True, ", ".join([words, *(word for word, is_so in traits if is_so)]))


def _gpus(state: Path) -> Finding:
    """GPUs of this machine, and whether containers can have them."""
    words = str(_asked(state).get("gpus_words") or "")
    if not words and not _has_driver():
        return Finding("GPUs", True, "none on this machine", is_optional=True)
    words = words or "a driver is here; the engine tells more when it runs"
    from flytenb.containers.client import connect as connect_docker
    from flytenb.errors import ContainerEngineError

    try:
        has_runtime = connect_docker().facts.has_gpu
    except ContainerEngineError:
        return Finding("GPUs", True, f"{words}; no Docker engine that could hand them to containers")
    if has_runtime:
        return Finding("GPUs", True, f"{words}; Docker hands them to containers")
    fix = (
        "install the NVIDIA Container Toolkit, then: sudo nvidia-ctk runtime configure && sudo systemctl restart docker"
    )
    return Finding("GPUs", False, f"{words}; Docker cannot hand them to containers", fix)


def _has_driver() -> bool:
    return any(Path(place).exists() for place in ("/dev/nvidiactl", "/proc/driver/nvidia/version", "/dev/dxg"))


def _module(name: str, why: str) -> Finding:
    is_there = importlib.util.find_spec(name) is not None
    text = "installed" if is_there else f"not installed (only needed for {why}: flytenb[frames])"
    return Finding(name, True, text, is_optional=not is_there)
