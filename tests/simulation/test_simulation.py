"""Many worlds, each decided by its seed: whatever dies and whatever the disk refuses, the promises hold."""

from __future__ import annotations

import os

import pytest

from tests.simulation.__main__ import try_all
from tests.simulation.mutants import find

#: Worlds of the usual test; `make simulation` runs a hundred thousand.
SEEDS = int(os.environ.get("FLYTENB_SIMULATION_SEEDS", "4000"))


@pytest.mark.timeout(900)
def test_every_promise_holds_in_every_world() -> None:
    broken = try_all(0, SEEDS, os.cpu_count() or 1)
    assert not broken, f"{broken[0]}; replay it: python -m tests.simulation {broken[0].split()[1].rstrip(':')}"


@pytest.mark.parametrize(
    "name",
    [
        "results are told before their commit",
        "an adopted action forgets its children",
        "a slot leaks",
        "known children run again",
    ],
)
def test_broken_rules_are_seen(name: str) -> None:
    assert find(name, 2_000), f"the simulation does not see that {name}"
