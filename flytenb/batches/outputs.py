"""The output of a batch: nobody else's while it is written, and whole whenever somebody reads it."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator

from flytenb.errors import FlytenbError
from flytenb.wire import paths


class OutputTaken(FlytenbError):
    """Another batch writes there."""


@contextlib.contextmanager
def claimed(address: str | None) -> Iterator[None]:
    """Nobody of this home writes this output meanwhile.

    Raises:
        OutputTaken: somebody does.
    """
    if not isinstance(address, str) or address == "-":
        yield
        return
    whole = address if "://" in address else os.path.realpath(address)
    folder = paths.home() / "batches"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    place = folder / (hashlib.blake2b(whole.encode(), digest_size=12).hexdigest() + ".lock")
    descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.pread(descriptor, 100, 0).decode(errors="replace") or "another process"
            raise OutputTaken(
                f"{address} is being written by another batch ({owner}); wait for its end, or give another output"
            ) from None
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()}".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def write_whole(path: str, text: str) -> None:
    """Write a local file so that a reader finds the old text or the new one, never a part."""
    target = os.path.realpath(path)
    try:
        mode = os.stat(target).st_mode
    except OSError:
        mode = 0
    if mode and not stat.S_ISREG(mode):  # /dev/stdout and the like
        with open(target, "w", encoding="utf-8") as file:
            file.write(text)
        return
    if mode and not os.access(target, os.W_OK):
        raise PermissionError(13, "Permission denied", path)
    descriptor, near = tempfile.mkstemp(prefix=".", suffix=".ipynb~", dir=os.path.dirname(target) or ".")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(near, stat.S_IMODE(mode) if mode else 0o666 & ~_umask())
        os.replace(near, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(near)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
