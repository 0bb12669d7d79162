"""What a run that goes on is expected to do still, from the run of the same task before it: ghost rows, time left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flytenb.model.snapshot import ActionRow
from flytenb.views import words
from flytenb.views.marks import is_terminal

#: Less than this is not told: it is over before it is read.
LEAST_S = 0.5
#: An action that takes so many times longer than last time: nobody knows how long the run takes.
_PATIENCE = 3.0
#: An action that goes on is never counted as more than this share of one.
_NEARLY = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedTask:
    """Calls of one task by the root, as the run before made them."""

    task: str
    short_name: str
    count: int
    #: Mean seconds of one.
    seconds: float
    #: Seconds in which at least one of them went on.
    span_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the run before did below its root, in the order it was called."""

    run: str
    wall_s: float
    tasks: tuple[ExpectedTask, ...] = ()


@dataclass(frozen=True, slots=True)
class Ghost:
    """Calls that are expected and have not come yet."""

    label: str
    count: int
    why: str


def ghosts(expected: Expected, members: Mapping[str, Sequence[ActionRow]]) -> list[Ghost]:
    """Rows for what is still to come; `members` are the root's children by task."""
    found = []
    for one in expected.tasks:
        missing = one.count - len(members.get(one.task, ()))
        if missing > 0:
            label = one.short_name if missing == 1 else f"{one.short_name} ×{words.count(missing)}"
            each = f"{words.duration(one.seconds)} each" if missing > 1 else words.duration(one.seconds)
            found.append(Ghost(label, missing, f"{each} last time"))
    return found


def left_s(
    expected: Expected, members: Mapping[str, Sequence[ActionRow]], elapsed_s: float, now: float
) -> float | None:
    """Seconds until the run's end, from what is done of what the run before did; None when that says nothing."""
    total = sum(one.span_s for one in expected.tasks)
    if not total:
        left = expected.wall_s - elapsed_s
        return left if left >= LEAST_S else None
    open_s = 0.0
    for one in expected.tasks:
        live = members.get(one.task, ())
        done = 0.0
        for action in live:
            if is_terminal(action.phase):
                done += 1
            elif action.started_at:
                spent = now - action.started_at
                if spent > max(1.0, _PATIENCE * one.seconds):
                    return None
                done += min(_NEARLY, spent / one.seconds) if one.seconds else 0.0
        open_s += one.span_s * (1 - done / max(one.count, len(live)))
    left = expected.wall_s * open_s / total
    return left if left >= LEAST_S else None
