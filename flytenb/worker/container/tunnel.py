"""Process 1 of a container without shared folders: its doors, the connections made to them, and the one stream out.

A door is a Unix socket. Whatever a program sends through one travels in the container's standard output, and comes in
by its standard input. One thread, no user code; what is under way is bounded by the channels' credit.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from flytenb.wire import streams

#: What waits for the stream until connections are not read any more.
_WAITING_BYTES = 256 << 10
#: Seconds for what is left when the worker has ended.
_REST_S = 5.0
_READ_BYTES = 256 << 10


class StreamLost(Exception):
    """The engine's side has closed the stream, or has been silent for too long."""


class _Channel:
    """A connection to a door."""

    def __init__(self, number: int, sock: socket.socket) -> None:
        self.number, self.sock = number, sock
        self.credit = streams.WINDOW_BYTES
        #: What came for it and has not been written.
        self.waiting = bytearray()
        #: The other side has closed: it ends when nothing waits.
        self.is_closing = False


class Tunnel:
    """The stream and its connections.

    Args:
        source, sink: the stream's descriptors.
    """

    def __init__(self, source: int, sink: int) -> None:
        self._source, self._sink = source, sink
        for each in (source, sink):
            os.set_blocking(each, False)
            os.set_inheritable(each, False)
        self._reader = streams.FrameReader()
        self._out: deque[memoryview] = deque()
        self._out_bytes = 0
        self._doors: dict[int, tuple[str, socket.socket]] = {}
        self._channels: dict[int, _Channel] = {}
        self._by_number: dict[int, _Channel] = {}
        self._last = 0
        self._heard_at = time.monotonic()
        self._wake, wakes = os.pipe()
        self._wakes = wakes
        for each in (self._wake, wakes):
            os.set_blocking(each, False)

    def boot(self) -> dict[str, Any]:
        """Wait for what the engine's side says first."""
        while True:
            if not select.select([self._source], [], [], streams.ALONE_S)[0]:
                raise StreamLost
            for kind, _, content in self._reader.frames(self._read()):
                if kind == streams.BOOT:  # nothing follows before a door was opened
                    found: dict[str, Any] = json.loads(content)
                    return found

    def open_door(self, name: str, path: str) -> None:
        """Listen at a socket."""
        door = socket.socket(socket.AF_UNIX)
        door.bind(path)
        door.listen(64)
        door.setblocking(False)
        self._doors[door.fileno()] = name, door

    def forget(self) -> None:
        """In a forked process: all of this is the parent's."""
        for _, door in self._doors.values():
            door.close()
        for each in (self._source, self._sink, self._wake, self._wakes):
            os.close(each)

    def serve(self, look: Callable[[], int | None]) -> int:
        """Pass on until the worker has ended; its status. What it sent last is passed on too.

        Args:
            look: reaps; the worker's status once it has ended.

        Raises:
            StreamLost: there is nobody to work for.
        """
        signal.set_wakeup_fd(self._wakes, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, shown: None)
        status = look()
        while status is None:
            self._turn(streams.BEAT_S)
            if time.monotonic() - self._heard_at > streams.ALONE_S:
                raise StreamLost
            status = look()
        deadline = time.monotonic() + _REST_S
        while self._channels and time.monotonic() < deadline:
            self._turn(0.2)
        return status

    def end(self, report: dict[str, Any]) -> None:
        """Send the last frame, and wait until it is gone."""
        self._send(streams.frame(streams.END, 0, json.dumps(report).encode()))
        deadline = time.monotonic() + _REST_S
        while self._out and time.monotonic() < deadline:
            select.select([], [self._sink], [], 0.2)
            self._write()

    # ---- one turn --------------------------------------------------------------------------------------------------
    def _turn(self, timeout_s: float) -> None:
        may_read = self._out_bytes < _WAITING_BYTES
        readable = [self._source, self._wake, *self._doors]
        readable += [fd for fd, one in self._channels.items() if may_read and one.credit > 0 and not one.is_closing]
        writable = [fd for fd, one in self._channels.items() if one.waiting]
        if self._out:
            writable.append(self._sink)
        poll = select.poll()
        for fd in {*readable, *writable}:
            asked = (select.POLLIN if fd in readable else 0) | (select.POLLOUT if fd in writable else 0)
            poll.register(fd, asked)
        for fd, events in poll.poll(timeout_s * 1000):
            if fd == self._source:
                self._take()
            elif fd == self._sink:
                self._write()
            elif fd == self._wake:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake, 512)
            elif fd in self._doors:
                self._accept(fd)
            elif fd in self._channels:
                self._serve(self._channels[fd], events)
        if self._out:  # mostly it can be written at once
            self._write()

    def _accept(self, fd: int) -> None:
        name, door = self._doors[fd]
        with contextlib.suppress(BlockingIOError, ConnectionError):
            sock, _ = door.accept()
            sock.setblocking(False)
            self._last += 1
            channel = self._channels[sock.fileno()] = self._by_number[self._last] = _Channel(self._last, sock)
            self._send(streams.frame(streams.OPEN, channel.number, name.encode()))

    def _serve(self, channel: _Channel, events: int) -> None:
        if events & select.POLLOUT and channel.waiting:
            self._pour(channel)
        if events & (select.POLLIN | select.POLLHUP | select.POLLERR) and channel.sock.fileno() >= 0:
            if channel.credit <= 0:
                return
            try:
                data = channel.sock.recv(min(streams.PIECE_BYTES, channel.credit))
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if data:
                channel.credit -= len(data)
                self._send(streams.frame(streams.DATA, channel.number, data))
            else:
                self._close(channel, is_told=True)

    def _pour(self, channel: _Channel) -> None:
        """Write what waits for a connection, and give the credit back."""
        try:
            done = channel.sock.send(channel.waiting)
        except BlockingIOError:
            return
        except OSError:
            self._close(channel, is_told=True)
            return
        del channel.waiting[:done]
        self._send(streams.credit(channel.number, done))
        if channel.is_closing and not channel.waiting:
            self._close(channel)

    def _close(self, channel: _Channel, *, is_told: bool = False) -> None:
        self._channels.pop(channel.sock.fileno(), None)
        self._by_number.pop(channel.number, None)
        channel.sock.close()
        if is_told:
            self._send(streams.frame(streams.CLOSE, channel.number))

    # ---- the stream ------------------------------------------------------------------------------------------------
    def _read(self) -> bytes:
        try:
            data = os.read(self._source, _READ_BYTES)
        except BlockingIOError:
            return b""
        except OSError:
            raise StreamLost from None
        if not data:
            raise StreamLost
        return data

    def _take(self) -> None:
        data = self._read()
        self._heard_at = time.monotonic()
        for kind, number, content in self._reader.frames(data):
            if kind == streams.BEAT:
                self._send(streams.frame(streams.BEAT))
                continue
            channel = self._by_number.get(number)
            if channel is None:
                continue
            if kind == streams.DATA:
                channel.waiting += content
                self._pour(channel)
            elif kind == streams.CREDIT:
                channel.credit += streams.amount_of(content)
            elif kind == streams.CLOSE:
                channel.is_closing = True
                if not channel.waiting:
                    self._close(channel)

    def _send(self, data: bytes) -> None:
        self._out.append(memoryview(data))
        self._out_bytes += len(data)

    def _write(self) -> None:
        out = self._out
        while out:
            try:
                done = os.write(self._sink, out[0])
            except BlockingIOError:
                return
            except OSError:
                raise StreamLost from None
            self._out_bytes -= done
            if done == len(out[0]):
                out.popleft()
            else:
                out[0] = out[0][done:]
