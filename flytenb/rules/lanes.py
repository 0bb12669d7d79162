"""Slot and parking accounts of a lane.

A slot belongs to the lane: taken with its first busy action, given back with its last.
"""

from __future__ import annotations

from typing import Any

from flytenb.rules.state import Action, Lane, State


def assign(state: State, lane: Lane, action: Action) -> None:
    """The action goes to the lane, busy."""
    action.lane = lane
    action.is_parked = False
    lane.actions[action.id] = action
    _add_busy(state, lane)


def release(state: State, action: Action) -> None:
    """The action leaves its lane."""
    lane = action.lane
    if lane is None:
        return
    action.lane = None
    lane.actions.pop(action.id, None)
    if action.is_parked:
        action.is_parked = False
        lane.parked -= 1
    else:
        _drop_busy(state, lane)


def park(state: State, action: Action) -> None:
    """The action waits for children: it holds nothing meanwhile."""
    lane = action.lane
    if lane is None or action.is_parked:
        return
    action.is_parked = True
    lane.parked += 1
    _drop_busy(state, lane)


def unpark(state: State, action: Action) -> None:
    """Its last child ended: it goes on at once, even when that is one slot more than there are."""
    lane = action.lane
    if lane is None or not action.is_parked:
        return
    action.is_parked = False
    lane.parked -= 1
    _add_busy(state, lane)


def _add_busy(state: State, lane: Lane) -> None:
    lane.busy += 1
    if not lane.has_slot and lane.shape is not None:
        lane.has_slot = True
        state.capacity.take(lane.shape.cpu, lane.shape.memory_bytes)


def _drop_busy(state: State, lane: Lane) -> None:
    lane.busy -= 1
    if lane.busy == 0:
        give_slot(state, lane)


def give_slot(state: State, lane: Lane) -> None:
    """The lane's slot is free again."""
    if lane.has_slot and lane.shape is not None:
        lane.has_slot = False
        state.capacity.give(lane.shape.cpu, lane.shape.memory_bytes)


def lane_of(state: State, source: Any) -> Lane | None:
    """The lane of the link that an event came from; None when it is gone from the table."""
    lane = getattr(source, "lane", None)
    return lane if lane is not None and state.lanes.get(lane.id) is lane else None
