"""`flyte.extras.serialize`: what an engine would be told of a task, without an engine."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from flytenb.model.declaration import Launch, TaskDeclaration
from flytenb.sdk.template import TaskTemplate

if TYPE_CHECKING:
    from flytenb.sdk.environment import TaskEnvironment


def serialize(task: TaskTemplate[Any, Any, Any], ctx: Any = None) -> TaskDeclaration:
    """The declaration of a task: name, interface, resources, retries, cache. Its code is not captured.

    Args:
        task: the task.
        ctx: accepted; what it says of code and version has no meaning here.

    Raises:
        TypeError: not a task.
    """
    if not isinstance(task, TaskTemplate):
        raise TypeError(f"serialize({task!r}): give a task, uncalled")
    return task.declaration(Launch(python=sys.executable, cwd=os.getcwd()), "")


def serialize_env(env: TaskEnvironment, ctx: Any = None) -> list[TaskDeclaration]:
    """The declarations of an environment's tasks."""
    return [serialize(task, ctx) for task in env.tasks.values()]
