"""What a run took from the one that it recovers, what it ran again, and why: with the lines of code that differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flytenb.client import handle
from flytenb.client.explain.code import code_between
from flytenb.client.explain.differences import Difference
from flytenb.client.session import Session
from flytenb.codec.objects import ObjectStore
from flytenb.errors import BaseRuntimeError, FlytenbError
from flytenb.model.declaration import decode_declaration
from flytenb.model.recovery import recovery_words
from flytenb.model.snapshot import ActionRow
from flytenb.views import recovery as drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """Actions of one task with the same fate."""

    task: str
    #: "" = their results were taken; else a word of `model.recovery.REASONS`.
    reason: str
    count: int
    #: About the first of them, in words.
    words: str
    first: str
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryWhy:
    """A run that recovered another: what was taken, what ran and why."""

    run: str
    source: str
    recovered_count: int
    action_count: int
    tasks: tuple[Repeated, ...]

    def __str__(self) -> str:
        return drawn.text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return drawn.page(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as `flytenb why -o json` prints it."""
        data: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__ if name != "tasks"}
        data["tasks"] = [
            {name: getattr(one, name) for name in one.__slots__ if name != "differences"}
            | {"differences": [{name: getattr(each, name) for name in each.__slots__} for each in one.differences]}
            for one in self.tasks
        ]
        return data


def explain_recovery(link: Session, store: ObjectStore, run: str, source: str) -> RecoveryWhy:
    """What a run took from the run `source`, by task and reason."""
    rows = handle.read_actions(link, run)
    groups: dict[tuple[str, str], list[ActionRow]] = {}
    for row in rows:
        if row.recovery_source:
            groups.setdefault((row.task, row.recovery), []).append(row)
    told = [
        Repeated(
            task=members[0].short_name,
            reason=reason,
            count=len(members),
            words=recovery_words(members[0].recovery_source, reason, source),
            first=members[0].name,
            differences=_differences(link, store, run, members[0]) if reason in ("changed", "trusted") else (),
        )
        for (_, reason), members in groups.items()
    ]
    recovered = sum(row.phase == "recovered" for row in rows)
    return RecoveryWhy(run=run, source=source, recovered_count=recovered, action_count=len(rows), tasks=tuple(told))


def _differences(link: Session, store: ObjectStore, run: str, row: ActionRow) -> tuple[Difference, ...]:
    """What differs in the code of an action and of the one that it stands for."""
    before_run, _, before_action = row.recovery_source.partition("/")
    try:
        now = decode_declaration(handle.read_io(link, run, row.name).declaration)
        before = decode_declaration(handle.read_io(link, before_run, before_action).declaration)
    except (FlytenbError, BaseRuntimeError, LookupError, ValueError):  # the run was pruned
        return ()
    return code_between(store, before, now) or ()
