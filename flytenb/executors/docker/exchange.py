"""Objects for a container that does not see the home: asked for and given at a door of its own, checked by content.

The home's object store, as far as whole objects go; blocking, one thread per question.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import time
from pathlib import Path
from typing import Protocol

from flytenb.wire import streams
from flytenb.wire.paths import object_path

_DIGEST = re.compile(rb"[0-9a-f]{64}")
_PIECE_BYTES = 256 << 10
#: Seconds until an object that is stored once more is touched again; see `flytenb.store.sweep`.
_FRESH_S = 60.0


class Connection(Protocol):
    """A connection from inside a container."""

    def read(self, most: int) -> bytes:
        """Some bytes, at most so many; none when it has ended."""

    def write(self, data: bytes) -> None:
        """Send; waits while too much is under way."""


def answer(connection: Connection, home: Path) -> None:
    """Answer one question.

    Raises:
        ConnectionError: the other side went away, or does not speak this language.
    """
    asked = _exactly(connection, 1 + streams.DIGEST_BYTES)
    what, digest = asked[:1], asked[1:]
    if not _DIGEST.fullmatch(digest):
        raise ConnectionError(f"no digest: {digest!r}")
    place = object_path(home, digest.decode())
    try:
        if what == streams.HAS:
            connection.write(streams.YES if _touch(place) else streams.NO)
        elif what == streams.GET:
            _send(connection, place)
        elif what == streams.PUT:
            _keep(connection, place)
    except ConnectionError:
        raise
    except OSError as error:
        connection.write(streams.FAILED + f"the engine's object store cannot be used: {error}".encode())


def _send(connection: Connection, place: Path) -> None:
    try:
        file = place.open("rb")
    except FileNotFoundError:
        connection.write(streams.NO)
        return
    with file:
        left = os.fstat(file.fileno()).st_size
        connection.write(streams.YES + streams.LENGTH.pack(left))
        while left:  # a file that grows meanwhile, or shrinks, is not what its name says: the reader finds out
            piece = file.read(min(left, _PIECE_BYTES)) or bytes(min(left, _PIECE_BYTES))
            connection.write(piece)
            left -= len(piece)


def _keep(connection: Connection, place: Path) -> None:
    connection.write(streams.YES)
    left = streams.LENGTH.unpack(_exactly(connection, streams.LENGTH.size))[0]
    root = place.parent.parent
    for folder in (root, root / "tmp", place.parent):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = root / "tmp" / f"put-far-{secrets.token_hex(8)}"
    hasher = hashlib.sha256()
    try:
        with part.open("xb") as file:
            while left:
                piece = _some(connection, min(left, _PIECE_BYTES))
                hasher.update(piece)
                file.write(piece)
                left -= len(piece)
            if hasher.hexdigest() != place.name:
                connection.write(streams.FAILED + b"what came has another digest than it was sent under")
                return
            file.flush()
            os.fchmod(file.fileno(), 0o444)
            os.fsync(file.fileno())
        part.replace(place)
        _sync(place.parent)
    finally:
        part.unlink(missing_ok=True)
    connection.write(streams.YES)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _touch(place: Path) -> bool:
    """Whether it is there; if so it is young from now on."""
    try:
        stat = place.stat()
        now = time.time_ns()
        if now - stat.st_ctime_ns > _FRESH_S * 1e9:
            with contextlib.suppress(PermissionError):
                os.utime(place, ns=(now, stat.st_mtime_ns))
    except FileNotFoundError:
        return False
    return True


def _some(connection: Connection, most: int) -> bytes:
    piece = connection.read(most)
    if not piece:
        raise ConnectionError("the worker went away")
    return piece


def _exactly(connection: Connection, size: int) -> bytes:
    found = b""
    while len(found) < size:
        found += _some(connection, size - len(found))
    return found
