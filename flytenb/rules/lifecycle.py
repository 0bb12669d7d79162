"""What each event means for runs, actions and lanes.

`step` takes a whole batch: placement happens once per batch, not once per event, which is most of the engine's speed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import heappop
from typing import Any

from flytenb.model.declaration import decode_declaration
from flytenb.model.devices import GpusFound, GpusSeen
from flytenb.model.events import (
    AbortRequest,
    Declare,
    Finished,
    Forget,
    Hit,
    LaneLost,
    LaneNews,
    LanePlaced,
    LaneReady,
    Loaded,
    Log,
    Offer,
    PlacementRead,
    Progress,
    Recovered,
    Report,
    Returned,
    RunRequest,
    Started,
    Submit,
    Tick,
    Trace,
)
from flytenb.model.outcome import Failure, decode_failure, encode_failure
from flytenb.model.phases import FIRST_TERMINAL, QUEUED, RUNNING, SUCCEEDED
from flytenb.model.tags import RESOLVE, SHUTDOWN
from flytenb.rules import gpu_placement, gpu_refusals, lanes, pools
from flytenb.rules.beginning import begin
from flytenb.rules.ending import abort, end, fail, hit, note_progress, stop_body
from flytenb.rules.out import Out
from flytenb.rules.phases import move
from flytenb.rules.placement import MAX_SPAWN_FAILURES, dismiss_idle, enqueue, give_up, place, prepare
from flytenb.rules.runs import on_recovered, on_run
from flytenb.rules.secrets import expire, on_offer, provide
from flytenb.rules.state import ORPHAN, Action, Lane, Shape, State, Task

#: Times that an action may lose its worker before the engine gives up on it.
MAX_LOSSES = 3
#: Share of the slowest time that is kept when a faster one is seen.
SLOW_DECAY = 0.9


def step(state: State, events: Sequence[tuple[Any, Any]], now: float) -> Out:
    """Let (source, event) pairs happen at the time `now` (seconds since the epoch)."""
    out = Out()
    for source, event in events:
        HANDLERS[type(event)](state, source, event, now, out)
    place(state, now, out)
    for shape, words in gpu_refusals.hopeless(state, now, out):
        _refuse(shape, Failure(code="ResourceNotAvailable", message=words, is_recoverable=False), state, now, out)
    return out


def _lane_of(state: State, source: Any) -> Lane | None:
    lane = getattr(source, "lane", None)
    return lane if lane is not None and state.lanes.get(lane.id) is lane else None


def on_declare(state: State, source: Any, event: Declare, now: float, out: Out) -> None:
    if event.digest in state.tasks:
        return
    task = Task(state.next_task, event.digest, event.body, *_shaped(state, event.body))
    state.next_task += 1
    state.tasks[task.digest] = state.tasks_by_id[task.id] = task
    out.tasks.append((task.id, task.digest, task.body))


def _shaped(state: State, body: bytes) -> tuple[Any, Any]:
    declaration = decode_declaration(body)
    return declaration, state.shape_of(declaration)


def on_submit(state: State, source: Any, event: Submit, now: float, out: Out) -> None:
    parent = state.live.get(event.parent)
    if parent is None or parent.lane is None or parent.lane is not _lane_of(state, source):
        return  # the parent ended, or runs elsewhere now
    task = state.tasks[event.digest]
    parent.task.is_parent = True
    parent.had_children = True
    known = parent.known.pop((event.key, event.n), None) if parent.known else None
    orphan = parent.orphans.pop((event.key, event.n), None) if parent.orphans else None
    if orphan is not None:
        orphan.call = event.call
        _adopt(state, parent, orphan)
        return
    number = 0
    if known is not None:
        number, phase, outputs = known
        if phase == SUCCEEDED:
            # Through the journal: it may have ended a moment ago, its row still on the way to the disk.
            out.after.append((parent.lane.link, (RESOLVE, parent.id, event.call, SUCCEEDED, outputs, number)))
            return
    run = parent.run
    is_new = not number or number in state.live or (known is not None and known[1] >= FIRST_TERMINAL)
    if is_new:
        number = (run.id << 32) | run.next_index
        run.next_index += 1
        run.action_count += 1
    action = Action(number, run, task, parent, event.call, event.key, event.n, event.inputs)
    action.accepted_at = now
    action.group = event.group
    action.cache_key, action.cache_mode = event.cache_key, event.cache_mode
    state.live[number] = action
    _adopt(state, parent, action)
    if is_new:
        out.accepted.append(
            (number, parent.id, task.id, event.key, event.n, event.inputs, event.group, event.cache_key, now)
        )
    begin(state, action, now, out)


def on_hit(state: State, source: Any, event: Hit, now: float, out: Out) -> None:
    """A child call that its worker answered from the cache: an action that ended at once."""
    parent = state.live.get(event.parent)
    if parent is None or parent.lane is None or parent.lane is not _lane_of(state, source):
        return
    run = parent.run
    parent.had_children = True
    number = (run.id << 32) | run.next_index
    run.next_index += 1
    run.action_count += 1
    task = state.tasks[event.digest]
    action = Action(number, run, task, parent, 0, event.key, event.n, event.inputs)
    action.accepted_at, action.group, action.cache_key = now, event.group, event.cache_key
    state.live[number] = action
    out.accepted.append(
        (number, parent.id, task.id, event.key, event.n, event.inputs, event.group, event.cache_key, now)
    )
    hit(state, action, (number, event.outputs, event.saved_s, now), now, out)


def _adopt(state: State, parent: Action, child: Action) -> None:
    if parent.children is None:
        parent.children = {}
    parent.children[child.id] = child
    lanes.park(state, parent)


def on_finished(state: State, source: Any, event: Finished, now: float, out: Out) -> None:
    lane = _lane_of(state, source)
    if lane is None:
        return
    lane.progress_at = now
    if lane.zombies.pop(event.action, None) is not None:
        _settle(state, lane, now, out)
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
        if failure.code == "Aborted":
            abort(state, action, failure.message, now, out)
        else:
            attempt_failed(state, action, failure, now, out)
    _settle(state, lane, now, out)


def _settle(state: State, lane: Lane, now: float, out: Out) -> None:
    """A lane that has nothing left: remember since when; a strict one has done its one action."""
    if lane.actions or lane.zombies:
        return
    lane.idle_since = now
    lane.is_recalled = False
    if lane.is_used:
        pools.dismiss(lane, "it was made for one action", out)


def attempt_failed(state: State, action: Action, failure: Failure, now: float, out: Out) -> None:
    """Another attempt if the user's retries allow one, else the end."""
    declaration = action.task.declaration
    if failure.is_recoverable and action.tries <= declaration.retries:
        delay_s = min(
            declaration.backoff_base_s * declaration.backoff_factor ** (action.tries - 1),
            declaration.backoff_cap_s or float("inf"),
        )
        action.tries += 1
        again(state, action, "retry", failure, now + delay_s if delay_s else 0.0, now, out)
    else:
        fail(state, action, failure, now, out)


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
    if not action.shape.secrets or provide(state, action, now, out):
        enqueue(state, action, first=True)


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


def on_forget(state: State, source: Any, event: Forget, now: float, out: Out) -> None:
    parent = state.live.get(event.parent)
    for child in list((parent.children or {}).values() if parent is not None else ()):
        if child.call == event.call:
            abort(state, child, "its parent no longer waits for it", now, out)


def on_returned(state: State, source: Any, event: Returned, now: float, out: Out) -> None:
    lane = _lane_of(state, source)
    if lane is None:
        return
    lane.is_recalled = False
    for number in reversed(event.actions):
        action = state.live.get(number)
        if action is not None and action.lane is lane:
            move(action, "return")
            lanes.release(state, action)
            enqueue(state, action, first=True)


def on_started(state: State, source: Any, event: Started, now: float, out: Out) -> None:
    action = state.live.get(event.action)
    if action is not None and action.attempt == event.attempt:
        action.started_at = event.time
        if action.run.id in state.watched:
            state.watched[action.run.id][action.id] = action


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
        lane.shape.spawning = max(0, lane.shape.spawning - 1)
        lane.shape.failures = 0
        lane.shape.is_trusted = True
        prepare(lane, out)
    for shape in state.shapes.values():
        if shape.queue:
            state.waiting[id(shape)] = shape


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
            if event.cause != "killed":
                shape.failures += 1
                shape.is_trusted = False
            if event.cause == "refused":
                _refuse(shape, Failure(code=event.code, message=event.detail, is_recoverable=False), state, now, out)
            elif shape.failures >= MAX_SPAWN_FAILURES:
                _refuse(shape, _no_worker(shape, event), state, now, out)
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
            fail(state, action, _worker_lost(action, event), now, out)
        else:
            again(state, action, "lose", _worker_lost(action, event), 0.0, now, out)
    lanes.give_slot(state, lane)
    for run in state.runs.values():
        run.waiters = [waiter for waiter in run.waiters if waiter is not lane.link]


def _no_worker(shape: Shape, event: LaneLost) -> Failure:
    message = (
        f"no worker starts with {shape.launch.python}: {event.detail or event.cause}; "
        "check that this interpreter can import flytenb, then run again"
    )
    return Failure(code="WorkerStartError", kind="system", message=message, is_recoverable=False)


def _refuse(shape: Shape, failure: Failure, state: State, now: float, out: Out) -> None:
    """Nothing that waits for a worker of this kind can run."""
    while shape.queue:
        action = shape.queue.popleft()
        if action.phase == QUEUED:
            fail(state, action, failure, now, out)
    shape.failures = 0


def on_lane_placed(state: State, source: Any, event: LanePlaced, now: float, out: Out) -> None:
    number = state.placements.get(event.digest)
    if number is None:
        number = state.placements[event.digest] = len(state.placements) + 1
        out.placements.append((number, event.digest, event.body))
    lane = state.lanes.get(event.lane)
    if lane is not None:
        lane.placement, lane.news, lane.executor, lane.is_single = number, "", event.executor, event.is_single
        if lane.shape is not None and lane.shape.reuse is None:
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
    give_up(lane.shape, out)
    for action in lane.shape.queue:
        if action.run.id in state.watched:
            state.watched[action.run.id][action.id] = action


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


def on_abort(state: State, source: Any, event: AbortRequest, now: float, out: Out) -> None:
    action = state.live.get(event.action)
    if action is not None:
        abort(state, action, event.reason, now, out)


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
                out.chores.append(("kill", lane.id, "an aborted action did not stop in time"))
    dismiss_idle(state, now, out)
    gpu_placement.dismiss_idle(state, now, out)


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
    elif kind == "queue" and action.phase == QUEUED and action.attempt == attempt:
        failure = Failure(
            code="MaxQueuedTimeExceededError",
            message=f"task {declaration.name!r} waited longer than {declaration.queue_timeout_s:g} s for a worker",
        )
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


HANDLERS: dict[type, Callable[[State, Any, Any, float, Out], None]] = {
    Declare: on_declare,
    Submit: on_submit,
    Hit: on_hit,
    Finished: on_finished,
    Log: on_log,
    Trace: on_trace,
    Report: on_report,
    Progress: on_progress,
    Forget: on_forget,
    Returned: on_returned,
    Started: on_started,
    RunRequest: on_run,
    Offer: on_offer,
    Recovered: on_recovered,
    LaneReady: on_lane_ready,
    LaneLost: on_lane_lost,
    LanePlaced: on_lane_placed,
    PlacementRead: on_placement_read,
    LaneNews: on_lane_news,
    Loaded: on_loaded,
    AbortRequest: on_abort,
    Tick: on_tick,
    GpusFound: gpu_placement.on_gpus_found,
    GpusSeen: gpu_placement.on_gpus_seen,
}
