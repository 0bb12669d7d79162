"""Waits of scripts, commands and unattended notebooks: no view shows there that a run asks somebody."""

from __future__ import annotations

from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from typing import Any

from flytenb.client import interrupts, terminal
from flytenb.client.session import Ended, Session
from flytenb.errors import BaseRuntimeError, FlytenbError
from flytenb.model.snapshot import ConditionRow

#: Seconds until the first look for questions, and between looks at most.
FIRST_S, MOST_S = 1.0, 5.0


def end_of(run: Any, link: Session, *, is_command: bool = False) -> Ended:
    """Block until the run has ended; say what it asks meanwhile, where nobody else does, and show it at a prompt.

    Args:
        run: what is waited for.
        link: where its questions are asked for.
        is_command: the wait is a command's, which tells of the end itself.

    Raises:
        KeyboardInterrupt: the wait was interrupted.
    """
    future = run.ended()
    if future.done():
        return future.result()  # type: ignore[no-any-return]
    is_shown = terminal.is_redrawn() if is_command else terminal.is_prompt()
    with terminal.shown(run, link, is_wanted=is_shown, with_end=not is_command):
        return _wait(run, future, link)


def _wait(run: Any, future: Future[Any], link: Session) -> Ended:
    told, pause_s = set[str](), FIRST_S
    while True:
        try:
            return future.result(None if interrupts.surface.shows_runs() else pause_s)  # type: ignore[no-any-return]
        except NotYet:
            if future.done():  # the error of the run's own
                raise
        tell(link, run.name, told)
        pause_s = min(MOST_S, 2 * pause_s)


def tell(link: Session, run: str, told: set[str]) -> None:
    """Say which questions of a run wait, and how they are answered; each once."""
    try:
        rows: list[ConditionRow] = link.query("conditions", list[ConditionRow], run=run)
    except (FlytenbError, BaseRuntimeError):
        return  # the wait itself meets what is wrong
    if not rows:
        return
    from flytenb.views.conditions import hint  # few runs ask

    for row in rows:
        if row.action not in told:
            told.add(row.action)
            interrupts.say(hint(row))
