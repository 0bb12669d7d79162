"""`flyte.compare`: two runs by handle or name."""

from __future__ import annotations

from typing import Any

from flytenb.client.action import here
from flytenb.client.explain.comparing import Comparison, compare_runs
from flytenb.client.twin import twin
from flytenb.errors import RuntimeUserError
from flytenb.model.snapshot import RunRow


@twin
def compare(a: Any, b: Any = None) -> Comparison:
    """What differs between two runs: inputs, code with its lines, environment, times by task, outputs.

    Args:
        a: a run or its name; "last" is the newest.
        b: the other; without it, `a` is compared with the run of its task that succeeded last before it.

    Example:
        flyte.compare("k7p2x9", run)
        flyte.compare(run)["code"]

    Raises:
        RuntimeUserError: code RunNotFound, or there is nothing to compare with.
    """
    link, store = here()
    one, other = _name(a), _name(b) if b is not None else ""
    if not other:
        row: RunRow = link.query("run", RunRow, run=one)
        found = link.query("previous", task_name=row.task, run=row.name)["run"]
        if not found:
            raise RuntimeUserError(
                "RunNotFound",
                f'no run of task "{row.task}" before {row.name} succeeded: name the run to compare it with',
            )
        one, other = str(found), row.name
    return compare_runs(link, store, one, other)


def _name(run: Any) -> str:
    return str(getattr(run, "name", run))
