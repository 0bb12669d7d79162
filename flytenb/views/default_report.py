"""The report of an action whose task wrote none: what went in, what came out, how long, where, and its code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flytenb.model.placement import Placement
from flytenb.model.snapshot import ActionRow
from flytenb.views import facts, twin, words
from flytenb.views.escape import html, html_block
from flytenb.views.tree import Preview, took

_STYLE = (
    "body{margin:0;font:14px/1.5 system-ui,sans-serif;color:#1f2328;background:#fff}main{padding:16px 20px}"
    "h2{font-size:15px;margin:18px 0 4px}pre{overflow-x:auto}code,pre{font-size:12px}"
    "@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}}"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionFacts:
    """What is known of an action."""

    run: str
    action: ActionRow
    inputs: Sequence[Preview] = ()
    outputs: Sequence[Preview] = ()
    placement: Placement | None = None
    resources: Sequence[tuple[str, str]] = ()
    settings: Sequence[tuple[str, str]] = ()
    code: str = ""
    logs: Sequence[str] = ()
    log_count: int = 0
    now: float = 0.0


def page(told: ActionFacts) -> str:
    """The page, without any script."""
    action = told.action
    parts = [facts.action_html(action, action.short_name)]
    parts += _values("Inputs", told.inputs) + _values("Outputs", told.outputs)
    parts += _table("Time", _times(action, told.now))
    parts += _table("Where it ran", _place(told.placement))
    parts += _table("Resources and settings", [*told.resources, *told.settings])
    if told.code:
        parts += [f"<h2>Code</h2>{twin.pre(html_block(told.code, 40_000))}"]
    if told.logs:
        rest = f" (the last {len(told.logs)} of {words.count(told.log_count)} lines)"
        body = html_block("\n".join(told.logs), 20_000)
        parts += [f"<h2>Output{rest if told.log_count > len(told.logs) else ''}</h2>{twin.pre(body)}"]
    title = html(f"{action.task}, {told.run}/{action.name}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><main>{''.join(parts)}</main></body></html>"
    )


def _values(title: str, values: Sequence[Preview]) -> list[str]:
    if not values:
        return []
    parts = [f"<h2>{title}</h2>", twin.values_table("Name", values)]
    for value in values[:20]:
        detail = getattr(value, "detail", "")
        if detail:
            parts.append(
                twin.details(f"<code>{html(value.name or 'o0', 40)}</code>", twin.pre(html_block(detail, 4000)))
            )
    return parts


def _table(title: str, rows: Sequence[tuple[str, str]]) -> list[str]:
    shown = [(html(name, 40), html(text, 400)) for name, text in rows if text]
    return [f"<h2>{title}</h2>", twin.table(("", ""), shown)] if shown else []


def _times(action: ActionRow, now: float) -> list[tuple[str, str]]:
    seconds = took(action, now)
    waited_s = action.started_at - action.accepted_at if action.started_at and not action.is_cached else 0.0
    return [
        ("accepted", words.moment(action.accepted_at)),
        ("waited", words.duration(waited_s) if waited_s >= 0.001 else ""),
        ("took", words.duration(seconds) if seconds is not None else ""),
        ("saved by the cache", words.duration(action.saved_s) if action.is_cached else ""),
        ("attempt", str(action.attempt) if action.attempt > 1 else ""),
        ("called by", action.parent),
        ("defined in", action.source),
    ]


def _place(placement: Placement | None) -> list[tuple[str, str]]:
    if placement is None:
        return []
    return [
        ("executor", placement.executor),
        ("because", placement.reason),
        ("image", placement.image),
        ("environment", placement.environment),
        ("python", placement.python),
        ("packages", " ".join(placement.distributions)),
        ("note", " ".join(placement.notes)),
    ]
