"""How long workers stood idle while work waited, from what the children themselves saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def idle_share(start: float, spans: Sequence[Sequence[float]], workers: int = 2) -> dict[str, Any]:
    """Percent of worker time without a running child, while at least one child had not begun.

    Args:
        start: when the fan-out was submitted, on the children's clock (monotonic, one for all processes).
        spans: (pid, began, ended) of every child.
        workers: how many children may run at a time.

    Raises:
        AssertionError: more children than that ran at a time, so the share would mean nothing.
    """
    until = max(began for _, began, _ in spans)
    busy = sum(min(ended, until) - began for _, began, ended in spans)
    ends = sorted(ended for _, _, ended in spans)
    begins = sorted(began for _, began, _ in spans)
    for position, began in enumerate(begins[workers:]):
        assert ends[position] <= began, f"more than {workers} children ran at a time"
    return {
        "value": 100 * (1 - busy / ((until - start) * workers)),
        "n": len(spans),
        "processes": len({int(pid) for pid, _, _ in spans}),
        "seconds": ends[-1] - start,
    }
