"""Calls of tasks as the rules hear them: a child asked for, found, answered from the cache, no longer awaited."""

from __future__ import annotations

from typing import Any

from flytenb.model.declaration import decode_declaration
from flytenb.model.events import (
    Declare,
    Forget,
    Hit,
    Submit,
)
from flytenb.model.outcome import decode_failure
from flytenb.model.phases import ABORTED, FIRST_TERMINAL, RUNNING, SUCCESSES, TIMED_OUT
from flytenb.model.tags import RESOLVE
from flytenb.rules import lanes
from flytenb.rules.beginning import begin
from flytenb.rules.conditions import ask
from flytenb.rules.ending import abort, hit
from flytenb.rules.lanes import lane_of
from flytenb.rules.out import Out
from flytenb.rules.recovery import recover
from flytenb.rules.state import Action, Question, State, Task


def on_declare(state: State, source: Any, event: Declare, now: float, out: Out) -> None:
    if event.digest in state.tasks:
        return
    task = Task(state.next_task, event.digest, event.body, *_shaped(state, event.body))
    state.next_task += 1
    state.tasks[task.digest] = state.tasks_by_id[task.id] = task
    out.tasks.append((task.id, task.digest, task.body))


def _shaped(state: State, body: bytes) -> tuple[Any, Any]:
    declaration = decode_declaration(body)
    return declaration, state.shape_of(declaration)


def on_submit(state: State, source: Any, event: Submit, now: float, out: Out) -> None:
    parent = state.live.get(event.parent)
    if parent is None or parent.lane is None or parent.lane is not lane_of(state, source):
        return  # the parent ended, or runs elsewhere now
    task = state.tasks[event.digest]
    parent.task.is_parent = True
    parent.had_children = True
    known = parent.known.pop((event.key, event.n), None) if parent.known else None
    orphan = parent.orphans.pop((event.key, event.n), None) if parent.orphans else None
    if orphan is not None:
        orphan.call = event.call
        adopt(state, parent, orphan)
        return
    number = 0
    if known is not None:
        number, phase, outputs = known
        if number in state.early:
            phase, outputs = state.early.pop(number)
        if phase in SUCCESSES or (
            phase >= FIRST_TERMINAL and (parent.is_adopted or _is_settled(parent, task, phase, outputs))
        ):
            # Through the journal: it may have ended a moment ago, its row still on the way to the disk.
            out.after.append((parent.lane.link, (RESOLVE, parent.id, event.call, phase, outputs, number)))
            return
    run = parent.run
    is_new = not number or number in state.live or (known is not None and known[1] >= FIRST_TERMINAL)
    if is_new:
        number = (run.id << 32) | run.next_index
        run.next_index += 1
        run.action_count += 1
    elif state.uncalled:
        state.uncalled.pop(number, None)
    kind = Action if task.declaration.condition is None else Question
    action = kind(number, run, task, parent, event.call, event.key, event.n, event.inputs)
    action.accepted_at = now
    action.group = event.group
    action.cache_key, action.cache_mode = event.cache_key, event.cache_mode
    state.live[number] = action
    adopt(state, parent, action)
    if is_new:
        out.accepted.append(
            (number, parent.id, task.id, event.key, event.n, event.inputs, event.group, event.cache_key, now)
        )
        if run.source is not None and recover(state, action, now, out):
            return
    if type(action) is Question:
        ask(state, action, now, out, is_new=is_new)
        return
    begin(state, action, now, out, is_begun=known is not None and known[1] == RUNNING)


def _is_settled(parent: Action, task: Task, phase: int, payload: bytes) -> bool:
    """Whether a parent that runs again sees an end that was no success once more, instead of calling anew.

    It does when it is a repetition of the engine's, not another try of the user's, and a person wanted that end, or
    did not answer in time.
    """
    if parent.tries > 1:
        return False
    if task.declaration.condition is not None and phase == TIMED_OUT:
        return True
    return phase == ABORTED and decode_failure(payload).is_wanted


def on_hit(state: State, source: Any, event: Hit, now: float, out: Out) -> None:
    """A child call that its worker answered from the cache: an action that ended at once."""
    parent = state.live.get(event.parent)
    if parent is None or parent.lane is None or parent.lane is not lane_of(state, source):
        return
    run = parent.run
    if parent.known and parent.known.pop((event.key, event.n), None) is not None:
        return  # told before, to the engine before this one
    parent.had_children = True
    number = (run.id << 32) | run.next_index
    run.next_index += 1
    run.action_count += 1
    task = state.tasks[event.digest]
    action = Action(number, run, task, parent, 0, event.key, event.n, event.inputs)
    action.accepted_at, action.group, action.cache_key = now, event.group, event.cache_key
    state.live[number] = action
    out.accepted.append(
        (number, parent.id, task.id, event.key, event.n, event.inputs, event.group, event.cache_key, now)
    )
    hit(state, action, (number, event.outputs, event.saved_s, now), now, out)


def adopt(state: State, parent: Action, child: Action) -> None:
    """The parent waits for this child."""
    if parent.children is None:
        parent.children = {}
    parent.children[child.id] = child
    lanes.park(state, parent)


def on_forget(state: State, source: Any, event: Forget, now: float, out: Out) -> None:
    parent = state.live.get(event.parent)
    if parent is None or parent.lane is None or parent.lane is not lane_of(state, source):
        return
    for child in list((parent.children or {}).values()):
        if child.call == event.call:
            abort(state, child, "its parent no longer waits for it", now, out)
