"""The attempts of an action: when each ran, how it ended, and why another one followed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from flytenb.client.session import Session
from flytenb.model.outcome import Failure
from flytenb.model.snapshot import ActionRow
from flytenb.views import words
from flytenb.views.tree import failure_text

#: What the store calls the end of an attempt that another one followed.
_WHY = {"retry": "failed", "lose": "lost"}


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt before the last one, as the engine tells it."""

    attempt: int
    why: str
    started_at: float | None
    ended_at: float | None
    failure: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of an action."""

    number: int
    #: "failed" (the user's own retries follow), "lost" (the engine repeats it), or the phase of the last one.
    ended: str
    started_at: float
    ended_at: float
    #: Its error as one line, "" for none.
    error: str

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def attempts_of(link: Session, run: str, action: str) -> list[Attempt]:
    """All attempts of an action, first to last."""
    before: list[Recorded] = link.query("attempts", list[Recorded], run=run, action=action)
    found = [
        Attempt(
            number=one.attempt,
            ended=_WHY.get(one.why, one.why),
            started_at=one.started_at or 0.0,
            ended_at=one.ended_at or 0.0,
            error=failure_text(one.failure),
        )
        for one in before
    ]
    row = _row(link, run, action)
    last = Attempt(
        number=row.attempt,
        ended=row.phase,
        started_at=row.started_at,
        ended_at=row.ended_at,
        error=failure_text(row.failure) if row.failure is not None else "",
    )
    return [*found, last]


def _row(link: Session, run: str, action: str) -> ActionRow:
    after = int(action[1:]) if action[1:].isdigit() else 0
    rows: list[ActionRow] = link.query("actions", list[ActionRow], run=run, after=after, limit=1)
    return rows[0]


def attempts_text(attempts: list[Attempt]) -> str:
    """One line for each."""
    lines = []
    for one in attempts:
        took = words.duration(one.ended_at - one.started_at) if one.started_at and one.ended_at else ""
        lines.append(f"attempt {one.number:<3} {one.ended:<10} {took:>8}  {one.error}".rstrip())
    return "\n".join(lines)
