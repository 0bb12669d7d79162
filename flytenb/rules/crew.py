"""Workers that come, that say where they run, and that are lost."""

from __future__ import annotations

from typing import Any

from flytenb.model.events import (
    LaneLost,
    LaneNews,
    LanePlaced,
    LaneReady,
    PlacementRead,
)
from flytenb.model.outcome import Failure
from flytenb.model.phases import QUEUED
from flytenb.model.tags import SHUTDOWN
from flytenb.rules import gpu_placement, lanes
from flytenb.rules.attempts import again, attempt_failed, with_kept
from flytenb.rules.ending import fail
from flytenb.rules.out import Out
from flytenb.rules.placement import MAX_SPAWN_FAILURES, give_up, prepare
from flytenb.rules.returning import facts_of
from flytenb.rules.state import Action, Lane, Shape, State

#: Times that an action may lose its worker before the engine gives up on it.
MAX_LOSSES = 3


def on_lane_ready(state: State, source: Any, event: LaneReady, now: float, out: Out) -> None:
    lane = state.lanes.get(event.lane)
    if lane is None:
        if not event.pin:
            return
        lane = state.lanes[event.lane] = Lane(event.lane, None, pin=event.pin)
    lane.link, lane.pid, lane.idle_since = source, event.pid, now
    source.lane = lane
    if lane.is_closing:
        out.before.append((source, (SHUTDOWN, "it is not needed any more")))
    if lane.shape is not None:
        out.before.append((source, facts_of(lane)))
        lane.shape.spawning = max(0, lane.shape.spawning - 1)
        lane.shape.failures = 0
        lane.shape.is_trusted = True
        prepare(lane, out)
    for shape in state.shapes.values():
        if shape.queue:
            state.waiting[id(shape)] = shape


def on_lane_placed(state: State, source: Any, event: LanePlaced, now: float, out: Out) -> None:
    number = state.placements.get(event.digest)
    if number is None:
        number = state.placements[event.digest] = len(state.placements) + 1
        out.placements.append((number, event.digest, event.body))
    lane = state.lanes.get(event.lane)
    if lane is not None:
        lane.placement, lane.news, lane.executor, lane.is_single = number, "", event.executor, event.is_single
        if lane.shape is not None:
            lane.shape.preparations = 0
            if lane.shape.reuse is None:
                lane.shape.set_single(event.is_single)


def on_placement_read(state: State, source: Any, event: PlacementRead, now: float, out: Out) -> None:
    number = state.placements.get(event.before)
    if number is None:
        return
    digest = event.digest
    if digest in state.placements:
        digest = event.before  # the same was recorded before: two numbers say it
    else:
        del state.placements[event.before]
        state.placements[digest] = number
    out.placements_read.append((digest, event.body, number))


def on_lane_news(state: State, source: Any, event: LaneNews, now: float, out: Out) -> None:
    lane = state.lanes.get(event.lane)
    if lane is None or lane.shape is None:
        return
    lane.news = event.words
    gpu_placement.on_preparing(state, lane)
    give_up(lane.shape, out)
    for action in lane.shape.queue:
        if action.run.id in state.watched:
            state.watched[action.run.id][action.id] = action


def on_lane_lost(state: State, source: Any, event: LaneLost, now: float, out: Out) -> None:
    gpu_placement.on_lost(state, event.lane, event.cause, out)
    lane = state.lanes.pop(event.lane, None)
    if lane is None:
        return
    shape = lane.shape
    if shape is not None:
        shape.lanes.pop(lane.id, None)
        if lane.link is None:
            shape.spawning = max(0, shape.spawning - 1)
            if event.cause == "prepared":
                shape.is_prepared = True
                shape.preparations += 1
            elif event.cause != "killed":
                shape.failures += 1
                shape.is_trusted = False
            if event.cause == "refused":
                refuse(shape, Failure(code=event.code, message=event.detail, is_recoverable=False), state, now, out)
            elif shape.failures >= MAX_SPAWN_FAILURES:
                refuse(shape, _no_worker(shape, event), state, now, out)
        if shape.queue:
            state.waiting[id(shape)] = shape
    lost = list(lane.actions.values())
    running = [action for action in lost if not action.is_parked]
    for action in lost:
        if action.id not in state.live:
            continue
        if event.cause == "oom" and action in running[:1]:
            attempt_failed(state, action, _out_of_memory(action, event), now, out)
            continue
        action.losses += 1
        action.is_solo = True
        if action.losses >= MAX_LOSSES or lane.pin:
            fail(state, action, with_kept(action, _worker_lost(action, event)), now, out)
        else:
            again(state, action, "lose", _worker_lost(action, event), 0.0, now, out)
    lanes.give_slot(state, lane)
    for run in state.runs.values():
        run.waiters = [waiter for waiter in run.waiters if waiter is not lane.link]


def _out_of_memory(action: Action, event: LaneLost) -> Failure:
    message = f"task {action.task.declaration.name!r} ran out of memory: {event.detail}"
    return Failure(code="OOMError", message=message)


def _worker_lost(action: Action, event: LaneLost) -> Failure:
    message = (
        f"task {action.task.declaration.name!r}: its worker process ended while it ran "
        f"({event.detail or event.cause}), {action.losses} times; "
        "look for what kills it (out of memory, a crash in native code), then run again"
    )
    return Failure(code="WorkerLost", kind="system", message=message, is_recoverable=False)


def _no_worker(shape: Shape, event: LaneLost) -> Failure:
    said = event.detail or event.cause
    remedy = "" if ";" in said else "; check that this interpreter can import flytenb, then run again"
    message = f"no worker starts with {shape.launch.python}: {said}{remedy}"
    return Failure(code="WorkerStartError", kind="system", message=message, is_recoverable=False)


def refuse(shape: Shape, failure: Failure, state: State, now: float, out: Out) -> None:
    """Nothing that waits for a worker of this kind can run."""
    while shape.queue:
        action = shape.queue.popleft()
        if action.phase == QUEUED:
            fail(state, action, failure, now, out)
    shape.failures = 0
