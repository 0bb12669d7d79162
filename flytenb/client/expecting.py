"""What a run is expected to do: what the run of the same task before it did."""

from __future__ import annotations

from flytenb.client import handle
from flytenb.client.foresee import covered
from flytenb.client.session import Session
from flytenb.model.snapshot import ActionRow, RunRow
from flytenb.views.ghosts import Expected, ExpectedTask

#: Larger runs are not read for a forecast.
MOST_ACTIONS = 20_000


def expected_of(link: Session, run_name: str, task_name: str) -> Expected | None:
    """The forecast for a run that goes on; None when its task never succeeded before."""
    found = link.query("previous", task_name=task_name, run=run_name)["run"]
    if not found:
        return None
    row: RunRow = link.query("run", RunRow, run=found)
    if row.action_count > MOST_ACTIONS:
        return None
    table = handle.read_table(link, found)
    by_task: dict[str, list[ActionRow]] = {}
    for index in range(1, len(table.rows)):
        action = table.row(index)
        if action.parent == "a0":
            by_task.setdefault(action.task, []).append(action)
    tasks = tuple(_task(name, members) for name, members in by_task.items())
    return Expected(run=found, wall_s=row.ended_at - row.created_at, tasks=tasks)


def _task(name: str, members: list[ActionRow]) -> ExpectedTask:
    ran = [(one.started_at, one.ended_at) for one in members if one.started_at and not one.is_cached]
    seconds = sum(end - begin for begin, end in ran) / len(ran) if ran else 0.0
    return ExpectedTask(
        task=name, short_name=members[0].short_name, count=len(members), seconds=seconds, span_s=covered(ran)
    )
