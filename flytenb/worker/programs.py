"""From a declaration to something that runs: programs by digest, tasks by entry, child declarations."""

from __future__ import annotations

import inspect
from typing import Any, Protocol

from flytenb.model import TaskDeclaration
from flytenb.worker.action import Body


class Programs(Protocol):
    """Where a runtime finds its tasks: shipped programs in a worker, live objects in the kernel."""

    def body(self, declaration: TaskDeclaration) -> Body:
        """The function and interface of a declared task; loading user code may raise anything."""

    def declare(self, task: Any, parent: TaskDeclaration) -> TaskDeclaration:
        """The declaration of a task that a body of `parent` calls."""


def body_of(task: Any) -> Body:
    """A task object as a body."""
    func = task.func
    return Body(func, task.interface, _keyword_only(func))


def _keyword_only(func: Any) -> tuple[str, ...]:
    kinds = inspect.Parameter
    return tuple(p.name for p in inspect.signature(func).parameters.values() if p.kind is kinds.KEYWORD_ONLY)


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
        self._tasks[task.name] = task
        declaration: TaskDeclaration = task.declaration(parent.launch, parent.program)
        return declaration
