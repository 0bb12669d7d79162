"""Aborts at the engine's desk: what is meant by a run, an action or a group, and whether it still goes on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec

from flytenb.engine.below import live_below
from flytenb.engine.refused import QueryError
from flytenb.model.events import AbortRequest
from flytenb.model.ids import action_name
from flytenb.model.phases import FIRST_TERMINAL, ActionPhase

if TYPE_CHECKING:
    from flytenb.engine.core import Engine
    from flytenb.rules.state import Action


class Stopped(msgspec.Struct, frozen=True, kw_only=True):
    """What an abort found."""

    #: Actions that are stopped, without those below them.
    count: int
    #: Of a run or an action that had ended: how.
    phase: str = ""


class AbortDesk:
    """Aborts of one engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def abort(
        self, run: tuple[Any, ...], number: int, group: str, reason: str, *, is_alone: bool = False
    ) -> Stopped:
        """Stop an action (a run's root: the run), or those of a group, with all below: runs too, unless `is_alone`.

        Raises:
            QueryError: the run has no such action or group.
        """
        await self._engine.returning.settled()  # what a new engine finds unfinished is in nobody's hands until then
        if group:
            return await self._group(run, group, reason)
        return await self._action(run, number, reason, [] if is_alone else live_below(self._engine.state, number))

    async def _action(self, run: tuple[Any, ...], number: int, reason: str, below: list[int]) -> Stopped:
        engine = self._engine
        if number in engine.state.live:
            await self._happen([AbortRequest(one, reason) for one in (*below, number)])
            return Stopped(count=1)
        if below:  # runs that outlived it
            await self._happen([AbortRequest(one, reason) for one in below])
            return Stopped(count=len(below))
        await engine.committed()  # its end may be on the way to the disk
        row = await asyncio.to_thread(engine.reader.action, number)
        if row is None:
            raise QueryError("ActionNotFound", f"run {run[1]!r} has no action {action_name(number)!r}")
        if row[3] >= FIRST_TERMINAL:
            return Stopped(count=0, phase=ActionPhase.of(row[3]).value)
        # A recovered run has not come to it again: when it does, it finds it aborted.
        declaration = engine.state.tasks_by_id[row[2]].declaration
        what = f"condition {declaration.short_name!r}" if declaration.condition else f"task {declaration.name!r}"
        await self._happen([AbortRequest(number, reason, what)])
        return Stopped(count=1)

    async def _happen(self, events: list[AbortRequest]) -> None:
        """Who is told of an abort has it on disk."""
        for event in events:
            self._engine.happen(event)
        await asyncio.sleep(0)  # the turn that hears them
        await self._engine.committed()

    async def _group(self, run: tuple[Any, ...], group: str, reason: str) -> Stopped:
        engine = self._engine
        live = [action for action in engine.state.live.values() if action.run.id == run[0]]
        members = [action for action in live if action.group == group and not _is_below(action, group)]
        stopped = [one for action in members for one in (*live_below(engine.state, action.id), action.id)]
        await self._happen([AbortRequest(one, reason) for one in stopped])
        if members:
            return Stopped(count=len(members))
        groups = await asyncio.to_thread(engine.reader.groups, run[0])
        if group in groups:
            return Stopped(count=0)
        there = ", ".join(repr(name) for name in groups[:8]) or "none"
        raise QueryError("GroupNotFound", f"run {run[1]!r} has no group {group!r}; it has: {there}")


def _is_below(action: Action, group: str) -> bool:
    """Whether an action above it is of the same group: it ends with that."""
    above = action.parent
    while above is not None:
        if above.group == group:
            return True
        above = above.parent
    return False
