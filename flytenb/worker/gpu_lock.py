"""A worker with GPUs begins when those of a dead engine have let go of them.

The rules see to it that workers of one engine never share a GPU. A worker whose engine was killed may compute on for a
moment (its loop is busy), when the next engine has started and thinks that all are free. So every worker holds a shared
lock on a file named by GPU and engine while its process lives, and first waits for those of other engines.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection
from pathlib import Path

#: Kept open until the process ends.
_held: list[int] = []


def hold(folder: Path, ids: list[str], engine: str, allies: Collection[str] = ()) -> None:
    """Wait until no worker of another engine has these GPUs, and tell later ones that this process does.

    Where the file system knows no locks, nothing is waited for.

    Args:
        folder: where the files are.
        ids: of the GPUs.
        engine: names the engine that started this worker.
        allies: files of workers that this engine has adopted from others: its rules know of them.
    """
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        for ident in ids:
            own = folder / f"{ident}.{engine}"
            for other in sorted(folder.glob(f"{ident}.*")):
                if other != own and other.name not in allies:
                    _outlive(other)
            descriptor = os.open(own, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            _held.append(descriptor)
    except OSError:
        return


def _outlive(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # another worker of this engine saw to it
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)
