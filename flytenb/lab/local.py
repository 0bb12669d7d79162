"""What this side answers itself, because it opens values or reads programs, which an engine never does."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from flytenb.client.action import here
from flytenb.client.previews import preview
from flytenb.client.session import session
from flytenb.model.snapshot import ActionRow, RunSnapshot
from flytenb.wire.paths import home, home_mark

#: The output's custom MIME type, which the front end draws live, and the number of its messages.
MIME = "application/vnd.flytenb.run+json"
PROTOCOL = 1
#: Actions whose values a stored view shows, at most.
_MOST_ACTIONS = 40
#: Reports that a stored view shows, at most.
_MOST_PAGES = 8
_NAME = r"([A-Za-z0-9][A-Za-z0-9._-]{0,127})"


def find(path: str) -> Callable[[], tuple[bytes, str]] | None:
    """What answers a GET of this path (body, content type), when it is answered here.

    Args:
        path: "/api/v1/…".
    """
    for pattern, answer in _ROUTES:
        found = re.fullmatch(pattern, path)
        if found is not None:
            return lambda: answer(*found.groups())
    return None


def bundle(run: str) -> dict[str, Any]:
    """A run as an output holds it: live, as HTML that needs nothing, as text."""
    from flytenb.views import text, tree, twin
    from flytenb.views.marks import is_terminal

    snapshot: RunSnapshot = session().query("snapshot", RunSnapshot, run=run, logs=True, traces=True)
    shown = {action: page for action in list(snapshot.reports)[:_MOST_PAGES] if (page := _read(snapshot, action))}
    view = tree.view(snapshot, _values(snapshot), pages=shown)
    # The root's phase, as a kernel writes it.
    phase = snapshot.actions[0].phase if snapshot.actions else snapshot.run.phase
    return {
        "is_terminal": is_terminal(snapshot.run.phase),
        "data": {
            MIME: {"run": snapshot.run.name, "home": home_mark(home()), "protocol": PROTOCOL, "phase": phase},
            "text/html": twin.render(view) + twin.frames(view),
            "text/plain": text.render(view),
        },
    }


def findings() -> list[dict[str, Any]]:
    """What `flytenb doctor` finds, as data. Starts nothing."""
    from dataclasses import asdict

    from flytenb.client.doctor import examine

    return [asdict(found) for found in examine()]


def _read(snapshot: RunSnapshot, action: str) -> str:
    digest = snapshot.reports.get(action)
    try:
        return here()[1].get(digest).decode() if digest else ""
    except (LookupError, OSError, ValueError):
        return ""


def _values(snapshot: RunSnapshot) -> dict[str, dict[str, Any]]:
    failed = [action for action in snapshot.actions if action.failure is not None][:10]
    chosen = {action.name: action for action in (*snapshot.actions[:_MOST_ACTIONS], *failed)}
    return {name: _of(action) for name, action in chosen.items() if action.inputs or action.outputs}


def _of(action: ActionRow) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind, payload in (("inputs", action.inputs), ("outputs", action.outputs)):
        try:
            found[kind] = preview(payload) if payload else ()
        except Exception:  # whatever is in a value: a view must not fail because of what it adds
            found[kind] = ()
    return found


def _as_json(answer: Callable[..., Any]) -> Callable[..., tuple[bytes, str]]:
    return lambda *words: (json.dumps(answer(*words)).encode(), "application/json")


_ROUTES: tuple[tuple[str, Callable[..., tuple[bytes, str]]], ...] = (
    (f"/api/v1/runs/{_NAME}/bundle", _as_json(bundle)),
    ("/api/v1/doctor", _as_json(findings)),
)
