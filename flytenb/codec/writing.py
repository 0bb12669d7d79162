"""How large contents come to the disk and are compared with what lies there."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
from collections.abc import Callable
from typing import Any, BinaryIO

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: One call of write. Smaller ones get smaller pages in the page cache: with 1 MB a write takes five times as long.
_WRITE_BYTES = 8 << 20
#: The disk is given what was written after each of these, so that it works while the rest is copied and hashed.
_EARLY_BYTES = 16 << 20
_SYNC_FILE_RANGE_WRITE = 2
#: Compared at once: fits a cache, and stays below what an allocator takes from the kernel each time.
_COMPARED_BYTES = 64 << 10


def write(file: BinaryIO, parts: list[memoryview], size: int, *, is_large: bool) -> None:
    """Write buffers one after the other; of large ones the disk receives the first while the last are written."""
    if is_large and hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, size)  # one extent, and a full disk is known at once
        except OSError as error:
            if error.errno in FULL:
                raise
    start_writeback = _writeback() if size > _EARLY_BYTES else None
    place = begun = 0
    for part in parts:
        done = 0
        while done < part.nbytes:  # one call writes at most 2 GB
            done += (count := file.write(part[done : done + _WRITE_BYTES]))
            place += count
            if start_writeback is not None and place - begun >= _EARLY_BYTES:
                start_writeback(file.fileno(), begun, place - begun, _SYNC_FILE_RANGE_WRITE)
                begun = place


def _writeback() -> Callable[[int, int, int, int], Any] | None:
    """The C library's `sync_file_range`, which only hurries: the sync that follows is what counts."""
    try:
        found = ctypes.CDLL(None).sync_file_range
    except (OSError, AttributeError, TypeError):
        return None
    found.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
    return found


def is_same(parts: list[memoryview], file: BinaryIO) -> bool:
    """Whether a file holds these bytes. Takes a quarter of the time of a hash."""
    size = sum(part.nbytes for part in parts)
    if os.fstat(file.fileno()).st_size != size:
        return False
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as stored:
        place = 0
        for part in parts:
            for start in range(0, part.nbytes, _COMPARED_BYTES):
                piece = part[start : start + _COMPARED_BYTES].tobytes()
                if piece != stored[place : place + len(piece)]:
                    return False
                place += len(piece)
    return True
