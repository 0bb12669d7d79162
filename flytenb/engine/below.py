"""Runs that an action has started as its children: what it is part of shows their actions as its own.

Such a run keeps its name and its own actions `a0` …; in the run above, its action `a2` is called `NAME:a2`, and its
root is a child of the action that started it. A cell may end before the runs that it started, so that a parent's end
does not end them; a person who stops it stops them too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from flytenb.model.ids import action_index, action_name, run_of
from flytenb.model.snapshot import ActionRow, TraceRow
from flytenb.rules.state import State


class Below(NamedTuple):
    """A run below an action."""

    number: int
    name: str
    #: The action that started it.
    parent: int


class Graft:
    """Names of actions as they are in the run at the top.

    Args:
        top: number of that run.
        below: all below it.
    """

    def __init__(self, top: int, below: Iterable[Below]) -> None:
        self.top = top
        self.runs = {one.number: one for one in below}

    def name(self, action: int) -> str:
        """What an action is called."""
        own = action_name(action)
        run = self.runs.get(run_of(action))
        return own if run is None else f"{run.name}:{own}"

    def action(self, row: ActionRow) -> ActionRow:
        """An action of a run below."""
        name, parent = self.names(row.id)
        parent = parent or f"{self.runs[run_of(row.id)].name}:{row.parent}"
        return msgspec.structs.replace(row, name=name, parent=parent)

    def names(self, action: int, parent: int = 0) -> tuple[str, str]:
        """Of an action of a run below, and of its parent, "" when that is not said."""
        above = parent if action_index(action) else self.runs[run_of(action)].parent
        return self.name(action), self.name(above) if above else ""

    def trace(self, row: TraceRow, run: int) -> TraceRow:
        """A traced call of an action of a run below."""
        return msgspec.structs.replace(row, action=f"{self.runs[run].name}:{row.action}")


def live_below(state: State, number: int) -> list[int]:
    """Roots of the live runs below an action, at any depth; they may outlive it."""
    found: list[int] = []
    above = {number}
    while above:
        roots = [
            run.id << 32
            for run in state.runs.values()
            if run.below and run.id << 32 not in found and any(_is_in(state, run.below, one) for one in above)
        ]
        found += roots
        above = set(roots)
    return found


def _is_in(state: State, action: int, top: int) -> bool:
    """Whether an action is another one or below it; of a root, whether it is of that run."""
    if not action_index(top):
        return run_of(action) == run_of(top)
    if action == top:
        return True
    live = state.live.get(action)
    while live is not None:
        if live.id == top:
            return True
        live = live.parent
    return False
