"""One thread per kernel that redraws views: at most four times a second each, the last state always.

Server extensions and browsers drop messages when a kernel sends too many, and a view that is redrawn for each of
10,000 events would slow the kernel. So changes only mark a view; this thread draws it when its time has come. Threads
never print and never display: they only update an output by its display id.
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
#: A view of which nothing is heard is drawn this often all the same: its clocks go on.
TICK_S = 1.0


@dataclass(slots=True)
class _Entry:
    draw: Callable[[], bool]
    tick: Callable[[], None] | None
    due: float
    tick_at: float
    is_marked: bool = False
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
        """The view's run has changed; its end is drawn at once."""
        with self._wake:
            entry = self._entries.get(key)
            if entry is None:
                return
            entry.is_marked = True
            if is_final:
                entry.due, entry.tick = 0.0, None
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
        now, nearest = self._clock(), 5.0
        for key, entry in self._entries.items():
            if not entry.is_marked and entry.tick is None:
                continue
            due = entry.due if entry.is_marked else entry.tick_at
            if due <= now:
                return key, entry, 0.0
            nearest = min(nearest, due - now)
        return "", None, nearest

    def _draw(self, key: str, entry: _Entry, is_tick: bool) -> None:
        started, is_final = self._clock(), False
        try:
            if not is_tick:
                is_final = entry.draw()
            elif entry.tick is not None:
                entry.tick()
        except Exception:
            _logger.debug("drawing the view of %s failed", key, exc_info=True)
        now = self._clock()
        rest_s = (now - started) / MAX_SHARE
        with self._wake:
            entry.due = now + max(MIN_INTERVAL_S, rest_s)
            entry.tick_at = now + max(TICK_S, rest_s)
            if is_final:
                self._entries.pop(key, None)
                entry.drawn.set()
