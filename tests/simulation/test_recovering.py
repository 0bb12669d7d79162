"""Runs that recover others in worlds where everything dies: rules that are broken on purpose are seen."""

from __future__ import annotations

from typing import Any

import pytest

from flytenb.rules import calls, recovery, runs
from tests.simulation.recovering import RecoveringWorld
from tests.simulation.world import broken_in

RUNS_AGAIN = "had succeeded in the run that is recovered"


def test_recovering_holds_in_every_world() -> None:
    assert not broken_in(RecoveringWorld, 1_000)


_recovered_root = runs.recovered_root


def _forgets_its_source(state: Any, event: Any) -> Any:
    root = _recovered_root(state, event)
    root.run.source = None
    return root


@pytest.mark.parametrize(
    ("where", "name", "broken", "words"),
    [
        (calls, "recover", lambda *_: False, RUNS_AGAIN),
        (recovery, "_is_same_code", lambda *_: True, "a result of other code was reused"),
        (recovery, "_take_traces", lambda *_, **__: None, "was to be replayed"),
        (runs, "recovered_root", _forgets_its_source, RUNS_AGAIN),
    ],
    ids=["nothing is reused", "code is not looked at", "traces are lost", "a new engine forgets what is recovered"],
)
def test_broken_rules_are_seen(monkeypatch: pytest.MonkeyPatch, where: Any, name: str, broken: Any, words: str) -> None:
    monkeypatch.setattr(where, name, broken)
    assert words in broken_in(RecoveringWorld, 2_000)
