"""Store rows and live actions → the model's read structs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from flytenb.engine.condition_rows import live_condition
from flytenb.model.events import RunOptions
from flytenb.model.ids import action_name
from flytenb.model.outcome import decode_failure
from flytenb.model.phases import PAUSED, QUEUED, RUNNING, ActionPhase
from flytenb.model.placement import Placement, decode_placement
from flytenb.model.snapshot import ActionRow, Advance, LogLine, RunRow, TaskFacts, TraceRow, stored_action_row
from flytenb.rules.conditions import spec_of
from flytenb.rules.reasons import Reasons
from flytenb.rules.state import Action, Question, Run, State, Task

_decode_options = msgspec.msgpack.Decoder(RunOptions).decode
_WORDS = [phase.value for phase in ActionPhase]


def task_facts(task: Task) -> TaskFacts:
    """What rows of actions repeat of their task."""
    declaration = task.declaration
    source = f"{declaration.source}, line {declaration.source_line}" if declaration.source else ""
    return (declaration.name, declaration.short_name, declaration.has_report, source)


def action_row(row: tuple[Any, ...], tasks: dict[int, Task]) -> ActionRow:
    """An action as the store has it."""
    return stored_action_row(row, task_facts(tasks[row[2]]))


def with_recoveries(found: list[ActionRow], recoveries: dict[int, tuple[str, str]]) -> list[ActionRow]:
    """The same actions, with what they have from the run that theirs recovers."""
    if not recoveries:
        return found
    return [
        msgspec.structs.replace(row, recovery_source=told[0], recovery=told[1])
        if (told := recoveries.get(row.id))
        else row
        for row in found
    ]


def parent_name(action: Action) -> str:
    return action_name(action.parent.id) if action.parent is not None else ""


def live_row(action: Action, state: State, reasons: Reasons | None = None) -> ActionRow:
    """An action as the engine has it in memory (also one that ended this moment)."""
    declaration = action.task.declaration
    phase = action.phase
    reason = ""
    if phase == QUEUED and action.id in state.live:
        reason = (reasons or Reasons(state)).of(action)
    elif phase == PAUSED:
        reason = f"waits for an answer: {spec_of(action).prompt}"
    return ActionRow(
        id=action.id,
        name=action_name(action.id),
        parent=parent_name(action),
        task=declaration.name,
        short_name=declaration.short_name,
        phase=_WORDS[phase] if phase != QUEUED or not reason else ActionPhase.WAITING_FOR_RESOURCES.value,
        group=action.group,
        attempt=action.attempt,
        is_cached=action.saved_s > 0,
        saved_s=action.saved_s,
        accepted_at=action.accepted_at,
        started_at=action.started_at if phase >= RUNNING else 0.0,
        ended_at=action.ended_at,
        failure=decode_failure(action.failure) if action.failure else None,
        reason=reason,
        has_report=declaration.has_report,
        source=f"{declaration.source}, line {declaration.source_line}" if declaration.source else "",
        placement=action.lane.placement if action.lane is not None else 0,
        progress=_advance(action),
        recovery_source=action.recovery[1] if action.recovery else "",
        recovery=action.recovery[2] if action.recovery else "",
        condition=live_condition(action) if isinstance(action, Question) else None,
    )


def _advance(action: Action) -> Advance | None:
    if action.progress is None:
        return None
    said, at = action.progress
    return Advance(done=said.done, total=said.total, text=said.text, elapsed_s=said.elapsed_s, at=at)


def progress(stored: Iterable[tuple[Any, ...]]) -> dict[int, Advance]:
    """What ended actions said last of how far they were, by id."""
    return {
        number: Advance(done=done, total=total, text=text, elapsed_s=elapsed_s, at=at)
        for number, done, total, text, elapsed_s, at in stored
    }


def with_progress(actions: list[ActionRow], said: Mapping[int, Advance]) -> list[ActionRow]:
    """Actions with what they said last."""
    if not said:
        return actions
    return [msgspec.structs.replace(one, progress=said[one.id]) if one.id in said else one for one in actions]


def run_row(
    row: tuple[Any, ...], tasks: dict[int, Task], live: Run | None, phase: int | None = None, waiting: int = 0
) -> RunRow:
    """A run as the store has it, with the live counts of one that goes on."""
    _, name, task, options, stored, created_at, ended_at, actions, failed, cached = row
    return RunRow(
        name=name,
        task=tasks[task].declaration.name,
        phase=_WORDS[stored if ended_at or phase is None else phase],
        created_at=created_at,
        ended_at=ended_at or 0.0,
        action_count=live.action_count if live else actions or 0,
        failed_count=live.failed_count if live else failed or 0,
        cached_count=live.cached_count if live else cached or 0,
        paused_count=waiting,
        origin=origin(_decode_options(options)),
    )


def origin(options: RunOptions) -> dict[str, Any]:
    """What a run tells of where it came from."""
    told = dict(options.origin)
    told["mode"] = options.mode
    if options.parent:
        told["parent"] = options.parent
    if options.recover_from:
        told["recovers"] = options.recover_from
    if options.labels:
        told["labels"] = options.labels
    if options.notes:
        told["notes"] = options.notes
    return told


def placements(actions: Iterable[ActionRow], known: Mapping[int, bytes]) -> dict[int, Placement]:
    """Where actions ran, by number."""
    wanted = sorted({action.placement for action in actions} & known.keys())
    return {number: decode_placement(known[number]) for number in wanted}


def log_line(row: tuple[Any, ...]) -> LogLine:
    """A piece of an attempt's output."""
    _, action, attempt, stream, moment, text = row
    return LogLine(action=action_name(action), attempt=attempt, stream=stream, time=moment, text=text)


def trace_row(row: tuple[Any, ...]) -> TraceRow:
    """A traced call."""
    action, name, n, started_at, duration_s, ok, inputs, outputs = row
    return TraceRow(
        action=action_name(action),
        name=name,
        n=n,
        started_at=started_at,
        duration_s=duration_s,
        ok=bool(ok),
        inputs=inputs,
        outputs=outputs,
    )
