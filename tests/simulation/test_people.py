"""Answers and aborts in worlds where everything dies: rules that are broken on purpose are seen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flytenb.rules import calls, conditions, lifecycle
from tests.simulation.people import PeopledWorld
from tests.simulation.world import broken_in


def test_answers_and_aborts_hold_in_every_world() -> None:
    assert not broken_in(PeopledWorld, 1_000)


def _never(*_: Any) -> bool:
    return False


def _lets_all_answer(state: Any, source: Any, event: Any, now: float, out: Any) -> None:
    """Each answer is written, the last one counts."""
    row = [one for one in out.ended if one[-1] == event.action]
    if row and event.action not in state.paused:
        out.ended.append((row[0][0], bytearray(event.payload), *row[0][2:]))
        return
    conditions.on_signal(state, source, event, now, out)


def _forgets_early(state: Any, source: Any, event: Any, now: float, out: Any) -> None:
    state.early.clear()
    calls.on_submit(state, source, event, now, out)


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (("calls", "_is_settled", _never), "what was aborted for its parent has ended otherwise"),
        (("handlers", "Submit", _forgets_early), ""),
        (("handlers", "Signal", _lets_all_answer), ""),
    ],
    ids=["an abort is forgotten", "an early answer is forgotten", "the last answer counts"],
)
def test_broken_rules_are_seen(
    monkeypatch: pytest.MonkeyPatch, broken: tuple[str, str, Callable[..., Any]], words: str
) -> None:
    where, name, call = broken
    if where == "calls":
        monkeypatch.setattr(calls, name, call)
    else:
        kind = next(kind for kind in lifecycle.HANDLERS if kind.__name__ == name)
        monkeypatch.setitem(lifecycle.HANDLERS, kind, call)
    said = broken_in(PeopledWorld, 4_000)
    assert said
    assert words in said
