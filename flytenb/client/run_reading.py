"""What can be read of a run beside its outputs: explanations, failures, output, reports."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from flytenb.client import handle
from flytenb.client.action import Action, ActionDetails
from flytenb.client.reports import ReportPage
from flytenb.client.run_end import RunEnd
from flytenb.client.twin import twin


class RunReading(RunEnd):
    """A run that is looked into."""

    @twin
    def first_failure(self) -> ActionDetails | None:
        """The action that failed first, a child rather than the root; None when nothing failed."""
        link = self._link
        failed = [row for row in handle.read_actions(link, self.name) if row.failure is not None]
        failed.sort(key=lambda row: (not row.parent, row.ended_at))
        return ActionDetails(failed[0], self.name, link, self._store) if failed else None

    @twin
    def why(self, action: str | None = None) -> Any:
        """Why an action ("a3") was taken from the cache or not; without one, all tasks of the run.

        Of a run that recovers another: what it took from there, what ran again, and what differs in the code.

        Example:
            print(run.why())          # search-1: 1 of 3 cached; clean changed
            run.why("a2").differences # what differs from the nearest earlier call
        """
        from flytenb.client.explain import why as explaining  # who asks pays for it

        link = self._link
        source = self.row.origin.get("recovers") if action is None else None
        if source:
            from flytenb.client.explain.recovered import explain_recovery

            return explain_recovery(link, self._store, self.name, str(source))
        if action is None:
            return explaining.explain_run(link, self._store, self.name)
        return explaining.explain(link, self._store, self.name, action)

    @twin
    def post_mortem(self, action: str | None = None, attempt: int | None = None) -> Any:
        """Frames of a failed action ("a8"; by default the one that failed first) with what their variables held.

        Example:
            run.post_mortem()               # in a notebook: a table for each frame
            run.post_mortem("a8").up().locals
        """
        from flytenb.client.post_mortem import post_mortem  # who asks pays for it

        return post_mortem(self._link, self.name, action or "", attempt)

    @twin
    def get_logs(self, attempt: int | None = None, filter_system: bool = False, show_ts: bool = False) -> Iterator[str]:
        """The output of all its actions, line by line."""
        return handle.lines_of(handle.read_logs(self._link, self.name, "", attempt), show_ts=show_ts)

    @twin
    def show_logs(
        self,
        attempt: int | None = None,
        max_lines: int = 100,
        show_ts: bool = False,
        raw: bool = False,
        filter_system: bool = False,
    ) -> None:
        """Print the last lines of its output."""
        for line in list(self.get_logs(attempt, show_ts=show_ts))[-max_lines:]:
            print(line)

    @property
    def logs(self) -> str:
        """All its output."""
        return "\n".join(self.get_logs())

    @twin
    def get_report(self, attempt: int | None = None) -> str:
        """The root action's report as an HTML page; "" when it has none."""
        return handle.read_report(self._link, self._store, self.name, "a0")

    @twin
    def report(self, action: str = "a0") -> ReportPage:
        """The report of its root (or of another action), shown in a frame where this is the last line of a cell.

        A task that wrote none has one all the same, made now: inputs, outputs, timing, code, resources.

        Example:
            run.report().save("report.html")
        """
        return Action.get(run_name=self.name, name=action).report()  # type: ignore[no-any-return]

    @twin
    def timeline(self) -> Any:
        """When what ran, as a plotly figure: queue, image, run, attempts, traced calls and the critical path apart.

        Example:
            run.timeline().write_html("timeline.html")

        Raises:
            MissingPackageError: plotly is not installed.
        """
        from flytenb.client import drawing  # who draws pays for it

        return drawing.timeline(self._link, self.name)

    @property
    def widget(self) -> Any:
        """The run's view as an ipywidget, to be put into boxes and tabs; it follows the run until its end.

        Example:
            widgets.HBox([run.widget, other.widget])

        Raises:
            MissingPackageError: ipywidgets is not installed.
        """
        # Widgets are above runs: reached by name.
        return import_module("flytenb.notebook.forms").widget_of(self)

    @twin
    def resources(self) -> Any:
        """CPU, memory and GPUs of its actions over time, as a plotly figure, with what their tasks ask for.

        Raises:
            MissingPackageError: plotly is not installed.
        """
        from flytenb.client import drawing  # as above

        return drawing.resources(self._link, self.name)

    @twin
    def get_debug_url(self) -> str | None:
        """There is no debug server: None."""
        return None
