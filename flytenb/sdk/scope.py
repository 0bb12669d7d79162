"""A part of an action's body with a setting of its own: a group, a trace, a custom context."""

from __future__ import annotations

from contextvars import Token
from typing import Any

from flytenb.context import ActionContext, current_action


class Scope(ActionContext):
    """The same action inside a `with`. Its data and its report are the action's own."""

    __slots__ = ("origin",)

    def __init__(
        self,
        outer: ActionContext,
        *,
        group: str | None = None,
        custom_context: dict[str, str] | None = None,
        is_in_trace: bool | None = None,
    ) -> None:
        self.origin: ActionContext = outer.origin if isinstance(outer, Scope) else outer
        self.action = outer.action
        self.attempt = outer.attempt
        self.run_name = outer.run_name
        self.name = outer.name
        self.task_name = outer.task_name
        self.port = outer.port
        self.data = outer.data
        self.custom_context = outer.custom_context if custom_context is None else custom_context
        self.group = outer.group if group is None else group
        self.is_in_trace = outer.is_in_trace if is_in_trace is None else is_in_trace
        self.mode = outer.mode
        self.raw_data_path = outer.raw_data_path
        self.run_start_time = outer.run_start_time

    @property
    def report(self) -> Any:
        """The action's report, wherever in its body it is first used."""
        return self.origin.report

    @report.setter
    def report(self, report: Any) -> None:
        self.origin.report = report

    @property
    def checkpoint(self) -> Any:
        """The action's checkpoint, likewise."""
        return self.origin.checkpoint

    @checkpoint.setter
    def checkpoint(self, checkpoint: Any) -> None:
        self.origin.checkpoint = checkpoint


class Entered:
    """A context manager that puts a scope in place; nothing happens outside actions. Good for one `with`."""

    __slots__ = ("_changes", "_token")

    def __init__(self, **changes: Any) -> None:
        self._changes = changes
        self._token: Token[ActionContext | None] | None = None

    def _scope(self, outer: ActionContext) -> Scope:
        return Scope(outer, **self._changes)

    def __enter__(self) -> None:
        outer = current_action.get()
        if outer is not None:
            self._token = current_action.set(self._scope(outer))

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            current_action.reset(self._token)
            self._token = None
