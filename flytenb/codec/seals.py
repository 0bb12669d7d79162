"""How the writer of a large object left it, in a small file beside: who finds it so need not read it to trust it."""

from __future__ import annotations

import hashlib
import json
import os
import time
from typing import Any

#: An older object is read and compared by each process that uses it: disks forget.
_FRESH_S = 3600


def write(root: str, digest: str, stat: os.stat_result, name: str, origin: str) -> None:
    """Write a seal. It comes last: a writer that died has left none.

    Args:
        root: the store's folder.
        digest: the object's.
        stat: of the object in its place.
        name: a temporary file on the same file system.
        origin: the user's file that the object is a link to, if it is one.
    """
    words = {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "ctime_ns": stat.st_ctime_ns, "origin": origin}
    with open(name, "w", encoding="utf-8", errors="surrogateescape") as file:
        json.dump(words, file, ensure_ascii=False)
    os.replace(name, os.path.join(root, "seals", digest))


def read(root: str, digest: str) -> dict[str, Any]:
    """What was written; empty where there is none."""
    try:
        with open(os.path.join(root, "seals", digest), encoding="utf-8", errors="surrogateescape") as file:
            return dict(json.load(file))
    except (OSError, ValueError):
        return {}


def holds(seal: dict[str, Any], stat: os.stat_result, *, is_large: bool) -> bool:
    """Whether a file is as its writer left it.

    A large one by time and size; another one also by the time of any change of its inode, which nobody can set, and
    only while it is fresh.
    """
    if seal.get("mtime_ns") != stat.st_mtime_ns or seal.get("size") != stat.st_size:
        return False
    return is_large or (seal.get("ctime_ns") == stat.st_ctime_ns and abs(time.time() - stat.st_mtime) < _FRESH_S)


def sample(parts: list[memoryview]) -> bytes:
    """A hash of the length and of a byte here and there, however the content is cut into parts."""
    size = sum(part.nbytes for part in parts)
    found = hashlib.blake2b(size.to_bytes(8, "big"), digest_size=16)
    step = max(1, size // 2048)
    start = 0
    for part in parts:
        found.update(part[-start % step :: step].tobytes())
        start += part.nbytes
    return found.digest()
