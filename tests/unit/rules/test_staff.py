"""How many workers there are, when, and for whom."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from flytenb.model.declaration import ResourceRequest, Reuse
from flytenb.model.events import AbortRequest, LaneNews, LanePlaced, LaneReady
from flytenb.model.image import ImageSpec
from flytenb.model.tags import PREPARE, RECALL, SHUTDOWN
from flytenb.rules.state import Capacity, Shape
from tests.unit.rules.desk import PLAIN, Desk, Source

STRICT = replace(PLAIN, isolation="strict")


def pool(**words: object) -> object:
    return replace(PLAIN, reuse=Reuse(**words))


def test_a_spare_waits_holds_nothing_and_goes() -> None:
    desk = Desk(cpus=2)
    task = desk.declare(launch=STRICT)
    root = desk.run(task)
    assert desk.spawned() == ["w1", "w2"]  # the one that is needed and the one after it
    first, _ = desk.arrive()[:2]
    assert root is not None
    assert root.lane is not None
    assert root.lane.id == first
    assert desk.state.capacity.used_cpu == 1
    desk.finish(root)
    assert desk.sent(SHUTDOWN)
    desk.lose(first)
    assert desk.state.capacity.used_cpu == 0
    assert list(desk.state.lanes) == ["w2"]

    again = desk.run(task)
    assert again is not None
    assert again.lane is not None
    assert again.lane.id == "w2"
    assert not desk.spawned()  # the next one does not disturb the hand-over
    desk.wait(0.03)
    assert desk.spawned() == ["w3"]
    desk.arrive()
    assert desk.sent(PREPARE)  # it loads the code ahead
    desk.finish(again)
    desk.lose("w2")
    desk.wait(29)
    assert not desk.sent(SHUTDOWN)
    desk.wait(2)
    assert desk.sent(SHUTDOWN)
    desk.lose("w3")
    assert not desk.state.lanes
    assert not desk.wait(1).chores


@pytest.mark.parametrize(("cpus", "beside"), [(2, ["w1"]), (4, ["w1", "w2"])])
def test_the_first_container_starts_alone_where_cores_are_few(cpus: int, beside: list[str]) -> None:
    desk = Desk(cpus=cpus)
    task = desk.declare(launch=replace(STRICT, image=ImageSpec(base="python:3.12")))
    root = desk.run(task)
    assert desk.spawned() == beside
    desk.arrive()
    assert root is not None
    assert root.lane is not None
    desk.wait(0.03)
    assert len(desk.state.lanes) == 2  # the spare comes when the hand-over is done


def test_a_spare_keeps_no_slot_from_others() -> None:
    desk = Desk(cpus=1)
    strict, plain = desk.declare("s", STRICT), desk.declare("p")
    root = desk.run(strict)
    desk.arrive()
    assert root is not None
    desk.finish(root)
    desk.wait(0.03)
    other = desk.run(plain)
    desk.arrive()
    assert other is not None
    assert other.lane is not None
    assert any(lane.is_single and not lane.is_used for lane in desk.state.lanes.values())


def test_spares_are_few_and_of_those_used_last() -> None:
    desk = Desk(cpus=2)
    for number in range(7):
        root = desk.run(desk.declare(f"s{number}", replace(STRICT, cwd=f"/{number}")))
        desk.arrive()
        assert root is not None
        lane = root.lane
        desk.finish(root)
        assert lane is not None
        desk.lose(lane.id)
        desk.wait(0.03)
        desk.arrive()
    desk.wait(0.1)
    for lane in list(desk.state.lanes.values()):
        if lane.is_closing:
            desk.lose(lane.id)
    folders = [lane.shape.launch.cwd for lane in desk.state.lanes.values() if lane.shape is not None]
    assert sorted(folders) == ["/3", "/4", "/5", "/6"]


def test_many_single_actions_start_at_once_but_not_more_than_cpus() -> None:
    desk = Desk(cpus=4)
    task = desk.declare(launch=STRICT)
    roots = [desk.run(task) for _ in range(10)]
    assert len(desk.spawned()) == 4
    desk.arrive()
    assert sum(root is not None and root.lane is not None for root in roots) == 4
    assert desk.state.capacity.used_cpu == 4
    assert len(desk.state.lanes) == 5


def test_a_spare_that_fails_to_start_is_not_tried_for_ever() -> None:
    desk = Desk(cpus=4)
    root = desk.run(desk.declare(launch=STRICT))
    _, *spares = desk.spawned()
    for name in spares:
        desk.lose(name, "start")
    assert root is not None
    for _ in range(5):
        for name in desk.spawned()[1:]:
            desk.lose(name, "start")
    assert len(desk.spawned()) <= 2


def test_capacity_of_a_pool_is_replicas_times_concurrency() -> None:
    desk = Desk(cpus=8)
    task = desk.declare(launch=pool(min_replicas=2, max_replicas=2, concurrency=3))
    roots = [desk.run(task) for _ in range(10)]
    desk.arrive()
    lanes = list(desk.state.lanes.values())
    assert [lane.busy for lane in lanes] == [3, 3]
    assert desk.state.capacity.used_cpu == 2  # a slot is a worker's
    assert roots[0] is not None
    desk.finish(roots[0], active_s=1.0)
    assert [lane.busy for lane in lanes] == [3, 3]
    assert len(desk.executed()) == 1


def test_sync_tasks_one_at_a_time() -> None:
    desk = Desk(cpus=8)
    task = desk.declare(launch=pool(max_replicas=2, concurrency=3), is_async=False)
    for _ in range(5):
        desk.run(task)
    desk.arrive()
    assert [lane.busy for lane in desk.state.lanes.values()] == [1, 1]


def test_one_replica_runs_the_child_beside_its_waiting_parent() -> None:
    desk = Desk()
    task = desk.declare(launch=pool(min_replicas=1, max_replicas=1))
    root = desk.run(task)
    desk.arrive()
    assert root is not None
    child = desk.call(root, task)
    assert child.lane is root.lane
    assert root.is_parked
    assert len(desk.state.lanes) == 1


def test_the_minimum_starts_together_and_survives_scaling_down() -> None:
    desk = Desk(cpus=4)
    task = desk.declare(launch=pool(min_replicas=2, max_replicas=4, idle_ttl_s=90, scaledown_ttl_s=30))
    roots = [desk.run(task) for _ in range(4)]
    desk.arrive()
    assert len(desk.state.lanes) == 4
    for root in roots:
        assert root is not None
        desk.finish(root)
    desk.wait(31)
    assert len(desk.sent(SHUTDOWN)) == 2
    desk.wait(60)
    assert len(desk.sent(SHUTDOWN)) == 2


def test_per_run_workers_serve_one_run_and_end_with_it() -> None:
    desk = Desk(cpus=4)
    task = desk.declare(launch=pool(min_replicas=1, max_replicas=1, scope="run"))
    one, two = desk.run(task), desk.run(task)
    desk.arrive()
    assert one is not None
    assert two is not None
    assert one.lane is not None
    assert two.lane is not None
    assert one.lane is not two.lane
    desk.finish(one)
    assert len(desk.sent(SHUTDOWN)) == 1
    desk.happen(AbortRequest(two.id, "enough"))
    assert len(desk.sent(SHUTDOWN)) == 1


def test_a_run_that_ends_while_its_worker_is_made_kills_it() -> None:
    desk = Desk()
    root = desk.run(desk.declare(launch=pool(max_replicas=1, scope="run")))
    (name,) = desk.spawned()
    assert root is not None
    desk.happen(AbortRequest(root.id, "enough"))
    assert ("kill", name, "its run has ended") in desk.out.chores
    link = Source()
    desk.happen(LaneReady(name, 1), link)  # it had been on its way
    assert desk.sent(SHUTDOWN)
    desk.lose(name, "killed")
    assert not desk.state.lanes


@pytest.mark.parametrize("launch", [PLAIN, STRICT, pool(max_replicas=1)], ids=["plain", "strict", "pool"])
def test_killed_while_it_is_made_is_no_failure_of_its_kind(launch: object) -> None:
    desk = Desk()
    root = desk.run(desk.declare(launch=launch))
    for _ in range(5):
        desk.lose(desk.spawned()[0], "killed")
    desk.arrive()
    assert root is not None
    assert root.lane is not None


def test_fed_ahead_work_of_a_pool_comes_back_when_another_worker_idles() -> None:
    desk = Desk(cpus=4)
    task = desk.declare(launch=pool(min_replicas=2, max_replicas=2, concurrency=2))
    first = desk.run(task)
    desk.arrive()
    assert first is not None
    desk.finish(first, active_s=0.0001)
    roots = [desk.run(task) for _ in range(8)]
    lanes = sorted({root.lane.id for root in roots if root is not None and root.lane is not None})
    assert len(lanes) == 2
    recalled: list[int] = []
    for root in roots:
        if root is not None and root.lane is not None and root.lane.id == lanes[0]:
            desk.finish(root, active_s=0.0001)
            recalled += [message[1] for message in desk.sent(RECALL)]
    desk.wait(0.02)
    recalled += [message[1] for message in desk.sent(RECALL)]
    assert recalled == [2]


# ---- runs that are started by actions -------------------------------------------------------------------------------


def test_a_run_is_never_placed_where_it_was_started() -> None:
    """Its submitter may block that process until the run ends; so may the submitters of the runs around it."""
    desk = Desk(cpus=1)
    task = desk.declare()
    outer = desk.run(task)
    desk.arrive()
    assert outer is not None
    assert outer.lane is not None
    middle = desk.run(task, origin={"worker": outer.lane.id})
    assert middle is not None
    assert middle.lane is None
    desk.arrive()  # though no CPU is free: the one that is used may wait for it
    assert middle.lane is not None
    assert middle.lane is not outer.lane
    inner = desk.run(task, Source(pid=middle.lane.pid))  # told by its process only
    desk.arrive()
    assert inner is not None
    assert inner.lane is not None
    assert len({outer.lane.id, middle.lane.id, inner.lane.id}) == 3
    child = desk.call(inner, task)
    desk.arrive()
    assert child.lane is not None
    assert child.lane.id not in {outer.lane.id, middle.lane.id, inner.lane.id}
    for action in (child, inner, middle, outer):
        desk.finish(action)
    assert not desk.state.live
    assert desk.state.capacity.used_cpu == 0


def test_a_full_pool_grows_for_a_run_that_it_waits_for() -> None:
    desk = Desk(cpus=2)
    task = desk.declare(launch=pool(min_replicas=1, max_replicas=1))
    outer = desk.run(task)
    desk.arrive()
    assert outer is not None
    assert outer.lane is not None
    inner = desk.run(task, origin={"worker": outer.lane.id})
    desk.arrive()
    assert inner is not None
    assert inner.lane is not None
    assert inner.lane is not outer.lane


def test_what_is_made_for_an_aborted_run_is_given_up() -> None:
    desk = Desk()
    root = desk.run(desk.declare())
    assert root is not None
    (worker,) = desk.spawned()
    desk.happen(LaneNews(worker, "builds image data: step 2 of 7"))
    assert not desk.killed()
    desk.happen(AbortRequest(root.id, "stopped"))
    assert desk.killed() == [worker]
    desk.lose(worker, "killed")
    assert not desk.state.lanes
    assert not desk.state.waiting


def test_what_somebody_else_waits_for_goes_on() -> None:
    desk = Desk()
    task = desk.declare()
    first, second = desk.run(task), desk.run(task)
    assert first is not None
    assert second is not None
    (worker,) = desk.spawned()
    desk.happen(LaneNews(worker, "builds"))
    desk.happen(AbortRequest(first.id, "stopped"))
    assert not desk.killed()
    desk.happen(AbortRequest(second.id, "stopped"))
    assert desk.killed() == [worker]
    third = desk.run(task)
    assert third is not None
    assert desk.spawned() == [worker]  # until it has ended, then there is another one
    desk.lose(worker, "killed")
    assert len(desk.spawned()) == 1
    desk.arrive()
    assert third.lane is not None


def test_a_spare_that_is_long_in_making_is_not_begun_for_ever() -> None:
    desk = Desk(cpus=2)
    task = desk.declare(launch=STRICT)
    root = desk.run(task)
    first, spare = desk.spawned()
    desk.happen(LanePlaced(first, b"p", b"", True, "process"))
    desk.happen(LaneReady(first, 1), Source(1))
    assert root is not None
    assert root.lane is not None
    desk.happen(LaneNews(spare, "pulls base:1"))  # somebody has deleted it
    assert desk.killed() == [spare]
    desk.lose(spare, "killed")
    desk.wait(0.03)
    assert not desk.spawned(), "nobody waits for it"
    desk.run(task)
    assert desk.spawned(), "now somebody does"


def test_an_abort_before_the_first_word_is_honoured_with_it() -> None:
    desk = Desk()
    root = desk.run(desk.declare())
    assert root is not None
    (worker,) = desk.spawned()
    desk.happen(AbortRequest(root.id, "stopped"))
    assert not desk.killed()  # a plain process will be of use to the next
    desk.happen(LaneNews(worker, "builds"))
    assert desk.killed() == [worker]


def test_more_than_the_machine_has_is_told() -> None:
    capacity = Capacity(2, 4 << 30)
    cpu, memory = Shape(PLAIN, ResourceRequest(cpu=8, memory_bytes=900 << 30), capacity).grant().notes
    assert cpu == "its task asks for 8 CPUs and this machine has 2: it runs with all"
    assert memory.startswith("its task asks for 900 GiB of memory and this machine has 4 GiB: it runs with all")
    assert Shape(PLAIN, ResourceRequest(cpu=2, memory_bytes=4 << 30), capacity).grant().notes == ()
