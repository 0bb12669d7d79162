"""Runs that the engine knows, whoever submitted them: what the magics show, cancel and list."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from flytenb import errors
from flytenb.client import aborting
from flytenb.client.aborting import Aborted
from flytenb.client.session import session
from flytenb.model.resources import ResourcesView
from flytenb.model.snapshot import ConditionRow, LogLine, RunRow, RunSnapshot
from flytenb.views.ghosts import Expected
from flytenb.views.marks import is_terminal

#: Actions of a run up to which its view says what changed.
_MOST_EXPLAINED = 2_000
#: How often a snapshot is asked for again whose run has ended before its root action had.
_AGAIN = 20


def snapshot(name: str) -> RunSnapshot:
    """A run's state of now, with its last log lines and traces.

    The run and its actions are read one after the other; a run that ends in between would be shown as failed without
    its error, for good. So it is read again until both agree.
    """
    for _ in range(_AGAIN):
        found: RunSnapshot = _query("snapshot", RunSnapshot, run=name, logs=True, traces=True)
        if not found.actions or is_terminal(found.run.phase) == is_terminal(found.actions[0].phase):
            break
        time.sleep(0.02)
    return found


def _query(method: str, shape: Any = Any, /, **body: Any) -> Any:
    """Ask the engine; what it lacks is told in a notebook's words."""
    try:
        return session().query(method, shape, **body)
    except errors.RuntimeUserError as error:
        if error.code != "RunNotFound":
            raise
        told = str(error).replace("'flytenb get run' lists them", "%flyte_runs lists them")
        raise errors.RuntimeUserError(error.code, told) from None


def expected(snapshot: RunSnapshot) -> Expected | None:
    """What the run of the same task before it did; None when nothing is known."""
    from flytenb.client.expecting import expected_of  # only runs that take a while are foreseen

    try:
        return expected_of(session(), snapshot.run.name, snapshot.run.task)
    except (errors.FlytenbError, errors.BaseRuntimeError):
        return None


def change(snapshot: RunSnapshot) -> str:
    """Why what ran was not taken from the cache, in three words; "" when nothing changed or the run is large."""
    from flytenb.client.action import here
    from flytenb.client.explain.why import explain_run  # its reading of programs is for runs that ended

    if len(snapshot.actions) > _MOST_EXPLAINED:
        return ""
    try:
        return explain_run(*here(), snapshot.run.name).change
    except (errors.FlytenbError, errors.BaseRuntimeError, LookupError, ValueError):
        return ""  # a view must not fail because of what it adds


def follow(name: str, callback: Callable[[Any], None]) -> Callable[[], None]:
    """Call back for each change of a run, from another thread, and with None at its end."""
    return session().watch(name, callback)


class StoredRun:
    """A run by its name, whoever started it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def snapshot(self) -> RunSnapshot:
        """Its state of now."""
        return snapshot(self.name)


def recent(limit: int = 20, phase: str = "", task: str = "") -> list[RunRow]:
    """Runs, newest first."""
    found: list[RunRow] = _query("runs", list[RunRow], limit=limit, in_phase=phase, task_name=task)
    return found


def resources() -> ResourcesView:
    """CPUs, memory and GPUs with who holds and who awaits them."""
    found: ResourcesView = session().query("resources", ResourcesView)
    return found


def named(name: str, last: str = "") -> str:
    """The run meant by a name, `last` or nothing.

    Raises:
        EngineError: there is no run yet.
    """
    if name not in ("", "last"):
        return name
    if last:
        return last
    rows = recent(1)
    if not rows:
        raise errors.EngineError("there is no run yet: start one with flyte.run(task, …) or %flyte_run")
    return rows[0].name


def cancel(name: str, reason: str) -> Aborted:
    """Abort a run with all its actions."""
    return aborting.abort(session(), name, reason=reason)


def signal(name: str, condition: str, value: str) -> ConditionRow:
    """Answer a condition of a run; "" = the only one that waits."""
    from flytenb.client.condition import answer  # who answers pays for it

    return answer(session(), name, condition, value, origin="notebook")


def waiting() -> list[ConditionRow]:
    """What runs ask, and wait for."""
    found: list[ConditionRow] = _query("conditions", list[ConditionRow])
    return found


def logs(name: str, action: str = "", limit: int = 1000) -> list[LogLine]:
    """Log lines of a run or of one of its actions."""
    body: dict[str, Any] = {"run": name, "limit": limit}
    if action:
        body["action"] = action
    found: list[LogLine] = _query("logs", list[LogLine], **body)
    return found
