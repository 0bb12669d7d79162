"""How long workers stood idle while work waited, from what the children themselves saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def idle_share(start: float, spans: Sequence[Sequence[float]], workers: int = 2) -> dict[str, Any]:
    """Percent of worker time without a running child, while at least one child had not begun.

    Args:
        start: when the fan-out was submitted, on the children's clock (monotonic, one for all processes).
        spans: (pid, began, ended) of every child.
        workers: processes that should have worked; one that never got a child counts as idle throughout.
    """
    until = max(began for _, began, _ in spans)
    window = (until - start) * max(workers, len({int(pid) for pid, _, _ in spans}))
    busy = 0.0
    for pid in {pid for pid, _, _ in spans}:
        reach = start
        for _, began, ended in sorted(span for span in spans if span[0] == pid):
            began, ended = max(began, reach), min(ended, until)
            if ended > began:
                busy += ended - began
                reach = ended
    return {
        "value": 100 * (1 - busy / window),
        "n": len(spans),
        "processes": len({pid for pid, _, _ in spans}),
        "seconds": max(ended for _, _, ended in spans) - start,
    }
