"""Which worker runs what.

One lane per slot is fed ahead within a few milliseconds of known work (docs/performance.md: 4,800 actions a second
without, 40,000 with), unknown tasks one at a time. A child never shares its parent's process; leaves do not live where
parents wait, so that a parent wakes up at once.
"""

from __future__ import annotations

from heapq import heappush

from flytenb.model.phases import QUEUED
from flytenb.model.tags import DEFINE, EXECUTE, PREPARE, RECALL, REPLAY, RUN_INFO, SECRETS
from flytenb.rules import gpu_placement, lanes, pools
from flytenb.rules.out import Out
from flytenb.rules.phases import move
from flytenb.rules.state import Action, Lane, SecretBundle, Shape, State

#: Known work that may lie in a lane beyond what runs, in seconds and in actions.
FEED_S = 0.004
FEED_COUNT = 256
#: Workers in all before leaves may share a process with waiting parents.
MAX_LANES = 64
#: A lane that shows no progress for this long gives back what it has not begun, if another idles.
RECALL_S = 0.008
#: Workers that end before they say hello, in a row, before their actions fail.
MAX_SPAWN_FAILURES = 3


def enqueue(state: State, action: Action, *, first: bool = False) -> None:
    """The action waits for a lane of its shape (or for the only worker that may run it)."""
    shape = action.shape
    if shape.gpus and shape.family is None and not shape.hosts:
        shape = action.shape = gpu_placement.family_shape(state, action)
    if first:
        shape.queue.appendleft(action)
    else:
        shape.queue.append(action)
    state.waiting[id(shape)] = shape


def place(state: State, now: float, out: Out) -> None:
    """Give waiting actions to lanes until nothing fits."""
    for shape in gpu_placement.in_turn(state):
        if not shape.gpus or gpu_placement.may_place(state, shape, now, out):
            _place_shape(state, shape, now, out)
        if not shape.queue:
            del state.waiting[id(shape)]
        if shape.spawning:
            give_up(shape, out)
    for shape in state.kept.values():
        if not shape.gpus or gpu_placement.may_place(state, shape, now, out):
            _staff(state, shape, now, out)
    gpu_placement.settle(state, now, out)
    _recall(state, now, out)


def give_up(shape: Shape, out: Out) -> None:
    """Nobody waits for this kind of worker any more: what is still being made for one need not be finished.

    Neither is it begun again for a spare: pulling an image that somebody has deleted can fail for ever.
    """
    if not any(action.phase == QUEUED for action in shape.queue):
        for lane in shape.lanes.values():
            if lane.news and lane.link is None and not lane.placement:
                pools.dismiss(lane, "nobody waits for it any more", out)
                shape.is_trusted = False


def _place_shape(state: State, shape: Shape, now: float, out: Out) -> None:
    queue = shape.queue
    held: list[Action] = []
    while queue:
        action = queue[0]
        if action.phase != QUEUED:
            queue.popleft()
            continue
        if action.not_before > now or ((pin := action.run.options.pin) and not _pinned(state, pin)):
            held.append(queue.popleft())
            continue
        lane = _pinned(state, pin) if pin else _choose(state, shape, action, out)
        if lane is None:
            _staff(state, shape, now, out)
            break
        queue.popleft()
        start(state, lane, action, now, out)
    queue.extend(held)


def _pinned(state: State, ident: str) -> Lane | None:
    lane = state.lanes.get(ident)
    return lane if lane is not None and lane.is_ready else None


def _choose(state: State, shape: Shape, action: Action, out: Out) -> Lane | None:
    task = action.task
    if shape.is_single:
        return pools.choose_single(state, shape, action, out)
    feed = 1
    if task.is_known and not action.is_solo and not shape.gpus:
        feed = min(FEED_COUNT, 1 + int(FEED_S / task.slow_s)) if task.slow_s > 0 else FEED_COUNT
    if not shape.is_plain:
        return pools.choose_pooled(state, shape, action, feed - 1)
    own = action.parent.lane if action.parent is not None else None
    crowded = len(state.lanes) >= MAX_LANES
    run = action.run
    avoid, wanted = run.avoid, run.bundles.get(shape, ()) if shape.secrets else ()
    fits = state.capacity.fits(shape.cpu, shape.memory_bytes)
    if avoid:
        fits = fits or pools.may_borrow(state, run)
    best: Lane | None = None
    for lane in shape.lanes.values():
        if not lane.is_ready or lane is own or lane.is_used or lane.id in avoid or lane.zombies:
            continue
        if lane.secrets != wanted and lane.actions:
            continue  # its actions have other values of the same variables
        if action.orphans and any(orphan.lane is lane for orphan in action.orphans.values()):
            continue
        if lane.parked and not task.is_parent and not crowded:
            continue
        if lane.gpus and not state.capacity.gpus.is_usable(lane):
            continue
        busy = lane.busy
        if busy == 0:
            if lane.has_slot or fits:
                return lane
        elif busy < feed and not lane.is_recalled and (best is None or busy < best.busy):
            best = lane
    if best is not None and best.busy >= FEED_COUNT // 4 and fits and not shape.spawning:
        return None  # a slot is free: a second worker shortens this queue
    return best


def _can_spawn(state: State, shape: Shape) -> bool:
    return len(state.lanes) < pools.MAX_LANES


def _staff(state: State, shape: Shape, now: float, out: Out) -> None:
    """Start the workers that the shape lacks."""
    if shape.is_plain:
        is_lacking = not shape.spawning and bool(shape.queue) and pools.is_fit(state, shape, shape.queue[0].run)
        count = int(is_lacking)
    else:
        count = pools.missing(state, shape, now)
    for _ in range(count):
        if not _can_spawn(state, shape):
            if shape.queue:
                pools.make_way(state, shape, out)
            return
        if spawn(state, shape, out) is None:
            return


def spawn(state: State, shape: Shape, out: Out) -> Lane | None:
    """One more worker of this shape; None when there are not enough GPUs for one now, or its software is being made."""
    lane = Lane(f"{state.lane_prefix}{state.next_lane}", shape)
    if not shape.is_prepared:
        if shape.spawning:
            return None  # one makes the software ready
    elif shape.gpus and not gpu_placement.take(state, shape, lane):
        return None
    shape.spawning += 1
    state.next_lane += 1
    state.lanes[lane.id] = shape.lanes[lane.id] = lane
    out.chores.append(("spawn", lane.id, shape.launch, shape.grant(lane.gpus, state.capacity.gpus.vendor(lane.gpus))))
    return lane


def prepare(lane: Lane, out: Out) -> None:
    """A worker that came before its work loads what its shape ran last."""
    shape = lane.shape
    if shape is None or shape.example is None or shape.queue or shape.is_plain:
        return
    task, bundle = shape.example
    lane.defined.add(task.id)
    out.before.append((lane.link, (DEFINE, task.id, task.body)))
    tell_secrets(lane, bundle, out)
    out.before.append((lane.link, (PREPARE, task.id)))


def tell_secrets(lane: Lane, bundle: SecretBundle, out: Out) -> None:
    """Have the worker learn these secrets, if it has others."""
    if lane.secrets != bundle:
        lane.secrets = bundle
        is_process = lane.executor == "process" or (lane.shape is not None and lane.shape.launch.is_contained)
        out.before.append((lane.link, (SECRETS, not is_process, bundle)))


def start(state: State, lane: Lane, action: Action, now: float, out: Out) -> None:
    """Send the action to the lane."""
    move(action, "place")
    if lane.busy == 0:
        lane.progress_at = now
    shape = action.shape
    if not shape.is_plain:
        shape.used_at = now
        shape.example = action.task, action.run.bundles.get(shape, ())
        lane.is_used = lane.is_single
        state.kept[id(shape)] = shape
    lanes.assign(state, lane, action)
    action.started_at = now
    task, run = action.task, action.run
    send = out.before
    if task.id not in lane.defined:
        lane.defined.add(task.id)
        send.append((lane.link, (DEFINE, task.id, task.body)))
    if run.id not in lane.informed:
        lane.informed.add(run.id)
        send.append((lane.link, (RUN_INFO, run.id, run.info)))
    if shape.secrets:
        tell_secrets(lane, run.bundles.get(shape, ()), out)
    if action.replay:
        send.append((lane.link, (REPLAY, action.id, action.replay)))
    send.append((lane.link, (EXECUTE, action.id, action.attempt, task.id, action.inputs)))
    timeout_s = task.declaration.timeout_s
    if timeout_s:
        heappush(state.deadlines, (now + timeout_s, action.id, action.attempt, "run"))
    if run.id in state.watched:
        state.watched[run.id][action.id] = action


def _recall(state: State, now: float, out: Out) -> None:
    """Work that lies behind a suddenly slow sibling goes to a lane that idles."""
    for lane in state.lanes.values():
        shape = lane.shape
        if lane.busy < 2 or lane.is_recalled or shape is None or shape.queue or now - lane.progress_at < RECALL_S:
            continue
        if lane.busy <= shape.concurrency:
            continue
        if any(other.is_ready and not other.busy and not other.parked for other in shape.lanes.values()):
            lane.is_recalled = True
            out.before.append((lane.link, (RECALL, lane.busy - shape.concurrency)))


def next_moment(state: State, now: float) -> float | None:
    """When the rules want a `Tick`, if nothing happens before."""
    moments = [state.deadlines[0][0]] if state.deadlines else []
    moments += [action.not_before for action in state.delayed]
    for shape in state.kept.values():
        if shape.is_single and pools.is_handing_over(shape, now):
            moments.append(shape.used_at + pools.HAND_OVER_S)
    for lane in state.lanes.values():
        moments += lane.zombies.values()
        if lane.busy > 1 and not lane.is_recalled and lane.shape is not None and lane.busy > lane.shape.concurrency:
            moments.append(max(lane.progress_at + RECALL_S, now + RECALL_S / 2))
    return min(moments, default=None)


def dismiss_idle(state: State, now: float, out: Out) -> None:
    """Let go the workers that had nothing to do for long, but keep one for each CPU."""
    pools.retire(state, now, out)
    idle = [
        lane
        for lane in state.lanes.values()
        if lane.is_ready and not lane.actions and lane.shape is not None and lane.shape.is_plain
    ]
    idle.sort(key=lambda lane: lane.idle_since)
    for lane in idle[: max(0, len(idle) - int(state.capacity.cpu) - 1)]:
        if now - lane.idle_since >= state.idle_worker_s:
            pools.dismiss(lane, "idle", out)
