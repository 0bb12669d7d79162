"""What `flytenb get` prints: text for people, JSON for programs."""

from __future__ import annotations

import json
import time
from typing import Any

import msgspec

from flytenb.client import handle
from flytenb.client.action import here
from flytenb.client.previews import preview
from flytenb.codec import payload as layout
from flytenb.codec import plain
from flytenb.model.placement import Placement
from flytenb.model.snapshot import ActionRow, RunRow, RunSnapshot
from flytenb.model.usage import Usage
from flytenb.views import facts, text, tree
from flytenb.views.places import places

#: Actions of a run up to which it is said what changed.
_MOST_EXPLAINED = 2_000


def to_json(value: Any) -> str:
    """Indented JSON; what JSON has no word for as text."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, (set, frozenset, tuple)):
        return list(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    try:
        return msgspec.to_builtins(value)
    except TypeError:
        return str(value)


def row_data(row: RunRow | ActionRow) -> dict[str, Any]:
    """A row as JSON: encoded values left out."""
    data: dict[str, Any] = {name: getattr(row, name) for name in row.__struct_fields__}
    data.pop("inputs", None)
    data.pop("outputs", None)
    failure = data.get("failure")
    if failure is not None:
        data["failure"] = {name: getattr(failure, name) for name in failure.__struct_fields__ if name != "pickled"}
        data["failure"]["frames"] = [msgspec.to_builtins(frame) for frame in failure.frames]
    return data


def runs_text(rows: list[RunRow]) -> str:
    """Runs, one a line."""
    return facts.runs_text(rows, time.time())


def run_text(snapshot: RunSnapshot) -> str:
    """One run with its tree."""
    shown = {a.name: {"inputs": preview(a.inputs), "outputs": preview(a.outputs)} for a in snapshot.actions[:40]}
    return text.render(tree.view(snapshot, shown, why=_change(snapshot)), surface="shell")


def _change(snapshot: RunSnapshot) -> str:
    """Why what ran was not taken from the cache, in three words."""
    if snapshot.run.phase != "succeeded" or len(snapshot.actions) > _MOST_EXPLAINED:
        return ""
    from flytenb.client.explain.why import explain_run

    return explain_run(*here(), snapshot.run.name).change


def action_data(row: ActionRow, placements: dict[int, Placement], usage: Usage | None = None) -> dict[str, Any]:
    """An action as JSON, with where it ran instead of that place's number, and with what it used."""
    found = placements.get(row.placement)
    data = {**row_data(row), "placement": msgspec.to_builtins(found) if found is not None else None}
    return data if usage is None else {**data, "usage": msgspec.to_builtins(usage)}


def action_text(row: ActionRow, placements: dict[int, Placement], usage: Usage | None = None) -> str:
    """One action, where it ran with what, and what it used."""
    lines = [actions_text([row], {})]
    found = placements.get(row.placement)
    if found is not None:
        told = (
            ("executor", found.executor),
            ("because", found.reason),
            ("image", found.image),
            ("image id", found.image_id),
            ("environment", found.environment),
            ("python", found.python),
            ("packages", " ".join(found.distributions)),
        )
        lines += [f"  {name:<12} {value}" for name, value in told if value]
        lines += [f"  {'! note':<12} {note}" for note in found.notes]
    if usage is not None:
        lines.append(f"  {'used':<12} {usage.text}")
        if usage.hint:
            lines.append(f"  {'! note':<12} {usage.hint}")
    return "\n".join(lines)


def actions_text(rows: list[ActionRow], placements: dict[int, Placement]) -> str:
    """Actions, one a line, indented below who called them; then where environments ran."""
    depth: dict[str, int] = {}
    lines = []
    for row in rows:
        depth[row.name] = depth.get(row.parent, -1) + 1
        took = (row.ended_at or time.time()) - row.started_at if row.started_at else 0.0
        note = " cached" if row.is_cached else f" attempt {row.attempt}" if row.attempt > 1 else ""
        error = (
            f"  {row.failure.code}: {row.failure.message.splitlines()[0][:60]}"
            if row.failure and row.failure.message
            else ""
        )
        name = f"{'  ' * depth[row.name]}{row.name}"
        reason = f"  {row.reason}" if row.reason else ""
        lines.append(f"{name:<14} {row.short_name:<24} {row.phase:<10} {took:>8.3f} s{note}{reason}{error}")
    for place in places(rows, placements):
        lines.append(f"env {place.environment}: {place.text}")
        lines += [f"! note {place.environment}: {note}" for note in place.notes]
    return "\n".join(lines)


def io_data(run: str, action: str) -> dict[str, Any]:
    """Inputs, outputs and error of an action as plain data; nothing is unpickled."""
    link, store = here()
    io = handle.read_io(link, run, action)
    data: dict[str, Any] = {"phase": io.phase}
    for side, payload in (("inputs", io.inputs), ("outputs", io.outputs)):
        names = layout.names(payload) if payload else []
        data[side] = dict(zip(names, plain.decode_plain(payload, store), strict=False)) if payload else {}
    if io.failure is not None:
        data["error"] = {"code": io.failure.code, "message": io.failure.message, "traceback": io.failure.traceback}
    return data


def io_text(run: str, action: str) -> str:
    """Inputs and outputs of an action, short."""
    link, _ = here()
    io = handle.read_io(link, run, action)
    lines = []
    for side, payload in (("input", io.inputs), ("output", io.outputs)):
        lines += [f"{side}  {value.name}: {value.type} = {value.text}" for value in preview(payload)]
    if io.failure is not None:
        lines.append(f"error   {io.failure.code}: {io.failure.message}")
    return "\n".join(lines) or f"no values yet: the action is {io.phase}"
