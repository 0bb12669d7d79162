"""Where the value of a secret comes from, and what happens to an action whose secret is nowhere.

The home's own store first, then what the process that started the run sent along, then the engine's environment.
Values are only in memory: an action of a recovered run waits a moment for its submitter to send them again.
"""

from __future__ import annotations

from heapq import heappush
from typing import Any

from flytenb.model.events import Offer
from flytenb.model.image import SecretSpec
from flytenb.model.outcome import Failure
from flytenb.model.phases import QUEUED
from flytenb.rules.ending import fail
from flytenb.rules.out import Out
from flytenb.rules.placement import enqueue
from flytenb.rules.state import Action, Run, Shape, State

#: Seconds that a recovered run's submitter has to send the values again.
GRACE_S = 10.0


def lack_of(state: State, run: Run, shape: Shape, environment: str) -> str:
    """Find the values that an action needs; why it cannot run, or ""."""
    if shape in run.bundles:
        return ""
    values: list[tuple[str, str, str, bytes]] = []
    for spec in shape.secrets:
        value = state.find_secret(spec.key, spec.group)
        if value is None:
            value = run.offered.get((spec.key, spec.group))
        if value is None:
            value = state.find_variable(spec.outside)
        trouble = _missing(spec, environment, is_recovered=run.is_recovered) if value is None else _unfit(spec, value)
        if value is None or trouble:
            return trouble
        values.append((spec.key, spec.variable, spec.mount, value))
    run.bundles[shape] = tuple(values)
    return ""


def _named(spec: SecretSpec) -> str:
    return f"secret {spec.key!r}" + (f" of group {spec.group!r}" if spec.group else "")


def _missing(spec: SecretSpec, environment: str, *, is_recovered: bool) -> str:
    group = f" --group {spec.group}" if spec.group else ""
    lost = (
        "the engine was started anew, so a value from the environment of the process that started the run is gone; "
        if is_recovered
        else ""
    )
    return (
        f"{_named(spec)} of environment {environment!r} has no value: {lost}store it with "
        f"'flytenb secret set {spec.key}{group}', or set {spec.outside} where the run is started, then run again"
    )


def _unfit(spec: SecretSpec, value: bytes) -> str:
    if spec.variable and b"\0" in value:
        return f"{_named(spec)} holds a zero byte, which no environment variable can; give it mount= instead"
    if spec.mount and ("/" in spec.key or spec.key in (".", "..")):
        return f"{_named(spec)} cannot be a file of that name; store it under a name without '/'"
    return ""


def provide(state: State, action: Action, now: float, out: Out) -> bool:
    """Whether the action may go on; if not, it waits for the values, or has failed."""
    shape, run = action.shape, action.run
    lack = lack_of(state, run, shape, action.task.declaration.environment)
    if not lack:
        return True
    if run.is_recovered:
        state.unprovided[action.id] = action
        heappush(state.deadlines, (now + GRACE_S, action.id, action.attempt, "secret"))
    else:
        refuse(state, action, lack, now, out)
    return False


def refuse(state: State, action: Action, lack: str, now: float, out: Out) -> None:
    """The action cannot run without its secret."""
    failure = Failure(code="SecretNotFoundError", message=lack, is_recoverable=False)
    fail(state, action, failure, now, out)


def expire(state: State, action: Action, now: float, out: Out) -> None:
    """Nobody sent the values in time."""
    if state.unprovided.pop(action.id, None) is None or action.phase != QUEUED:
        return
    lack = lack_of(state, action.run, action.shape, action.task.declaration.environment)
    if lack:
        refuse(state, action, lack, now, out)
    else:
        enqueue(state, action, first=True)


def on_offer(state: State, source: Any, event: Offer, now: float, out: Out) -> None:
    """The process that started a run sends its values again."""
    run = state.runs.get(event.run_name)
    if run is None:
        return
    for key, group, value in event.secrets:
        run.offered.setdefault((key, group), value)
    for number, action in list(state.unprovided.items()):
        if state.live.get(number) is not action or action.phase != QUEUED:
            del state.unprovided[number]
        elif action.run is run and not lack_of(state, run, action.shape, action.task.declaration.environment):
            del state.unprovided[number]
            enqueue(state, action, first=True)
