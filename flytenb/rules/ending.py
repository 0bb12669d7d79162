"""How an action ends, and what that means for its parent, its children, its twins and its run."""

from __future__ import annotations

from typing import Any

from flytenb.model.events import AbortRequest
from flytenb.model.outcome import Failure, encode_failure
from flytenb.model.phases import ABORTED, FAILURES, FIRST_TERMINAL, RUNNING, SUCCEEDED
from flytenb.model.tags import CACHE_AUTO, CACHE_OFF, CANCEL, ENDED, RESOLVE
from flytenb.rules import lanes, pools
from flytenb.rules.out import Out
from flytenb.rules.phases import move
from flytenb.rules.placement import enqueue
from flytenb.rules.state import ORPHAN, Action, CacheHit, State

#: Seconds between asking a body to stop and killing its worker.
GRACE_S = 5.0


def end(
    state: State, action: Action, event: str, payload: bytes, now: float, out: Out, *, cached: CacheHit | None = None
) -> None:
    """The action is over: row, parent, children, twins, run."""
    move(action, event)
    phase = action.phase
    lane = action.lane
    placement = lane.placement if lane is not None else 0
    lanes.release(state, action)
    del state.live[action.id]
    if state.paused:
        state.paused.pop(action.id, None)
    for child in [*(action.children or {}).values(), *(action.orphans or {}).values()]:
        abort(state, child, "its parent ended", now, out, silent=True)
    run = action.run
    if action.progress is not None:
        said, at = action.progress
        out.progress.append((action.id, said.done, said.total, said.text, said.elapsed_s, at))
        note_progress(action, now, out)
    if phase in FAILURES:
        run.failed_count += 1
        action.failure = payload
    if cached is not None:
        run.cached_count += 1
        action.saved_s = cached[2]
    started_at = action.started_at or now
    action.ended_at = now
    saved_s = cached[2] if cached else None
    out.ended.append((phase, bytearray(payload), started_at, now, action.attempt, saved_s, placement, action.id))
    if action.cache_mode != CACHE_OFF:
        _end_cached(state, action, payload, started_at, now, out, is_hit=cached is not None)
    if run.id in state.watched:
        state.watched[run.id][action.id] = action
    parent = action.parent
    if parent is None:
        _end_run(state, action, payload, now, out)
        return
    if action.call == ORPHAN:
        if parent.orphans is not None and parent.orphans.pop((action.key, action.n), None) is not None:
            parent.known = parent.known or {}
            parent.known[(action.key, action.n)] = (action.id, phase, payload)
        return
    known = parent.children is not None and parent.children.pop(action.id, None) is not None
    if known and parent.lane is not None:
        out.after.append((parent.lane.link, (RESOLVE, parent.id, action.call, phase, payload, action.id)))
        if not parent.children:
            lanes.unpark(state, parent)


def _end_cached(
    state: State, action: Action, payload: bytes, started_at: float, now: float, out: Out, *, is_hit: bool
) -> None:
    succeeded = action.phase == SUCCEEDED
    if succeeded and not is_hit:
        out.cached.append((action.cache_key, action.id, payload, now - started_at, now))
    if state.in_flight.get(action.cache_key) is not action:
        return
    followers = action.followers or []
    if succeeded:
        waiting: list[Action] = []
        # The twin stays known until its row is on disk, where every later call looks.
        out.chores.append(("release", action.cache_key, action))
        action.found = (action.id, payload, now - started_at, now)
        for follower in followers:
            if follower.id in state.live:
                if _must_run(follower):
                    waiting.append(follower)
                else:
                    hit(state, follower, (action.id, payload, now - started_at, now), now, out)
        action.followers = None
        _lead(state, action, waiting)
        return
    del state.in_flight[action.cache_key]
    _lead(state, action, [follower for follower in followers if follower.id in state.live])


def _must_run(follower: Action) -> bool:
    """Whether it waits for its turn, not for the result."""
    return follower.cache_mode != CACHE_AUTO or follower.run.options.overwrite_cache


def _lead(state: State, former: Action, waiting: list[Action]) -> None:
    """The first of those who wait runs now, the others wait for it."""
    if waiting:
        leader, *rest = waiting
        leader.followers = rest
        state.in_flight[former.cache_key] = leader
        enqueue(state, leader)


def note_progress(action: Action, now: float, out: Out) -> None:
    """How far a body was that did not reach its end stays in its log."""
    said, _ = action.progress or (None, 0.0)
    if said is None or action.phase == SUCCEEDED:
        return
    done = f"{said.done:g}" + (f" of {said.total:g}" if said.total else "")
    text = f"it was at {done}" + (f": {said.text}" if said.text else "")
    out.logs.append((action.id, action.attempt, "progress", now, text + "\n"))


def hit(state: State, action: Action, found: CacheHit, now: float, out: Out) -> None:
    """The result exists: the action ends without running."""
    action.started_at = now
    end(state, action, "hit", found[1], now, out, cached=found)


def fail(state: State, action: Action, failure: Failure, now: float, out: Out, *, event: str = "fail") -> None:
    """The action is over and failed (or timed out)."""
    if event == "time out":
        stop_body(action, failure.message, now, out)
    end(state, action, event, encode_failure(failure), now, out)


def on_abort(state: State, source: Any, event: AbortRequest, now: float, out: Out) -> None:
    """A person stops an action: now, or before a recovered run calls it again."""
    action = state.live.get(event.action)
    if action is not None:
        abort(state, action, event.reason, now, out, is_wanted=True)
        return
    began_at = state.uncalled.pop(event.action, None) or state.unasked.pop(event.action, None)
    if began_at is not None:
        payload = encode_failure(_aborted(event.what, event.reason, is_wanted=True))
        state.early[event.action] = (ABORTED, payload)
        out.ended.append((ABORTED, bytearray(payload), began_at, now, 1, None, 0, event.action))


def abort(
    state: State,
    action: Action,
    reason: str,
    now: float,
    out: Out,
    *,
    silent: bool = False,
    is_wanted: bool = False,
) -> None:
    """Stop the action and all below it.

    `silent`: its parent is gone or runs again, nobody is told. `is_wanted`: by a person, so that a parent that runs
    again sees the same.
    """
    if action.phase >= FIRST_TERMINAL:
        return
    stop_body(action, reason, now, out)
    parent = action.parent
    if silent and parent is not None:
        (parent.children or {}).pop(action.id, None)
        (parent.orphans or {}).pop((action.key, action.n), None)
    declaration = action.task.declaration
    what = (
        f"task {declaration.name!r}" if declaration.condition is None else f"condition {declaration.condition.name!r}"
    )
    failure = _aborted(what, reason, is_wanted=is_wanted)
    end(state, action, "abort", encode_failure(failure), now, out)


def _aborted(what: str, reason: str, *, is_wanted: bool) -> Failure:
    return Failure(
        code="ActionAbortedError",
        message=f"{what} was aborted: {reason}",
        is_recoverable=False,
        is_wanted=is_wanted,
    )


def stop_body(action: Action, reason: str, now: float, out: Out) -> None:
    """Ask the body, which may still run in its worker, to stop; after `GRACE_S` the worker is killed."""
    lane = action.lane
    if action.phase == RUNNING and lane is not None and lane.link is not None:
        lane.zombies[action.id] = now + GRACE_S
        out.before.append((lane.link, (CANCEL, action.id, action.attempt, reason)))


def _end_run(state: State, root: Action, payload: bytes, now: float, out: Out) -> None:
    run = root.run
    out.run_ends.append((root.phase, now, run.action_count, run.failed_count, run.cached_count, run.id))
    for waiter in run.waiters:
        out.after.append((waiter, (ENDED, run.name, root.phase, payload)))
    state.runs.pop(run.name, None)
    for table in (state.early, state.unasked, state.uncalled):
        for number in [number for number in table if number >> 32 == run.id] if table else ():
            del table[number]
    pools.close(run, out)
