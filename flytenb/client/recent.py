"""`flyte.runs`: the runs of this home as one object: a table in a notebook, a list in code, a figure on request."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, cast

from flytenb.client.run_handle import Run
from flytenb.errors import BaseRuntimeError, FlytenbError
from flytenb.model.snapshot import RunRow
from flytenb.views import facts, words

#: Runs that a bare `flyte.runs` shows.
SHOWN = 20


class Runs:
    """The newest runs, or those that filters leave; read each time they are looked at.

    Args:
        filters: those of `flyte.remote.Run.listall`.

    Example:
        flyte.runs                                      # the last line of a cell: a table
        flyte.runs(task_name="digits.fit", limit=100).plot()
        [run.name for run in flyte.runs(in_phase="failed")]
        flyte.runs["last"].outputs()
    """

    def __init__(self, **filters: Any) -> None:
        self._filters = filters

    def __call__(self, **filters: Any) -> Runs:
        """The same with (more) filters: `task_name`, `in_phase`, `limit`, `created_at`, `with_labels` and others."""
        return Runs(**{**self._filters, **filters})

    def list(self) -> list[Run]:
        """The runs, newest first; 100 without a `limit`."""
        return list(self)

    def __iter__(self) -> Iterator[Run]:
        return cast("Iterator[Run]", Run.listall(**self._filters))

    def __getitem__(self, which: int | str) -> Run:
        """A run by its name ("last" is the newest), or by its place in the list."""
        if isinstance(which, str):
            return cast("Run", Run.get(which))
        return self.list()[which]

    def plot(self) -> Any:
        """How long they took over time, with a sign for how each ended, as a plotly figure.

        Raises:
            MissingPackageError: plotly is not installed.
        """
        from flytenb.client import drawing  # who draws pays for it
        from flytenb.views import figures

        figures.plotly("flyte.runs.plot()")
        rows = [run.row for run in self]
        task = str(self._filters.get("task_name") or "").rpartition(".")[2]
        return drawing.runs(rows, f"{words.count(len(rows), 'run')}{f' of {task}' if task else ''}")

    def __repr__(self) -> str:
        try:
            return facts.runs_text(_rows(self._filters), time.time())
        except (FlytenbError, BaseRuntimeError) as error:  # an object that cannot be printed helps nobody
            return f"flyte.runs: {error}"

    def _repr_html_(self) -> str:
        return facts.runs_html(_rows(self._filters), time.time())


def _rows(filters: dict[str, Any]) -> list[RunRow]:
    return [run.row for run in Runs(**{"limit": SHOWN, **filters})]


runs = Runs()
