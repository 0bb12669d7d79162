"""What lies between flytenb and its Docker engine: it can be cut, a request held up, an answer lost."""

from __future__ import annotations

import contextlib
import re
import socket
import threading


class Gate:
    """Where the first request that matches waits until it is opened."""

    def __init__(self, pattern: str) -> None:
        self.pattern = re.compile(pattern.encode())
        self._reached, self._opened = threading.Event(), threading.Event()

    def wait(self) -> None:
        """Until a request stands before it."""
        assert self._reached.wait(90), f"no request {self.pattern.pattern!r} came"

    def open(self) -> None:
        """The request goes on."""
        self._opened.set()

    def hold(self) -> None:
        """For the cable: the request has come."""
        self._reached.set()
        self._opened.wait(90)


class Cable:
    """Leads to an engine over TCP.

    Args:
        host: the engine's address, "tcp://127.0.0.1:PORT".
    """

    def __init__(self, host: str) -> None:
        self._target = ("127.0.0.1", int(host.rpartition(":")[2]))
        self._server = socket.create_server(("127.0.0.1", 0))
        self.host = f"tcp://127.0.0.1:{self._server.getsockname()[1]}"
        self._lock = threading.Lock()
        #: Both ends, and the last request that went over it.
        self._lines: list[tuple[socket.socket, socket.socket, list[bytes]]] = []
        self._gates: list[Gate] = []
        self._answered: list[bytes] = []
        self._lost: list[re.Pattern[bytes]] = []
        self.is_cut = False
        threading.Thread(target=self._accept, daemon=True).start()

    def gate(self, pattern: str) -> Gate:
        """Hold up the next request whose first line is so."""
        gate = Gate(pattern)
        with self._lock:
            self._gates.append(gate)
        return gate

    def lose_answer(self, pattern: str) -> None:
        """The next request whose first line is so is passed on, and its connection breaks before it is answered."""
        with self._lock:
            self._lost.append(re.compile(pattern.encode()))

    def answered(self, pattern: str) -> int:
        """How many requests whose first line is so have had an answer."""
        with self._lock:
            return sum(bool(re.match(pattern.encode(), one)) for one in self._answered)

    def cut(self, pattern: str = "") -> None:
        """Every connection breaks, and no new one is made until `is_cut` is False; or those that asked for this."""
        self.is_cut = not pattern
        with self._lock:
            broken = [one for one in self._lines if not pattern or re.match(pattern.encode(), one[2][0])]
            self._lines = [one for one in self._lines if one not in broken]
        for near, distant, _ in broken:
            for end in (near, distant):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()

    def _accept(self) -> None:
        while True:
            near, _ = self._server.accept()
            if self.is_cut:
                near.close()
                continue
            distant = socket.create_connection(self._target)
            asked = [b""]
            with self._lock:
                self._lines.append((near, distant, asked))
            for work in (self._there, self._back):
                threading.Thread(target=work, args=(near, distant, asked), daemon=True).start()

    def _there(self, near: socket.socket, distant: socket.socket, asked: list[bytes]) -> None:
        with contextlib.suppress(OSError):
            while data := near.recv(1 << 16):
                if re.match(rb"(GET|POST|PUT|DELETE|HEAD) /", data):
                    asked[0] = data.partition(b"\r\n")[0]
                    self._pass_gates(asked[0])
                distant.sendall(data)
            distant.shutdown(socket.SHUT_WR)

    def _pass_gates(self, line: bytes) -> None:
        with self._lock:
            gate = next((one for one in self._gates if one.pattern.match(line)), None)
            if gate is not None:
                self._gates.remove(gate)
        if gate is not None:
            gate.hold()

    def _back(self, near: socket.socket, distant: socket.socket, asked: list[bytes]) -> None:
        with contextlib.suppress(OSError):
            while data := distant.recv(1 << 16):
                line = asked[0]  # the next request comes as soon as this one's answer is there
                if self._is_lost(line):
                    break
                near.sendall(data)
                if data.startswith(b"HTTP/"):
                    with self._lock:
                        self._answered.append(line)
            near.shutdown(socket.SHUT_WR)

    def _is_lost(self, line: bytes) -> bool:
        with self._lock:
            found = next((one for one in self._lost if one.match(line)), None)
            if found is not None:
                self._lost.remove(found)
        return found is not None
