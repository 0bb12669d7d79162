"""Random schedules of messages, commits and crashes: the tree's answer is always right, nothing leaks or runs twice.

A failing seed is in the test's name; `World(seed, …).run()` replays it.
"""

from __future__ import annotations

import pytest

from flytenb.model.phases import FAILED, SUCCEEDED
from tests.unit.rules.simulation import World

CASES = {
    "calm": {},
    "deep": {"depth": 4, "width": 2},
    "wide": {"depth": 1, "width": 40},
    "one cpu": {"cpus": 1, "depth": 3},
    "workers die": {"worker_deaths": 2},
    "engine dies": {"engine_deaths": 3},
    "all die": {"worker_deaths": 2, "engine_deaths": 3, "depth": 3, "width": 2},
    "cached": {"cached": True},
    "cached, engine dies": {"cached": True, "engine_deaths": 2},
}


@pytest.mark.parametrize("case", CASES, ids=list(CASES))
def test_tree_gives_its_sum_whatever_dies(case: str) -> None:
    options = CASES[case]
    for seed in range(150):
        world = World(seed, **options)
        expected = str(world.width**world.depth).encode()
        assert world.run() == (SUCCEEDED, expected), f"{case}, seed {seed}"
        assert not [a for a in world.state.live.values() if a.parent is None]


def test_failed_leaves_are_tried_again() -> None:
    for seed in range(100):
        world = World(seed, fail_leaves=0.2, retries=20)
        assert world.run() == (SUCCEEDED, b"9"), f"seed {seed}"


def test_a_failure_reaches_the_root() -> None:
    for seed in range(100):
        world = World(seed, fail_leaves=1.0)
        phase, _ = world.run()
        assert phase == FAILED, f"seed {seed}"
        assert not world.state.live
