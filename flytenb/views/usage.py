"""What actions used of the machine, in the words that the engine has made of it."""

from __future__ import annotations

from flytenb.model.usage import Usage
from flytenb.views.tree import RunView

#: Actions that are listed.
SHOWN = 12


def most_first(view: RunView, at_most: int = SHOWN) -> list[tuple[str, Usage]]:
    """(label, usage) of the actions that say the most: those with a hint, then those with the most memory."""
    found = [(view.labels.get(name, name), usage) for name, usage in view.usages.items() if usage.text]
    found.sort(key=lambda each: (not each[1].hint, -each[1].memory_peak_bytes))
    return found[:at_most]


def in_one_line(view: RunView) -> str:
    """`fit[3]: peak 1.2 GiB of 2 GiB, 3.4 CPU s, …` of the action with the most; "" when none took long."""
    found = most_first(view, 1)
    if not found:
        return ""
    label, usage = found[0]
    said = usage.hint or usage.text
    return f"{label}: {said}" if len(view.actions) > 1 else said
