"""One thread per kernel that redraws views: at most four times a second each, the last state always.

Server extensions and browsers drop messages when a kernel sends too many, and a view that is redrawn for each of
10,000 events would slow the kernel. So changes only mark a view; this thread draws it when its time has come. All views
together share ten messages and 100 kB a second: large views and many runs are drawn more rarely, the ends of runs
before all else. Threads never print and never display: they only update an output by its display id.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

_logger = logging.getLogger(__name__)

#: Seconds between two drawings of one view, and the share of the time that drawing may take.
MIN_INTERVAL_S = 0.25
MAX_SHARE = 0.1
#: Seconds between two messages of any views, and the bytes that they may send a second.
MIN_PAUSE_S = 0.1
MAX_BYTES_S = 100_000
#: What the end of a run waits at most for what others have sent.
MAX_WAIT_S = 0.5
#: An end that cannot be drawn is tried again after so many seconds, that often.
AGAIN_S, MOST_FAILED = 1.0, 20
#: A view of which nothing is heard is drawn this often all the same: its clocks go on.
TICK_S = 1.0


@dataclass(slots=True)
class _Entry:
    draw: Callable[[], bool]
    tick: Callable[[], None] | None
    due: float
    tick_at: float
    is_marked: bool = False
    #: Since when its end is to be drawn; 0.0 before.
    ended_at: float = 0.0
    #: How often the end could not be drawn.
    failed_count: int = 0
    drawn: threading.Event = field(default_factory=threading.Event)


class Publisher:
    """Draws marked views. `draw` returns True when it has drawn the final state; then the view is forgotten.

    `tick` draws what it knows once more, a second after the last drawing.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None
        #: When the next message may be sent, and when what was sent is paid for.
        self._next_at = self._paid_at = 0.0

    def sent(self, size_bytes: int) -> None:
        """A view sent a message: the next ones wait for their share."""
        now = self._clock()
        with self._wake:
            self._next_at = max(now, self._next_at) + MIN_PAUSE_S
            self._paid_at = max(now, self._paid_at) + size_bytes / MAX_BYTES_S

    def follow(
        self,
        key: str,
        draw: Callable[[], bool],
        first_after_s: float = 0.5,
        tick: Callable[[], None] | None = None,
    ) -> None:
        """Draw a view whenever it is marked, not before `first_after_s`."""
        first = self._clock() + first_after_s
        with self._wake:
            self._entries[key] = _Entry(draw, tick, first, first + TICK_S)

    def mark(self, key: str, is_final: bool = False) -> None:
        """The view's run has changed; its end is drawn before all else."""
        with self._wake:
            entry = self._entries.get(key)
            if entry is None:
                return
            entry.is_marked = True
            if is_final:
                entry.due, entry.tick, entry.ended_at = 0.0, None, entry.ended_at or self._clock()
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._serve, name="flytenb-views", daemon=True)
                self._thread.start()
            self._wake.notify()

    def flush(self, key: str, timeout_s: float = 10.0) -> bool:
        """Wait until the final state of a view is drawn."""
        with self._wake:
            entry = self._entries.get(key)
        if entry is None:
            return True
        self.mark(key, is_final=True)
        return entry.drawn.wait(timeout_s)

    def forget(self, key: str) -> None:
        """Draw a view no more."""
        with self._wake:
            self._entries.pop(key, None)

    def _serve(self) -> None:
        while True:
            with self._wake:
                key, entry, wait_s = self._next()
                if entry is None:
                    if not self._wake.wait(wait_s) and not any(e.is_marked or e.tick for e in self._entries.values()):
                        self._thread = None  # nothing to draw for a while: the next mark starts a thread again
                        return
                    continue
                is_tick, entry.is_marked = not entry.is_marked, False
            self._draw(key, entry, is_tick)

    def _next(self) -> tuple[str, _Entry | None, float]:
        """The view that has waited longest for its turn, or how long there is none."""
        waiting = [
            (*self._turn(entry), key)
            for key, entry in self._entries.items()
            if entry.is_marked or entry.tick is not None
        ]
        if not waiting:
            return "", None, 5.0
        now = self._clock()
        ready = [turn for turn in waiting if turn[0] <= now]
        if not ready:
            return "", None, min(5.0, min(turn[0] for turn in waiting) - now)
        key = min(ready, key=lambda turn: turn[1])[2]
        return key, self._entries[key], 0.0

    def _turn(self, entry: _Entry) -> tuple[float, float]:
        """When a view may be drawn, and since when it has been due."""
        if entry.ended_at:
            return max(entry.due, self._next_at, min(self._paid_at, entry.ended_at + MAX_WAIT_S)), 0.0
        due = entry.due if entry.is_marked else entry.tick_at
        return max(due, self._next_at, self._paid_at), due

    def _draw(self, key: str, entry: _Entry, is_tick: bool) -> None:
        started, is_final, is_lost = self._clock(), False, False
        try:
            if not is_tick:
                is_final = entry.draw()
            elif entry.tick is not None:
                entry.tick()
        except Exception:
            _logger.debug("drawing the view of %s failed", key, exc_info=True)
            is_lost = bool(entry.ended_at) and not is_tick
        now = self._clock()
        rest_s = (now - started) / MAX_SHARE
        with self._wake:
            entry.due = 0.0 if entry.ended_at else now + max(MIN_INTERVAL_S, rest_s)
            entry.tick_at = now + max(TICK_S, rest_s)
            if is_lost and entry.failed_count < MOST_FAILED:
                entry.failed_count += 1
                entry.is_marked, entry.due = True, now + AGAIN_S
            if is_final:
                self._entries.pop(key, None)
                entry.drawn.set()
