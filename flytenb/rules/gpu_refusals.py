"""Requests for GPUs that can never be met, and the sentence that says so."""

from __future__ import annotations

from collections.abc import Iterator

from flytenb.model.declaration import ResourceRequest
from flytenb.model.devices import Gpu
from flytenb.rules.gpu_placement import ancestors, lenders, look
from flytenb.rules.gpus import Holder
from flytenb.rules.out import Out
from flytenb.rules.state import Shape, State

#: GPUs are looked for again, before a request is refused, when the last look is older than this.
STALE_S = 10.0


def hopeless(state: State, now: float, out: Out) -> Iterator[tuple[Shape, str]]:
    """Shapes whose queues can never begin on this machine, and why."""
    asking = [shape for shape in state.waiting.values() if shape.gpus and shape.queue]
    if not asking or not state.capacity.gpus.is_known:
        return
    possible = []
    for shape in asking:
        if not shape.queue:
            continue  # a refusal before this one ended its actions
        if _is_impossible(state, shape, now, out):
            yield shape, refusal_words(state, shape, shape.queue[0].task.declaration.name)
        else:
            possible.append(shape)
    stuck = deadlocked(state, [shape for shape in possible if shape.queue])
    if stuck:
        shape = max(stuck, key=lambda shape: shape.queue[0].accepted_at)
        yield shape, _deadlock_words(state, shape)


def _is_impossible(state: State, shape: Shape, now: float, out: Out) -> bool:
    """Whether this machine has not what a shape asks for; looks again first when the last look is old."""
    gpus = state.capacity.gpus
    if gpus.is_looking or gpus.is_possible(shape.resources) or shape.queue[0].run.options.pin:
        return False
    if now - gpus.looked_at > STALE_S:
        look(state, out)
        return False
    return True


def deadlocked(state: State, asking: list[Shape]) -> list[Shape]:
    """Calls of GPU holders that would wait for each other for ever.

    A request may have what is free, what its own ancestors hold, and what those holders give back whom no open request
    keeps from ending. One that can be met so is closed; the rest waits in a circle.
    """
    gpus = state.capacity.gpus
    holders = {holder.id: holder for stack in gpus.holders.values() for holder in stack}
    if any(holder.busy or holder.zombies or not holder.parked for holder in holders.values()):
        return []  # somebody works, or ends: that may change what is free
    open_ = [shape for shape in asking if shape.family is not None and not shape.spawning]
    above = {id(shape): _lanes_above(shape) for shape in open_}
    while open_:
        blocked = {ident for shape in open_ for ident in above[id(shape)]}
        closed = [shape for shape in open_ if _could_be_met(state, shape, blocked - above[id(shape)])]
        if not closed:
            return open_
        open_ = [shape for shape in open_ if shape not in closed]
    return []


def _lanes_above(shape: Shape) -> set[str]:
    assert shape.family is not None
    return {above.lane.id for above in (shape.family, *ancestors(shape.family)) if above.lane is not None}


def _could_be_met(state: State, shape: Shape, blocked: set[str]) -> bool:
    gpus = state.capacity.gpus
    taken = {ident for ident, stack in gpus.holders.items() if any(holder.id in blocked for holder in stack)}
    return sum(gpu.id not in taken for gpu in gpus.matching(shape.resources)) >= shape.gpus


def asked_words(ask: ResourceRequest) -> str:
    """The request as its author wrote it: "A100:2"."""
    name = ask.gpu_kind or "any"
    if ask.gpu_class not in ("", "GPU"):
        name = f"{ask.gpu_class} {name}" if ask.gpu_kind else ask.gpu_class
    return f"{name}:{ask.gpu}" + (f" slice {ask.gpu_partition}" if ask.gpu_partition else "")


def inventory_words(devices: list[Gpu]) -> str:
    """What there is: "2 A100 (GPU 0, 1), 1 T4 (GPU 2)"."""
    kinds: dict[str, list[str]] = {}
    for gpu in devices:
        name = gpu.kind or "GPU of unknown model"
        kinds.setdefault(f"{name} slice {gpu.partition}" if gpu.partition else name, []).append(gpu.id)
    return ", ".join(f"{len(ids)} {kind} ({_ids_words(ids)})" for kind, ids in kinds.items())


def _ids_words(ids: list[str]) -> str:
    shown = [ident if len(ident) < 8 else f"{ident[:12]}…" for ident in ids]
    return "GPU " + (", ".join(shown) if len(shown) <= 8 else f"{shown[0]} … {shown[-1]}")


def refusal_words(state: State, shape: Shape, task: str) -> str:
    """Why a request can never be met on this machine, and what to do."""
    gpus, ask = state.capacity.gpus, shape.resources
    said = f"task {task!r} asks for GPU {asked_words(ask)}"
    if ask.gpu_class not in ("", "GPU", "AMD_GPU"):
        return f"{said}; this machine assigns NVIDIA and AMD GPUs only: ask for one, or run it on a cluster"
    if ask.gpu_kind.endswith(" shared"):
        kind = ask.gpu_kind.removesuffix(" shared")
        return f"{said}; GPUs are shared in time by clusters, this machine assigns whole ones: ask for {kind}:1"
    there = inventory_words(list(gpus.devices.values()))
    has = f"this machine has {there}" if there else f"this machine has no GPU ({gpus.words})"
    if ask.gpu_partition and ask.gpu_kind:
        return (
            f"{said}; {has}: its administrator makes slices with 'nvidia-smi mig', "
            f"or ask for a whole one, {ask.gpu_kind}:{ask.gpu}"
        )
    fix = f'start the engine with FLYTENB_GPUS="{ask.gpu_kind or "T4"}:{ask.gpu}"'
    if there:
        return f"{said}; {has}: ask for what is there, or {fix} if it has them"
    return f"{said}; {has}: ask for none, or, if it has them, {fix} ('flytenb engine stop' first)"


def _deadlock_words(state: State, shape: Shape) -> str:
    task = shape.queue[0].task.declaration.name
    holders: list[Holder] = [stack[-1] for stack in state.capacity.gpus.holders.values()]
    own = {holder.id for holder in lenders(state, shape)}
    others = {
        action.task.declaration.name: None
        for holder in holders
        if holder.id not in own
        for action in state.lanes[holder.id].actions.values()
        if holder.id in state.lanes
    }
    return (
        f"task {task!r} asks for GPU {asked_words(shape.resources)}, which it can never get: "
        f"{' and '.join(map(repr, others)) or 'another task'} holds GPUs and waits for calls that need more of them; "
        "ask for GPUs in the tasks that compute on them, not in those that call them"
    )
