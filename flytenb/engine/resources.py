"""Who holds what of this machine now: the answer of the query `resources`."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice

from flytenb.model.ids import action_name
from flytenb.model.phases import QUEUED
from flytenb.model.resources import GpuRow, MachineUse, ResourcesView, UserRow
from flytenb.rules.reasons import Reasons
from flytenb.rules.state import Action, Lane, Shape, State
from flytenb.rules.usage import GpuLook

#: Actions that are told of each queue, and of all that run.
_FIRST = 20
_RUNNING = 200


def view(state: State, now: MachineUse | None = None, looks: Mapping[str, GpuLook] = {}) -> ResourcesView:
    """The state as a person reads it.

    Args:
        state: the engine's.
        now: what the machine does.
        looks: what its GPUs do.
    """
    capacity, gpus = state.capacity, state.capacity.gpus
    lanes = list(state.lanes.values())
    reasons = Reasons(state)
    queues = [[action for action in shape.queue if action.phase == QUEUED] for shape in state.waiting.values()]
    return ResourcesView(
        cpu=capacity.cpu,
        cpu_used=capacity.used_cpu,
        memory_bytes=capacity.memory_bytes,
        memory_used_bytes=capacity.used_memory_bytes,
        gpus=tuple(_gpu_row(state, ident, looks.get(ident)) for ident in gpus.devices),
        gpus_from=gpus.words or "not looked for yet: no task has asked for one",
        running=tuple(islice((user for lane in lanes for user in _users(lane)), _RUNNING)),
        waiting=tuple(_row(each, None, reasons.of(each)) for queue in queues for each in queue[:_FIRST]),
        waiting_count=sum(map(len, queues)),
        now=now,
    )


def _gpu_row(state: State, ident: str, look: GpuLook | None) -> GpuRow:
    gpus = state.capacity.gpus
    gpu, use = gpus.devices[ident], gpus.uses.get(ident)
    holders = [state.lanes[holder.id] for holder in gpus.holders.get(ident, ()) if holder.id in state.lanes]
    users = tuple(user for lane in holders for user in _users(lane))
    return GpuRow(
        id=gpu.id,
        kind=gpu.kind,
        vendor=gpu.vendor,
        partition=gpu.partition,
        uuid=gpu.uuid,
        memory_bytes=gpu.memory_bytes or (use.total_bytes if use is not None else 0),
        free_bytes=use.free_bytes if use is not None else 0,
        busy=look.busy if look is not None and look.busy is not None else -1.0,
        users=users,
        is_idle=bool(gpus.holders.get(ident)) and not users,
        outside=use.outside if use is not None else (),
    )


def _users(lane: Lane) -> list[UserRow]:
    """The actions of a worker; fed ahead and begun are not told apart."""
    return [
        _row(action, lane, "waiting for its calls" if action.is_parked else "running")
        for action in islice(lane.actions.values(), 4)
    ]


def _row(action: Action, lane: Lane | None, does: str) -> UserRow:
    shape: Shape = action.shape
    is_busy = lane is not None and not action.is_parked
    return UserRow(
        run=action.run.name,
        action=action_name(action.id),
        task=action.task.declaration.name,
        does=does,
        cpu=shape.cpu if is_busy or lane is None else 0.0,
        memory_bytes=shape.memory_bytes if is_busy or lane is None else 0,
        gpus=lane.gpus if lane is not None else (),
        worker=lane.id if lane is not None else "",
        pid=lane.pid if lane is not None else 0,
    )
