"""A plan as text and as an HTML table, from plain facts."""

from __future__ import annotations

from typing import Any

from flytenb.views import twin, words
from flytenb.views.escape import html, one_line


def headline(plan: Any) -> str:
    """`search: 2 from the cache, 1 runs, about 12 s`."""
    counts = [
        f"{words.count(plan.hit_count)} from the cache" if plan.hit_count else "",
        f"{words.count(plan.run_count)} will run" if plan.run_count else "",
        f"{words.count(plan.unknown_count)} unknown" if plan.unknown_count else "",
    ]
    return f"{one_line(plan.task, 60)}: {words.joined([*counts, time_words(plan)])}"


def time_words(plan: Any) -> str:
    """`about 12 s`, `2 s to 12 s`, "" when nothing is known."""
    if plan.expected_s is None:
        return ""
    if plan.least_s is not None and plan.expected_s - plan.least_s > max(0.1, 0.2 * plan.expected_s):
        return f"{words.total(plan.least_s)} to {words.total(plan.expected_s)}"
    return f"about {words.total(plan.expected_s)}"


def _verdicts(row: Any) -> str:
    told = ((row.hit_count, "hit"), (row.run_count, "run"), (row.unknown_count, "unknown"))
    there = [(count, word) for count, word in told if count]
    if len(there) == 1:
        return there[0][1]
    return words.joined(f"{words.count(count)} {word}" for count, word in there)


def _label(row: Any) -> str:
    short = row.task.rpartition(".")[2]
    return short if row.count == 1 else f"{short} ×{words.count(row.count)}"


def plan_text(plan: Any) -> str:
    """The plan in lines."""
    lines = [headline(plan)]
    width = max([12, *(2 * row.depth + len(_label(row)) for row in plan.rows[:30])])
    for row in plan.rows[:30]:
        name = "  " * row.depth + one_line(_label(row), 40)
        took = words.duration(row.seconds) if row.seconds else ""
        lines.append(f"  {name:<{width}}  {_verdicts(row):<16} {took:>8}  {one_line(row.why, 160)}".rstrip())
    if len(plan.rows) > 30:
        lines.append(f"  … and {words.count(len(plan.rows) - 30, 'more row')}")
    if plan.based_on:
        lines.append(f"  from the graph of run {one_line(plan.based_on, 40)}; nothing was run")
    return "\n".join(lines)


def plan_html(plan: Any) -> str:
    """The plan as a table."""
    rows = [
        (
            "&nbsp;" * 4 * row.depth + html(_label(row), 60),
            html(_verdicts(row)),
            words.duration(row.seconds) if row.seconds else "",
            html(row.why, 200),
        )
        for row in plan.rows[:60]
    ]
    head = f'<p style="margin:0 0 4px"><b>Plan</b> {html(headline(plan), 200)}</p>'
    based = f"from the graph of run {html(plan.based_on, 40)}; nothing was run" if plan.based_on else ""
    foot = f'<p style="margin:0;{twin.MUTED}">{based}</p>' if based else ""
    return twin.section(
        head + twin.table(("Task", "Will", "Took", "Why"), rows, right=(2,)) + foot, f"Plan of {plan.task}"
    )
