"""When what ran, as an SVG picture; and the raster of a wide row, one cell per action.

Drawn for an `<img>`: fixed colours that are readable on light and dark, grey text, no script, no style sheet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flytenb.model.snapshot import ActionRow
from flytenb.views import words
from flytenb.views.escape import html
from flytenb.views.marks import SEVERITY, mark_of
from flytenb.views.tree import Node, RunView, took

WIDTH = 740
_LEFT, _RIGHT, _ROW = 110, 12, 14
#: More bars than this are drawn as one row per task.
MAX_BARS = 30


def svg(view: RunView) -> str:
    """The timeline of a run; "" when nothing has started."""
    rows = list(_rows(view))[:MAX_BARS]
    ran = [a for _, members in rows for a in members if a.started_at]
    if not ran:
        return ""
    origin = min([view.created_at or ran[0].started_at, *(a.accepted_at or a.started_at for a in ran)])
    now = view.created_at + view.elapsed_s
    until = max([now, *(a.ended_at or a.started_at for a in ran)])
    span = max(until - origin, 0.001)
    scale = (WIDTH - _LEFT - _RIGHT) / span
    height = 16 + _ROW * len(rows)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        'font-family="Helvetica,Arial,sans-serif" font-size="11" fill="#808080">'
    ]
    step = _step(span)
    for i in range(int(span / step) + 1):
        text = f"{i * step:g}" + (" s" if i == 0 else "")
        parts.append(f'<text x="{_LEFT + i * step * scale:.0f}" y="10">{text}</text>')
    for i, (label, members) in enumerate(rows):
        y = 18 + i * _ROW
        parts.append(f'<text x="0" y="{y + 8}">{html(label, 17)}</text>')
        parts += _bars(members, y, origin, until, scale)
    parts.append("</svg>")
    return "".join(parts)


def alt(view: RunView) -> str:
    """What the timeline tells, in words."""
    parts = []
    for node in _leaves(view.nodes):
        if node.kind == "trace":
            continue
        facts = [f"{node.label} {node.mark.word.lower()}"]
        if node.duration_s is not None:
            facts.append(
                f"{words.duration(node.duration_s)} from {words.duration(node.started_at - view.created_at)} on"
            )
        parts.append(words.joined(facts))
    if not parts and view.root is not None:
        parts.append(f"{view.root.short_name} {view.mark.word.lower()}, {words.duration(view.elapsed_s)}")
    return "Timeline: " + "; ".join(parts[:12]) + (f"; {words.count(len(parts) - 12)} more" if len(parts) > 12 else "")


def raster(members: Sequence[ActionRow], max_bytes: int = 18_000) -> str:
    """One cell per action in order; several actions share a cell, the worst wins, when that many do not fit."""
    keys = ["cached" if a.is_cached else a.phase for a in members]
    while True:
        drawn = _raster(keys)
        if len(drawn) <= max_bytes or len(keys) < 200:
            return drawn
        keys = [min(keys[i : i + 2], key=_severity) for i in range(0, len(keys), 2)]


def _severity(key: str) -> int:
    return SEVERITY.index(key) if key in SEVERITY else 0


def _raster(keys: Sequence[str]) -> str:
    columns = 148
    height = 5 * ((len(keys) + columns - 1) // columns) + 1
    paths: dict[str, list[str]] = {}
    for start in range(0, len(keys), columns):
        row, y = keys[start : start + columns], 5 * (start // columns) + 2
        i = 0
        while i < len(row):
            j = i
            while j + 1 < len(row) and row[j + 1] == row[i]:
                j += 1
            paths.setdefault(row[i], []).append(f"M{5 * i} {y}h{5 * (j - i) + 4}")
            i = j + 1
    body = "".join(
        f'<path stroke="{mark_of(key).color}" stroke-width="{_THICK.get(key, 3)}" '
        f'stroke-dasharray="{"3 2" if key not in _THICK else "4 1"}" d="{"".join(path)}"/>'
        for key, path in paths.items()
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'viewBox="0 0 {WIDTH} {height}" fill="none">{body}</svg>'
    )


#: Size carries the meaning too: done 3 px, running and failed more, a queued one a line.
_THICK = {"failed": 5, "timed_out": 5, "aborted": 4, "running": 4, "queued": 1, "waiting_for_resources": 2}


def _rows(view: RunView) -> Iterator[tuple[str, Sequence[ActionRow]]]:
    leaves = [n for n in _leaves(view.nodes) if n.actions]
    if sum(n.count for n in leaves) <= MAX_BARS:
        for node in leaves:
            for action in node.actions:
                yield view.label(action.name), (action,)
    else:
        for node in leaves:
            yield node.label, node.actions
    if not leaves and view.root is not None:
        yield view.root.short_name, (view.root,)


def _leaves(nodes: Sequence[Node]) -> Iterator[Node]:
    for node in nodes:
        if node.kind != "group":
            yield node
        yield from _leaves(node.children)


def _bars(members: Sequence[ActionRow], y: int, origin: float, until: float, scale: float) -> Iterator[str]:
    if len(members) == 1:
        action = members[0]
        start, end = action.started_at, action.ended_at or until
        if not start:
            if action.is_cached and action.ended_at:
                mark = mark_of(action.phase, True)
                yield _bar(action.ended_at, action.ended_at, y, origin, scale, mark.color, "cached")
            return
        if action.accepted_at and (start - action.accepted_at) * scale > 4:
            x = _LEFT + (action.accepted_at - origin) * scale
            x2 = _LEFT + (start - origin) * scale
            yield f'<path d="M{x:.0f} {y + 5}H{x2:.0f}" stroke="#868e96" stroke-dasharray="1 2"/>'
        mark = mark_of(action.phase, action.is_cached)
        seconds = took(action, until)
        title = f"{mark.word.lower()}" + (f", {words.duration(seconds)}" if seconds is not None else "")
        yield _bar(start, end, y, origin, scale, mark.color, title)
        return
    marks = {(mark_of(a.phase, a.is_cached).color) for a in members}
    for color in sorted(marks, key=lambda c: c == mark_of("failed").color):
        spans = sorted(
            (a.started_at, a.ended_at or until)
            for a in members
            if a.started_at and mark_of(a.phase, a.is_cached).color == color
        )
        for start, end in _merged(spans, gap=2 / scale)[:60]:
            # Failures lie over the others as a thin line: they must not hide what succeeded beside them.
            thin = color == mark_of("failed").color and len(marks) > 1
            yield _bar(start, end, y + 6 if thin else y, origin, scale, color, "", 3 if thin else 9)


def _bar(start: float, end: float, y: int, origin: float, scale: float, color: str, title: str, height: int = 9) -> str:
    x, width = _LEFT + (start - origin) * scale, max(2.0, (end - start) * scale)
    inside = f"<title>{html(title)}</title>" if title else ""
    return f'<rect x="{x:.0f}" y="{y}" width="{width:.0f}" height="{height}" rx="1" fill="{color}">{inside}</rect>'


def _merged(spans: Sequence[tuple[float, float]], gap: float) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for start, end in spans:
        if merged and start <= merged[-1][1] + gap:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _step(span: float) -> float:
    for step in (
        0.001,
        0.002,
        0.005,
        0.01,
        0.02,
        0.05,
        0.1,
        0.2,
        0.5,
        1,
        2,
        5,
        10,
        20,
        30,
        60,
        120,
        300,
        600,
        1800,
        3600,
        7200,
    ):
        if span / step <= 8:
            return step
    return span / 6
