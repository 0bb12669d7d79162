"""Glyph, word and colour of each phase. Shape before colour; a colour never stands without its word.

The static twin cannot know the page's theme, so only glyphs and bars are coloured, each readable on white (≥ 3.3:1)
and on JupyterLab's dark #212121 (≥ 3.9:1); words inherit the page's colour. A test computes the contrasts.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flytenb.model.phases import ActionPhase


@dataclass(frozen=True, slots=True)
class Mark:
    """How one phase is shown."""

    key: str
    word: str
    glyph: str
    ascii_glyph: str
    color: str
    #: "Look here": set in bold where it stands in a table.
    is_loud: bool = False


CACHED = Mark("cached", "Cached", "↺", "~", "#6f9488")
NOT_STARTED = Mark("not_started", "Not started", "◌", "o", "#868e96")
_MARKS: dict[str, Mark] = {
    mark.key: mark
    for mark in (
        Mark("queued", "Queued", "○", "o", "#868e96"),
        Mark("waiting_for_resources", "Waiting", "⧗", "o", "#b27d0c", is_loud=True),
        Mark("initializing", "Starting", "◔", ">", "#3a8fb7"),
        Mark("running", "Running", "▶", ">", "#3d85e6"),
        Mark("paused", "Paused", "‖", "o", "#9a72d6", is_loud=True),
        Mark("succeeded", "Succeeded", "✔", "+", "#2f9478"),
        Mark("failed", "Failed", "✖", "!", "#e0454a", is_loud=True),
        Mark("aborted", "Aborted", "⊘", "!", "#868e96"),
        Mark("timed_out", "Timed out", "◷", "!", "#cf6a1c", is_loud=True),
        Mark("recovered", "Recovered", "↺", "~", "#6f9488"),
        CACHED,
        NOT_STARTED,
    )
}
#: From "look here" to "nothing to see", for cells that stand for several actions.
SEVERITY: tuple[str, ...] = (
    "failed", "timed_out", "aborted", "running", "initializing", "waiting_for_resources", "paused", "queued",
    "succeeded", "recovered", "cached",
)  # fmt: skip


def all_marks() -> Iterable[Mark]:
    """Every mark there is."""
    return _MARKS.values()


def mark_of(phase: str, is_cached: bool = False) -> Mark:
    """The mark of a phase; a phase of a newer engine is shown by its own word."""
    if is_cached and phase in ("succeeded", "recovered"):
        return CACHED
    known = _MARKS.get(phase)
    return known if known is not None else Mark(phase, phase.replace("_", " ").capitalize(), "?", "?", "#868e96")


def is_terminal(phase: str) -> bool:
    """Whether nothing follows this phase."""
    try:
        return ActionPhase(phase).is_terminal
    except ValueError:
        return False
