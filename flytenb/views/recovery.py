"""What a run recovered from another one, as text and as a table."""

from __future__ import annotations

from typing import Any

from flytenb.views import twin, words
from flytenb.views.escape import html, html_block, one_line

#: Things that differ which are told of one task, and lines of a diff.
_MOST, _LINES = 4, 8


def _head(why: Any) -> str:
    return (
        f"{words.count(why.recovered_count)} of {words.count(why.action_count, 'action')} of run {why.run} "
        f"recovered from {why.source}"
    )


def _count(one: Any) -> str:
    what = "taken" if one.reason in ("", "trusted") else "ran"
    return f"{words.count(one.count)} {what}"


def text(why: Any) -> str:
    """One line for each task and reason, below it what differs in its code."""
    lines = [one_line(_head(why), 200)]
    for one in why.tasks:
        lines.append(f"  {one_line(one.task, 40)}: {_count(one)}: {one_line(one.words, 200)}")
        for each in one.differences[:_MOST]:
            lines.append(f"    {one_line(each.words, 200)}")
            lines += [f"      {one_line(line, 160)}" for line in each.diff.splitlines()[:_LINES]]
    return "\n".join(lines)


def page(why: Any) -> str:
    """The same as a table."""
    rows = []
    for one in why.tasks:
        told = html(one.words, 400)
        for each in one.differences[:_MOST]:
            told += f"<br>{html(each.words, 400)}"
            told += twin.pre(html_block("\n".join(each.diff.splitlines()[:_LINES]))) if each.diff else ""
        rows.append((html(one.task, 80), _count(one), told))
    head = f'<p style="margin:0 0 4px"><b>{html(_head(why), 200)}</b></p>'
    return twin.section(head + twin.table(("Task", "Actions", "Why"), rows), _head(why))
