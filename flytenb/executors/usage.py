"""What a worker uses now: its process with all that it started, or its container. Blocking, but short."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")
#: Processes of one worker that are looked at.
_MOST = 512


class Look(NamedTuple):
    """A worker at one moment."""

    #: `time.monotonic()` of it.
    at: float
    #: CPU seconds since its start, with those of what it started.
    cpu_s: float
    memory_bytes: int
    #: The most it ever held, 0 when nobody counts.
    most_bytes: int = 0
    source: str = "process"


def of_process(pid: int) -> Look | None:
    """A process and what it started; None when it is gone."""
    if not _has_children_file():
        return _of_others(pid)
    at, cpu_s, memory_bytes, rest_bytes = time.monotonic(), 0.0, 0, 0
    for one in _tree(pid):
        try:
            stat = Path(f"/proc/{one}/stat").read_bytes()
            fields = stat[stat.rindex(b")") + 2 :].split()
        except (OSError, ValueError):
            if one == pid:
                return None
            continue
        if one == pid and fields[0] in b"ZX":
            return None
        cpu_s += sum(map(int, fields[11:15])) / _TICKS  # with those of children that have ended
        held_bytes = int(fields[21]) * _PAGE_BYTES
        memory_bytes += held_bytes
        rest_bytes += held_bytes if one != pid else 0
    most_bytes = _most_of(pid)
    return Look(at, cpu_s, memory_bytes, most_bytes + rest_bytes if most_bytes else 0)


def _tree(pid: int) -> Iterator[int]:
    """A process and all below it, parents first."""
    waiting, seen = [pid], 0
    while waiting and seen < _MOST:
        one = waiting.pop()
        seen += 1
        yield one
        with contextlib.suppress(OSError, ValueError):
            for thread in os.listdir(f"/proc/{one}/task"):
                with contextlib.suppress(OSError):
                    waiting += map(int, Path(f"/proc/{one}/task/{thread}/children").read_bytes().split())


def _most_of(pid: int) -> int:
    with contextlib.suppress(OSError, ValueError, IndexError):
        status = Path(f"/proc/{pid}/status").read_bytes()
        return int(status[status.index(b"VmHWM:") + 6 :].split(None, 1)[0]) << 10
    return 0


@cache
def _has_children_file() -> bool:
    """Kernels can be built without it."""
    return sys.platform == "linux" and os.path.exists(f"/proc/{os.getpid()}/task/{os.getpid()}/children")


def _of_others(pid: int) -> Look | None:
    """The same where the system has no such files."""
    import psutil

    at, cpu_s, memory_bytes = time.monotonic(), 0.0, 0
    try:
        root = psutil.Process(pid)
        tree = [root, *root.children(recursive=True)[:_MOST]]
    except psutil.Error:
        return None
    for one in tree:
        with contextlib.suppress(psutil.Error):
            times = one.cpu_times()
            cpu_s += (
                times.user + times.system + getattr(times, "children_user", 0) + getattr(times, "children_system", 0)
            )
            memory_bytes += one.memory_info().rss
    return Look(at, cpu_s, memory_bytes)


def of_processes(pids: Mapping[str, int]) -> dict[str, Look]:
    """Workers by name; those that are gone are left out."""
    found = {worker: of_process(pid) for worker, pid in pids.items()}
    return {worker: look for worker, look in found.items() if look is not None}


#: Where control groups of containers are, by the version of the hierarchy: {} is the container's id.
_NEW = ("/sys/fs/cgroup/system.slice/docker-{}.scope", "/sys/fs/cgroup/docker/{}")
_OLD = (
    ("cpuacct/docker/{}", "memory/docker/{}"),
    ("cpuacct/system.slice/docker-{}.scope", "memory/system.slice/docker-{}.scope"),
)


def of_group(ident: str) -> Look | None:
    """A container by the files of its control group; None where they are not of this machine, or not readable."""
    at = time.monotonic()
    for pattern in _NEW:
        folder = Path(pattern.format(ident))
        with contextlib.suppress(OSError, KeyError, ValueError):
            cpu_s = _table(folder / "cpu.stat")["usage_usec"] / 1e6
            held_bytes = int((folder / "memory.current").read_text())
            idle_bytes = _table(folder / "memory.stat").get("inactive_file", 0)
            return Look(at, cpu_s, max(0, held_bytes - idle_bytes), source="container")
    for of_cpu, of_memory in _OLD:
        with contextlib.suppress(OSError, KeyError, ValueError):
            cpu_s = int(Path("/sys/fs/cgroup", of_cpu.format(ident), "cpuacct.usage").read_text()) / 1e9
            folder = Path("/sys/fs/cgroup", of_memory.format(ident))
            held_bytes = int((folder / "memory.usage_in_bytes").read_text())
            idle_bytes = _table(folder / "memory.stat").get("total_inactive_file", 0)
            return Look(at, cpu_s, max(0, held_bytes - idle_bytes), source="container")
    return None


def _table(path: Path) -> dict[str, int]:
    return {name: int(value) for name, value in (line.split() for line in path.read_text().splitlines())}


def of_container(ident: str, ask: Callable[[str], Mapping[str, object]]) -> Look | None:
    """A container: by its control group, else by what the container engine tells.

    Args:
        ident: its id.
        ask: the engine's own numbers of it (`GET /containers/ID/stats`).
    """
    look = of_group(ident)
    if look is not None:
        return look
    at, told = time.monotonic(), ask(ident)
    return _of_stats(at, told)


def _of_stats(at: float, told: Mapping[str, object]) -> Look | None:
    """What a container engine's `stats` say; None when the container does not run."""
    cpu, memory = told.get("cpu_stats"), told.get("memory_stats")
    if not isinstance(cpu, dict) or not isinstance(memory, dict) or "usage" not in memory:
        return None
    kinds = memory.get("stats") or {}
    idle_bytes = kinds.get("inactive_file", kinds.get("total_inactive_file", 0))
    used_s = cpu.get("cpu_usage", {}).get("total_usage", 0) / 1e9
    return Look(at, used_s, max(0, memory["usage"] - idle_bytes), source="container")
