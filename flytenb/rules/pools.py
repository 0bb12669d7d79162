"""How many workers a shape keeps, and which of them takes an action, where workers are not simply shared.

Two kinds: pools (`reusable=`: so many replicas with so many actions each, kept warm), and single lanes (strict
processes, containers: one action each), of which a started spare waits while the shape is in use. An idle lane holds
no slot, so neither takes anything from others.
"""

from __future__ import annotations

from flytenb.model.tags import SHUTDOWN
from flytenb.rules.out import Out
from flytenb.rules.state import Action, Lane, Run, Shape, State

#: A shape of single lanes counts as in use for so long after an action began.
HOT_S = 10.0
#: The next spare is started so long after an action took the last one: a start beside it would slow the hand-over, and
#: the way of its result, on a small machine.
HAND_OVER_S = 0.02
#: Kinds of single lanes that have a spare, at least.
MIN_SPARES = 4
#: CPUs on which a spare container is started beside the first of its kind.
MANY_CPUS = 4
#: A spare that nobody needed for so long goes.
SPARE_S = 30.0
#: Workers in all, so that no shape can fork the machine to death.
MAX_LANES = 128


def dismiss(lane: Lane, reason: str, out: Out) -> None:
    """The lane ends when it has read this; one that has not come yet is not waited for."""
    if lane.is_closing:
        return
    lane.is_closing = True
    if lane.link is None:
        out.chores.append(("kill", lane.id, reason))
    else:
        # One that had its action goes after its result: the end of a process costs a small machine milliseconds.
        messages = out.after if lane.is_single and lane.is_used else out.before
        messages.append((lane.link, (SHUTDOWN, reason)))


def may_borrow(state: State, run: Run) -> bool:
    """A run that was started by an action, which may block its slot until the run ends, always has room for one."""
    if not run.avoid:
        return False
    return not any(
        action.run is run and not action.is_parked for lane in state.lanes.values() for action in lane.actions.values()
    )


def is_fit(state: State, shape: Shape, run: Run) -> bool:
    """Whether one more lane of this shape may be busy now."""
    return state.capacity.fits(shape.cpu, shape.memory_bytes) or may_borrow(state, run)


# ---- which lane -----------------------------------------------------------------------------------------------------


def choose_single(state: State, shape: Shape, action: Action, out: Out) -> Lane | None:
    """A lane that had no action yet."""
    run = action.run
    wanted = run.bundles.get(shape, ()) if shape.secrets else ()
    for lane in shape.lanes.values():
        if lane.is_ready and not lane.is_used and lane.id not in run.avoid:
            if lane.secrets in ((), wanted):
                return lane if is_fit(state, shape, run) else None
            dismiss(lane, "it got ready with the secrets of another run", out)
    return None


def choose_pooled(state: State, shape: Shape, action: Action, ahead: int) -> Lane | None:
    """The least busy lane of a pool, in which known short work may lie ahead.

    A child runs beside its waiting parent only when the pool has no other lane and may not grow: it would wait for
    ever otherwise.
    """
    limit = shape.concurrency if action.task.declaration.is_async else 1
    run, parent, orphans = action.run, action.parent, action.orphans
    own = parent.lane if parent is not None else None
    fits = is_fit(state, shape, run)
    wanted = run.bundles.get(shape, ()) if shape.secrets else ()
    free: list[Lane] = []
    fed: list[Lane] = []
    beside: list[Lane] = []
    for lane in shape.lanes.values():
        if not lane.is_ready or lane.is_used or lane.id in run.avoid or not (lane.has_slot or fits):
            continue
        if lane.zombies:
            continue  # a body that was aborted may still be at it
        if lane.secrets != wanted and lane.actions:
            continue  # its actions have other values of the same variables
        if lane.gpus and not state.capacity.gpus.is_on_top(lane):
            continue  # its GPUs are lent
        busy = lane.busy
        if lane is own or (orphans and any(orphan.lane is lane for orphan in orphans.values())):
            if busy < limit + ahead:
                beside.append(lane)
        elif busy < limit:
            free.append(lane)
        elif busy < limit + ahead and not lane.is_recalled:
            fed.append(lane)
    if free:
        return min(free, key=_crowd)
    grows = bool(shape.spawning) or (fits and _can_grow(state, shape, run))
    if fed:
        best = min(fed, key=_crowd)
        if not grows or best.busy < limit + ahead // 4:
            return best
    if grows or not beside:
        return None
    return min(beside, key=_crowd)


def _crowd(lane: Lane) -> tuple[int, int]:
    return lane.busy, lane.parked


# ---- how many lanes -------------------------------------------------------------------------------------------------


def missing(state: State, shape: Shape, now: float) -> int:
    """How many workers to start for this shape now."""
    count = _missing_pooled(state, shape, now) if shape.reuse is not None else _missing_single(state, shape, now)
    if count <= 0 or not (shape.queue or shape.is_trusted):
        return 0  # one that does not start is tried again only for an action
    # Those whose software is still being made ready cost nothing yet.
    starting = sum(lane.link is None and lane.placement > 0 for lane in state.lanes.values())
    at_once = max(1, int(state.capacity.cpu))
    return max(0, min(count, at_once - max(starting, shape.spawning)))


def _missing_single(state: State, shape: Shape, now: float) -> int:
    """As many as can begin at once, and one ahead."""
    waiting = len(shape.queue)
    if shape.resources.gpu:
        spare = 0  # a started worker would hold its GPUs
    else:
        is_begun = now - shape.used_at < HOT_S and not is_handing_over(shape, now)
        # Of two containers' starts at once each takes half as long again where cores are few; one is waited for.
        is_beside = shape.launch.image is None or state.capacity.cpu >= MANY_CPUS or shape.used_at > 0
        is_hot = is_beside if waiting else is_begun
        spare = 1 if is_hot and _may_spare(state, shape) else 0
    ready = sum(not lane.is_used and not lane.is_closing for lane in shape.lanes.values())
    room = state.capacity.room(shape.cpu, shape.memory_bytes)
    if waiting and not room and may_borrow(state, shape.queue[0].run):
        room = 1
    return min(waiting, room) + spare - ready


def is_handing_over(shape: Shape, now: float) -> bool:
    """Whether an action began a moment ago in the spare; its result may be on the way already."""
    return now - shape.used_at < HAND_OVER_S


def _may_spare(state: State, shape: Shape) -> bool:
    """Not more shapes with a spare than `_most_spares`: of those, the ones that were used last."""
    others = [other for other in _with_spare(state) if other is not shape]
    return len(others) < _most_spares(state) or shape.used_at > min(other.used_at for other in others)


def _most_spares(state: State) -> int:
    """An idle spare costs some memory and no CPU, but every one is started once and again."""
    return max(MIN_SPARES, 2 * int(state.capacity.cpu))


def _with_spare(state: State) -> list[Shape]:
    return [
        shape
        for shape in state.kept.values()
        if not shape.queue
        and any(lane.is_single and not lane.is_used and not lane.is_closing for lane in shape.lanes.values())
    ]


def _missing_pooled(state: State, shape: Shape, now: float) -> int:
    """The minimum while the pool is in use, more up to the maximum while actions wait."""
    reuse = shape.reuse
    assert reuse is not None
    waiting = len(shape.queue)
    run = shape.queue[0].run if waiting else None
    lanes = _counted(shape, run)
    if not waiting and not lanes:
        return 0  # it has ended, or has not begun
    wanted = min(reuse.min_replicas, max(1, reuse.max_replicas)) - lanes
    if run is not None:
        room = state.capacity.room(shape.cpu, shape.memory_bytes) or int(may_borrow(state, run))
        more = -(-waiting // shape.concurrency) - shape.spawning
        wanted = max(wanted, min(more, room, max(1, reuse.max_replicas) - lanes))
    return wanted


def _counted(shape: Shape, run: Run | None) -> int:
    """Lanes that count as replicas: one that may wait for this very run does not."""
    avoid = run.avoid if run is not None else ()
    return sum(not lane.is_closing and not lane.is_used and lane.id not in avoid for lane in shape.lanes.values())


def _can_grow(state: State, shape: Shape, run: Run) -> bool:
    reuse = shape.reuse
    if reuse is None or _counted(shape, run) >= max(1, reuse.max_replicas) or len(state.lanes) >= MAX_LANES:
        return False
    return not shape.gpus or state.capacity.gpus.choose(shape.resources) is not None


def make_way(state: State, shape: Shape, out: Out) -> None:
    """There are workers enough: the one that idles longest, of another shape, goes."""
    idle = [lane for other in state.shapes_in_use() if other is not shape for lane in _idle(other)]
    if idle:
        dismiss(min(idle, key=lambda lane: lane.idle_since), "its place is needed", out)


# ---- who goes -------------------------------------------------------------------------------------------------------


def retire(state: State, now: float, out: Out) -> None:
    """Let go the spares and pooled workers that nobody needs any more."""
    for ident, shape in list(state.kept.items()):
        if shape.reuse is not None:
            _retire_pooled(shape, now, out)
        else:
            for lane in _idle(shape):
                if now - lane.idle_since >= SPARE_S:
                    dismiss(lane, "idle", out)
        if not shape.lanes and not shape.queue and now - shape.used_at >= HOT_S:
            del state.kept[ident]
    spared = sorted(_with_spare(state), key=lambda shape: shape.used_at)
    for shape in spared[: max(0, len(spared) - _most_spares(state))]:
        for lane in _idle(shape):
            dismiss(lane, "others are used more", out)


def _retire_pooled(shape: Shape, now: float, out: Out) -> None:
    reuse = shape.reuse
    assert reuse is not None
    idle = sorted(_idle(shape), key=lambda lane: lane.idle_since)
    lanes = [lane for lane in shape.lanes.values() if not lane.is_closing]
    is_unused = len(idle) == len(lanes) and not shape.queue
    if is_unused and all(now - lane.idle_since >= reuse.idle_ttl_s for lane in idle):
        for lane in idle:
            dismiss(lane, "its pool was not used", out)
        return
    for lane in idle[: max(0, len(lanes) - reuse.min_replicas)]:
        if now - lane.idle_since >= reuse.scaledown_ttl_s:
            dismiss(lane, "not used", out)


def _idle(shape: Shape) -> list[Lane]:
    return [lane for lane in shape.lanes.values() if lane.is_ready and not lane.actions and not lane.zombies]


def close(run: Run, out: Out) -> None:
    """The run has ended, and its own workers with it."""
    for shape in run.pools.values():
        for lane in shape.lanes.values():
            dismiss(lane, "its run has ended", out)
