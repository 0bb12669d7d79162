"""Interrupts of a wait: the first leaves the run to go on and says so, a second one within three seconds cancels it.

Where nobody can press twice (a notebook that a program executes, a script without a terminal), one interrupt cancels:
nobody would look after the run. The engine and its workers are in sessions of their own and never hear the signal.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import Any, Protocol

#: Seconds in which a second interrupt cancels.
WINDOW_S = 3.0
REASON = "interrupted twice"
UNWATCHED_REASON = "interrupted where nobody watches"


def _told(error: BaseException, text: str) -> None:
    """Let the text be all that IPython shows of the error: there is no place to look for."""
    error._render_traceback_ = lambda: [text]  # type: ignore[attr-defined]


class Waiting(Protocol):
    """The part of a run that is used here."""

    name: str

    def ended(self) -> Future[Any]: ...
    def abort(self, reason: str = ..., *, group: str = "") -> Any: ...


class Surface(Protocol):
    """Where the person is who interrupts."""

    def detach(self, run: Waiting) -> str:
        """A wait for the run was interrupted for the first time: what to say."""

    def shows_runs(self) -> bool:
        """Whether a run that asks something is seen to do so."""

    def was_interrupted(self) -> bool:
        """Whether a task that is cancelled now is so because of an interrupt."""

    def is_own_task(self) -> bool:
        """Whether the error of the running task is what the person sees."""


class Terminal:
    """A script or a command: it stays for the second interrupt, because it would be gone else."""

    def detach(self, run: Waiting) -> str:
        if not is_terminal():
            run.abort(UNWATCHED_REASON)
            return f"run {run.name} is being cancelled: it was {UNWATCHED_REASON}"
        say(f"\nrun {run.name} goes on in the background; interrupt again within {WINDOW_S:g} s to cancel it")
        try:
            wait([run.ended()], timeout=WINDOW_S)
        except KeyboardInterrupt:
            run.abort(REASON)
            text = f"run {run.name} is being cancelled"
            say(f"\n{text}")
            return text
        return f"run {run.name} goes on in the background (flytenb abort run {run.name} stops it)"

    def shows_runs(self) -> bool:
        return False

    def was_interrupted(self) -> bool:
        import signal  # few tasks are cancelled

        handler = signal.getsignal(signal.SIGINT)  # that of asyncio.run counts
        runner = getattr(getattr(handler, "func", None), "__self__", None)
        return bool(getattr(runner, "_interrupt_count", 0))

    def is_own_task(self) -> bool:
        return False


def is_terminal() -> bool:
    """Whether somebody sits where this process was started."""
    try:
        return sys.stdin.isatty() or sys.stderr.isatty()
    except (AttributeError, ValueError):
        return False


def say(text: str) -> None:
    """Tell the person."""
    print(text, file=sys.stderr, flush=True)


#: Where this process's interrupts come from; a notebook puts its own in place.
surface: Surface = Terminal()
#: Run → until when a second interrupt of a wait for it cancels it.
_detached: dict[str, float] = {}
#: Tells the time; a test has its own.
clock: Callable[[], float] = time.monotonic


def detached(run: Waiting) -> KeyboardInterrupt:
    """What to raise when a blocking wait for the run was interrupted; its text says what becomes of the run.

    No class of its own: Python ends with the signal's status for exactly this one.
    """
    text = _said_to(run)
    error = KeyboardInterrupt(text)
    _told(error, text)
    return error


def _said_to(run: Waiting) -> str:
    if clock() <= _detached.pop(run.name, 0.0):
        run.abort(REASON)
        return f"run {run.name} is being cancelled"
    text = surface.detach(run)
    _detached[run.name] = clock() + WINDOW_S
    return text


def cancelled(run: Waiting, error: BaseException) -> None:
    """A task that awaits the run was cancelled: by an interrupt it is the same as above, else nothing is said."""
    if not surface.was_interrupted():
        return
    text = _said_to(run)
    if surface.is_own_task():
        _told(error, text)
    elif not isinstance(surface, Terminal):
        say(text)
