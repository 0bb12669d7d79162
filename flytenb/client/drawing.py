"""Figures of runs: what the engine tells, handed to `views.figures`. plotly is loaded there, when one is asked for."""

from __future__ import annotations

import time
from typing import Any

from flytenb.client import handle
from flytenb.client.attempts import attempts_of
from flytenb.client.session import Session
from flytenb.model.declaration import decode_declaration
from flytenb.model.snapshot import RunRow, RunSnapshot
from flytenb.model.usage import Usage
from flytenb.views import figures, words
from flytenb.views.marks import mark_of
from flytenb.views.spans import EarlierTry, spans_of
from flytenb.views.tree import view

#: Actions whose earlier attempts are drawn; attempts whose usage is.
_MOST_TRIED, _MOST_USED = 60, 40


def timeline(link: Session, run: str) -> Any:
    """When what of a run ran, as a plotly figure."""
    figures.plotly("run.timeline()")  # before anything is read
    snapshot: RunSnapshot = link.query("snapshot", RunSnapshot, run=run, traces=True, logs=False)
    tries = {}
    for action in [one for one in snapshot.actions if one.attempt > 1][:_MOST_TRIED]:
        tries[action.name] = [
            EarlierTry(
                number=one.number, started_at=one.started_at, ended_at=one.ended_at, ended=one.ended, error=one.error
            )
            for one in attempts_of(link, run, action.name)[:-1]
        ]
    return figures.timeline(spans_of(snapshot, tries), _title(snapshot))


def resources(link: Session, run: str) -> Any:
    """What the actions of a run used, or, where nothing was measured, what their tasks ask for."""
    figures.plotly("run.resources()")
    snapshot: RunSnapshot = link.query("snapshot", RunSnapshot, run=run, traces=False, logs=False)
    labels = view(snapshot).labels
    measured: list[Usage] = link.query("usage", list[Usage], run=run)
    used = sorted(measured, key=lambda one: (-_covered(one), one.action))[:_MOST_USED]
    if used:
        return figures.resources(used, labels, _title(snapshot), snapshot.run.created_at)
    asked = []
    by_task = {action.task: action for action in reversed(snapshot.actions)}
    for action in reversed(by_task.values()):
        request = decode_declaration(handle.read_io(link, run, action.name).declaration).resources
        asked.append((action.short_name, request.cpu or 1.0, (request.memory_bytes or 0) / (1 << 30), request.gpu))
    return figures.asked(asked, _title(snapshot))


def _covered(one: Usage) -> float:
    return one.cpu_s + one.covers_s


def runs(rows: list[RunRow], title: str) -> Any:
    """How long runs took over time."""
    return figures.runs(rows, time.time(), title)


def _title(snapshot: RunSnapshot) -> str:
    run = snapshot.run
    elapsed = (run.ended_at or snapshot.taken_at or run.created_at) - run.created_at
    name = run.task.rpartition(".")[2]
    return f"{name} {run.name}: {mark_of(run.phase).word.lower()}, {words.total(max(0.0, elapsed))}"
