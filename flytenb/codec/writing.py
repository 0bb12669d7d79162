"""How large contents come to the disk and are compared with what lies there."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import mmap
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: One call of write. Smaller ones get smaller pages in the page cache: with 1 MB a write takes five times as long.
_WRITE_BYTES = 8 << 20
#: The disk is given what was written after each of these, so that it works while the rest is copied and hashed.
_EARLY_BYTES = 16 << 20
_SYNC_FILE_RANGE_WRITE = 2
#: Writing that many bytes into the page cache takes 4 ms where memory is at hand.
_SLOW_S = 0.016
_AHEAD_BYTES = 2 << 20
#: Larger files are not asked for at once: their end would push out what others use.
_ASKED_BYTES = 1 << 30
#: Compared at once: fits a cache, and stays below what an allocator takes from the kernel each time.
_COMPARED_BYTES = 64 << 10


def write(file: BinaryIO, parts: list[memoryview], size: int, *, is_large: bool) -> None:
    """Write buffers one after the other; of large ones the disk receives the first while the last are written."""
    may_ask = is_large and _allocate(file, size) and size < _ASKED_BYTES
    start_writeback = _writeback() if size > _EARLY_BYTES else None
    ahead = _Ahead(file, size)
    begun, since = 0, time.monotonic()
    try:
        for place in _written(file, parts):
            if place - begun < _EARLY_BYTES:
                continue
            if start_writeback is not None:
                start_writeback(file.fileno(), begun, place - begun, _SYNC_FILE_RANGE_WRITE)
            begun, ahead.written = place, place
            if may_ask and time.monotonic() - since > _SLOW_S:
                ahead.start()
                may_ask = False
            since = time.monotonic()
    finally:
        ahead.end()


def _written(file: BinaryIO, parts: list[memoryview]) -> Iterator[int]:
    place = 0
    for part in parts:
        done = 0
        while done < part.nbytes:  # one call writes at most 2 GB
            count = file.write(part[done : done + _WRITE_BYTES])
            done, place = done + count, place + count
            yield place


def _allocate(file: BinaryIO, size: int) -> bool:
    """Give the file its length: one extent, and a full disk is known at once."""
    try:
        os.posix_fallocate(file.fileno(), 0, size)
    except AttributeError:
        return False
    except OSError as error:
        if error.errno in FULL:
            raise
        return False
    return True


class _Ahead:
    """Has the kernel find memory for the end of a file while another thread writes its beginning.

    In a virtual machine that gets its memory from the host page by page, finding it takes ten times as long as writing.
    Where memory is at hand this would cost more than it gives.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.written = 0
        self._thread = threading.Thread(target=self._ask, args=(file.fileno(), size), daemon=True)

    def start(self) -> None:
        """From now on."""
        self._thread.start()

    def end(self) -> None:
        """The writer is done."""
        self.written = sys.maxsize
        if self._thread.ident is not None:
            self._thread.join()

    def _ask(self, descriptor: int, size: int) -> None:
        for start in range(size - size % _AHEAD_BYTES, 0, -_AHEAD_BYTES):
            if start < self.written + _EARLY_BYTES:
                return
            with contextlib.suppress(OSError):
                os.posix_fadvise(descriptor, start, _AHEAD_BYTES, os.POSIX_FADV_WILLNEED)


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
