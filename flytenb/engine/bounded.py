"""Limits of the HTTP API: how much one request, one connection and all of them may take. Loaded with uvicorn only."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from h11 import ProtocolError
from uvicorn.protocols.http.h11_impl import H11Protocol

from flytenb.engine.refused import QueryError

if TYPE_CHECKING:
    from starlette.requests import Request

#: Connections of one socket at a time: anybody of this machine can open one to loopback.
MOST_CONNECTIONS = 100
#: Seconds that a connection may be open without a request that is being answered.
PATIENCE_S = 10.0
#: Bytes of a request's line and headers, and of what it carries.
HEADER_BYTES = 32 << 10
BODY_BYTES = 8 << 20


class Bounded(H11Protocol):
    """A connection that is closed when there are too many of them, and when it asks nothing for too long."""

    _look: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
        else:
            self._answered: Any = None
            self._look = self.loop.call_later(PATIENCE_S, self._look_again)

    def data_received(self, data: bytes) -> None:
        try:
            super().data_received(data)
        except (ProtocolError, UnicodeError):  # said wrongly in the middle of an answer
            self.transport.abort()

    def _look_again(self) -> None:
        cycle = self.cycle
        is_idle = cycle is None or (cycle.response_complete and cycle is self._answered)
        if is_idle:
            self.transport.close()
            return
        self._answered = cycle
        self._look = self.loop.call_later(PATIENCE_S, self._look_again)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._look is not None:
            self._look.cancel()
        super().connection_lost(exc)


def settings() -> dict[str, Any]:
    """For `uvicorn.Config`. What strangers send is not written into the engine's log."""
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL + 1)
    return {
        "http": Bounded,
        "h11_max_incomplete_event_size": HEADER_BYTES,
        "log_config": None,
        "lifespan": "off",
        "access_log": False,
        "ws": "none",
        "server_header": False,
    }


def check_headers(request: Request) -> None:
    """Headers that came in one piece are parsed before their size is known.

    Raises:
        QueryError: they are too much.
    """
    if sum(len(name) + len(value) for name, value in request.scope["headers"]) > HEADER_BYTES:
        raise QueryError("BadQuery", f"the headers have more than {HEADER_BYTES >> 10} KiB")


async def body_of(request: Request) -> bytes:
    """What a request carries.

    Raises:
        QueryError: it is too much.
    """
    found = bytearray()
    async for piece in request.stream():
        found += piece
        if len(found) > BODY_BYTES:
            raise QueryError("BadQuery", f"the body has more than {BODY_BYTES >> 20} MiB; give a large value as a File")
    return bytes(found)
