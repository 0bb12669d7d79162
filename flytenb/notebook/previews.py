"""Values of a snapshot as text, for the views. Only `codec.plain` opens the bytes; nothing is unpickled."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from flytenb.client.previews import preview
from flytenb.model.snapshot import ActionRow, RunSnapshot

_logger = logging.getLogger(__name__)

#: Actions whose values are shown, at most: the root, what failed, then the first ones.
MAX_ACTIONS = 40


def previews(snapshot: RunSnapshot) -> dict[str, dict[str, Sequence[Any]]]:
    """Previews of the actions that a view may show."""
    root = snapshot.actions[:1]
    failed = [a for a in snapshot.actions[1:] if a.failure is not None][:10]
    chosen = {a.name: a for a in (*root, *failed, *snapshot.actions[1 : 1 + MAX_ACTIONS])}
    return {name: of_action(a) for name, a in chosen.items() if a.inputs or a.outputs}


def of_action(action: ActionRow) -> dict[str, Sequence[Any]]:
    """Previews of one action's inputs and outputs."""
    return {"inputs": of_payload(action.inputs), "outputs": of_payload(action.outputs)}


def of_payload(payload: bytes) -> Sequence[Any]:
    """Previews of one payload; none when it cannot be read here."""
    if not payload:
        return ()
    try:
        return preview(payload)
    except Exception:
        _logger.debug("a payload has no preview", exc_info=True)
        return ()
