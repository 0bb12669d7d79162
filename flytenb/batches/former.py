"""The batches that a new one resumes."""

from __future__ import annotations

import os
from typing import Any

from flytenb.batches.following import digest_of
from flytenb.client.action import here
from flytenb.client.run_handle import Run
from flytenb.errors import FlytenbError

#: Batches that are looked through for the one that was interrupted.
_MOST = 500
_TASK = "batch.notebook"


class CannotResume(FlytenbError):
    """There is no such batch, or it goes on."""


def chain(path: str, parameters: dict[str, Any], resume: bool | str) -> tuple[str, ...]:
    """The batch to resume and those that it resumed, the nearest first; () = a new beginning.

    Args:
        path: of the notebook.
        parameters: as they were checked.
        resume: a batch's name; True = the last one of this notebook with these parameters, if it was interrupted.

    Raises:
        CannotResume: the batch goes on, or it is none.
    """
    if not resume:
        return ()
    found = _named(resume) if isinstance(resume, str) else _last(path, parameters)
    if found is None:
        return ()
    if not found.done():
        _end_orphan(found)
    names = [found.name]
    while (before := _notes(found).get("batch.resumes")) and before not in names:
        names.append(before)
        found = Run.get(before)
    return tuple(names)


def _named(name: str) -> Run:
    run: Run = Run.get(name)
    if run.row.task != _TASK:
        raise CannotResume(f"run {name} is no batch of a notebook; recover it with `flytenb recover {name}`")
    return run


def _last(path: str, parameters: dict[str, Any]) -> Run | None:
    whole = path if "://" in path else os.path.realpath(path)
    wanted = {"batch.notebook": whole, "batch.parameters": digest_of(parameters)}
    for run in Run.listall(task_name=_TASK, limit=_MOST):
        if wanted.items() <= _notes(run).items():
            return None if run.row.phase == "succeeded" else run
    return None


def _notes(run: Run) -> dict[str, str]:
    return dict(run.row.origin.get("annotations") or {})


def _end_orphan(run: Run) -> None:
    """A batch that goes on is left alone, unless the process that executed it is gone."""
    import psutil

    pid = int(run.row.origin.get("pid") or 0)
    if pid and psutil.pid_exists(pid) and pid != os.getpid():
        raise CannotResume(
            f"batch {run.name} still goes on (process {pid}); wait for its end, or stop it: "
            f"flytenb abort run {run.name}"
        )
    link, _ = here()  # not the runs of its cells: they go on, and are taken over
    link.query("abort", run=run.name, reason="the process that executed the notebook is gone", alone=True)
    run.ended().result(30)
