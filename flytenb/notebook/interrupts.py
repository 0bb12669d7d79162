"""■ in a notebook: the cell ends at once with one line; a second ■ within three seconds cancels the run.

The second one comes when the kernel is idle and ignores interrupts, so a handler stands in for that long.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from typing import Any

from flytenb.client import interrupts
from flytenb.client.interrupts import REASON, UNWATCHED_REASON, WINDOW_S, Waiting

#: An interrupt explains a cancelled task for this long.
_NOTED_S = 1.0
#: Seconds between looks whether the kernel has put its own handler back.
_LOOK_S = 0.02


class KernelInterrupts:
    """The interrupts of one kernel. Everything runs in the main thread."""

    def __init__(self) -> None:
        #: Nobody watches: one interrupt cancels.
        self.is_headless = False
        self._task: asyncio.Task[Any] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._noted_at = 0.0
        self._detached: list[Waiting] = []
        self._until = 0.0
        self._is_running = False
        self._previous: Any = None

    # ---- cells --------------------------------------------------------------------------------------------------
    def begin_cell(self, *, is_headless: bool) -> None:
        """A cell begins; one with a top-level await is cancelled by ■, which has to be told from other cancels."""
        self.is_headless, self._is_running, self._task = is_headless, True, None
        self._detached.clear()
        if threading.current_thread() is not threading.main_thread():
            return
        try:
            self._loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        handler = signal.getsignal(signal.SIGINT)
        if handler is signal.default_int_handler or handler == self._on_second or not callable(handler):
            return
        self._task = asyncio.current_task()

        def noting(number: int, frame: Any) -> None:
            self._noted_at = time.monotonic()
            handler(number, frame)

        signal.signal(signal.SIGINT, noting)  # the kernel puts the one from before back when the cell ends

    def end_cell(self) -> None:
        """A cell has ended: from now on the next interrupt is the second one."""
        self._is_running, self._task = False, None
        if self._detached and self._loop is not None:
            self._until = time.monotonic() + WINDOW_S
            self._stand_in()

    # ---- client.interrupts.Surface ------------------------------------------------------------------------------
    def detach(self, run: Waiting) -> str:
        if self.is_headless:
            run.abort(UNWATCHED_REASON)
            return f"run {run.name} is being cancelled: it was {UNWATCHED_REASON}"
        self._detached.append(run)
        return (
            f"run {run.name} goes on in the background; interrupt again within {WINDOW_S:g} s to cancel it, "
            f"or `%flyte_show {run.name}`"
        )

    def shows_runs(self) -> bool:
        return not self.is_headless

    def was_interrupted(self) -> bool:
        return time.monotonic() - self._noted_at < _NOTED_S

    def is_own_task(self) -> bool:
        with contextlib.suppress(RuntimeError):
            return self._task is not None and asyncio.current_task() is self._task
        return False

    # ---- the second one -----------------------------------------------------------------------------------------
    def _stand_in(self) -> None:
        loop = self._loop
        assert loop is not None
        now = signal.getsignal(signal.SIGINT)
        if time.monotonic() > self._until:
            if now == self._on_second:
                signal.signal(signal.SIGINT, self._previous)
            return
        if not self._is_running and now != self._on_second:
            self._previous = signal.signal(signal.SIGINT, self._on_second)
        loop.call_later(_LOOK_S, self._stand_in)

    def _on_second(self, number: int, frame: Any) -> None:
        if time.monotonic() <= self._until and self._detached and self._loop is not None:
            self._loop.call_soon_threadsafe(self._cancel)  # not here: what was interrupted may hold a lock
        elif callable(self._previous):
            self._previous(number, frame)

    def _cancel(self) -> None:
        runs = list(self._detached)
        self._detached.clear()
        self._until = 0.0
        for run in runs:
            run.abort(REASON)
            print(f"run {run.name} is being cancelled")

    # ---- life ---------------------------------------------------------------------------------------------------
    def install(self) -> None:
        """From now on waits of this kernel are interrupted so."""
        with contextlib.suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()
        interrupts.surface = self

    def remove(self) -> None:
        """No more."""
        self._until = 0.0
        if interrupts.surface is self:
            interrupts.surface = interrupts.Terminal()
