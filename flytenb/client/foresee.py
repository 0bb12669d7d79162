"""How long calls will take, from what they took: list scheduling over the CPUs there are. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush, heapreplace


@dataclass(slots=True, kw_only=True)
class Step:
    """A recorded call and what it will do."""

    #: "hit", "run" or "unknown".
    verdict: str
    #: Seconds it took, its children included.
    seconds: float
    begin: float
    end: float
    children: list[Step] = field(default_factory=list)


def expected_seconds(steps: Sequence[Step], cpu: float, *, with_unknown: bool) -> float:
    """Seconds until all steps ended: those that run, on so many CPUs, in the order that was recorded.

    A step that began after another had ended waits for it again: what it takes may come from there.
    """
    slots = [0.0] * max(1, int(cpu))
    heapify(slots)
    ends: list[tuple[float, float]] = []
    last = ready = 0.0
    for step in sorted(steps, key=lambda one: one.begin):
        while ends and ends[0][0] <= step.begin:
            ready = max(ready, heappop(ends)[1])
        spent = _seconds(step, cpu, with_unknown=with_unknown)
        begin = max(ready, slots[0]) if spent and not step.children else ready
        if spent and not step.children:  # a parent that waits holds no CPU
            heapreplace(slots, begin + spent)
        heappush(ends, (step.end or step.begin, begin + spent))
        last = max(last, begin + spent)
    return last


def _seconds(step: Step, cpu: float, *, with_unknown: bool) -> float:
    if step.verdict == "hit" or (step.verdict == "unknown" and not with_unknown):
        return 0.0
    if not step.children:
        return step.seconds
    alone = max(0.0, step.seconds - covered([(one.begin, one.end) for one in step.children]))
    return alone + expected_seconds(step.children, cpu, with_unknown=with_unknown)


def covered(spans: Sequence[tuple[float, float]]) -> float:
    """Seconds in which at least one of these spans went on."""
    total, until = 0.0, float("-inf")
    for begin, end in sorted(spans):
        if end > until:
            total += end - max(begin, until)
            until = end
    return total
