"""The worker's end of the connection: one frame holds whatever was queued in this turn of the loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Any

import msgpack

from flytenb.wire.framing import FrameDecoder, encode_frame

Message = Any

#: A message never waits longer than this for company while the loop is kept busy by short actions.
_FLUSH_AFTER_S = 0.001


class Link(asyncio.Protocol):
    """Messages in, messages out. Survives its transport: what is queued while there is none goes out with the next."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_messages: Callable[[list[Message]], None],
        on_lost: Callable[[], None],
    ) -> None:
        self._loop = loop
        self._on_messages = on_messages
        self._on_lost = on_lost
        self._decoder = FrameDecoder()
        self._transport: asyncio.Transport | None = None
        self._out: list[Message] = []
        self._from_threads: deque[Message] = deque()
        self._is_scheduled = False
        self._is_woken = False
        self._first_at = 0.0
        #: Keep what was sent until it is acknowledged, and send nothing on a new connection before `go_on`.
        self.is_lasting = False
        self._sent: deque[list[Message]] = deque()
        self._acked = 0
        #: Of earlier connections: sent and never acknowledged.
        self._doubtful: list[Message] = []
        self._is_held = False
        #: Called in the loop after messages came from a thread, before they are written.
        self.on_wake: Callable[[], None] = lambda: None

    @property
    def is_connected(self) -> bool:
        """Whether written bytes go anywhere."""
        return self._transport is not None

    # ---- asyncio's side ------------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._decoder = FrameDecoder()
        self._acked = 0

    def data_received(self, data: bytes) -> None:
        for body in self._decoder.bodies(data):
            self._on_messages(msgpack.unpackb(body, use_list=True, strict_map_key=False))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self.is_lasting:
            self._is_held = True
            for frame in self._sent:
                self._doubtful += frame
            self._sent.clear()
        self._on_lost()

    # ---- sending -------------------------------------------------------------------------------------------------
    def send(self, message: Message) -> None:
        """Queue a message; call in the loop's thread."""
        self._out.append(message)
        if not self._is_scheduled:
            self._is_scheduled = True
            self._first_at = perf_counter()
            self._loop.call_soon(self._flush_turn)
        elif perf_counter() - self._first_at > _FLUSH_AFTER_S:
            self.flush()

    def send_first(self, message: Message) -> None:
        """Put a message before everything that waits: the greeting of a new connection."""
        self._out.insert(0, message)

    def send_from_thread(self, message: Message) -> None:
        """Queue a message from any thread; the loop is woken once for many."""
        self._from_threads.append(message)
        self.wake()

    def wake(self) -> None:
        """Have the loop look at what threads left for it."""
        if not self._is_woken:
            self._is_woken = True
            self._loop.call_soon_threadsafe(self._woken)

    def _woken(self) -> None:
        self._is_woken = False  # first, so that a message that arrives from here on wakes again
        self.on_wake()
        self.flush()

    def _flush_turn(self) -> None:
        self._is_scheduled = False
        self.flush()

    def flush(self) -> None:
        """Write everything that waits as one frame."""
        if self._transport is None or self._is_held:
            return
        queued = self._from_threads
        while queued:
            self._out.append(queued.popleft())
        if self._out:
            out, self._out = self._out, []
            self._first_at = perf_counter()
            if self.is_lasting:
                self._sent.append(out)
            self._transport.write(encode_frame(out))

    def acknowledge(self, frames: int) -> None:
        """So many frames of this connection are on the engine's disk."""
        while self._acked < frames and self._sent:
            self._sent.popleft()
            self._acked += 1

    # ---- after the engine went away ------------------------------------------------------------------------------
    @property
    def doubtful(self) -> list[Message]:
        """What no engine has acknowledged, oldest first."""
        queued = self._from_threads
        while queued:
            self._out.append(queued.popleft())
        return [*self._doubtful, *self._out]

    def greet(self, messages: list[Message]) -> None:
        """Write this frame at once, before all that waits."""
        if self._transport is not None:
            self._sent.append([])
            self._transport.write(encode_frame(messages))

    def go_on(self, messages: list[Message]) -> None:
        """These, in place of all that waits, go to the new engine; from now on all is sent again."""
        self._doubtful, self._out, self._is_held = [], messages, False
        self.flush()

    def close(self) -> None:
        """Flush and close."""
        self.flush()
        if self._transport is not None:
            self._transport.close()
