"""Explanations of hits and misses, and plans: text and HTML from plain facts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Protocol

from flytenb.views import twin, words
from flytenb.views.escape import clean, html, one_line

_GLYPHS = {"hit": "↺", "miss": "✗", "off": "○", "forced": "↻", "doubt": "?"}


class Differs(Protocol):
    """One thing that differs."""

    @property
    def words(self) -> str: ...
    @property
    def diff(self) -> str: ...


def hit_words(origin: str, made_at: float, saved_s: float) -> str:
    """`taken from k7p2/a3, made 3 h ago (21 Nov 2026, 14:02), saved 12 s`."""
    parts = [f"taken from {origin}" if origin else "taken from the cache"]
    if made_at:
        parts.append(f"made {words.ago(max(0.0, time.time() - made_at))} ({words.moment(made_at)})")
    parts.append(f"saved {words.total(saved_s)}" if saved_s else "")
    return words.joined(parts)


def why_text(why: Any) -> str:
    """An explanation in lines: the sentence, then what differs with its diff."""
    lines = [f"{_GLYPHS.get(why.verdict, '')} {why.run}/{why.action} {one_line(why.task, 60)}: {why.verdict}"]
    lines.append(f"  {one_line(why.headline, 400)}")
    lines += _difference_lines(why.differences, is_list=len(why.differences) > 1)
    return "\n".join(lines)


def _difference_lines(differences: Sequence[Differs], *, is_list: bool) -> list[str]:
    lines = []
    for one in differences:
        if is_list:
            lines.append(f"  - {one_line(one.words, 300)}")
        lines += [f"      {line}" for line in clean(one.diff, 2000).split("\n") if one.diff]
    return lines


def why_html(why: Any) -> str:
    """An explanation as a section."""
    head = (
        f'<p style="margin:0 0 4px">{_GLYPHS.get(why.verdict, "")} <b>{html(why.run, 40)}/{html(why.action, 20)}</b> '
        f'{html(why.task, 80)}: <b>{html(why.verdict)}</b></p><p style="margin:0 0 4px">{html(why.headline, 400)}</p>'
    )
    return twin.section(head + _differences_html(why.differences), f"Why {why.run}/{why.action}: {why.verdict}")


def _differences_html(differences: Sequence[Differs]) -> str:
    parts = []
    for one in differences:
        diff = twin.diff(one.diff) if one.diff else ""
        said = f"<li>{html(one.words, 300)}{diff}</li>" if len(differences) > 1 else diff
        parts.append(said)
    inner = "".join(parts)
    return f'<ul style="margin:0 0 4px">{inner}</ul>' if len(differences) > 1 else inner


def run_text(why: Any) -> str:
    """All tasks of a run."""
    lines = [one_line(f"{why.run}: {why.badge or 'no action asked the cache'}", 200)]
    if why.saved_s:
        lines[0] += f" (saved {words.total(why.saved_s)})"
    told = _each_once(why.tasks)
    for one in why.tasks:
        hits, asked = why.counts.get(one.task, (0, 0))
        count = f" {hits} of {asked} cached" if asked else ""
        lines.append(f"  {_GLYPHS.get(one.verdict, '')} {one_line(one.task, 60)}{count}: {one_line(one.headline, 300)}")
        new = [differs for differs, of in told if of is one]
        lines += ["  " + line for line in _difference_lines(new, is_list=len(one.differences) > 1)]
    return "\n".join(lines)


def run_html(why: Any) -> str:
    """All tasks of a run as a table, and what differs below it, each once."""
    rows = []
    for one in why.tasks:
        hits, asked = why.counts.get(one.task, (0, 0))
        count = f"{hits} of {asked}" if asked else html(one.verdict)
        rows.append((html(one.task, 80), count, html(one.headline, 400)))
    head = f'<p style="margin:0 0 4px"><b>{html(why.run, 40)}</b>: {html(why.badge or "no action asked the cache")}</p>'
    table = twin.table(("Task", "Cached", "Why"), rows)
    below = _differences_html([one for one, _ in _each_once(why.tasks)])
    return twin.section(head + table + below, f"Why {why.run}")


def _each_once(tasks: Sequence[Any]) -> list[tuple[Differs, Any]]:
    """What differs, each with the first task that tells it: what tasks share differs for all of them."""
    found: dict[tuple[str, str], tuple[Differs, Any]] = {}
    for task in tasks:
        for one in task.differences:
            found.setdefault((one.words, one.diff), (one, task))
    return list(found.values())
