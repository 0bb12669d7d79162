"""How an accepted action begins: from the cache, behind its twin in flight, or in the queue."""

from __future__ import annotations

from heapq import heappush

from flytenb.model.tags import CACHE_AUTO, CACHE_OFF
from flytenb.rules.ending import hit
from flytenb.rules.out import Out
from flytenb.rules.placement import enqueue
from flytenb.rules.recovery import is_forced
from flytenb.rules.secrets import provide
from flytenb.rules.state import Action, State


def begin(state: State, action: Action, now: float, out: Out, *, is_begun: bool = False) -> None:
    """A new action: from the cache, behind its twin in flight, or into the queue.

    Args:
        is_begun: it ran under an engine that is gone, so that the store may know children and traces of it.
    """
    options = action.run.options
    if options.disable_cache:
        action.cache_mode = CACHE_OFF
    mode = action.cache_mode
    declaration = action.task.declaration
    if declaration.queue_timeout_s:
        heappush(state.deadlines, (now + declaration.queue_timeout_s, action.id, 1, "queue"))
    if declaration.deadline_s:
        heappush(state.deadlines, (action.accepted_at + declaration.deadline_s, action.id, 0, "deadline"))
    if action.run.id in state.watched:
        state.watched[action.run.id][action.id] = action
    may_hit = mode == CACHE_AUTO and not options.overwrite_cache and not is_forced(action)
    if may_hit:
        found = state.find_cached(action.cache_key)
        max_age_s = declaration.cache_max_age_s
        if found is not None and (not max_age_s or now - found[3] <= max_age_s):
            hit(state, action, found, now, out)
            return
    if action.shape.secrets and not provide(state, action, now, out):
        return
    if may_hit or (mode != CACHE_OFF and declaration.is_serialized):
        leader = state.in_flight.get(action.cache_key)
        if leader is not None and leader.found is not None:  # it has ended, and its row is on the way to the disk
            if may_hit:
                hit(state, action, leader.found, now, out)
                return
            del state.in_flight[action.cache_key]
            leader = None
        if leader is not None and leader is not action and not _waits_for(leader, action):
            if leader.followers is None:
                leader.followers = []
            leader.followers.append(action)
            return
    if mode != CACHE_OFF:
        state.in_flight.setdefault(action.cache_key, action)
    if is_begun:
        action.had_children = True
        out.chores.append(("load", action.id))  # enqueued when its past is here
    else:
        enqueue(state, action)


def _waits_for(leader: Action, action: Action) -> bool:
    """Whether the leader is above the action: it would wait for the one that waits for it."""
    above = action.parent
    while above is not None:
        if above is leader:
            return True
        above = above.parent
    return False
