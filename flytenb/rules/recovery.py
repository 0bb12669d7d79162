"""Runs that recover another one: what of it still holds ends at once, the rest runs and says why.

A result holds when the call's task has the same source key and the inputs are the same. Keys in doubt count, because a
person asked for it; what they listed to run again does not, and what they said to trust does whatever its code was.
"""

from __future__ import annotations

from flytenb.model.outcome import Failure
from flytenb.model.phases import ABORTED, FAILURES, SUCCESSES
from flytenb.model.recovery import CHECKPOINT_KEY
from flytenb.rules.ending import end, fail
from flytenb.rules.out import Out
from flytenb.rules.source import Source, SourceAction
from flytenb.rules.state import Action, State, Task


def recover(state: State, action: Action, now: float, out: Out) -> bool:
    """Whether a new call of a recovering run is over: its result was there, or is lost for good."""
    source = action.run.source
    assert source is not None
    declaration, parent = action.task.declaration, action.parent
    above = parent.recovery[0] if parent is not None and parent.recovery else 0
    equals = source.equals(declaration.name, action.key, action.n, action.inputs, above)
    same = [one for one in equals if _is_same_code(state, one, action.task)]
    whole = next((one for one in same if one.phase in SUCCESSES), None)
    is_same = whole is not None
    if whole is None and source.trusted and source.is_trusted(declaration):
        whole = next((one for one in equals if one.phase in SUCCESSES), None)
    before = whole or next(iter(same or equals), None)
    words = source.words(before.id) if before is not None else source.name
    why = ""
    if source.is_to_run(before, declaration):
        why = "forced"
    elif whole is None:
        why = _why_not(state, source, before, action, is_same=bool(same))
    if before is None or why:
        _note(action, before, words, why, out)
        if why in ("failed", "unfinished"):
            _take_traces(source, before, action, out, is_same=before in same)
        return False
    found = state.find_outputs(before.id)
    if found is None or not found[1]:
        _note(action, before, words, "lost", out)
        if source.is_making_lost:
            return False
        fail(state, action, _lost(action.task, words), now, out)
        return True
    _note(action, before, words, "" if is_same else "trusted", out)
    action.started_at = now
    end(state, action, "recover", found[0], now, out)
    return True


def recover_root(state: State, root: Action, out: Out) -> None:
    """The root always runs; it takes up the traces of one that failed, if code and inputs are the same."""
    source = root.run.source
    assert source is not None
    before = source.root
    is_same = _is_same_code(state, before, root.task) and source.has_inputs(root.inputs, root.task.declaration.name)
    why = "root" if before.phase in SUCCESSES else _ended(before)
    _note(root, before, source.words(before.id), why, out)
    if why != "root" and source.has_inputs(root.inputs, root.task.declaration.name):
        _take_traces(source, before, root, out, is_same=is_same)


def is_forced(action: Action) -> bool:
    """Whether a person asked for this action to run in any case."""
    return action.recovery is not None and action.recovery[2] == "forced"


def _is_same_code(state: State, before: SourceAction, task: Task) -> bool:
    code = task.declaration.code
    known = state.tasks_by_id.get(before.task)
    return bool(code) and known is not None and known.declaration.code == code


def _why_not(state: State, source: Source, before: SourceAction | None, action: Action, *, is_same: bool) -> str:
    if before is None:
        name = action.task.declaration.name
        if source.has_call(name, action.inputs):
            return "fewer"
        return "inputs" if name in source.task_names else "new"
    if is_same or before.phase not in SUCCESSES:
        return _ended(before)
    known = state.tasks_by_id.get(before.task)
    is_keyed = action.task.declaration.code and known is not None and known.declaration.code
    return "changed" if is_keyed else "unkeyed"


def _ended(before: SourceAction) -> str:
    return "failed" if before.phase in FAILURES and before.phase != ABORTED else "unfinished"


def _lost(task: Task, words: str) -> Failure:
    return Failure(
        code="SourceRunOutputsUnavailableError",
        message=f"task {task.declaration.name!r} cannot be recovered: the outputs of {words} are gone; recover with "
        "allow_missing_source_outputs=True to make them again",
        is_recoverable=False,
    )


def _note(action: Action, before: SourceAction | None, words: str, why: str, out: Out) -> None:
    action.recovery = (before.id if before is not None else 0, words, why)
    out.recovered.append((action.id, words, why))


def _take_traces(source: Source, before: SourceAction | None, action: Action, out: Out, *, is_same: bool) -> None:
    """Traced calls of an action that did not end well: its successor does not repeat them, they are its own.

    Of other code only the checkpoint counts, whose maker knows what to do with an older one.
    """
    rows = source.traces.get(before.id, ()) if before is not None else ()
    rows = [row for row in rows if is_same or row[1] == CHECKPOINT_KEY]
    if rows:
        action.replay = [(row[1], row[2], bool(row[6]), row[8]) for row in rows]
        out.traces += [(action.id, *row[1:]) for row in rows]
