"""The time of rules and rows: the wall's, and a word when that jumped.

Durations are differences of moments of the wall clock, which people set, the network corrects and a sleeping machine
skips. When wall and steady clock part by more than a second, the rules move all their moments along, so that nothing
times out early and nothing waits an hour.
"""

from __future__ import annotations

import time

#: Smaller differences are corrections that take a while, and follow by themselves.
JUMP_S = 1.0


class Clock:
    """Tells the time, once a turn."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def tell(self) -> tuple[float, float]:
        """Seconds since the epoch, and by how much the wall clock jumped since the last call (0 = not)."""
        now = time.time()
        offset = now - time.monotonic()
        jump, self._offset = offset - self._offset, offset
        return now, jump if abs(jump) > JUMP_S else 0.0
