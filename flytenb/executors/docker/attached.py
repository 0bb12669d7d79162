"""The attached input and output of a container, over whatever leads to its engine: a socket, with TLS or without."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import threading
from typing import Any

from flytenb.containers.client import Docker

#: Docker's: the stream's number, three zeros, the length.
_HEADER = struct.Struct(">BxxxI")
_STDERR = 2
_READ_BYTES = 256 << 10


class Attached:
    """Both directions; one thread reads, another writes.

    Args:
        docker: the engine.
        ident: a container that does not run yet, so that nothing is missed.
    """

    def __init__(self, docker: Docker, ident: str) -> None:
        asked = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        #: Kept: who forgets the answer closes its socket.
        self._answer = docker.api.attach_socket(ident, params=asked)
        self._buffer = bytearray()
        self._lock = threading.Lock()
        self._is_closed = False
        self._socket: Any = getattr(self._answer, "_sock", self._answer)
        is_shared = isinstance(self._socket, ssl.SSLSocket)  # its two directions share a state
        self._socket.settimeout(0 if is_shared else None)
        if self._socket.family in (socket.AF_INET, socket.AF_INET6):
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read(self) -> list[tuple[bool, bytes]]:
        """What came, each with whether it is of the errors' stream; nothing at the end."""
        buffer = self._buffer
        while True:
            found, place = [], 0
            while len(buffer) - place >= _HEADER.size:
                number, length = _HEADER.unpack_from(buffer, place)
                end = place + _HEADER.size + length
                if len(buffer) < end:
                    break
                found.append((number == _STDERR, bytes(memoryview(buffer)[place + _HEADER.size : end])))
                place = end
            del buffer[:place]
            if found:
                return found
            piece = self._receive()
            if not piece:
                return []
            buffer += piece

    def write(self, data: bytes) -> None:
        """All of it.

        Raises:
            OSError: the connection is lost.
        """
        if not isinstance(self._socket, ssl.SSLSocket):
            self._socket.sendall(data)
        else:
            left = memoryview(data)
            while left:
                done = self._together(lambda left=left: self._socket.send(left), is_write=True)
                left = left[done:]

    def close(self) -> None:
        """Both directions; who reads or writes sees it."""
        self._is_closed = True
        with contextlib.suppress(Exception):  # it may be closed already
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # not TLS's own: that would wait for an answer
        with contextlib.suppress(Exception):
            self._answer.close()

    def _receive(self) -> bytes:
        try:
            if isinstance(self._socket, ssl.SSLSocket):
                return bytes(self._together(lambda: self._socket.recv(_READ_BYTES), is_write=False))
            return bytes(self._socket.recv(_READ_BYTES))
        except (OSError, ValueError):  # closed, here or there
            return b""

    def _together(self, call: Any, *, is_write: bool) -> Any:
        """One step of TLS, which knows one thread at a time; waits outside of it."""
        while not self._is_closed:
            try:
                with self._lock:
                    return call()
            except ssl.SSLWantReadError:
                select.select([self._socket], [], [], 1)
            except ssl.SSLWantWriteError:
                select.select([], [self._socket], [], 1)
            except ssl.SSLError:
                if is_write:
                    raise
                return b""
        if is_write:
            raise ConnectionError("closed")
        return b""
