"""An attempt of an action from its first moment in a worker to its end, and what follows a failed one."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from flytenb.model.events import (
    Finished,
    Loaded,
    Returned,
    Started,
)
from flytenb.model.ids import action_name
from flytenb.model.outcome import Failure, decode_failure, encode_failure, without_locals
from flytenb.model.phases import QUEUED
from flytenb.rules import lanes, pools
from flytenb.rules.ending import end, fail, note_progress
from flytenb.rules.lanes import lane_of
from flytenb.rules.out import Out
from flytenb.rules.phases import move
from flytenb.rules.placement import enqueue
from flytenb.rules.secrets import provide
from flytenb.rules.state import ORPHAN, Action, Lane, State

#: Share of the slowest time that is kept when a faster one is seen.
SLOW_DECAY = 0.9


def on_started(state: State, source: Any, event: Started, now: float, out: Out) -> None:
    action = state.live.get(event.action)
    if action is not None and action.attempt == event.attempt:
        action.started_at = event.time
        if action.run.id in state.watched:
            state.watched[action.run.id][action.id] = action


def on_finished(state: State, source: Any, event: Finished, now: float, out: Out) -> None:
    lane = lane_of(state, source)
    if lane is None:
        return
    lane.progress_at = now
    if lane.zombies.pop(event.action, None) is not None:
        settle(state, lane, now, out)
        return
    action = state.live.get(event.action)
    if action is None or action.lane is not lane or action.attempt != event.attempt:
        return
    task = action.task
    active_s = event.active_s
    slow_s = task.slow_s * SLOW_DECAY
    task.slow_s = active_s if active_s > slow_s else slow_s
    task.is_known = True
    if not action.had_children:
        action.started_at = max(action.started_at, now - active_s)
    if event.ok:
        end(state, action, "succeed", event.payload, now, out)
    else:
        failure = decode_failure(event.payload)
        if failure.code == "Aborted":  # an engine before this one wanted it, and could not write down why any more
            again(state, action, "lose", failure, 0.0, now, out)
        else:
            attempt_failed(state, action, failure, now, out)
    settle(state, lane, now, out)


def settle(state: State, lane: Lane, now: float, out: Out) -> None:
    """A lane that has nothing left: remember since when; a strict one has done its one action."""
    if lane.actions or lane.zombies:
        return
    lane.idle_since = now
    lane.is_recalled = False
    if lane.is_used:
        pools.dismiss(lane, "it was made for one action", out)


def on_returned(state: State, source: Any, event: Returned, now: float, out: Out) -> None:
    lane = lane_of(state, source)
    if lane is None:
        return
    lane.is_recalled = False
    for number in reversed(event.actions):
        action = state.live.get(number)
        if action is not None and action.lane is lane:
            move(action, "return")
            lanes.release(state, action)
            enqueue(state, action, first=True)


def attempt_failed(state: State, action: Action, failure: Failure, now: float, out: Out) -> None:
    """Another attempt if the user's retries allow one, else the end."""
    failure, variables = without_locals(failure)
    if variables:
        out.post_mortems.append((action.id, action.attempt, variables))
    declaration = action.task.declaration
    failure = with_kept(action, failure)
    if failure.is_recoverable and action.tries <= declaration.retries:
        delay_s = min(
            declaration.backoff_base_s * declaration.backoff_factor ** (action.tries - 1),
            declaration.backoff_cap_s or float("inf"),
        )
        action.tries += 1
        again(state, action, "retry", failure, now + delay_s if delay_s else 0.0, now, out)
    else:
        if failure.is_recoverable and declaration.retries:
            failure = msgspec.structs.replace(failure, exhausted=action.tries)
        fail(state, action, failure, now, out)


def with_kept(action: Action, failure: Failure) -> Failure:
    """The same failure; says where to look when its container stays."""
    lane, launch = action.lane, action.task.declaration.launch
    if not launch.keep_on_failure or launch.is_contained or launch.reuse is not None or failure.kept:
        return failure
    if lane is None or lane.executor != "docker":
        return failure
    return replace(failure, kept=f"{action.run.name}/{action_name(action.id)}")


def again(
    state: State, action: Action, why: str, failure: Failure | None, not_before: float, now: float, out: Out
) -> None:
    """The action goes back to the queue for its next attempt."""
    move(action, why)
    lanes.release(state, action)
    if failure is not None:
        out.attempts.append(_attempt_row(action, why, failure, now))
    if action.progress is not None:
        note_progress(action, now, out)
    for child in (action.children or {}).values():  # they go on; the next attempt finds them by (key, n)
        child.call = ORPHAN
        if action.orphans is None:
            action.orphans = {}
        action.orphans[(child.key, child.n)] = child
    action.children = action.progress = None
    action.is_adopted = False
    action.attempt += 1
    action.not_before = not_before
    if not_before:
        state.delayed.append(action)
    out.chores.append(("load", action.id))  # enqueued when its past is here


def _attempt_row(action: Action, why: str, failure: Failure, now: float) -> tuple[Any, ...]:
    return (action.id, action.attempt, why, action.started_at, now, encode_failure(failure))


def on_loaded(state: State, source: Any, event: Loaded, now: float, out: Out) -> None:
    action = state.live.get(event.action)
    if action is None or action.phase != QUEUED:
        return
    known = {(key, n): (number, phase, outputs) for number, key, n, phase, outputs in event.children}
    action.known = {**known, **(action.known or {})} or None
    action.replay = event.traces or None
    if event.past:  # of an engine that is gone, too
        action.attempt = max(action.attempt, event.past[-1][0] + 1)
        action.tries = max(action.tries, 1 + sum(why == "retry" for _, why in event.past))
    if not action.shape.secrets or provide(state, action, now, out):
        enqueue(state, action, first=True)
