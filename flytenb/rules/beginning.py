"""How an accepted action begins: from the cache, behind its twin in flight, or in the queue."""

from __future__ import annotations

from heapq import heappush

from flytenb.model.tags import CACHE_AUTO, CACHE_OFF
from flytenb.rules.ending import hit
from flytenb.rules.out import Out
from flytenb.rules.placement import enqueue
from flytenb.rules.secrets import provide
from flytenb.rules.state import Action, State


def begin(state: State, action: Action, now: float, out: Out) -> None:
    """A new action: from the cache, behind its twin in flight, or into the queue."""
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
    if mode == CACHE_AUTO and not options.overwrite_cache:
        found = state.find_cached(action.cache_key)
        if found is not None:
            hit(state, action, found, now, out)
            return
    if action.shape.secrets and not provide(state, action, now, out):
        return
    if mode == CACHE_AUTO and not options.overwrite_cache:
        leader = state.in_flight.get(action.cache_key)
        if leader is not None and leader is not action:
            if leader.followers is None:
                leader.followers = []
            leader.followers.append(action)
            return
    if mode != CACHE_OFF:
        state.in_flight.setdefault(action.cache_key, action)
    enqueue(state, action)
