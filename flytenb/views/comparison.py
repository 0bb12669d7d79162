"""Two runs beside each other: text and HTML from plain facts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flytenb.views import twin, words
from flytenb.views.escape import clean, html, one_line

#: Parts of a comparison in their order, and how they are headed.
PARTS = {
    "inputs": "Inputs", "code": "Code", "environment": "Environment", "tasks": "Tasks", "run": "Run",
    "outputs": "Outputs",
}  # fmt: skip
#: Rows of a part that are shown, and characters of a value.
_MOST, _WIDTH = 60, 200


def headline(found: Any) -> str:
    """`k7p2x9 → m3x9ab: 3 differences (inputs, code, outputs)`."""
    count = len(found.differences)
    parts = list(dict.fromkeys(row.part for row in found.differences))
    told = f"{words.count(count, 'difference')} ({', '.join(parts)})" if count else "no differences"
    return f"{found.before} → {found.after}: {told}"


def _said(row: Any) -> str:
    if row.part == "code":
        return str(row.after)
    change = f" ({row.change})" if row.change else ""
    return f"{row.before or '–'} → {row.after or '–'}{change}"


def text(found: Any) -> str:
    """The differences, one a line, by part."""
    lines = [one_line(headline(found))]
    for part, head in PARTS.items():
        rows = [row for row in found.differences if row.part == part]
        lines += [f"  {head}"] if rows else []
        for row in rows[:_MOST]:
            lines.append(f"    {one_line(row.name, 60)}: {one_line(_said(row), _WIDTH)}")
            lines += [f"        {line}" for line in clean(row.diff).split("\n") if row.diff]
        lines += [f"    … {words.count(len(rows) - _MOST)} more"] if len(rows) > _MOST else []
    return "\n".join(lines)


def page(found: Any) -> str:
    """The same as tables; what is the same is folded."""
    inner = f'<p style="margin:0 0 4px"><b>{html(headline(found))}</b></p>'
    for part, head in PARTS.items():
        rows = [row for row in found.differences if row.part == part]
        if rows:
            inner += _code(head, rows) if part == "code" else _table(head, rows, found)
    same = [row for row in found.rows if row.is_same]
    if same:
        shown = [(PARTS[row.part], html(row.name, 60), html(row.after, 80)) for row in same[:_MOST]]
        table = twin.table(("Part", "Name", "Both"), shown)
        inner += twin.details(f"The same in both: {words.count(len(same))}", table)
    return twin.section(inner, headline(found))


def _table(head: str, rows: Sequence[Any], found: Any) -> str:
    cells = [
        (html(row.name, 60), html(row.before or "–", _WIDTH), html(row.after or "–", _WIDTH), html(row.change, 60))
        for row in rows[:_MOST]
    ]
    more = f"<p>{words.count(len(rows) - _MOST)} more.</p>" if len(rows) > _MOST else ""
    return twin.table((head, html(found.before, 40), html(found.after, 40), "Change"), cells) + more


def _code(head: str, rows: Sequence[Any]) -> str:
    said = [
        f"<li><b>{html(row.name, 60)}</b>: {html(row.after, 300)}{twin.diff(row.diff) if row.diff else ''}</li>"
        for row in rows[:_MOST]
    ]
    return f'<p style="margin:4px 0 0;{twin.MUTED}">{head}</p><ul style="margin:0 0 4px">{"".join(said)}</ul>'
