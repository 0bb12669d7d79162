"""A run in a terminal while somebody waits for it: its view, redrawn in place above the cursor, gone at the end.

Only where a person sits at a prompt (IPython, Python's own, the command line): a script's output is its own. What
others print meanwhile comes above the view. It obeys NO_COLOR and the width of the window; a dumb terminal shows none.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from flytenb.client import interrupts
from flytenb.client.session import Session
from flytenb.model.snapshot import RunSnapshot

if TYPE_CHECKING:
    from flytenb.views.tree import RunView

_logger = logging.getLogger(__name__)

#: Nothing is shown of a run that ends before.
FIRST_S = 0.5
#: Seconds between two drawings, and the share of the time that drawing may take.
INTERVAL_S, MAX_SHARE = 0.25, 0.1
#: Seconds that the last drawing may keep who waits.
_END_S = 2.0


def is_prompt() -> bool:
    """Whether a person waits at a prompt of this process, with a terminal that can be redrawn."""
    return (hasattr(sys, "ps1") or bool(sys.flags.interactive)) and is_redrawn()


def is_redrawn() -> bool:
    """Whether what is written here can be written again in place."""
    if os.environ.get("TERM", "") in ("", "dumb") or not isinstance(interrupts.surface, interrupts.Terminal):
        return False
    try:
        return sys.stderr.isatty() and threading.current_thread() is threading.main_thread()
    except (AttributeError, ValueError):
        return False


@contextlib.contextmanager
def shown(run: Any, link: Session, *, is_wanted: bool, with_end: bool = True) -> Iterator[None]:
    """Show a run as long as the block waits for it.

    Args:
        run: has `name`.
        link: where it is asked for.
        is_wanted: False = do nothing.
        with_end: leave its last state behind as one line.
    """
    if not is_wanted:
        yield
        return
    over = threading.Event()
    thread = threading.Thread(
        target=_draw, args=(run.name, link, over, with_end), name=f"flytenb-terminal-{run.name}", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(_END_S)


def _draw(name: str, link: Session, over: threading.Event, with_end: bool) -> None:
    if over.wait(FIRST_S):
        return
    try:
        _live(name, link, over, with_end)
    except Exception:  # who waits is told by the wait itself what is wrong
        _logger.debug("the view of %s in the terminal ended", name, exc_info=True)


def _live(name: str, link: Session, over: threading.Event, with_end: bool) -> None:
    from flytenb.client.redrawn import Redrawn, console_of  # only waits of half a second need rich
    from flytenb.views import text

    console = console_of(sys.stderr)
    ascii_only = os.environ.get("FLYTENB_ASCII", "") not in ("", "0") or "utf" not in console.encoding.lower()
    view = _view(name, link)
    with Redrawn(console, _rendered(view, ascii_only), redirects_stdout=sys.stdout.isatty()) as drawing:
        pause_s = INTERVAL_S
        while not over.wait(pause_s) and not view.is_terminal:
            began = time.monotonic()
            view = _view(name, link)
            drawing.update(_rendered(view, ascii_only))
            pause_s = max(INTERVAL_S, (time.monotonic() - began) / MAX_SHARE)
    if with_end:
        view = _view(name, link)
        if view.is_terminal:
            console.print(_styled(text.state_line(view, ascii_only)), soft_wrap=True)


def _view(name: str, link: Session) -> RunView:
    from flytenb.views import tree

    snapshot: RunSnapshot = link.query("snapshot", RunSnapshot, run=name, logs=False, traces=True)
    return tree.view(snapshot)


def _rendered(view: RunView, ascii_only: bool) -> Any:
    from rich.console import Group

    from flytenb.views import text

    return Group(*(_styled(line) for line in text.render(view, ascii_only=ascii_only, surface="shell").split("\n")))


def _styled(line: str) -> Any:
    """One line, never wrapped, its words of phases in their colours; a colour never stands without its word."""
    from rich.text import Text

    from flytenb.views.marks import all_marks

    styled = Text(line, no_wrap=True, overflow="ellipsis")
    for mark in all_marks():
        styled.highlight_regex(rf"(?<!\S){mark.word}(?!\S)|^[{mark.glyph}](?= )", mark.color)
    return styled
