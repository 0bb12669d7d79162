"""An engine made of one thread: it speaks the wire's layout and does what a test tells it."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgpack

from flytenb.model.version import VERSION
from flytenb.wire import FrameDecoder, encode_frame, paths, tags

Answer = Callable[["FakeEngine", list[Any]], list[tuple[Any, ...]]]


class FakeEngine:
    """Greets, answers QUERY "status", WATCH and "result"; a test adds the rest by `on`."""

    def __init__(self, state: Path, *, greeting: tuple[Any, ...] | None = None) -> None:
        self.state = state
        self.greeting = greeting or (tags.WELCOME, tags.PROTOCOL, VERSION, 4242)
        #: Every message, in order.
        self.heard: list[list[Any]] = []
        self.answers: dict[int, Answer] = {
            tags.QUERY: lambda engine, m: [reply(m[1], {"pid": 4242} if m[2] == "status" else {"phase": "running"})],
            tags.WATCH: lambda engine, m: [reply(m[1], {})],
        }
        self._links: list[socket.socket] = []
        self._server = socket.socket(socket.AF_UNIX)
        path = paths.socket_path(state)
        path.unlink(missing_ok=True)
        self._server.bind(str(path))
        self._server.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def on(self, tag: int, answer: Answer) -> None:
        self.answers[tag] = answer

    def count(self, tag: int) -> int:
        return sum(message[0] == tag for message in self.heard)

    def tell(self, *messages: tuple[Any, ...]) -> None:
        """Send to every link."""
        for link in self._links:
            with contextlib.suppress(OSError):
                link.sendall(encode_frame(messages))

    def die(self) -> None:
        """As by kill -9: the socket's file stays, all links break."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for link in self._links:
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            link.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                link, _ = self._server.accept()
                self._links.append(link)
                threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link: socket.socket) -> None:
        decoder = FrameDecoder()
        with contextlib.suppress(OSError):
            while data := link.recv(1 << 16):
                for message in decoder.messages(data):
                    self.heard.append(message)
                    if message[0] == tags.HELLO:
                        link.sendall(encode_frame([self.greeting]))
                        if self.greeting[0] == tags.REFUSE:
                            link.shutdown(socket.SHUT_RDWR)
                    elif message[0] in self.answers:
                        out = self.answers[message[0]](self, message)
                        if out:
                            link.sendall(encode_frame(out))


def reply(number: int, body: Any, ok: bool = True) -> tuple[Any, ...]:
    return (tags.REPLY, number, ok, msgpack.packb(body))
