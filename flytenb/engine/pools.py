"""The engine's workers by kind, as people read them."""

from __future__ import annotations

from flytenb.model.phases import QUEUED
from flytenb.model.pools import PoolRow, WorkerRow
from flytenb.rules import Lane, State
from flytenb.rules.state import Shape


def pool_rows(state: State, now: float) -> list[PoolRow]:
    """Every kind that has workers or work, oldest worker first."""
    shapes = {id(shape): shape for shape in state.shapes_in_use()}
    shapes.update((ident, shape) for ident, shape in state.waiting.items() if shape.queue)
    return [_pool(shape, now) for shape in shapes.values()]


def _pool(shape: Shape, now: float) -> PoolRow:
    lanes = [lane for lane in shape.lanes.values() if not lane.is_closing]
    reuse, launch = shape.reuse, shape.launch
    return PoolRow(
        environment=shape.environment,
        kind="reusable" if reuse is not None else "single" if shape.is_single else "shared",
        executor=next((lane.executor for lane in lanes if lane.placement), ""),
        python=launch.python,
        image=launch.image.text if launch.image is not None else "",
        min_replicas=reuse.min_replicas if reuse is not None else 0,
        max_replicas=reuse.max_replicas if reuse is not None else 0,
        concurrency=shape.concurrency,
        run=shape.run_name,
        queued=sum(action.phase == QUEUED for action in shape.queue),
        workers=tuple(_worker(lane, now) for lane in lanes),
    )


def worker_state(lane: Lane) -> str:
    """ "starting", "busy", "parked" or "warm"."""
    if lane.link is None:
        return "starting"
    if lane.busy:
        return "busy"
    return "parked" if lane.parked else "warm"


def _worker(lane: Lane, now: float) -> WorkerRow:
    state = worker_state(lane)
    return WorkerRow(
        id=lane.id,
        pid=lane.pid,
        state=state,
        busy=lane.busy,
        parked=lane.parked,
        news=lane.news,
        idle_s=round(now - lane.idle_since, 1) if state == "warm" else 0.0,
    )
