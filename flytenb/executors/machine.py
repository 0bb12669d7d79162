"""What the whole machine does now, for a person who looks: CPU, memory and who holds it, the home on its disk.

Blocking, and only asked for while somebody looks; what is slow is asked for again after a while.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Collection
from pathlib import Path

from flytenb.executors.gpus.owners import is_kernel
from flytenb.executors.memory import resident_bytes
from flytenb.executors.usage import of_processes
from flytenb.model.resources import DiskPart, MachineUse

#: Seconds between two looks at processes, at the disk, and the seconds that one look at the home may take.
PROCESSES_S, DISK_S, MOST_S = 2.0, 60.0, 1.0
#: Parts of a home as a person reads them; what else is there is "other".
PARTS = {
    "objects": "values and reports",
    "store.db": "runs and cache",
    "store.db-wal": "runs and cache",
    "environments": "virtual environments",
    "containers": "containers",
    "images": "images",
}


class Machine:
    """This machine and a home on it. One caller at a time."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._seen: MachineUse | None = None
        self._seen_at = self._walked_at = -1e9
        self._parts: tuple[DiskPart, ...] = ()
        self._is_whole = True

    def use(self, workers: Collection[int]) -> MachineUse:
        """Of now, or of a moment ago. `workers`: pids of the engine's."""
        now = time.monotonic()
        if self._seen is None or now - self._seen_at >= PROCESSES_S:
            self._seen, self._seen_at = self._look(workers, now), time.monotonic()
        return self._seen

    def _look(self, workers: Collection[int], now: float) -> MachineUse:
        import psutil  # who looks pays for it

        if now - self._walked_at >= DISK_S:
            self._parts, self._is_whole = sizes(self._home)
            self._walked_at = now
        memory = psutil.virtual_memory()
        # Since the last call; the first one of a process has nothing to compare with, and measures for a moment.
        percent = psutil.cpu_percent(interval=0.1 if self._seen is None else None)
        disk = shutil.disk_usage(self._home)
        own = of_processes({str(pid): pid for pid in workers})
        return MachineUse(
            cpu=round(percent * (os.cpu_count() or 1) / 100, 2),
            memory_bytes=int(memory.total - memory.available),
            memory_total_bytes=int(memory.total),
            workers_bytes=sum(look.memory_bytes for look in own.values()),
            kernels_bytes=sum(resident_bytes(pid) for pid in psutil.pids() if pid not in workers and is_kernel(pid)),
            disk_bytes=disk.used,
            disk_free_bytes=disk.free,
            disk_total_bytes=disk.total,
            home_parts=self._parts,
            is_home_whole=self._is_whole,
        )


def sizes(home: Path) -> tuple[tuple[DiskPart, ...], bool]:
    """What takes room in a home, the largest part first, and whether all of it was looked at."""
    found: dict[str, int] = {}
    end = time.monotonic() + MOST_S
    is_whole = True
    with contextlib.suppress(OSError), os.scandir(home) as entries:
        for entry in entries:
            size_bytes, is_all = _size(entry, end)
            is_whole = is_whole and is_all
            name = PARTS.get(entry.name, "other")
            found[name] = found.get(name, 0) + size_bytes
    parts = [DiskPart(name=name, bytes=size_bytes) for name, size_bytes in found.items() if size_bytes]
    return tuple(sorted(parts, key=lambda part: -part.bytes)), is_whole


def _size(entry: os.DirEntry[str], end: float) -> tuple[int, bool]:
    """Bytes on the disk of a file or of all that is in a folder; links are not followed."""
    total, waiting = 0, []
    with contextlib.suppress(OSError):
        if not entry.is_dir(follow_symlinks=False):
            return entry.stat(follow_symlinks=False).st_blocks * 512, True
        waiting.append(entry.path)
    while waiting:
        if time.monotonic() > end:
            return total, False
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for each in entries:
                with contextlib.suppress(OSError):
                    if each.is_dir(follow_symlinks=False):
                        waiting.append(each.path)
                    else:
                        total += each.stat(follow_symlinks=False).st_blocks * 512
    return total, True
