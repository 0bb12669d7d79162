"""Values as text for people, without secrets that this home or this process knows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from flytenb.codec import plain
from flytenb.redaction import Redactor
from flytenb.wire import paths

#: Values that this process has sent along with runs.
_sent: set[bytes] = set()
_known: dict[tuple[Path, int, int], Redactor] = {}


def remember(values: list[tuple[str, str, bytes]]) -> None:
    """(key, group, value) of secrets that go along with a run from here."""
    _sent.update(value for *_, value in values)


def hidden() -> Redactor:
    """What takes out the secrets of the home's own store and of this process."""
    folder = paths.home() / "secrets"
    try:
        at = folder.stat().st_mtime_ns
    except OSError:
        at = 0
    known = _known.get((folder, at, len(_sent)))
    if known is None:
        _known.clear()
        known = _known[(folder, at, len(_sent))] = Redactor(_sent)
        if at:
            from flytenb.vault import Vault  # most homes store none

            known.add(Vault(folder.parent).values())
    return known


def preview(payload: bytes) -> list[plain.Preview]:
    """Name, type and beginning of every value of a payload. Nothing is unpickled."""
    shown = plain.preview(payload)
    known = hidden()
    return (
        [replace(one, text=known.shortened(one.text), detail=known.shortened(one.detail)) for one in shown]
        if known
        else shown
    )


def without_secrets(data: Any) -> Any:
    """Plain data without them."""
    return hidden().plain(data)
