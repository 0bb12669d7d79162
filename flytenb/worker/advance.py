"""How far a body is, on its way to the engine: at most four messages a second, the last state always."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from threading import Lock, get_ident
from time import perf_counter
from typing import Any

from flytenb.wire import tags
from flytenb.worker.bars import Reading
from flytenb.worker.link import Link

#: Seconds between two messages of one action.
INTERVAL_S = 0.25


class Advance:
    """The last state of one action's attempt, and when one was sent.

    Args:
        thread: the one of the loop.
    """

    __slots__ = (
        "_action",
        "_attempt",
        "_is_ended",
        "_is_timer_set",
        "_link",
        "_lock",
        "_loop",
        "_said_at",
        "_thread",
        "_waiting",
        "is_from_output",
    )

    def __init__(self, action: int, attempt: int, link: Link, loop: asyncio.AbstractEventLoop, thread: int) -> None:
        self._action, self._attempt = action, attempt
        self._link, self._loop, self._thread = link, loop, thread
        self._said_at = -INTERVAL_S
        self._waiting: Reading | None = None
        self._is_timer_set = self._is_ended = False
        self._lock = Lock()
        #: It comes from a progress bar in the output, not from the body's own calls.
        self.is_from_output = False

    def say(self, reading: Reading) -> None:
        """Send it now, or a moment later if one was sent a moment ago. Any thread."""
        with self._lock:
            if self._is_ended:
                return
            now = perf_counter()
            rest_s = self._said_at + INTERVAL_S - now
            if rest_s > 0:
                self._waiting = reading
                if not self._is_timer_set:
                    self._is_timer_set = True
                    self._arm(rest_s)
                return
            self._said_at, self._waiting = now, None
        self._send(reading)

    def _arm(self, seconds: float) -> None:
        if get_ident() == self._thread:
            self._loop.call_later(seconds, self._due)
        else:
            self._loop.call_soon_threadsafe(self._loop.call_later, seconds, self._due)

    def _due(self) -> None:
        with self._lock:
            self._is_timer_set = False
            reading, self._waiting = self._waiting, None
            if reading is None or self._is_ended:
                return
            self._said_at = perf_counter()
        self._send(reading)

    def _send(self, reading: Reading) -> None:
        if get_ident() == self._thread:
            self._link.send(self._message(reading))
            self._link.flush()  # a body that never awaits would keep it to itself
        else:
            self._link.send_from_thread(self._message(reading))

    def end(self, send: Callable[[Any], None]) -> None:
        """The body is over: what waits goes before its end."""
        with self._lock:
            self._is_ended = True
            reading, self._waiting = self._waiting, None
        if reading is not None:
            send(self._message(reading))

    def _message(self, reading: Reading) -> tuple[Any, ...]:
        done, total, text, elapsed_s = reading
        return (tags.PROGRESS, self._action, self._attempt, done, total, text, elapsed_s)
