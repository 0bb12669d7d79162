"""The engine's side of a container that shares nothing with this machine: all that it says and needs in one stream.

A connection from inside to the engine's door is made here once more, to the engine's own socket for workers; one to the
door of objects is answered by a thread. The stream itself has a thread for each direction.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flytenb.executors.docker import exchange
from flytenb.executors.docker.attached import Attached
from flytenb.executors.docker.exits import STREAM
from flytenb.wire import streams

_log = logging.getLogger(__name__)
#: What is kept of a container's errors: they tell why a worker could not begin.
_ERROR_BYTES = 8192
#: Of what a container tells at its end, what is kept as files beside the report.
_FILES = ("error.txt", "failed", "actions")


class Stream:
    """One container's.

    Args:
        loop: the engine's.
        attached: the container's input and output.
        folder: where its report is left, as a container with shared folders leaves it.
        home: whose objects are asked for.
        door: the engine's socket for workers.
        on_lost: called in the loop when the stream has ended, with whether the container told of its end before.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        attached: Attached,
        *,
        folder: Path,
        home: Path,
        door: Path,
        on_lost: Callable[[bool], None],
    ) -> None:
        self._loop, self._attached = loop, attached
        self._folder, self._home, self._door, self._on_lost = folder, home, door, on_lost
        self._lock = threading.Condition()
        #: Frames to send: short ones of the worker and of this protocol, then pieces of objects.
        self._urgent: deque[bytes] = deque()
        self._bulk: deque[bytes] = deque()
        self._channels: dict[int, _Relayed | _Answered] = {}
        self._heard_at = 0.0
        self._beat: asyncio.TimerHandle | None = None
        self._has_ended = self._is_closed = self._has_begun = False
        self._errors = b""
        #: Bytes of objects that went either way.
        self.moved_bytes = 0

    def begin(self, boot: dict[str, Any]) -> None:
        """Serve, from any thread; the container has been started."""
        self._note(b"")
        self.send(streams.frame(streams.BOOT, 0, json.dumps(boot).encode()), is_urgent=True)
        for work in (self._read, self._write):
            threading.Thread(target=work, name="flytenb-container-stream", daemon=True).start()
        self._call(self._first_beat)

    def close(self) -> None:
        """No more of it. Any thread."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            self._lock.notify_all()
        self._attached.close()

    def send(self, data: bytes, *, is_urgent: bool) -> None:
        """Queue a frame."""
        with self._lock:
            (self._urgent if is_urgent else self._bulk).append(data)
            self._lock.notify_all()

    # ---- signs of life, in the loop --------------------------------------------------------------------------------
    def _first_beat(self) -> None:
        self._heard_at = self._loop.time()
        self._on_beat()

    def _on_beat(self) -> None:
        if self._is_closed:
            return
        if self._loop.time() - self._heard_at > streams.SILENCE_S:
            _log.warning("a container has been silent for %d s: it is given up", streams.SILENCE_S)
            self.close()
            return
        self.send(streams.frame(streams.BEAT), is_urgent=True)
        self._beat = self._loop.call_later(streams.BEAT_S, self._on_beat)

    # ---- threads ---------------------------------------------------------------------------------------------------
    def _read(self) -> None:
        reader = streams.FrameReader()
        try:
            while pieces := self._attached.read():
                self._heard_at = self._loop.time()
                for is_error, piece in pieces:
                    if is_error:
                        self._note(piece)
                        continue
                    for frame in reader.frames(piece):
                        self._take(*frame)
        except (streams.StreamError, ValueError) as error:
            _log.warning("a container's stream is not understood: %s", error)
        except Exception:
            _log.exception("a container's stream broke")
        finally:
            self.close()
            self._call(self._lost)

    def _write(self) -> None:
        while True:
            with self._lock:
                while not (self._urgent or self._bulk or self._is_closed):
                    self._lock.wait()
                if self._is_closed:
                    return
                if self._urgent:
                    data = b"".join(self._urgent)
                    self._urgent.clear()
                else:
                    data = self._bulk.popleft()
            try:
                self._attached.write(data)
            except (OSError, ValueError):  # the reader tells
                self.close()
                return

    def _take(self, kind: int, number: int, content: bytes) -> None:
        if not self._has_begun:
            self._has_begun = True
            (self._folder / "boot.json").unlink(missing_ok=True)
        if kind == streams.DATA:
            channel = self._channels.get(number)
            if channel is not None:
                channel.feed(content)
        elif kind == streams.CREDIT:
            channel = self._channels.get(number)
            if channel is not None:
                channel.add_credit(streams.amount_of(content))
        elif kind == streams.OPEN:
            is_engine = content.decode("ascii", "replace") == streams.ENGINE_DOOR
            made = self._channels[number] = _Relayed(self, number) if is_engine else _Answered(self, number)
            made.begin()
        elif kind == streams.CLOSE:
            channel = self._channels.pop(number, None)
            if channel is not None:
                channel.end()
        elif kind == streams.END:
            self._keep_report(content)

    def _note(self, piece: bytes) -> None:
        self._errors = (self._errors + piece)[-_ERROR_BYTES:]
        with contextlib.suppress(OSError):
            (self._folder / STREAM).write_bytes(self._errors)

    def _keep_report(self, content: bytes) -> None:
        report: dict[str, Any] = json.loads(content)
        files = report.pop("files", {})
        with contextlib.suppress(OSError):  # the container's folder is gone: nobody wants to know
            for name in _FILES:
                if files.get(name):
                    (self._folder / name).write_text(str(files[name]))
            part = self._folder / "exit.json.part"
            part.write_text(json.dumps(report))
            part.replace(self._folder / "exit.json")
        self._has_ended = True

    def _call(self, call: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(call)

    def _lost(self) -> None:
        if self._beat is not None:
            self._beat.cancel()
        while self._channels:
            _, channel = self._channels.popitem()
            channel.end()
        self._on_lost(self._has_ended)


class _Relayed(asyncio.Protocol):
    """A connection to the engine's socket for workers."""

    def __init__(self, stream: Stream, number: int) -> None:
        self._stream, self._number = stream, number
        self._loop = stream._loop
        self._credit = streams.WINDOW_BYTES
        self._transport: asyncio.Transport | None = None
        #: Before there is a connection; and what waits for credit.
        self._early: list[bytes] = []
        self._waiting: deque[bytes] = deque()
        self._is_ended = False

    # ---- the stream's reader ---------------------------------------------------------------------------------------
    def begin(self) -> None:
        self._stream._call(self._connect)

    def feed(self, content: bytes) -> None:
        self._stream._call(lambda: self._pass_on(content))

    def add_credit(self, amount: int) -> None:
        self._stream._call(lambda: self._more(amount))

    def end(self) -> None:
        self._stream._call(self._close)

    # ---- the loop --------------------------------------------------------------------------------------------------
    def _connect(self) -> None:
        async def connect() -> None:
            try:
                await self._loop.create_unix_connection(lambda: self, str(self._stream._door))
            except OSError as error:
                _log.warning("the engine's socket for workers cannot be reached: %s", error)
                self.connection_lost(error)

        self._task = self._loop.create_task(connect())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        early, self._early = self._early, []
        for each in early:
            self._pass_on(each)
        if self._is_ended:
            self._close()

    def _pass_on(self, content: bytes) -> None:
        if self._transport is None:
            self._early.append(content)
            return
        self._transport.write(content)
        self._stream.send(streams.credit(self._number, len(content)), is_urgent=True)

    def data_received(self, data: bytes) -> None:
        self._waiting.extend(data[at : at + streams.PIECE_BYTES] for at in range(0, len(data), streams.PIECE_BYTES))
        self._push()

    def _push(self) -> None:
        while self._waiting and self._credit > 0:
            piece = self._waiting.popleft()
            self._credit -= len(piece)
            self._stream.send(streams.frame(streams.DATA, self._number, piece), is_urgent=True)
        transport = self._transport
        if transport is not None and not transport.is_closing():
            if self._waiting and transport.is_reading():
                transport.pause_reading()
            elif not self._waiting and not transport.is_reading():
                transport.resume_reading()

    def _more(self, amount: int) -> None:
        self._credit += amount
        self._push()

    def connection_lost(self, exc: Exception | None) -> None:
        """The engine has closed it; what it said last goes out first, whatever the credit."""
        if self._stream._channels.pop(self._number, None) is not None:
            while self._waiting:
                piece = self._waiting.popleft()
                self._stream.send(streams.frame(streams.DATA, self._number, piece), is_urgent=True)
            self._stream.send(streams.frame(streams.CLOSE, self._number), is_urgent=True)

    def _close(self) -> None:
        self._is_ended = True
        if self._transport is not None:
            self._transport.close()


class _Answered:
    """A connection to the door of objects, in a thread of its own."""

    def __init__(self, stream: Stream, number: int) -> None:
        self._stream, self._number = stream, number
        self._lock = threading.Condition()
        self._credit = streams.WINDOW_BYTES
        self._came: deque[bytes] = deque()
        self._is_ended = False

    # ---- the stream's reader ---------------------------------------------------------------------------------------
    def begin(self) -> None:
        threading.Thread(target=self._serve, name="flytenb-container-objects", daemon=True).start()

    def feed(self, content: bytes) -> None:
        with self._lock:
            self._came.append(content)
            self._lock.notify_all()

    def add_credit(self, amount: int) -> None:
        with self._lock:
            self._credit += amount
            self._lock.notify_all()

    def end(self) -> None:
        with self._lock:
            self._is_ended = True
            self._lock.notify_all()

    # ---- its own thread --------------------------------------------------------------------------------------------
    def _serve(self) -> None:
        try:
            exchange.answer(self, self._stream._home)
        except ConnectionError as error:
            _log.info("a worker's question for an object ended: %s", error)
        except Exception:
            _log.exception("a worker's question for an object failed")
        if self._stream._channels.pop(self._number, None) is not None:
            self._stream.send(streams.frame(streams.CLOSE, self._number), is_urgent=False)

    def read(self, most: int) -> bytes:
        with self._lock:
            while not self._came:
                if self._is_ended:
                    return b""
                self._lock.wait()
            piece = self._came.popleft()
            if len(piece) > most:
                self._came.appendleft(piece[most:])
                piece = piece[:most]
        self._stream.moved_bytes += len(piece)
        self._stream.send(streams.credit(self._number, len(piece)), is_urgent=True)
        return piece

    def write(self, data: bytes) -> None:
        for at in range(0, len(data), streams.PIECE_BYTES):
            piece = data[at : at + streams.PIECE_BYTES]
            with self._lock:
                while self._credit <= 0 and not self._is_ended:
                    self._lock.wait()
                if self._is_ended:
                    raise ConnectionError("the worker went away")
                self._credit -= len(piece)
            self._stream.moved_bytes += len(piece)
            self._stream.send(streams.frame(streams.DATA, self._number, piece), is_urgent=False)
