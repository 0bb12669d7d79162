"""Waiting in a blocking way, wherever the caller stands.

Public scripts write `for x in flyte.map(...)` in async bodies too. There the waiting code sits on the very loop that
has to deliver the results. `Stepper` therefore chooses: without a running loop a private one; on a running loop it
lets that loop go on from inside (only while waiting); where neither is possible it says what to write.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, TypeVar

from flytenb.errors import SyncTaskCallInAsyncContextError

T = TypeVar("T")


def _nothing() -> None:
    """Fills the place of a callback that ran already."""


def run_nested(coro: Coroutine[Any, Any, T], instead: str) -> T:
    """Run a coroutine to its end on the loop that is running in this thread, from inside one of its callbacks.

    Raises:
        SyncTaskCallInAsyncContextError: this kind of loop cannot go on from inside; `instead` is what to write.
    """
    loop = asyncio.get_running_loop()
    once: Callable[[], None] | None = getattr(loop, "_run_once", None)
    ready = getattr(loop, "_ready", None)
    if once is None or ready is None:
        coro.close()
        raise SyncTaskCallInAsyncContextError(f"this blocks the event loop; write {instead}")
    task: asyncio.Task[T] = loop.create_task(coro)
    outer = asyncio.current_task(loop)
    # The loop will take as many callbacks as it counted before it came to us: leave it at least so many.
    counted = len(ready)
    if outer is not None:
        asyncio.tasks._leave_task(loop, outer)
    try:
        while not task.done():
            once()
    finally:
        if outer is not None:
            asyncio.tasks._enter_task(loop, outer)
        while len(ready) < counted:
            loop.call_soon(_nothing)
    return task.result()


class Stepper:
    """Runs coroutines one after another from blocking code; a context manager.

    Args:
        is_in_action: whether results come through the loop that runs in this thread.
        instead: what to write when it cannot be done, for the error.
    """

    def __init__(self, is_in_action: bool, instead: str) -> None:
        self._is_in_action, self._instead = is_in_action, instead
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._is_nested = False

    def __enter__(self) -> Stepper:
        is_running = asyncio._get_running_loop() is not None
        self._is_nested = is_running and self._is_in_action
        if not self._is_nested:
            self._loop = asyncio.new_event_loop()
            if is_running:  # a notebook cell outside any action: the loop must rest, a thread does the work
                self._thread = ThreadPoolExecutor(1, "flytenb-map")
        return self

    def step(self, coro: Coroutine[Any, Any, T]) -> T:
        """The coroutine's result."""
        if self._is_nested:
            return run_nested(coro, self._instead)
        if self._loop is None:
            raise RuntimeError("Stepper is used outside its `with`")
        if self._thread is None:
            return self._loop.run_until_complete(coro)
        context = contextvars.copy_context()
        return self._thread.submit(context.run, self._loop.run_until_complete, coro).result()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._thread is not None:
            self._thread.shutdown()
        if self._loop is not None:
            self._loop.close()
