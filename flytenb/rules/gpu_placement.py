"""When a shape that asks for GPUs may start, whom it waits for, and who has to make room."""

from __future__ import annotations

from collections.abc import Iterator

from flytenb.model.devices import GpusFound, GpusSeen
from flytenb.rules import pools
from flytenb.rules.gpus import Holder
from flytenb.rules.out import Out
from flytenb.rules.state import Action, Lane, Shape, State

#: A request that has waited this long goes before younger ones: their workers are not fed any more.
PATIENCE_S = 10.0
#: Idle workers give their GPUs back after this time, also when no action wants them: a kernel may.
IDLE_S = 30.0
#: Seconds that a dismissed worker has for ending.
END_S = 5.0


def family_shape(state: State, action: Action) -> Shape:
    """The shape among the descendants of the nearest GPU holder above: such workers may use lent ids."""
    shape, run = action.shape, action.run
    holder = next((above for above in ancestors(action) if above.shape.gpus), None)
    hosts: frozenset[str] = frozenset()
    if holder is None:
        hosts = frozenset(ident for ident in run.avoid if ident in state.lanes and state.lanes[ident].gpus)
        if not hosts:
            return shape
    elif shape.reuse is not None and holder.shape is shape:
        return shape  # a pool has a way of its own for a child beside its parent
    number = holder.id if holder is not None else 0
    known = run.families.get((shape, number))
    if known is None:
        known = run.families[(shape, number)] = shape.copy()
        known.family, known.hosts = holder, hosts
        if shape in run.bundles:
            run.bundles[known] = run.bundles[shape]
    return known


def ancestors(action: Action) -> Iterator[Action]:
    """Parent, grandparent …"""
    above = action.parent
    while above is not None:
        yield above
        above = above.parent


def lenders(state: State, shape: Shape) -> list[Holder]:
    """Lanes that lend their GPUs to workers of this shape."""
    holder = shape.family
    if holder is None:
        return _hosts(state, shape) if shape.hosts else []
    lanes = [above.lane for above in (holder, *ancestors(holder)) if above.lane is not None]
    return state.capacity.gpus.lenders(lanes)


def _hosts(state: State, shape: Shape) -> list[Holder]:
    """Lanes in which this run was started lend to it only when it could never begin without: they may still work."""
    gpus = state.capacity.gpus
    hosts: list[Holder] = [state.lanes[ident] for ident in shape.hosts if ident in state.lanes]
    theirs = {ident for host in hosts for ident in host.gpus}
    others = [gpu for gpu in gpus.matching(shape.resources) if gpu.id not in theirs]
    return hosts if len(others) < shape.gpus else []


def in_turn(state: State) -> list[Shape]:
    """The waiting shapes; those that ask for GPUs last, families first among them, then by the age of their heads."""
    waiting = list(state.waiting.values())
    asking = [shape for shape in waiting if shape.gpus]
    if not asking:
        return waiting
    asking.sort(
        key=lambda shape: (shape.family is None and not shape.hosts, shape.queue[0].accepted_at if shape.queue else 0.0)
    )
    return [shape for shape in waiting if not shape.gpus] + asking


def may_place(state: State, shape: Shape, now: float, out: Out) -> bool:
    """Whether a shape that asks for GPUs has its turn."""
    gpus = state.capacity.gpus
    if shape.queue and shape.queue[0].run.options.pin:
        return True  # its kernel runs it with what that has
    if not gpus.is_known:
        look(state, out)
        return False
    if not gpus.is_possible(shape.resources):
        return False
    if shape.family is not None or shape.hosts:
        return True  # its ancestors hold GPUs: what lets it go on lets them end
    mine = {gpu.id for gpu in gpus.matching(shape.resources)}
    return not any(
        isinstance(older, Shape)
        and older.family is None
        and not older.hosts
        and older.queue
        and now - older.queue[0].accepted_at > PATIENCE_S
        and any(gpu.id in mine for gpu in gpus.matching(older.resources))
        for older in gpus.unmet
    )


def look(state: State, out: Out) -> None:
    """Have the engine look for GPUs."""
    gpus = state.capacity.gpus
    if not gpus.is_looking:
        gpus.is_looking = True
        out.chores.append(("gpus",))


def take(state: State, shape: Shape, lane: Lane) -> bool:
    """Give a lane that is about to be started its GPUs; False when there are not enough."""
    gpus = state.capacity.gpus
    ids = gpus.choose(shape.resources, lenders(state, shape))
    if ids is not None:
        gpus.take(lane, ids)
    elif shape.queue and shape not in gpus.unmet:
        gpus.unmet.append(shape)
    return ids is not None


def settle(state: State, now: float, out: Out) -> None:
    """After a step's placement: lanes that must go, lanes that others need, and a look at who uses the GPUs."""
    gpus = state.capacity.gpus
    for holder in gpus.to_clear():
        lane = state.lanes.get(holder.id)
        if lane is not None and lane.shape is not None and not lane.shape.queue:
            _dismiss(state, lane, "its GPUs are its parent's again", now, out)
    unmet, gpus.unmet = gpus.unmet, []
    for shape in unmet:
        assert isinstance(shape, Shape)
        idle: list[Holder] = [*sorted(_idle(state), key=lambda lane: (lane.link is not None, lane.idle_since))]
        for needed in gpus.room(shape.resources, lenders(state, shape), idle):
            _dismiss(state, state.lanes.get(needed.id), "others wait for its GPUs", now, out)
    if (unmet or gpus.holders) and gpus.is_observable and not gpus.is_observed:
        gpus.is_observed = True
        out.chores.append(("watch gpus",))


def _idle(state: State) -> list[Lane]:
    return [
        lane
        for lane in state.lanes.values()
        if lane.gpus and not lane.actions and not lane.zombies and not lane.is_closing and not _is_awaited(lane)
    ]


def _is_awaited(lane: Lane) -> bool:
    """A worker that is being started for actions which wait."""
    return lane.link is None and lane.shape is not None and bool(lane.shape.queue)


def _dismiss(state: State, lane: Lane | None, why: str, now: float, out: Out) -> None:
    if lane is None or lane.is_closing:
        return
    if lane.zombies:
        out.chores.append(("kill", lane.id, why))
    pools.dismiss(lane, why, out)
    lane.zombies[-1] = now + END_S  # killed then, if it is still there


def dismiss_idle(state: State, now: float, out: Out) -> None:
    """Workers that had nothing to do for a while give their GPUs back."""
    for lane in _idle(state):
        if lane.link is not None and now - lane.idle_since >= IDLE_S:
            _dismiss(state, lane, "idle", now, out)


def on_preparing(state: State, lane: Lane) -> None:
    """A worker waits for its software: its GPUs are for others meanwhile. It ends when the software is there."""
    if lane.gpus and not lane.placement and not lane.keeps_gpus and lane.shape is not None:
        state.capacity.gpus.release(lane.id)
        lane.gpus, lane.shape.is_prepared = (), False


def on_lost(state: State, lane: str, cause: str, out: Out) -> None:
    """A worker is gone; if only its connection is, its process may go on and holds its GPUs until it has ended."""
    gpus = state.capacity.gpus
    if cause != "link":
        gpus.release(lane)
    elif gpus.has(lane):
        out.chores.append(("kill", lane, "its connection closed"))


def on_gpus_found(state: State, source: object, event: GpusFound, now: float, out: Out) -> None:
    """The engine has looked for GPUs."""
    state.capacity.gpus.found(event, now)


def on_gpus_seen(state: State, source: object, event: GpusSeen, now: float, out: Out) -> None:
    """The engine has looked at who uses them; it looks again while somebody waits for or holds one."""
    gpus = state.capacity.gpus
    if event.uses is not None:
        gpus.uses = {use.id: use for use in event.uses}
    gpus.is_observed = False  # `settle` asks again when there is a reason
