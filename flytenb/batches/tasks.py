"""The tasks of a batch's run. They run in the process that executes the notebook, and only follow what it does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ClassVar

from flytenb.context import current_action
from flytenb.errors import RuntimeUserError
from flytenb.sdk.environment import TaskEnvironment
from flytenb.sdk.progress import progress

env = TaskEnvironment(name="batch", description="Notebooks that are executed unattended.")


class CellFailed(RuntimeUserError):
    """A cell of a batch raised; the code is the exception's own name."""


class Steps:
    """What an executing client has told of one batch, as its tasks read it. Made by the client's `Mirror`."""

    #: By the name of the batch's run.
    by_run: ClassVar[dict[str, Steps]] = {}

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop | None = None
        #: ("begin", number, source, count), ("text", stream, text), ("end", outputs), ("fail", name, words), ("over",).
        self.told: asyncio.Queue[tuple[Any, ...]] | None = None
        self.is_aborted = False
        #: Called once when somebody has stopped the run, from the thread of the tasks.
        self.on_abort: Callable[[], None] = _nothing


@env.task
async def cell(number: int, source: str, steps: str) -> str:
    """One code cell: its output goes to the action's log, the value that it shows is the action's result."""
    told = Steps.by_run[steps].told
    assert told is not None
    while True:
        kind, *values = await told.get()
        if kind == "text":
            context = current_action.get()
            if context is not None:  # not print: the text stands in the notebook, this process's own output is another
                context.port.log(values[0], values[1])
        elif kind == "fail":
            raise CellFailed(values[0], f"cell {number}: {values[0]}: {values[1]}", None)
        else:
            return str(values[0])


@env.task
async def notebook(path: str, parameters: dict[str, Any], steps: str) -> str:
    """A notebook: its code cells one after the other."""
    mine = Steps.by_run[steps]
    mine.loop, mine.told = asyncio.get_running_loop(), asyncio.Queue()
    mine_is_ready.get(steps, _nothing)()
    try:
        while True:
            kind, *values = await mine.told.get()
            if kind == "over":
                return path
            number, source, count = values
            if count:
                progress(number - 1, count, "cells")
            await cell.override(short_name=f"cell {number}").aio(number, source, steps)
    except asyncio.CancelledError:
        mine.is_aborted = True
        mine.on_abort()
        raise


#: Called when the batch of that run can be told something.
mine_is_ready: dict[str, Any] = {}


def _nothing() -> None:
    """Nobody waits for it."""
