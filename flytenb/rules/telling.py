"""What a body tells while it runs: output, traced calls, report, progress."""

from __future__ import annotations

from typing import Any

from flytenb.model.events import (
    Log,
    Progress,
    Report,
    Trace,
)
from flytenb.model.phases import RUNNING
from flytenb.rules.out import Out
from flytenb.rules.state import State


def on_log(state: State, source: Any, event: Log, now: float, out: Out) -> None:
    out.logs.append((event.action, event.attempt, event.stream, event.time, event.text))


def on_trace(state: State, source: Any, event: Trace, now: float, out: Out) -> None:
    if event.action in state.live:
        out.traces.append(
            (
                event.action,
                event.key,
                event.n,
                event.name,
                event.started_at,
                event.duration_s,
                event.ok,
                event.inputs,
                event.outputs,
            )
        )


def on_report(state: State, source: Any, event: Report, now: float, out: Out) -> None:
    out.reports.append((event.digest, event.action))


def on_progress(state: State, source: Any, event: Progress, now: float, out: Out) -> None:
    action = state.live.get(event.action)
    if action is not None and action.attempt == event.attempt and action.phase == RUNNING:
        action.progress = (event, now)
        if action.run.id in state.watched:
            state.watched[action.run.id][action.id] = action
