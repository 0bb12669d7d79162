"""Workers that lived on while their engine did not: which of their actions go on, and where these stand in their runs.

The journal has the last word. An action goes on where it is if it is accepted there, has not ended, and no later
attempt of it is known; all else the worker is told to drop. What nobody holds runs again, also above what is held.
"""

from __future__ import annotations

from heapq import heappush
from typing import Any

import msgspec

from flytenb.model.declaration import Launch
from flytenb.model.events import Comeback, LaneCut, LaneFacts, Recovered, Rejoined, ReturnedLane, StoredAction
from flytenb.model.phases import QUEUED, RUNNING
from flytenb.model.tags import ADOPT, CACHE_AUTO, HELD_BEGUN, HELD_QUEUED, KEEP, SHUTDOWN
from flytenb.rules import gpu_placement, lanes
from flytenb.rules.out import Out
from flytenb.rules.phases import move
from flytenb.rules.placement import enqueue, tell_secrets
from flytenb.rules.runs import recovered_root
from flytenb.rules.secrets import lack_of
from flytenb.rules.state import ORPHAN, Action, Lane, State

_encode = msgspec.msgpack.Encoder().encode
#: What such a worker was told of secrets is not known any more: it gets them anew when it is empty.
_UNKNOWN = (("", "", "", b""),)

#: action → (the worker that holds it, attempt, state, seconds)
Claims = dict[int, tuple[ReturnedLane, int, int, float]]


def facts_of(lane: Lane) -> tuple[int, bytes]:
    """The message that has a worker keep what a later engine asks."""
    return (KEEP, _encode(LaneFacts(lane.placement, lane.executor, lane.is_single, lane.gpus)))


def on_comeback(state: State, source: Any, event: Comeback, now: float, out: Out) -> None:
    """All unfinished runs, with the workers that came back to go on with them."""
    stored = {action.id: action for action in event.actions}
    claims = _claims(event.lanes, stored)
    for run in event.runs:
        _take_up(state, run, run.run << 32 in claims, now, out)
    for action in event.actions:
        _revive(state, action, claims.get(action.id), now, out)
    for returned in event.lanes:
        _answer(state, returned, stored, out)


def _claims(returned: list[ReturnedLane], stored: dict[int, StoredAction]) -> Claims:
    """Who goes on with what: of two workers with one action the one with the later attempt."""
    claims: Claims = {}
    for lane in returned:
        for number, attempt, held, seconds in lane.held:
            known = stored.get(number)
            if known is None or attempt <= known.attempts:
                continue
            if number not in claims or claims[number][1] < attempt:
                claims[number] = (lane, attempt, held, seconds)
    return claims


def _take_up(state: State, event: Recovered, is_held: bool, now: float, out: Out) -> None:
    root = recovered_root(state, event)
    if not is_held:
        out.chores.append(("load", root.id))


def _revive(
    state: State, stored: StoredAction, claim: tuple[ReturnedLane, int, int, float] | None, now: float, out: Out
) -> None:
    state.uncalled.pop(stored.id, None)
    action = state.live.get(stored.id)  # a root
    if action is None:
        parent = state.live.get(stored.parent)
        if parent is None:
            return
        action = Action(
            stored.id, parent.run, state.tasks_by_id[stored.task], parent, ORPHAN, stored.key, stored.n, stored.inputs
        )
        action.accepted_at, action.group = stored.accepted_at, stored.group
        if stored.cache_key:
            action.cache_key, action.cache_mode = stored.cache_key, CACHE_AUTO
            state.in_flight.setdefault(action.cache_key, action)
        action.attempt = stored.attempts + 2  # one more may have been under way
        state.live[action.id] = action
        if parent.orphans is None:
            parent.orphans = {}
        parent.orphans[(action.key, action.n)] = action
    action.had_children = True
    action.tries, action.losses = stored.retries + 1, stored.losses
    if claim is None:
        if action.parent is not None:  # nobody holds it, but something below it goes on
            out.chores.append(("load", action.id))
        return
    returned, attempt, held, seconds = claim
    action.attempt = attempt
    lane = _lane_of(state, returned, action, out)
    action.known, action.is_adopted = _known(stored), not stored.attempts
    move(action, "place")
    lanes.assign(state, lane, action)
    action.started_at = now - seconds if held != HELD_QUEUED else now
    timeout_s = action.task.declaration.timeout_s
    if timeout_s:
        heappush(state.deadlines, (action.started_at + timeout_s, action.id, attempt, "run"))
    deadline_s = action.task.declaration.deadline_s
    if deadline_s:
        heappush(state.deadlines, (action.accepted_at + deadline_s, action.id, 0, "deadline"))
    if action.run.id in state.watched:
        state.watched[action.run.id][action.id] = action


def _known(stored: StoredAction) -> dict[tuple[bytes, int], tuple[int, int, bytes]] | None:
    return {(key, n): (number, phase, outputs) for number, key, n, phase, outputs in stored.children} or None


def _lane_of(state: State, returned: ReturnedLane, action: Action, out: Out) -> Lane:
    """The worker's lane, made with the first action that goes on there."""
    if action.shape.gpus and action.shape.family is None and not action.shape.hosts:
        action.shape = gpu_placement.family_shape(state, action)
    lane = state.lanes.get(returned.lane)
    if lane is not None:
        return lane
    facts, shape = returned.facts, action.shape
    lane = state.lanes[returned.lane] = shape.lanes[returned.lane] = Lane(returned.lane, shape, returned.link)
    returned.link.lane = lane
    lane.pid, lane.placement, lane.executor = returned.pid, facts.placement, facts.executor
    if shape.secrets:
        lack = lack_of(state, action.run, shape, action.task.declaration.environment)
        lane.secrets = _UNKNOWN if lack else action.run.bundles[shape]
    lane.is_single = lane.is_used = facts.is_single
    if facts.gpus:
        state.capacity.gpus.take(lane, facts.gpus)
    if not shape.is_plain:
        state.kept[id(shape)] = shape
    launch: Launch = shape.launch
    out.chores.append(("adopt", lane.id, launch, shape.grant(facts.gpus), returned.pid, facts.executor))
    return lane


def _answer(state: State, returned: ReturnedLane, stored: dict[int, StoredAction], out: Out) -> None:
    lane = state.lanes.get(returned.lane)
    kept = [] if lane is None else [(number, stored[number].logged_until) for number in lane.actions]
    out.before.append((returned.link, (ADOPT, kept)))
    if lane is None:
        out.before.append((returned.link, (SHUTDOWN, "nothing of what it holds is wanted any more")))
        return
    if any(held == HELD_BEGUN and number not in lane.actions for number, _, held, _ in returned.held):
        lane.is_used = True  # what it drops may run on for a while: it gets nothing new
    out.before.append((returned.link, facts_of(lane)))
    bundle, lane.secrets = lane.secrets, ()
    if bundle is _UNKNOWN:
        lane.secrets = bundle
    else:
        tell_secrets(lane, bundle, out)


def on_lane_cut(state: State, source: Any, event: LaneCut, now: float, out: Out) -> None:
    """A worker's connection closed, and it may make a new one: what ends meanwhile is kept for its parents there."""
    lane = state.lanes.get(event.lane)
    if lane is None or lane.link is not source:
        return
    lane.is_cut = True
    for action in lane.actions.values():
        for child in (action.children or {}).values():
            child.call = ORPHAN
            if action.orphans is None:
                action.orphans = {}
            action.orphans[(child.key, child.n)] = child
        action.children = None
        lanes.unpark(state, action)


def on_rejoined(state: State, source: Any, event: Rejoined, now: float, out: Out) -> None:
    """The connection broke, and neither side ended: what did not arrive is sent again, or placed again."""
    lane = state.lanes.get(event.lane)
    if lane is None:
        out.before += [(source, (ADOPT, [])), (source, (SHUTDOWN, "its actions run elsewhere by now"))]
        return
    if lane.link is not None and lane.link is not source:
        lane.link.lane = None
    lane.is_cut = False
    lane.link, lane.pid, source.lane = source, event.pid, lane
    lane.defined, lane.informed, lane.is_recalled = set(), set(), False
    held = {(number, attempt) for number, attempt, *_ in event.held}
    begun = {number for number, _, state_, _ in event.held if state_ == HELD_BEGUN}
    stored = {action.id: action for action in event.actions}
    kept = []
    for number, action in reversed(list(lane.actions.items())):
        if (number, action.attempt) in held:
            here = stored.get(number)
            kept.append((number, here.logged_until if here is not None else 0.0))
            if here is not None:
                action.known = {**(_known(here) or {}), **(action.known or {})} or None
                action.is_adopted = not here.attempts
        elif action.phase == RUNNING:  # sent, and lost on the way
            move(action, "return")
            lanes.release(state, action)
            enqueue(state, action, first=True)
    bundle, lane.secrets = lane.secrets, ()
    lane.zombies = {number: moment for number, moment in lane.zombies.items() if number in begun}
    out.before.append((source, (ADOPT, kept)))
    tell_secrets(lane, bundle, out)
    if any(number not in lane.actions for number in begun):
        lane.is_used = True
    if lane.is_closing or (lane.is_used and not lane.actions):
        lane.is_closing = True
        out.before.append((source, (SHUTDOWN, "it is not needed any more")))
    for shape in state.shapes.values():
        if shape.queue and any(action.phase == QUEUED for action in shape.queue):
            state.waiting[id(shape)] = shape
