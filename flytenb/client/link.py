"""One connected socket to an engine: the handshake, frames out, messages in. Blocking, no asyncio."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from flytenb.errors import EngineError
from flytenb.model.version import VERSION
from flytenb.wire import paths, tags
from flytenb.wire.framing import FrameDecoder, FrameError, encode_frame

#: Seconds an engine may take to answer a greeting; it answers from its loop, which may be busy.
_HANDSHAKE_TIMEOUT_S = 15.0


class LinkBroken(ConnectionError):
    """The engine went away."""


class Link:
    """A greeted connection. One thread reads; any thread may send."""

    def __init__(self, sock: socket.socket, engine_pid: int, engine_version: str, rest: list[list[Any]]) -> None:
        self._socket = sock
        self._send_lock = threading.Lock()
        self._decoder = FrameDecoder()
        self._rest = rest
        self.engine_pid = engine_pid
        self.engine_version = engine_version
        #: Declarations that this link has carried.
        self.declared: set[bytes] = set()

    def send(self, messages: Iterable[Any]) -> None:
        """Put these messages on the wire as one frame.

        Raises:
            LinkBroken: the engine went away.
        """
        frame = encode_frame(messages)
        try:
            with self._send_lock:
                self._socket.sendall(frame)
        except OSError as error:
            raise LinkBroken(str(error)) from error

    def messages(self) -> Iterator[list[Any]]:
        """Every message until the engine goes away."""
        yield from self._rest
        self._rest = []
        while True:
            try:
                data = self._socket.recv(1 << 18)
            except OSError:
                return
            if not data:
                return
            try:
                yield from self._decoder.messages(data)
            except FrameError:  # no engine speaks like this: as good as gone
                return

    def close(self) -> None:
        """End the connection; a reader sees the end."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def forget(self) -> None:
        """Drop a descriptor inherited by fork, leaving the parent's connection alone."""
        self._socket.close()


def connect(state: Path, *, role: str = "client", ident: str = "") -> Link:
    """Meet the engine of this state directory.

    Raises:
        LinkBroken: no engine listens, or it went away while greeting.
        EngineError: an engine is there and refuses, with its reason.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(_HANDSHAKE_TIMEOUT_S)
        try:
            path = paths.socket_path(state)
            if path.parent != state:
                paths.require_own(path.parent)
            sock.connect(str(path))
            return _greet(sock, state, role, ident or f"client-{os.getpid()}")
        except TimeoutError:
            raise EngineError(
                f"the engine of {state} does not answer; see `flytenb engine logs`, then `flytenb engine restart`"
            ) from None
        except PermissionError as error:
            raise EngineError(str(error)) from error
        except OSError as error:
            raise LinkBroken(str(error)) from error
    except BaseException:
        sock.close()
        raise


def _greet(sock: socket.socket, state: Path, role: str, ident: str) -> Link:
    token = _token(state)
    sock.sendall(encode_frame([(tags.HELLO, tags.PROTOCOL, VERSION, role, ident, os.getpid(), token)]))
    decoder = FrameDecoder()
    while True:
        data = sock.recv(1 << 16)
        if not data:
            raise LinkBroken("the engine closed the connection while greeting")
        try:
            answers = list(decoder.messages(data))
        except FrameError:
            answers = [[0]]
        if answers:
            break
    first, rest = answers[0], answers[1:]
    if first[0] == tags.REFUSE:
        if token != _token(state):
            raise LinkBroken("the token was replaced while greeting")
        raise EngineError(_refusal(str(first[1]), state))
    if first[0] != tags.WELCOME:
        raise EngineError(f"what listens on {paths.socket_path(state)} is no flytenb engine; remove that file")
    protocol, version, pid = first[1], str(first[2]), int(first[3])
    if protocol != tags.PROTOCOL:
        raise EngineError(
            f"the running engine is flytenb {version} (protocol {protocol}), this process is flytenb {VERSION} "
            f"(protocol {tags.PROTOCOL}); run `flytenb engine stop`, the next run starts the right one"
        )
    sock.settimeout(None)
    link = Link(sock, pid, version, rest)
    link._decoder = decoder  # it may hold the beginning of the next frame
    return link


def _refusal(reason: str, state: Path) -> str:
    if "engine stop" in reason:
        return reason
    if "protocol" in reason.lower():
        return f"{reason} (this process is flytenb {VERSION}); run `flytenb engine stop` and try again"
    return f"the engine of {state} refused: {reason}"


def _token(state: Path) -> str:
    try:
        return paths.token_path(state).read_text().strip()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise EngineError(f"cannot read the engine's token {paths.token_path(state)}: {error.strerror}") from error
