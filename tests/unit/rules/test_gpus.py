"""Single GPUs: never two who compute on one, all given back, and what cannot be is refused by name."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flytenb.model.declaration import Launch, ResourceRequest, Reuse, TaskDeclaration
from flytenb.model.devices import Gpu, GpusFound, GpuUse, Outside
from flytenb.model.outcome import decode_failure
from flytenb.model.phases import FAILED, SUCCEEDED
from flytenb.rules import Capacity, State
from flytenb.rules.gpu_placement import PATIENCE_S
from flytenb.rules.gpu_refusals import refusal_words
from flytenb.rules.gpus import Gpus
from tests.unit.rules.desk import Desk
from tests.unit.rules.gpu_simulation import GpuWorld

NONE = ResourceRequest(cpu=0.1)
ONE = ResourceRequest(cpu=0.1, gpu=1)
TWO = ResourceRequest(cpu=0.1, gpu=2, gpu_kind="A100", gpu_class="GPU")
T4 = ResourceRequest(cpu=0.1, gpu=1, gpu_kind="T4", gpu_class="GPU")


def machine(*kinds: str) -> tuple[Gpu, ...]:
    return tuple(Gpu(id=str(n), kind=kind) for n, kind in enumerate(kinds))


POOL = Reuse(min_replicas=1, max_replicas=2, concurrency=1, idle_ttl_s=60, scaledown_ttl_s=30)
FOUR = machine("A100", "A100", "A100", "A100")
CASES = {
    "leaves": {"gpus": FOUR, "asks": {1: [NONE], 0: [ONE, TWO]}, "depth": 1, "width": 12},
    "one each": {"gpus": machine("T4"), "asks": {2: [NONE], 1: [NONE], 0: [ONE]}},
    "two kinds": {
        "gpus": machine("A100", "A100", "T4"),
        "asks": {1: [NONE], 0: [TWO, T4, ONE]},
        "depth": 1,
        "width": 9,
    },
    "parents lend": {"gpus": machine("A100"), "asks": {2: [ONE], 1: [ONE], 0: [ONE]}},
    "parents lend two": {"gpus": machine("A100", "A100"), "asks": {2: [TWO], 1: [TWO], 0: [ONE, TWO]}},
    "parents hold one of three": {"gpus": machine(*["A100"] * 3), "asks": {1: [ONE], 0: [ONE, TWO]}, "depth": 1},
    "deep": {"gpus": machine("A100", "A100"), "asks": {n: [ONE, NONE] for n in range(5)}, "depth": 4, "width": 2},
    "one cpu": {"gpus": FOUR, "asks": {2: [NONE], 1: [ONE], 0: [ONE, NONE]}, "cpus": 1},
    "workers die": {"gpus": FOUR, "asks": {2: [NONE], 1: [ONE], 0: [ONE, TWO]}, "worker_deaths": 2},
    "links die": {"gpus": FOUR, "asks": {2: [ONE], 1: [ONE], 0: [ONE, TWO]}, "link_losses": 2},
    "engine dies": {"gpus": FOUR, "asks": {2: [NONE], 1: [ONE], 0: [ONE, TWO]}, "engine_deaths": 2},
    "images are built": {"gpus": FOUR, "asks": {2: [NONE], 1: [ONE], 0: [ONE, TWO]}, "images": 0.3},
    "images, parents lend": {"gpus": machine("A100"), "asks": {2: [ONE], 1: [ONE], 0: [ONE]}, "images": 0.3},
    "images, all die": {
        "gpus": FOUR,
        "asks": {2: [NONE], 1: [ONE], 0: [ONE, TWO]},
        "images": 0.3,
        "worker_deaths": 2,
        "link_losses": 1,
        "engine_deaths": 1,
    },
    "containers": {"gpus": FOUR, "asks": {2: [NONE], 1: [ONE], 0: [ONE, TWO]}, "is_container": True},
    "containers, parents lend": {"gpus": machine("A100"), "asks": {2: [ONE], 1: [ONE], 0: [ONE]}, "is_container": True},
    "containers with images, all die": {
        "gpus": FOUR,
        "asks": {2: [NONE], 1: [ONE], 0: [ONE, TWO]},
        "is_container": True,
        "images": 0.3,
        "worker_deaths": 2,
        "link_losses": 1,
        "engine_deaths": 1,
    },
    "a process each": {"gpus": FOUR, "asks": {2: [NONE], 1: [ONE], 0: [ONE, TWO]}, "isolation": "strict"},
    "pools": {"gpus": FOUR, "asks": {1: [NONE], 0: [ONE, TWO]}, "depth": 1, "width": 9, "reuse": POOL},
    "pools, workers die": {"gpus": FOUR, "asks": {1: [NONE], 0: [ONE]}, "depth": 1, "reuse": POOL, "worker_deaths": 2},
    "workers do not start": {"gpus": FOUR, "asks": {2: [NONE], 1: [ONE], 0: [ONE, TWO]}, "start_deaths": 2},
    "workers start slowly": {"gpus": FOUR, "asks": {2: [NONE], 1: [ONE], 0: [ONE, TWO]}, "slow_starts": True},
    "others take memory": {"gpus": FOUR, "asks": {2: [NONE], 1: [ONE], 0: [ONE, TWO]}, "outside": True},
}


@pytest.mark.parametrize("case", CASES, ids=list(CASES))
def test_a_gpu_computes_for_one_worker_at_a_time(case: str) -> None:
    for seed in range(60):
        world = GpuWorld(seed, **CASES[case])
        expected = str(world.width**world.depth).encode()
        assert world.run() == (SUCCEEDED, expected), f"{case}, seed {seed}"
        world.idle_out()


def test_all_four_are_used_at_once() -> None:
    assert max(self.most_at_once for self in _ran(20, gpus=FOUR, asks={1: [NONE], 0: [ONE]}, depth=1, width=20)) == 4


def _ran(seeds: int, **options: object) -> list[GpuWorld]:
    worlds = [GpuWorld(seed, **options) for seed in range(seeds)]
    for world in worlds:
        world.run()
    return worlds


def test_failed_leaves_give_theirs_back() -> None:
    for world in _ran(60, gpus=machine("T4"), asks={2: [NONE], 1: [NONE], 0: [ONE]}, fail_leaves=0.3, retries=20):
        assert world.result == (SUCCEEDED, b"9")
        world.idle_out()


def test_an_aborted_tree_gives_all_back() -> None:
    for seed in range(60):
        world = GpuWorld(seed, gpus=FOUR, asks={2: [ONE], 1: [ONE], 0: [ONE, TWO]}, fail_leaves=1.0)
        phase, _ = world.run()
        assert phase == FAILED
        world.idle_out()


def test_software_that_is_never_ready_beforehand_is_made_with_the_gpus() -> None:
    """A builder that builds each time: after some tries its worker holds its GPUs meanwhile."""
    for seed in range(20):
        world = GpuWorld(seed, gpus=machine("T4"), asks={1: [NONE], 0: [ONE]}, depth=1, images=0.95)
        assert world.run() == (SUCCEEDED, b"3"), f"seed {seed}"
        world.idle_out()


def test_tasks_that_hold_gpus_and_call_for_more_are_refused_not_left_waiting() -> None:
    """Two siblings hold one of two GPUs each and both call for two."""
    for seed in range(60):
        world = GpuWorld(seed, gpus=machine("A100", "A100"), asks={2: [NONE], 1: [ONE], 0: [TWO]})
        phase, payload = world.run()
        if phase != SUCCEEDED:  # by luck one sibling may have ended before the other began
            message = decode_failure(payload).message
            assert message.startswith("task 'env.level0_0' asks for GPU A100:2, which it can never get: 'env.level1_0'")
            assert "holds GPUs and waits for calls that need more" in message
        world.idle_out()


def test_a_patient_request_for_many_is_not_starved_by_many_small_ones() -> None:
    """Two GPUs; small ones come one after the other, a large one waits: it runs before the last small one."""
    order = []
    for seed in range(10):
        world = GpuWorld(seed, gpus=machine("A100", "A100"), asks={1: [NONE], 0: [TWO, *[ONE] * 39]}, depth=1, width=40)
        world.run()
        order.append(world.given)
        assert (("0", "1")) in world.given


# ---- what is there, in words ---------------------------------------------------------------------------------------


def test_what_ends_is_left_to_the_patient_one() -> None:
    """Also where a younger kind that is in use has more actions: its next worker would take what is free too early."""
    desk = Desk(cpus=4)
    desk.happen(GpusFound(devices=FOUR, words="declared"))
    launch = Launch(python="python", cwd="/", isolation="strict")
    small = desk.declare("small", launch, cpu=0.1, gpu=1)
    large = desk.declare("large", launch, cpu=0.1, gpu=2)
    running = [desk.run(small) for _ in range(4)]
    desk.arrive()
    desk.run(large)
    for _ in range(8):
        desk.run(small)
    desk.wait(PATIENCE_S + 1)
    for action in running[:2]:
        assert action is not None
        assert action.lane is not None
        name = action.lane.id
        desk.finish(action)
        desk.lose(name)
    shapes = [desk.state.lanes[name].shape for name in desk.spawned()]
    assert [shape.gpus for shape in shapes if shape is not None] == [2]


def refusal(request: ResourceRequest, *kinds: str, words: str = "there is no nvidia-smi") -> str:
    state = State(Capacity(4, 1 << 34), {}.get)
    declaration = TaskDeclaration(
        name="fit",
        short_name="fit",
        environment="",
        program="p",
        entry="e",
        launch=Launch(python="p", cwd="/"),
        resources=request,
    )
    state.capacity.gpus.found(GpusFound(devices=machine(*kinds), words=words), 0.0)
    return refusal_words(state, state.shape_of(declaration), "fit")


@pytest.mark.parametrize(
    ("request_", "kinds", "sentence"),
    [
        (
            TWO,
            ("T4",),
            "task 'fit' asks for GPU A100:2; this machine has 1 T4 (GPU 0): ask for what is there, "
            'or start the engine with FLYTENB_GPUS="A100:2" if it has them',
        ),
        (
            ONE,
            (),
            "task 'fit' asks for GPU any:1; this machine has no GPU (there is no nvidia-smi): ask for none, or, "
            "if it has them, start the engine with FLYTENB_GPUS=\"T4:1\" ('flytenb engine stop' first)",
        ),
        (
            ResourceRequest(gpu=1, gpu_kind="V5E", gpu_class="TPU"),
            ("T4",),
            "task 'fit' asks for GPU TPU V5E:1; this machine assigns NVIDIA and AMD GPUs only: "
            "ask for one, or run it on a cluster",
        ),
        (
            ResourceRequest(gpu=1, gpu_kind="T4 shared", gpu_class="GPU"),
            ("T4",),
            "task 'fit' asks for GPU T4 shared:1; GPUs are shared in time by clusters, this machine assigns whole "
            "ones: ask for T4:1",
        ),
        (
            ResourceRequest(gpu=1, gpu_kind="A100", gpu_class="GPU", gpu_partition="1g.5gb"),
            ("A100", "A100"),
            "task 'fit' asks for GPU A100:1 slice 1g.5gb; this machine has 2 A100 (GPU 0, 1): its administrator makes "
            "slices with 'nvidia-smi mig', or ask for a whole one, A100:1",
        ),
        (
            ResourceRequest(gpu=1, gpu_kind="MI300X", gpu_class="AMD_GPU"),
            ("T4",),
            "task 'fit' asks for GPU AMD_GPU MI300X:1; this machine has 1 T4 (GPU 0): ask for what is there, "
            'or start the engine with FLYTENB_GPUS="MI300X:1" if it has them',
        ),
    ],
)
def test_a_refusal_names_what_is_there_and_the_fix(
    request_: ResourceRequest, kinds: tuple[str, ...], sentence: str
) -> None:
    assert refusal(request_, *kinds) == sentence


def test_more_than_there_are_fails_the_run_at_once() -> None:
    world = GpuWorld(1, gpus=machine("T4"), asks={0: [TWO]}, depth=0)
    phase, payload = world.run()
    failure = decode_failure(payload)
    assert (phase, failure.code, failure.is_recoverable) == (FAILED, "ResourceNotAvailable", False)


# ---- the table -----------------------------------------------------------------------------------------------------


class Holder:
    def __init__(self, name: str) -> None:
        self.id, self.gpus = name, ()
        self.busy, self.parked, self.zombies, self.is_closing = 1, 0, {}, False


KINDS = st.sampled_from(["A100", "A100_80G", "T4", ""])
ASKS = st.builds(
    lambda count, kind: ResourceRequest(gpu=count, gpu_kind=kind),
    st.integers(1, 4),
    st.sampled_from(["A100", "A100_80G", "T4", "", "", "H100"]),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(KINDS, max_size=8), st.lists(st.tuples(ASKS, st.booleans()), max_size=30), st.randoms())
def test_table_gives_each_id_once_and_of_the_kind_asked(kinds: list[str], steps: list, random: object) -> None:
    table = Gpus()
    table.found(GpusFound(devices=machine(*kinds)), 0.0)
    live: list[Holder] = []
    for n, (ask, gives_back) in enumerate(steps):
        if gives_back and live:
            gone = live.pop(random.randrange(len(live)))
            assert table.release(gone.id)
            assert not table.release(gone.id)
        free = [gpu for gpu in table.matching(ask) if gpu.id not in table.holders]
        ids = table.choose(ask)
        if ids is None:
            # Never without need: with enough free ones of one kind there is a choice.
            assert not any(sum(gpu.kind == kind for gpu in free) >= ask.gpu for kind in set(kinds))
            continue
        assert len(set(ids)) == ask.gpu
        assert all(table.devices[ident].kind in (ask.gpu_kind, f"{ask.gpu_kind}_80G") for ident in ids if ask.gpu_kind)
        assert not set(ids) & {ident for holder in live for ident in holder.gpus}
        holder = Holder(f"w{n}")
        table.take(holder, ids)
        live.append(holder)
    for holder in live:
        table.release(holder.id)
    assert table.holders == {}


def test_the_exact_model_comes_before_the_bigger_one_and_one_kind_before_a_mixture() -> None:
    table = Gpus()
    table.found(GpusFound(devices=machine("A100_80G", "A100", "T4", "T4")), 0.0)
    assert table.choose(ResourceRequest(gpu=1, gpu_kind="A100")) == ("1",)
    assert table.choose(ResourceRequest(gpu=2, gpu_kind="A100")) == ("0", "1")
    assert table.choose(ResourceRequest(gpu=2)) == ("2", "3")
    assert table.choose(ResourceRequest(gpu=3)) == ("0", "1", "2")


def test_memory_of_others_makes_a_gpu_the_last_choice_and_none_at_all_when_it_is_nearly_full() -> None:
    table = Gpus()
    kernel = (Outside(pid=7, words="kernel train.ipynb", bytes=31 * 10**9),)
    uses = (
        GpuUse(id="0", free_bytes=9 * 10**9, total_bytes=40 * 10**9, outside=kernel),
        GpuUse(id="1", free_bytes=40 * 10**9, total_bytes=40 * 10**9),
    )
    table.found(GpusFound(devices=machine("A100", "A100"), uses=uses), 0.0)
    one, two = ResourceRequest(gpu=1), ResourceRequest(gpu=2)
    assert table.choose(one) == ("1",)
    assert table.choose(two) == ("0", "1")
    full = GpuUse(id="0", free_bytes=3 * 10**9, total_bytes=40 * 10**9, outside=kernel)
    table.found(GpusFound(devices=machine("A100", "A100"), uses=(full, uses[1])), 0.0)
    assert table.choose(one) == ("1",)
    assert table.choose(two) is None


def test_slices_are_given_by_their_profile_and_whole_requests_do_not_get_them() -> None:
    table = Gpus()
    slices = tuple(Gpu(id=f"MIG-{n}", kind="A100", partition="1g.5gb") for n in range(2))
    table.found(GpusFound(devices=slices), 0.0)
    assert table.choose(ResourceRequest(gpu=1, gpu_kind="A100", gpu_partition="1g.5gb")) == ("MIG-0",)
    assert table.choose(ResourceRequest(gpu=1)) == ("MIG-0",)
    assert table.choose(ResourceRequest(gpu=1, gpu_kind="A100")) is None
    assert table.choose(ResourceRequest(gpu=2)) is None
    assert table.choose(ResourceRequest(gpu=1, gpu_kind="A100", gpu_partition="3g.20gb")) is None
