"""Explanations of hits and misses, and plans: text and HTML from plain facts."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Protocol

from flytenb.views import twin, words
from flytenb.views.escape import clean, html, html_block, one_line

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
    lines += _difference_lines(why.differences)
    return "\n".join(lines)


def _difference_lines(differences: Sequence[Differs]) -> list[str]:
    lines = []
    for one in differences:
        if len(differences) > 1:
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
        diff = twin.pre(html_block(one.diff)) if one.diff else ""
        said = f"<li>{html(one.words, 300)}{diff}</li>" if len(differences) > 1 else diff
        parts.append(said)
    inner = "".join(parts)
    return f'<ul style="margin:0 0 4px">{inner}</ul>' if len(differences) > 1 else inner


def run_text(why: Any) -> str:
    """All tasks of a run."""
    lines = [one_line(f"{why.run}: {why.badge or 'no action asked the cache'}", 200)]
    if why.saved_s:
        lines[0] += f" (saved {words.total(why.saved_s)})"
    for one in why.tasks:
        hits, asked = why.counts.get(one.task, (0, 0))
        count = f" {hits} of {asked} cached" if asked else ""
        lines.append(f"  {_GLYPHS.get(one.verdict, '')} {one_line(one.task, 60)}{count}: {one_line(one.headline, 300)}")
        lines += ["  " + line for line in _difference_lines(one.differences)]
    return "\n".join(lines)


def run_html(why: Any) -> str:
    """All tasks of a run as a table."""
    rows = []
    for one in why.tasks:
        hits, asked = why.counts.get(one.task, (0, 0))
        told = html(one.headline, 400) + _differences_html(one.differences)
        rows.append((html(one.task, 80), f"{hits} of {asked}" if asked else "", html(one.verdict), told))
    head = f'<p style="margin:0 0 4px"><b>{html(why.run, 40)}</b>: {html(why.badge or "no action asked the cache")}</p>'
    return twin.section(head + twin.table(("Task", "Cached", "First", "Why"), rows), f"Why {why.run}")
