"""What every measuring script shares: clocks, summaries, limits and the one JSON line that a script ends with.

Standard library only: the peers' environments import it too.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

clock = time.perf_counter

#: The measures in the order of the table. A script runs those it has.
MEASURES = (
    *("sequential", "fanout_1000", "fanout_10000", "tree", "mixed", "trace", "listing", "memory"),
    *("hit", "key_cold", "key_same", "key_cell"),
    *("array", "frame", "file"),
)
#: Those with values of 100 MB and more, which have scripts of their own.
LARGE = frozenset({"array", "frame", "file"})
#: Those that need a container engine, or are compared with what does.
CONTAINED = (
    *("container_cold", "container_spare", "pool_p50", "pool_rate", "fork", "venv_pool"),
    *("image_cached", "image_hash"),
)


def latencies(seconds: Sequence[float], unit_per_s: float = 1e3) -> dict[str, float]:
    """Median, 95th percentile and mean of single calls, in the unit asked for."""
    ordered = sorted(seconds)
    return {
        "value": statistics.median(ordered) * unit_per_s,
        "p95": ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))] * unit_per_s,
        "mean": statistics.fmean(ordered) * unit_per_s,
        "n": len(ordered),
    }


def rate(count: int, seconds: float) -> dict[str, float]:
    """Things per second."""
    return {"value": count / seconds, "seconds": seconds, "n": count}


class Overtime(Exception):
    """A measure took longer than its limit."""


class Limit:
    """`with Limit(60): …` raises Overtime in the main thread after 60 seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __enter__(self) -> None:
        def ring(_signal: int, _frame: FrameType | None) -> None:
            raise Overtime(f"took more than {self.seconds:g} s")

        self.before = signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, self.seconds)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self.before)


class Report:
    """Collects one script's results; a measure that fails becomes a note and does not end the others."""

    def __init__(
        self, peer: str, version: str, arguments: Sequence[str] | None = None, *, known: Sequence[str] = MEASURES
    ) -> None:
        words = list(sys.argv[1:] if arguments is None else arguments)
        self.is_quick = "--quick" in words
        self.wanted = {word for word in words if word in known} or set(known)
        self.facts: dict[str, Any] = {
            "peer": peer,
            "version": version,
            "python": sys.version.split()[0],
            "measures": {},
        }

    def size(self, full: int, quick: int) -> int:
        """How many to do in this round."""
        return quick if self.is_quick else full

    def measure(self, name: str, work: Callable[[], dict[str, Any]], limit_s: float = 120) -> None:
        """Run one measure if it was asked for."""
        if name not in self.wanted:
            return
        try:
            with Limit(limit_s):
                found = work()
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            if os.environ.get("BENCH_DEBUG"):
                raise
            found = {"error": f"{type(error).__name__}: {str(error)[:300]}"}
        self.facts["measures"][name] = found
        print(f"{self.facts['peer']}: {name}: {json.dumps(found)}", file=sys.stderr, flush=True)

    def beside(self, side: str, name: str, found: dict[str, Any]) -> None:
        """What was measured of something else in the same loop."""
        self.facts.setdefault("beside", {}).setdefault(side, {})[name] = found

    def end(self) -> None:
        """Print the JSON line."""
        print(json.dumps(self.facts), flush=True)
