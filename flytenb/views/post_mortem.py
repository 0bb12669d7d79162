"""A failure's frames with what their variables held: as text, and as a table that folds."""

from __future__ import annotations

from flytenb.model.outcome import Failure
from flytenb.views.escape import html, one_line
from flytenb.views.tree import failure_text
from flytenb.views.twin import MUTED, details, section, variables_table
from flytenb.views.variables import innermost, place, variables

#: Frames that a view shows, innermost first.
_FRAMES = 12


def frame_text(failure: Failure, index: int, mark: str = " ") -> str:
    """One frame: place, source line, variables."""
    lines = [f"{mark} {place(failure, index)}"]
    if failure.frames[index].code:
        lines.append(f"      {one_line(failure.frames[index].code, 200)}")
    lines += [f"    {one_line(name, 40):<16} {one_line(held, 400)}" for name, held in variables(failure, index)]
    return "\n".join(lines)


def text(failure: Failure, head: str, index: int) -> str:
    """All frames, outermost first; the chosen one is marked and shows its variables."""
    lines = [one_line(head, 200), one_line(failure_text(failure), 300)]
    for number in range(len(failure.frames)):
        if number == index:
            lines.append(frame_text(failure, number, ">"))
        else:
            lines.append(f"  {place(failure, number)}")
    return "\n".join(lines)


def page(failure: Failure, head: str) -> str:
    """All frames, innermost first and open."""
    parts = [f'<p style="margin:0 0 4px"><b>{html(head, 200)}</b><br>{html(failure_text(failure), 500)}</p>']
    for index in list(reversed(range(len(failure.frames))))[:_FRAMES]:
        code = f"<code>{html(failure.frames[index].code, 200)}</code>" if failure.frames[index].code else ""
        inner = code + (variables_table(failure, index) if variables(failure, index) else "")
        parts.append(details(html(place(failure, index), 160), inner, is_open=index == innermost(failure)))
    if not failure.frames:
        parts.append(f'<p style="{MUTED}">It failed outside of its own code: there are no frames.</p>')
    return section("".join(parts), head)
