"""How a run begins: asked for by a client, or found unfinished when the engine starts."""

from __future__ import annotations

from typing import Any

import msgspec

from flytenb.model.events import Offer, Recovered, RunOptions, RunRequest, SourceRead
from flytenb.model.ids import RunId, parse_action_name
from flytenb.model.tags import CACHE_OFF, REPLY
from flytenb.rules.beginning import begin
from flytenb.rules.out import Out
from flytenb.rules.recovery import recover_root
from flytenb.rules.secrets import lack_of, on_offer
from flytenb.rules.state import Action, Run, State

#: Options of a run as they are stored and sent.
decode_options = msgspec.msgpack.Decoder(RunOptions).decode
_encode = msgspec.msgpack.Encoder().encode


def run_info(name: str, options: RunOptions) -> bytes:
    """What a worker is told of a run before its first action."""
    return _encode(
        {
            "name": name,
            "custom_context": options.custom_context,
            "overwrite_cache": options.overwrite_cache,
            "disable_cache": options.disable_cache,
            "cache_scope": options.cache_scope,
            "run_start_time": options.run_start_time,
            "mode": options.mode,
            "recover_from": options.recover_from,
        }
    )


def refusal(code: str, message: str) -> bytes:
    """The body of a REPLY that says no."""
    return _encode({"code": code, "message": message})


def on_run(state: State, source: Any, event: RunRequest, now: float, out: Out) -> None:
    known = state.runs.get(event.run_name)
    if known is not None:
        root = state.live.get(known.id << 32)
        if root is not None and root.key == event.key:
            on_offer(state, source, Offer(event.run_name, event.secrets), now, out)
            known.waiters.append(source)
            out.after.append((source, (REPLY, event.request, True, _encode({"name": event.run_name}))))
        else:
            message = f"a run named {event.run_name!r} exists already; choose another name"
            out.after.append((source, (REPLY, event.request, False, refusal("RunAlreadyExistsError", message))))
        return
    options = decode_options(event.body)
    task = state.tasks[event.digest]
    run = Run(state.next_run, event.run_name, options, run_info(event.run_name, options), now)
    run.avoid = _blocked(state, source, options)
    run.below = _parent(state, options)
    run.offered = {(key, group): value for key, group, value in event.secrets}
    lack = lack_of(state, run, run.shape_of(task), task.declaration.environment)
    if lack:
        out.after.append((source, (REPLY, event.request, False, refusal("SecretNotFoundError", lack))))
        return
    state.next_run += 1
    run.next_index = run.action_count = 1
    run.waiters.append(source)
    state.runs[run.name] = run
    out.runs.append((run.id, run.name, task.id, event.body, now))
    if run.below:
        out.below.append((run.id, run.below))
    root = Action(run.id << 32, run, task, None, 0, event.key, 1, event.inputs)
    root.accepted_at = now
    root.cache_key, root.cache_mode = event.cache_key, event.cache_mode
    state.live[root.id] = root
    run.source = state.sources.pop(run.name, None)
    out.accepted.append((root.id, 0, task.id, event.key, 1, event.inputs, "", event.cache_key, now))
    out.after.append((source, (REPLY, event.request, True, _encode({"name": run.name}))))
    if run.source is not None:
        root.cache_mode = CACHE_OFF  # asked to look what is to be done again
        recover_root(state, root, out)
    begin(state, root, now, out)


def _blocked(state: State, source: Any, options: RunOptions) -> frozenset[str]:
    """Workers that may not answer before the run that `source` asks for has ended.

    An action that starts a run may block its process until the run ends, and with it the ones that wait for that
    action's own run in the same way.
    """
    lane = state.lanes.get(str(options.origin.get("worker") or ""))
    pid = getattr(source, "pid", 0)
    if lane is None and pid:
        lanes = state.lanes.values()
        lane = next((each for each in lanes if each.pid == pid and each.executor == "process" and not each.pin), None)
    if lane is None:
        return frozenset()
    return frozenset({lane.id}).union(*(action.run.avoid for action in lane.actions.values()))


def _parent(state: State, options: RunOptions) -> int:
    """The action that a run's root is a child of, as long as that one's run goes on."""
    name, _, action = options.parent.partition("/")
    above = state.runs.get(name) if name else None
    if above is None:
        return 0
    try:
        return parse_action_name(RunId(above.id), action)
    except ValueError:
        return 0


def on_source_read(state: State, source: Any, event: SourceRead, now: float, out: Out) -> None:
    """What the run that is asked for next is to recover."""
    state.sources[event.run_name] = event.source


def on_recovered(state: State, source: Any, event: Recovered, now: float, out: Out) -> None:
    """The root runs again; its finished children and traces are found as it calls them."""
    out.chores.append(("load", recovered_root(state, event).id))


def recovered_root(state: State, event: Recovered) -> Action:
    """A run that had not ended, and its root."""
    options = decode_options(event.options)
    run = Run(event.run, event.name, options, run_info(event.name, options), event.accepted_at)
    run.next_index = run.action_count = event.next_index
    run.is_recovered = True
    run.below = _parent(state, options)
    run.source = state.sources.pop(run.name, None)
    state.runs[run.name] = run
    root = Action(
        event.run << 32, run, state.tasks_by_id[event.root_task], None, 0, event.root_key, 1, event.root_inputs
    )
    root.accepted_at = event.accepted_at
    root.attempt = event.root_attempt + 1
    root.had_children = True
    root.cache_key, root.cache_mode = event.cache_key, event.cache_mode
    state.live[root.id] = root
    if root.cache_mode:
        state.in_flight.setdefault(root.cache_key, root)
    return root
