"""One connection of a worker or a client. A frame is whatever was queued in this turn of the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from flytenb.model.tags import ACK, REFUSE
from flytenb.rules.state import Lane
from flytenb.wire.framing import MAX_FRAME_BYTES, MAX_HELLO_BYTES, FrameDecoder, FrameError
from flytenb.wire.messages import decode_events, encode_messages


class Link(asyncio.Protocol):
    """Bytes ↔ events.

    Args:
        on_events: called with (link, events) for every frame.
        on_closed: called once with (link).
        is_confined: of the socket that containers see: a worker with a token of its own, and nothing but a worker.
    """

    def __init__(
        self,
        on_events: Callable[[Link, list[Any]], None],
        on_closed: Callable[[Link], None],
        *,
        is_confined: bool = False,
    ) -> None:
        self._on_events, self._on_closed, self.is_confined = on_events, on_closed, is_confined
        self._decoder = FrameDecoder(limit_bytes=MAX_HELLO_BYTES)
        self._outbox: list[tuple[Any, ...]] = []
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self._is_refused = False
        #: "" until it said hello.
        self.role = ""
        self.ident = ""
        self.pid = 0
        #: The lane it feeds, for workers.
        self.lane: Lane | None = None
        #: Digests of declarations that it has brought.
        self.declared: set[bytes] = set()
        #: Frames that came, that are on disk, and of how many of these the other side was told.
        self.frames = 0
        self._saved = self._told = 0
        #: When something came last (the loop's clock), and when it was asked for a sign of life that has not come.
        self.heard_at = self._loop.time()
        self.pinged_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.heard_at = self._loop.time()
        try:
            for body in self._decoder.bodies(data):
                self.frames += 1
                self._on_events(self, decode_events(body))
                if self._is_refused:
                    return
        except FrameError as error:
            self.refuse(str(error))

    @property
    def is_closed(self) -> bool:
        """Whether nothing can be written any more."""
        return self._transport is None

    @property
    def socket(self) -> Any:
        """The connection's socket; None when it is closed."""
        return self._transport.get_extra_info("socket") if self._transport is not None else None

    def acknowledge(self, frames: int) -> bool:
        """So many frames are on disk, which the next frame tells; whether there is something to tell."""
        self._saved = frames
        return self._saved > self._told

    def trust(self) -> None:
        """It has shown its token: from now on large frames are read."""
        self._decoder.limit_bytes = MAX_FRAME_BYTES

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._outbox.clear()
        self._on_closed(self)

    def send(self, message: tuple[Any, ...]) -> None:
        """Queue a message; all that is queued in this turn leaves in one frame."""
        if not self._outbox:
            self._loop.call_soon(self.flush)
        self._outbox.append(message)

    def flush(self) -> None:
        """Write the queued messages."""
        outbox, self._outbox = self._outbox, []
        if self._saved > self._told:
            self._told = self._saved
            outbox.append((ACK, self._saved))
        if outbox and self._transport is not None:
            self._transport.write(encode_messages(outbox))

    def refuse(self, reason: str) -> None:
        """Say why and close."""
        self._is_refused = True
        self.send((REFUSE, reason))
        self.flush()
        self.close()

    def close(self) -> None:
        """Write what is queued, then close."""
        self.flush()
        if self._transport is not None:
            self._transport.close()
