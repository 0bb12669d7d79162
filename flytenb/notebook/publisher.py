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


@dataclass(slots=True)
class _Entry:
    draw: Callable[[], bool]
    due: float
    is_marked: bool = False
    drawn: threading.Event = field(default_factory=threading.Event)


class Publisher:
    """Draws marked views. `draw` returns True when it has drawn the final state; then the view is forgotten."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        self._wake = threading.Condition()
        self._thread: threading.Thread | None = None

    def follow(self, key: str, draw: Callable[[], bool], first_after_s: float = 0.5) -> None:
        """Draw a view whenever it is marked, not before `first_after_s`."""
        with self._wake:
            self._entries[key] = _Entry(draw, self._clock() + first_after_s)

    def mark(self, key: str, is_final: bool = False) -> None:
        """The view's run has changed; its end is drawn at once."""
        with self._wake:
            entry = self._entries.get(key)
            if entry is None:
                return
            entry.is_marked = True
            if is_final:
                entry.due = 0.0
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
                    if not self._wake.wait(wait_s) and not any(e.is_marked for e in self._entries.values()):
                        self._thread = None  # nothing to draw for a while: the next mark starts a thread again
                        return
                    continue
                entry.is_marked = False
            self._draw(key, entry)

    def _next(self) -> tuple[str, _Entry | None, float]:
        now, nearest = self._clock(), 5.0
        for key, entry in self._entries.items():
            if entry.is_marked:
                if entry.due <= now:
                    return key, entry, 0.0
                nearest = min(nearest, entry.due - now)
        return "", None, nearest

    def _draw(self, key: str, entry: _Entry) -> None:
        started = self._clock()
        try:
            is_final = entry.draw()
        except Exception:
            _logger.debug("drawing the view of %s failed", key, exc_info=True)
            is_final = False
        cost = self._clock() - started
        with self._wake:
            entry.due = self._clock() + max(MIN_INTERVAL_S, cost / MAX_SHARE)
            if is_final:
                self._entries.pop(key, None)
                entry.drawn.set()
