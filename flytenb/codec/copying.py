"""Content of files without reading it twice: hashes, clones, sparse copies."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat as modes

_CHUNK_BYTES = 1 << 20
_ZEROS = bytes(_CHUNK_BYTES)
#: ioctl FICLONE of Linux: another file that shares the blocks until one of them is written to (btrfs, xfs, bcachefs).
_FICLONE = 0x40049409


def extents(descriptor: int, size: int) -> list[tuple[int, int]]:
    """Start and end of every part of a file that is not a hole."""
    found = []
    place = 0
    try:
        while place < size:
            start = os.lseek(descriptor, place, os.SEEK_DATA)
            place = os.lseek(descriptor, start, os.SEEK_HOLE)
            found.append((start, min(place, size)))
    except OSError as error:
        if error.errno != errno.ENXIO:  # ENXIO: nothing but a hole up to the end
            return [(0, size)]
    except AttributeError:  # a system without SEEK_DATA
        return [(0, size)]
    return found


def hash_file(path: str) -> str:
    """sha256 of a file's content in hex; holes are not read."""
    hasher = hashlib.sha256()
    buffer = memoryview(bytearray(_CHUNK_BYTES))
    with open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        parts = extents(file.fileno(), size) if size > _CHUNK_BYTES else [(0, size)]
        place = 0
        for start, end in parts:
            _hash_zeros(hasher, start - place)
            file.seek(start)
            place = start
            while place < end and (count := file.readinto(buffer[: min(_CHUNK_BYTES, end - place)])):
                hasher.update(buffer[:count])
                place += count
        # A file that grew meanwhile is hashed up to the size it had, as it is copied.
        _hash_zeros(hasher, size - place)
    return hasher.hexdigest()


def _hash_zeros(hasher: hashlib._Hash, count: int) -> None:
    while count > 0:
        hasher.update(_ZEROS[:count])
        count -= _CHUNK_BYTES


def clone(source: str, target: str) -> bool:
    """Make `target` (which must not exist) share the blocks of `source`; False where the file system cannot."""
    try:
        import fcntl
    except ImportError:
        return False
    with open(source, "rb") as old, open(target, "xb") as new:
        try:
            fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
            return True
        except OSError:
            pass
    os.unlink(target)
    return False


def copy_file(source: str, target: str) -> None:
    """A copy in a new file: by clone where possible, else inside the kernel, holes kept."""
    if clone(source, target):
        return
    with open(source, "rb", buffering=0) as old, open(target, "xb", buffering=0) as new:
        size = os.fstat(old.fileno()).st_size
        os.ftruncate(new.fileno(), size)
        for start, end in extents(old.fileno(), size):
            _copy_range(old.fileno(), new.fileno(), start, end)


def _copy_range(old: int, new: int, start: int, end: int) -> None:
    place = start
    with contextlib.suppress(AttributeError, OSError):  # some file systems refuse each other
        while place < end:
            count = os.copy_file_range(old, new, end - place, place, place)
            if count == 0:
                return
            place += count
    while place < end:
        chunk = os.pread(old, min(_CHUNK_BYTES, end - place), place)
        if not chunk:
            return
        written = 0
        while written < len(chunk):  # where the disk is full this raises, and says so
            written += os.pwrite(new, chunk[written:], place + written)
        place += len(chunk)


def identity(stat: os.stat_result) -> tuple[int, int, int, int]:
    """What changes when a file is written to or replaced."""
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


def may_link(stat: os.stat_result, root: str) -> bool:
    """Whether a second name for the file can lie below `root`: a plain file of ours on the same file system."""
    try:
        return modes.S_ISREG(stat.st_mode) and stat.st_uid == os.getuid() and stat.st_dev == os.stat(root).st_dev
    except OSError:
        return False


def link(source: str, target: str) -> None:
    """A second name for a file; a copy where the file system has no links."""
    try:
        os.link(source, target)
    except FileExistsError:
        return
    except OSError:
        partial = f"{target}.{os.getpid()}.partial"
        copy_file(source, partial)
        os.replace(partial, target)


def sync_folder(folder: str) -> None:
    """Make a rename in this folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
