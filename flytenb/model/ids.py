"""Identity of runs and actions.

An action id is one integer: the run's number in the high bits, the action's index inside its run in the low 32.
So all rows of a run lie together in the store, and nothing in a run's path needs another run's rows.
What makes a child the *same* child when its parent runs again is not the id but `(parent, call key, n)`.
"""

from __future__ import annotations

from typing import NewType

RunId = NewType("RunId", int)
ActionId = NewType("ActionId", int)

_INDEX_BITS = 32
_INDEX_MASK = (1 << _INDEX_BITS) - 1


def action_id(run: RunId, index: int) -> ActionId:
    """The id of action number `index` (0 is the root) of a run."""
    return ActionId((run << _INDEX_BITS) | index)


def run_of(action: int) -> RunId:
    """The run that an action belongs to."""
    return RunId(action >> _INDEX_BITS)


def action_index(action: int) -> int:
    """The action's number inside its run."""
    return action & _INDEX_MASK


def action_name(action: int) -> str:
    """What a person calls it: `a0` is the root."""
    return f"a{action & _INDEX_MASK}"


def parse_action_name(run: RunId, name: str) -> ActionId:
    """The id behind `a17` in a run.

    Raises:
        ValueError: the text is not the letter a and a number.
    """
    if len(name) < 2 or name[0] != "a" or not name[1:].isdigit():
        raise ValueError(f"{name!r} is not the name of an action: write a0, a1, a2 …")
    return action_id(run, int(name[1:]))
