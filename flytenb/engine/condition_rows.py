"""Conditions as they are read: a question with its answer, out of the store or the engine's memory."""

from __future__ import annotations

from typing import Any

import msgspec

from flytenb.model.condition import ConditionSpec, decode_answer
from flytenb.model.ids import action_name
from flytenb.model.phases import FIRST_TERMINAL, PAUSED, ActionPhase
from flytenb.model.snapshot import ActionRow, ConditionRow
from flytenb.rules.conditions import spec_of
from flytenb.rules.state import Question, Task

#: (who, from where, when, outputs)
Answered = tuple[str, str, float, bytes]


def live_condition(question: Question) -> ConditionRow:
    """One that the engine has in memory."""
    answer = question.answer
    return _row(
        spec_of(question),
        run=question.run.name,
        action=action_name(question.id),
        parent=action_name(question.parent.id) if question.parent is not None else "",
        phase=ActionPhase.of(question.phase).value,
        since=question.accepted_at,
        answered=(answer.who, answer.origin, answer.at, answer.payload) if answer is not None else None,
    )


def stored_condition(row: tuple[Any, ...], task: Task, run: str, answered: Answered | None) -> ConditionRow | None:
    """One of the store, in the order that its reader selects actions; None when the task is an ordinary one."""
    spec = task.declaration.condition
    if spec is None:
        return None
    number, parent, _, phase, *_ = row
    return _row(
        spec,
        run=run,
        action=action_name(number),
        parent=action_name(parent) if parent else "",
        phase=ActionPhase.of(phase if phase >= FIRST_TERMINAL else PAUSED).value,
        since=row[7],
        answered=answered,
    )


def _row(
    spec: ConditionSpec, *, run: str, action: str, parent: str, phase: str, since: float, answered: Answered | None
) -> ConditionRow:
    who, origin, at, payload = answered or ("", "", 0.0, b"")
    return ConditionRow(
        run=run,
        action=action,
        parent=parent,
        name=spec.name,
        prompt=spec.prompt,
        prompt_type=spec.prompt_type,
        data_type=spec.data_type,
        description=spec.description,
        phase=phase,
        since=since,
        timeout_s=spec.timeout_s,
        expires_at=since + spec.timeout_s if spec.timeout_s else 0.0,
        default=decode_answer(spec.default),
        value=decode_answer(payload),
        answered_by=who,
        answered_from=origin,
        answered_at=at,
    )


def with_conditions(found: list[ActionRow], told: dict[int, ConditionRow]) -> list[ActionRow]:
    """The same actions, those that are questions with what is asked and who answered."""
    return [
        msgspec.structs.replace(row, condition=condition, phase=condition.phase)
        if (condition := told.get(row.id)) is not None
        else row
        for row in found
    ]
