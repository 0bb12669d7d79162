"""How far actions are, in words and as a bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flytenb.model.snapshot import ActionRow
from flytenb.views import words
from flytenb.views.escape import one_line
from flytenb.views.marks import is_terminal, mark_of

#: Characters of a bar in plain text.
_CELLS = 10
#: Children by the name of their parent.
Children = Mapping[str, Sequence[ActionRow]]
_NONE: Children = {}
_DONE = ("succeeded", "recovered")
#: How deep below an action its share is looked for, and how many of its children are asked how far they are.
_DEPTH, _MOST_CHILDREN = 3, 200


def words_of(action: ActionRow, now: float) -> str:
    """`34 %, batches: 340 of 1,000, 12 s left`, at its end `batches: 1,000 of 1,000`; "" when it says nothing."""
    said = action.progress
    if said is None:
        return ""
    share = said.share if action.phase not in _DONE else None
    told = one_line(said.text, 60)
    counted = f"{_count(said.done)} of {_count(said.total)}" if said.total else _count(said.done)
    counted = f"{told}: {counted}" if told else counted
    left_s = None if is_terminal(action.phase) else said.left_s(now)
    return words.joined(
        [
            percent(share),
            counted,
            f"{words.total(left_s)} left" if left_s is not None and left_s >= 0.95 else "",
        ]
    )


def words_of_children(action: ActionRow, children: Sequence[ActionRow]) -> str:
    """Of an action that goes on and calls others: `3 of 8 calls done`, for more may come."""
    if not children or is_terminal(action.phase):
        return ""
    ended = sum(1 for child in children if is_terminal(child.phase))
    return f"{words.count(ended)} of {words.count(len(children), 'call')} done"


def words_of_many(members: Sequence[ActionRow], now: float, children: Children = _NONE) -> str:
    """The same for siblings: `58 %, 40 s left`."""
    whole = share(members, children)
    if whole is None or whole >= 1.0:
        return ""
    left = [s for a in members if a.progress is not None and not is_terminal(a.phase) and (s := a.progress.left_s(now))]
    waits = any(a.phase in ("queued", "waiting_for_resources") for a in members)
    # Of those that have not begun nobody knows; the slowest of those that run is a lower bound.
    slowest = f"{words.total(max(left))} left" if left and not waits and max(left) >= 0.95 else ""
    return words.joined([percent(whole), slowest])


def share(members: Sequence[ActionRow], children: Children = _NONE) -> float | None:
    """How far actions are together; None when none of them that goes on (or failed) shows how far it is.

    One that says nothing itself is as far as its children, by their parents' names.
    """
    found = [_share_of(action, children, _DEPTH) for action in members]
    told = [part for part, action in zip(found, members, strict=True) if action.phase not in _DONE]
    if all(part is None for part in told):
        return None
    return sum(part or 0.0 for part in found) / len(found)


def _share_of(action: ActionRow, children: Children, depth: int) -> float | None:
    if action.phase in _DONE:
        return 1.0
    if action.progress is not None:
        return action.progress.share
    below = () if is_terminal(action.phase) else children.get(action.name, ())
    if not below or not depth:
        return None
    if len(below) > _MOST_CHILDREN:
        return sum(1 for child in below if is_terminal(child.phase)) / len(below)
    parts = [1.0 if is_terminal(child.phase) else _share_of(child, children, depth - 1) for child in below]
    return sum(part or 0.0 for part in parts) / len(parts)


def percent(part: float | None) -> str:
    """`34 %`; never "100 %" before the end."""
    return "" if part is None else f"{int(part * 100 + 1e-9)} %"


def bar_html(part: float | None) -> str:
    """A bar that needs no script; the words beside it say the same."""
    if part is None:
        return ""
    color = mark_of("running").color
    inner = (
        f'<span style="display:block;width:{part * 100:.0f}%;height:8px;background:{color};border-radius:4px"></span>'
    )
    return (
        '<span aria-hidden="true" style="display:inline-block;width:96px;height:8px;margin-right:8px;'
        f'background:rgba(128,128,128,.25);border-radius:4px">{inner}</span>'
    )


def bar_text(part: float, ascii_only: bool = False) -> str:
    """`▰▰▰▱▱▱▱▱▱▱`."""
    full = int(part * _CELLS + 1e-9)
    signs = "#." if ascii_only else "▰▱"
    return signs[0] * full + signs[1] * (_CELLS - full)


def line(action: ActionRow, now: float, ascii_only: bool = False) -> str:
    """One line for a terminal: `▰▰▰▱▱▱▱▱▱▱ 34 %, batches: 340 of 1,000, 12 s left`."""
    said = action.progress
    if said is None:
        return ""
    bar = bar_text(said.share, ascii_only) + " " if said.share is not None else ""
    return bar + words_of(action, now)


def _count(number: float) -> str:
    return f"{int(number):,}" if number == int(number) else f"{number:,.1f}"
