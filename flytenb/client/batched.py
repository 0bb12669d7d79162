"""Runs that a cell of a batch starts, and what they take from the batch that this one resumes.

The nth run of a cell stands for the nth run of that cell before. If code and inputs are the same and it succeeded, or
still goes on, it is that very run; else a new run takes from it what still holds.
"""

from __future__ import annotations

from typing import Any

from flytenb.client import handle
from flytenb.client.belonging import Batch, run_name
from flytenb.client.options import RunOptions
from flytenb.client.origin import origin
from flytenb.client.run_handle import Run
from flytenb.client.session import Session
from flytenb.client.submit import captured, prepared, send, submit_encoded
from flytenb.errors import RuntimeUserError
from flytenb.model.declaration import TaskDeclaration, decode_declaration
from flytenb.model.phases import ActionPhase
from flytenb.model.snapshot import RunRow

_GOOD = (ActionPhase.SUCCEEDED, ActionPhase.RECOVERED)


def submit_in_batch(batch: Batch, task: Any, args: tuple[Any, ...], kwargs: dict[str, Any], options: RunOptions) -> Run:
    """Start a run of a batch, or find the one that does the same work already. Raises as `submit` does."""
    inputs, link, store = prepared(task, args, kwargs)
    cell = int(origin().get("cell") or 0)
    batch.counts[cell] += 1
    name = options.name or run_name(batch.name, cell, batch.counts[cell])
    named = RunOptions(**{**vars(options), "name": name})
    if options.mode == "local":
        run = submit_encoded(task, inputs, named, link, store)
        batch.tell(run.name, task.name, cell, "started")
        return run
    declaration, doubts = captured(task, store, named)
    earlier = _earlier(batch, link, [run_name(one, cell, batch.counts[cell]) for one in batch.before], options.name)
    more: dict[str, Any] = {}
    if earlier is not None and earlier.task == task.name:
        phase = ActionPhase(earlier.phase)
        if (phase in _GOOD or not phase.is_terminal) and _is_same(task, declaration, inputs, earlier.name, link):
            batch.tell(earlier.name, task.name, cell, "reused")
            return Run(earlier.name, link, store, task=task)
        if phase.is_terminal:
            more["recover_from"] = earlier.name
    run = send(task, declaration, inputs, named, link, store, doubts=doubts, more=more)
    batch.tell(run.name, task.name, cell, f"recovers {earlier.name}" if more and earlier is not None else "started")
    return run


def _earlier(batch: Batch, link: Session, names: list[str], own_name: str | None) -> RunRow | None:
    """The run of the resumed batches that the new one stands for."""
    for name in [own_name] if own_name and batch.before else names:
        try:
            found: RunRow = link.query("run", RunRow, run=name)
        except RuntimeUserError:
            continue  # that batch had reused an older one's, or did not come so far
        return found
    return None


def _is_same(task: Any, declaration: TaskDeclaration, inputs: bytes, run: str, link: Session) -> bool:
    """Whether a run is of the same code with the same inputs."""
    io = handle.read_io(link, run, "a0")
    before = decode_declaration(io.declaration)
    if not declaration.code or before.code != declaration.code or before.interface != declaration.interface:
        return False
    digest = task.interface.digest_inputs
    return bool(digest(inputs) == digest(io.inputs))
