"""One frame of a failure in words: where it stood, and what its variables held."""

from __future__ import annotations

from flytenb.model.outcome import Failure
from flytenb.views.escape import html, one_line

#: Variables of one frame that a view shows.
MOST_VARIABLES = 40


def place(failure: Failure, index: int) -> str:
    """`Cell In[4], line 7, in fit` of a frame."""
    frame = failure.frames[index]
    return f"{one_line(frame.where, 80)}, line {frame.line}, in {one_line(frame.function, 60)}"


def variables(failure: Failure, index: int) -> tuple[tuple[str, str], ...]:
    """What the variables of a frame held, () where that was not kept."""
    return failure.locals[index][:MOST_VARIABLES] if index < len(failure.locals) else ()


def innermost(failure: Failure) -> int:
    """The innermost frame with variables; -1 for none."""
    known = min(len(failure.locals), len(failure.frames))
    return next((index for index in reversed(range(known)) if failure.locals[index]), -1)


def variable_rows(failure: Failure, index: int, characters: int = 400) -> list[tuple[str, str]]:
    """The same as cells of an HTML table."""
    return [(html(name, 60), f"<code>{html(held, characters)}</code>") for name, held in variables(failure, index)]
