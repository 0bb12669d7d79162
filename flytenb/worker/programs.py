"""From a declaration to something that runs: where a runtime finds its tasks."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any, Protocol

from flytenb.model import Launch, TaskDeclaration
from flytenb.sdk.source import cell_or_file
from flytenb.worker.action import Body


class Programs(Protocol):
    """The tasks of a process: shipped programs in a worker, live objects in the kernel."""

    def body(self, declaration: TaskDeclaration) -> Body:
        """The function and interface of a declared task; loading user code may raise anything."""

    def declare(self, task: Any, parent: TaskDeclaration) -> TaskDeclaration:
        """The declaration of a task that a body of `parent` calls."""

    def shown(self, filename: str) -> str:
        """A code's file name as the user knows it: `Cell In[4]`, or the file's own path."""


def body_of(task: Any, enter: Callable[[], None] | None = None) -> Body:
    """A task object as a body; a task with hooks runs through its `execute`."""
    func = getattr(task, "func", None)
    if func is None or getattr(task, "has_hooks", False):
        return Body(task.execute if task.is_async else _blocking(task.execute), task.interface, _keywords(task), enter)
    return Body(func, task.interface, _keywords(task), enter)


def _blocking(execute: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        return asyncio.run(execute(*args, **kwargs))

    return run


def _keywords(task: Any) -> tuple[str, ...]:
    func = getattr(task, "func", None)
    parameters = inspect.signature(func).parameters.values() if func is not None else ()
    return tuple(one.name for one in parameters if one.kind is one.KEYWORD_ONLY)


def run_variables(declaration: TaskDeclaration, task: Any) -> dict[str, str]:
    """A declared task's variables without its environment's own: children have environments of their own."""
    own = getattr(task, "env_vars", None) or ()
    return {name: value for name, value in declaration.launch.env_vars.items() if name not in own}


class LiveTasks:
    """Live task objects by name: the kernel's own, for mode "local"."""

    def __init__(self, tasks: dict[str, Any]) -> None:
        self._tasks = tasks

    def body(self, declaration: TaskDeclaration) -> Body:
        task = self._tasks.get(declaration.name)
        if task is None:
            raise LookupError(f'task "{declaration.name}" is not defined in this process: run its cell again')
        return body_of(task)

    def declare(self, task: Any, parent: TaskDeclaration) -> TaskDeclaration:
        caller = self._tasks.get(parent.name)
        self._tasks[task.name] = task
        launch = Launch(python=parent.launch.python, cwd=parent.launch.cwd, env_vars=run_variables(parent, caller))
        declaration: TaskDeclaration = task.declaration(launch, parent.program)
        return declaration

    def shown(self, filename: str) -> str:
        return cell_or_file(filename)
