"""`flyte.ctx()`: the running action, as its body sees it. Outside a task a falsy object whose fields are all None."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from flytenb.context import ActionContext, current_action
from flytenb.sdk.scope import Entered, Scope


@dataclass(frozen=True)
class ActionID:
    """Identity of an action."""

    name: str
    run_name: str | None = None
    project: str | None = None
    domain: str | None = None
    org: str | None = None


@dataclass(frozen=True)
class GroupData:
    """The group that calls belong to."""

    name: str


def _number(variable: str) -> int | None:
    text = os.environ.get(variable, "")
    return int(text) if text.isdigit() else None


class TaskContext:
    """The action whose body runs here; falsy, with None in every field, outside a task."""

    __slots__ = ("_action",)

    def __init__(self, action: ActionContext | None) -> None:
        self._action = action

    def __bool__(self) -> bool:
        return self._action is not None

    def __repr__(self) -> str:
        action = self._action
        if action is None:
            return "TaskContext(outside of a task)"
        return f"TaskContext({action.task_name}, {action.run_name}/{action.name}, attempt {action.attempt})"

    def __getitem__(self, key: str) -> Any:
        if self._action is None:
            raise KeyError(f"{key!r}: ctx() holds data only inside a task")
        return self._action.data[key]

    @property
    def action(self) -> ActionID | None:
        """Which action this is."""
        action = self._action
        return None if action is None else ActionID(action.name, action.run_name, "flytenb", "development")

    @property
    def task_action(self) -> ActionID | None:
        """The task's action, also inside a trace."""
        return self.action

    @property
    def data(self) -> dict[str, Any] | None:
        """Values that live as long as the action."""
        return None if self._action is None else self._action.data

    @property
    def mode(self) -> str | None:
        """ "local" or "remote"."""
        return None if self._action is None else self._action.mode

    @property
    def custom_context(self) -> dict[str, str] | None:
        """What `flyte.custom_context` and the run gave along."""
        return None if self._action is None else self._action.custom_context

    @property
    def raw_data_path(self) -> str | None:
        """Where files of this action go."""
        return None if self._action is None else self._action.raw_data_path

    @property
    def run_start_time(self) -> datetime | None:
        """When the run began, UTC."""
        if self._action is None:
            return None
        return datetime.fromtimestamp(self._action.run_start_time, tz=timezone.utc)

    @property
    def group_data(self) -> GroupData | None:
        """The group that calls made here belong to."""
        return None if self._action is None or not self._action.group else GroupData(self._action.group)

    @property
    def report(self) -> Any:
        """The action's report."""
        if self._action is None:
            return None
        from flytenb.sdk.report import report_of

        return report_of(self._action)

    @property
    def checkpoint(self) -> Any:
        """What the attempt before left, and where this one leaves it for the next: a `flyte.Checkpoint`."""
        action = self._action
        if action is None:
            return None
        if action.checkpoint is None:
            from flytenb.sdk.kept_checkpoint import KeptCheckpoint  # few tasks have one

            action.checkpoint = KeptCheckpoint(action)
        return action.checkpoint

    @property
    def checkpoint_paths(self) -> Any:
        """Addresses of both; the earlier one is None where there is none."""
        if self._action is None:
            return None
        from flytenb.sdk.checkpoint import CheckpointPaths

        checkpoint = self.checkpoint
        return CheckpointPaths(checkpoint.remote_source, checkpoint.remote_destination)

    @property
    def attempt_number(self) -> int | None:
        """Which try this is, from 0."""
        return None if self._action is None else self._action.attempt - 1

    @property
    def interactive_mode(self) -> bool | None:
        """Whether the body runs in the caller's own process."""
        return None if self._action is None else self._action.mode == "local"

    def is_in_cluster(self) -> bool:
        """Whether the body runs away from the caller's process."""
        return self._action is not None and self._action.mode == "remote"

    # Known to Flyte; nothing here gives them a value yet.
    version = property(lambda self: None)
    input_path = property(lambda self: None)
    output_path = property(lambda self: None)
    run_base_dir = property(lambda self: self.raw_data_path)
    code_bundle = property(lambda self: None)
    compiled_image_cache = property(lambda self: None)
    disable_run_cache = property(lambda self: None)
    # Of a process group, as torchrun names them.
    rank = property(lambda self: _number("RANK") if self else None)
    local_rank = property(lambda self: _number("LOCAL_RANK") if self else None)
    world_size = property(lambda self: _number("WORLD_SIZE") if self else None)
    local_world_size = property(lambda self: _number("LOCAL_WORLD_SIZE") if self else None)
    node_rank = property(lambda self: _number("GROUP_RANK") if self else None)
    nnodes = property(lambda self: _number("GROUP_WORLD_SIZE") if self else None)
    master_addr = property(lambda self: os.environ.get("MASTER_ADDR") if self else None)
    master_port = property(lambda self: _number("MASTER_PORT") if self else None)
    restart_attempt = property(lambda self: _number("TORCHELASTIC_RESTART_COUNT") if self else None)


def ctx() -> TaskContext:
    """The running action; `if flyte.ctx(): …` asks whether this is inside a task."""
    return TaskContext(current_action.get())


class custom_context(Entered):  # a context manager that reads as a function
    """Texts that children, and theirs, find in `get_custom_context()`; not part of any cache key.

    Example:
        with flyte.custom_context(project="mnist"): await fit(x)
    """

    def __init__(self, **context: str) -> None:
        for key, value in context.items():
            if not isinstance(value, str):
                raise TypeError(f"custom_context({key}={value!r}): only text can be given along")
        super().__init__(custom_context=context)

    def _scope(self, outer: ActionContext) -> Scope:
        return Scope(outer, custom_context={**outer.custom_context, **self._changes["custom_context"]})


def get_custom_context() -> dict[str, str]:
    """What was given along to this action; empty outside."""
    action = current_action.get()
    return {} if action is None else dict(action.custom_context)
