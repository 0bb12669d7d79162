"""Who wants to know of runs that this process submits. The notebook room shows them; scripts have nobody listening."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

#: Called with each `Run`, in the thread that submitted it, before `run()` returns.
on_submit: list[Callable[[Any], None]] = []

#: Puts code into a cell below the one that runs; None where there are no cells.
open_cell: Callable[[str], None] | None = None


def never() -> bool:
    """Where there are no cells, none runs."""
    return False


#: Whether a cell runs now, whose reply can carry that code.
is_in_cell: Callable[[], bool] = never


def is_terminal() -> bool:
    """Whether standard input is a terminal."""
    return bool(sys.stdin) and sys.stdin.isatty()


#: Whether somebody can type an answer. The notebook room knows better.
may_ask: Callable[[], bool] = is_terminal


def notify_submitted(run: Any) -> None:
    """Tell the listeners. A listener's error is logged and never fails the submission."""
    for listener in on_submit:
        try:
            listener(run)
        except Exception:
            import logging  # scripts have no listeners: they do not pay for it

            logging.getLogger(__name__).exception("a listener for submitted runs failed")
