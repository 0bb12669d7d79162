"""Moments that pass: time-outs, the end of a back-off, the end of grace."""

from __future__ import annotations

from heapq import heappop
from typing import Any

import msgspec

from flytenb.model.events import (
    ClockJumped,
    Tick,
)
from flytenb.model.outcome import Failure
from flytenb.model.phases import QUEUED, RUNNING
from flytenb.rules import conditions, gpu_placement
from flytenb.rules.attempts import attempt_failed
from flytenb.rules.ending import fail, stop_body
from flytenb.rules.out import Out
from flytenb.rules.placement import dismiss_idle
from flytenb.rules.secrets import expire
from flytenb.rules.state import Action, State


def on_tick(state: State, source: Any, event: Tick, now: float, out: Out) -> None:
    while state.deadlines and state.deadlines[0][0] <= now:
        _, number, attempt, kind = heappop(state.deadlines)
        action = state.live.get(number)
        if action is not None:
            _expire(state, action, attempt, kind, now, out)
    if state.delayed:
        for action in state.delayed:
            if action.not_before <= now:
                state.waiting[id(action.shape)] = action.shape
        state.delayed = [action for action in state.delayed if action.not_before > now]
    for lane in list(state.lanes.values()):
        for number, moment in list(lane.zombies.items()):
            if moment <= now:
                del lane.zombies[number]
                out.chores.append(("end", lane.id, "an aborted action did not stop in time"))
    dismiss_idle(state, now, out)
    gpu_placement.dismiss_idle(state, now, out)


def on_clock_jumped(state: State, source: Any, event: ClockJumped, now: float, out: Out) -> None:
    """Every moment that was noted is moved along: what is left of a time-out, a wait, a grace stays what it was."""
    by = event.seconds
    state.deadlines = [(moment + by, *rest) for moment, *rest in state.deadlines]  # type: ignore[misc]
    for action in state.live.values():
        action.accepted_at += by
        action.started_at += by if action.started_at else 0.0
        action.not_before += by if action.not_before else 0.0
    for lane in state.lanes.values():
        lane.idle_since += by
        lane.progress_at += by
        lane.zombies = {number: moment + by for number, moment in lane.zombies.items()}
    for shape in {id(shape): shape for shape in (*state.kept.values(), *state.shapes.values())}.values():
        shape.used_at += by if shape.used_at else 0.0


def _expire(state: State, action: Action, attempt: int, kind: str, now: float, out: Out) -> None:
    declaration = action.task.declaration
    if kind == "run" and action.phase == RUNNING and action.attempt == attempt:
        failure = Failure(
            code="MaxRuntimeExceededError",
            message=f"task {declaration.name!r} ran longer than its timeout of {declaration.timeout_s:g} s",
        )
        if action.tries <= declaration.retries:
            stop_body(action, "timed out", now, out)
            attempt_failed(state, action, failure, now, out)
            return
        if declaration.retries:
            failure = msgspec.structs.replace(failure, exhausted=action.tries)
    elif kind == "queue" and action.phase == QUEUED and action.attempt == attempt:
        failure = Failure(
            code="MaxQueuedTimeExceededError",
            message=f"task {declaration.name!r} waited longer than {declaration.queue_timeout_s:g} s for a worker",
        )
    elif kind == "condition":
        conditions.expire(state, action, now, out)
        return
    elif kind == "secret":
        expire(state, action, now, out)
        return
    elif kind == "deadline":
        failure = Failure(
            code="DeadlineExceededError",
            message=f"task {declaration.name!r} was not done {declaration.deadline_s:g} s after it was called",
        )
    else:
        return
    fail(state, action, failure, now, out, event="time out")
