"""The object store where the home cannot be seen: a folder that keeps what passed by, and a door to ask at."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from flytenb.codec.objects import Buffer, CorruptedObjectError, MissingObjectError, ObjectStore
from flytenb.wire import streams

_PIECE_BYTES = 1 << 20
#: Seconds for which an object that the home has need not be named to it again; see `shared`.
_FRESH_S = 60.0


class DistantObjects(ObjectStore):
    """An object store whose objects are all at the other side of a door.

    Args:
        root: folder for copies; other workers may share it.
        door: Unix socket; what is said there is in `wire.streams`.
    """

    def __init__(self, root: Path | str, door: str) -> None:
        super().__init__(root, is_durable=False)
        self._door = door
        #: When the home was known to have an object.
        self._there: dict[str, float] = {}

    def __contains__(self, digest: str) -> bool:
        if time.monotonic() - self._there.get(digest, -_FRESH_S) < _FRESH_S:
            return True
        with self._asking(streams.HAS, digest) as (answer, _):
            is_there = answer == streams.YES
        if is_there:
            self._there[digest] = time.monotonic()
        return is_there

    def put(self, data: Buffer | Iterable[Buffer]) -> str:
        digest = super().put(data)
        self._give(digest)
        return digest

    def put_file(self, path: Path | str, *, is_ours: bool = False) -> str:
        digest = super().put_file(path, is_ours=is_ours)
        self._give(digest)
        return digest

    def size(self, digest: str) -> int:
        with self._reading(digest) as file:
            return os.fstat(file.fileno()).st_size

    @contextlib.contextmanager
    def _reading(self, digest: str) -> Iterator[BinaryIO]:
        if not os.path.exists(self._path(digest)):
            self._fetch(digest)
        with super()._reading(digest) as file:
            yield file

    # ---- at the door -----------------------------------------------------------------------------------------------
    def _fetch(self, digest: str) -> None:
        with self._asking(streams.GET, digest) as (answer, stream):
            if answer == streams.NO:
                raise MissingObjectError(digest, self._root)
            size = streams.LENGTH.unpack(_exactly(stream, streams.LENGTH.size))[0]
            hasher = hashlib.sha256()
            with self._telling(size), self._writing() as (file, name):
                left = size
                while left:
                    piece = _some(stream, min(left, _PIECE_BYTES))
                    hasher.update(piece)
                    file.write(piece)
                    left -= len(piece)
                if hasher.hexdigest() != digest:
                    raise CorruptedObjectError(digest, self._root)
                self._settle(file)
                self._place(file, name, digest)
        self._there[digest] = time.monotonic()

    def _give(self, digest: str) -> None:
        """Have the home keep what was just put here; it may have it."""
        if digest in self:
            return
        with open(self._path(digest), "rb") as file, self._asking(streams.PUT, digest) as (_, stream):
            size = os.fstat(file.fileno()).st_size
            stream.sendall(streams.LENGTH.pack(size))
            while piece := file.read(_PIECE_BYTES):
                stream.sendall(piece)
            _check(_exactly(stream, 1), stream)
        self._there[digest] = time.monotonic()

    @contextlib.contextmanager
    def _asking(self, what: bytes, digest: str) -> Iterator[tuple[bytes, socket.socket]]:
        """One connection, one question: the first byte of the answer, and what follows."""
        with socket.socket(socket.AF_UNIX) as stream:
            stream.connect(self._door)
            stream.sendall(what + digest.encode())
            answer = _exactly(stream, 1)
            _check(answer, stream)
            yield answer, stream


def _check(answer: bytes, stream: socket.socket) -> None:
    if answer != streams.FAILED:
        return
    words = b""
    while piece := stream.recv(4096):
        words += piece
    raise OSError(words.decode("utf-8", "replace"))


def _some(stream: socket.socket, most: int) -> bytes:
    piece = stream.recv(most)
    if not piece:
        raise ConnectionError("the connection to the engine's object store was lost")
    return piece


def _exactly(stream: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        found += _some(stream, size - len(found))
    return found
