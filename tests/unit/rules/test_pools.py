"""Workers that are not simply shared: one action each with a spare ahead, pools, and workers that never come."""

from __future__ import annotations

import pytest

from flytenb.model.declaration import Reuse
from flytenb.model.outcome import decode_failure
from flytenb.model.phases import FAILED, SUCCEEDED
from tests.unit.rules.simulation import World

STRICT = {"isolation": "strict"}
CONTAINER = {"is_container": True}

SINGLE = {
    "strict": STRICT,
    "strict, one cpu": {**STRICT, "cpus": 1, "depth": 3, "width": 2},
    "strict, wide": {**STRICT, "cpus": 4, "depth": 1, "width": 30},
    "strict, workers die": {**STRICT, "worker_deaths": 2},
    "strict, all die": {**STRICT, "worker_deaths": 2, "engine_deaths": 2, "depth": 3, "width": 2},
    "strict, some never come": {**STRICT, "start_deaths": 2},
    "container": CONTAINER,
    "container, slow": {**CONTAINER, "slow_starts": True},
    "container, slow, all die": {**CONTAINER, "slow_starts": True, "worker_deaths": 2, "engine_deaths": 2},
    "container, cached": {**CONTAINER, "cached": True},
}


@pytest.mark.parametrize("case", SINGLE, ids=list(SINGLE))
def test_single_lanes(case: str) -> None:
    for seed in range(40):
        world = World(seed, **SINGLE[case])
        assert world.run() == (SUCCEEDED, str(world.width**world.depth).encode()), f"{case}, seed {seed}"
        assert set(world.counts.values()) <= {1} or world.engine_deaths < SINGLE[case].get("engine_deaths", 0)
        assert world.most_spares <= world.cpus + 1


ONE = Reuse(min_replicas=1, max_replicas=1)
POOLS = {
    "two replicas": {"reuse": Reuse(min_replicas=2, max_replicas=2)},
    "grows": {"reuse": Reuse(min_replicas=0, max_replicas=4), "cpus": 4},
    "concurrent": {"reuse": Reuse(min_replicas=1, max_replicas=2, concurrency=5), "width": 10},
    "more replicas than cpus": {"reuse": Reuse(min_replicas=6, max_replicas=6)},
    "one, beside its parent": {"reuse": ONE},
    "one, deep": {"reuse": ONE, "depth": 5, "width": 2},
    "one, workers die": {"reuse": ONE, "worker_deaths": 2},
    "one, some never come": {"reuse": ONE, "start_deaths": 2},
    "per run": {"reuse": Reuse(min_replicas=2, max_replicas=2, scope="run")},
    "per run, all die": {"reuse": Reuse(max_replicas=3, scope="run"), "worker_deaths": 2, "engine_deaths": 2},
    "container": {"reuse": Reuse(min_replicas=1, max_replicas=2), "is_container": True, "slow_starts": True},
    "cached": {"reuse": ONE, "cached": True},
}


@pytest.mark.parametrize("case", POOLS, ids=list(POOLS))
def test_pools(case: str) -> None:
    for seed in range(40):
        world = World(seed, **POOLS[case])
        assert world.run() == (SUCCEEDED, str(world.width**world.depth).encode()), f"{case}, seed {seed}"


@pytest.mark.parametrize("cached", [False, True], ids=["plain", "cached"])
@pytest.mark.parametrize("kind", [{}, STRICT, CONTAINER, {"reuse": ONE}], ids=["shared", "strict", "container", "pool"])
def test_a_refusal_ends_the_run_with_its_code(kind: dict, cached: bool) -> None:
    for seed in range(50):
        world = World(seed, refusals=1000, slow_starts=seed % 2 == 0, cached=cached, **kind)
        phase, payload = world.run()
        if phase == SUCCEEDED:
            continue  # enough workers came
        failure = decode_failure(payload)
        assert (phase, failure.code, failure.message) == (FAILED, "ImageBuildError", "no image"), f"seed {seed}"
        assert not world.state.live
        assert not any(shape.queue for shape in world.state.shapes.values())
        assert not world.state.in_flight


def test_a_run_after_a_refusal_is_tried_anew() -> None:
    seen = set()
    for seed in range(40):
        world = World(seed, refusals=1, **CONTAINER)
        phase, _ = world.run()
        seen.add(phase)
        if phase == FAILED:
            world.again()
            assert world.run()[0] == SUCCEEDED
    assert FAILED in seen


def test_workers_that_never_come_end_the_run() -> None:
    for seed in range(50):
        world = World(seed, start_deaths=10_000, **STRICT)
        world.always_dies = True
        phase, payload = world.run()
        assert (phase, decode_failure(payload).code) == (FAILED, "WorkerStartError")
        assert not world.state.live


def test_idle_workers_go() -> None:
    """Spares after their time, a pool when it is not used, its workers beyond the minimum before that."""
    for options in (
        STRICT,
        {"reuse": Reuse(min_replicas=1, max_replicas=4, idle_ttl_s=120, scaledown_ttl_s=30), "cpus": 4},
        {"reuse": Reuse(min_replicas=2, max_replicas=2, scope="run")},
    ):
        for seed in range(20):
            world = World(seed, width=8, depth=1, **options)
            world.run()
            world.settle()
            reuse = options.get("reuse")
            if reuse is not None and reuse.scope == "run":
                assert not world.state.lanes, "workers outlive their run"
                continue
            assert not any(lane.has_slot for lane in world.state.lanes.values())
            world.wait(31)
            assert len(world.state.lanes) == (1 if reuse is not None else 0)
            world.wait(121)
            assert not world.state.lanes
            world.wait(11)
            assert not world.state.kept
