"""Why an action waits, in words. Pure: the state in, a sentence out."""

from __future__ import annotations

from collections.abc import Iterable

from flytenb.model.devices import Gpu
from flytenb.model.ids import action_name
from flytenb.model.sizes import size_words
from flytenb.rules.gpu_placement import lenders
from flytenb.rules.gpu_refusals import asked_words
from flytenb.rules.gpus import Holder
from flytenb.rules.state import Action, Lane, Shape, State

_GIB = 1 << 30


class Reasons:
    """The reasons of one moment; what all actions of a shape share is found once.

    Example:
        `Reasons(state).of(action)`: "waiting for GPU 1: held by run ab12; kernel train.ipynb holds 31 GiB on GPU 0"
    """

    def __init__(self, state: State) -> None:
        self._state = state
        self._of_shape: dict[int, str] = {}

    def of(self, action: Action) -> str:
        """Why a queued action does not run yet, "" when it is about to."""
        state = self._state
        if action.not_before:
            return _before_attempt(action)
        if action.id in state.unprovided:
            return "waiting for the values of its secrets from the process that started the run"
        pin = action.run.options.pin
        if pin:
            return "" if pin in state.lanes else "waiting for the kernel that runs it"
        leader = state.in_flight.get(action.cache_key) if action.cache_key else None
        if leader is not None and leader is not action and leader.id in state.live:
            return f"waiting for the equal call {action_name(leader.id)} of run {leader.run.name}"
        shape = action.shape
        known = self._of_shape.get(id(shape))
        if known is None:
            known = self._of_shape[id(shape)] = _shape_words(state, shape)
        return known


def _before_attempt(action: Action) -> str:
    declaration = action.task.declaration
    delay_s = min(
        declaration.backoff_base_s * declaration.backoff_factor ** max(0, action.tries - 2),
        declaration.backoff_cap_s or float("inf"),
    )
    return f"waiting {delay_s:g} s before attempt {action.attempt}"


def _shape_words(state: State, shape: Shape) -> str:
    for lane in shape.lanes.values():
        if lane.news and not lane.is_ready:
            return lane.news
    capacity = state.capacity
    if shape.gpus and (said := _gpu_words(state, shape)):
        return said
    if not capacity.fits(shape.cpu, 0):
        users = _runs(lane for lane in state.lanes.values() if lane.has_slot)
        return f"waiting for {shape.cpu:g} CPU: {capacity.used_cpu:g} of {capacity.cpu:g} in use by {users}"
    if not capacity.fits(0, shape.memory_bytes):
        users = _runs(lane for lane in state.lanes.values() if lane.has_slot and lane.shape and lane.shape.memory_bytes)
        used, there = capacity.used_memory_bytes / _GIB, capacity.memory_bytes / _GIB
        return (
            f"waiting for {shape.memory_bytes / _GIB:.1f} GiB of memory: "
            f"{used:.1f} of {there:.1f} GiB promised to {users}"
        )
    if shape.reuse is not None and (said := _pool_words(shape)):
        return said
    if shape.spawning and not any(lane.is_ready for lane in shape.lanes.values()):
        return "waiting for its worker to start"
    return ""


def _pool_words(shape: Shape) -> str:
    """Of a pool that may not grow and has no place free."""
    assert shape.reuse is not None
    lanes = [lane for lane in shape.lanes.values() if not lane.is_closing]
    most = max(1, shape.reuse.max_replicas)
    if len(lanes) < most or any(lane.is_ready and lane.busy < shape.concurrency for lane in lanes):
        return ""
    each = f" with {shape.concurrency} actions each" if shape.concurrency > 1 else ""
    return f"waiting for its pool {shape.environment!r}: {len(lanes)} of {most} workers busy{each}"


def _runs(lanes: Iterable[Holder | Lane]) -> str:
    """The runs of what these lanes do: "run ab12 and 2 more"."""
    names = {action.run.name: None for lane in lanes for action in getattr(lane, "actions", {}).values()}
    if not names:
        return "workers that end"
    first, *more = names
    return f"run {first}" + (f" and {len(more)} more" if more else "")


# ---- GPUs ----------------------------------------------------------------------------------------------------------


def _gpu_words(state: State, shape: Shape) -> str:
    gpus, ask = state.capacity.gpus, shape.resources
    if not gpus.is_known:
        return "waiting for a look at this machine's GPUs"
    matching = gpus.matching(ask)
    if gpus.choose(ask, lenders(state, shape)) is not None:
        older = [other for other in state.waiting.values() if other is not shape and other.gpus and other.queue]
        if older and shape.queue and not shape.spawning and older[0].queue[0].accepted_at < shape.queue[0].accepted_at:
            return f"waiting for its turn: {_runs_of(older[0])} has waited longer for GPUs"
        return ""
    held: dict[str, list[str]] = {}
    for gpu in matching:
        if holders := gpus.holders.get(gpu.id):
            held.setdefault(_holder_words(state, holders[-1]), []).append(gpu.id)
    outside = [words for gpu in matching if (words := outside_words(state, gpu))]
    if len(matching) == 1 or (len(held) == 1 and ask.gpu == 1 and sum(map(len, held.values())) == 1):
        ids = [ident for each in held.values() for ident in each] or [matching[0].id]
        parts = [f"held by {user}" for user in held]
        return f"waiting for GPU {ids[0]}: {'; '.join(parts + outside)}"
    parts = [f"{ids_words(ids)} held by {user}" for user, ids in held.items()]
    return f"waiting for {_count_words(ask.gpu, ask.gpu_kind)}: {'; '.join(parts + outside) or asked_words(ask)}"


def _holder_words(state: State, holder: Holder) -> str:
    lane = state.lanes.get(holder.id)
    if lane is not None and not lane.actions and lane.link is None and lane.shape is not None and lane.shape.queue:
        return f"run {lane.shape.queue[0].run.name}, whose worker starts"
    return _runs([holder])


def _runs_of(shape: Shape) -> str:
    return f"run {shape.queue[0].run.name}"


def _count_words(count: int, kind: str) -> str:
    return f"{count} {kind}" if kind else f"{count} GPU{'s' if count > 1 else ''}"


def ids_words(ids: list[str]) -> str:
    """ "GPU 0, 1"; of a slice the beginning of its id."""
    return "GPU " + ", ".join(ident if len(ident) < 8 else f"{ident[:12]}…" for ident in ids)


def outside_words(state: State, gpu: Gpu) -> str:
    """Who else holds memory of a GPU: "kernel train.ipynb holds 31 GiB on GPU 0"."""
    use = state.capacity.gpus.uses.get(gpu.id)
    if use is None:
        return ""
    said = [f"{outside.words} holds {_size(outside.bytes)} on {ids_words([gpu.id])}" for outside in use.outside[:2]]
    return "; ".join(said)


def _size(size_bytes: int) -> str:
    return size_words(size_bytes) if size_bytes else "memory"
