"""What a kernel has declared, for a front end that asks: environments, tasks with their schemas, variables."""

from __future__ import annotations

from typing import Any

from flytenb.notebook.describe import task_facts
from flytenb.sdk.environment import TaskEnvironment
from flytenb.sdk.template import TaskTemplate

#: Read by the labextension (`labextension/src/lab/tasks.ts`).
MIME = "application/vnd.flytenb.tasks+json"
#: Tasks and variables that are told, at most.
MOST = 200


class Listing:
    """Shown as data, never as text: what the front end asks a kernel for between two cells."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.told = told

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        return {MIME: self.told, "text/plain": f"{len(self.told['tasks'])} tasks"}


def listing() -> Listing:
    """Of the shell that asks."""
    from IPython import get_ipython

    shell: Any = get_ipython()
    return Listing(told(shell.user_ns))


def told(namespace: dict[str, Any]) -> dict[str, Any]:
    """Plain data.

    Args:
        namespace: the notebook's names.
    """
    own = {name: value for name, value in namespace.items() if not name.startswith("_")}
    alias = next((name for name, value in own.items() if getattr(value, "__name__", "") == "flytenb"), "")
    tasks = [_task(name, value) for name, value in own.items() if isinstance(value, TaskTemplate)]
    environments = [
        {"name": value.name, "variable": name, "text": str(value.description or "")}
        for name, value in own.items()
        if isinstance(value, TaskEnvironment)
    ]
    variables = [{"name": name, "type": type(value).__name__} for name, value in own.items() if _is_value(name, value)]
    return {"alias": alias, "environments": environments[:MOST], "tasks": tasks[:MOST], "variables": variables[:MOST]}


def _task(variable: str, task: TaskTemplate[Any, Any, Any]) -> dict[str, Any]:
    facts = task_facts(task)
    try:
        schema = task.json_schema
    except Exception:  # an annotation that cannot be read: the task is listed all the same
        schema = {}
    return {
        "variable": variable,
        "name": task.name,
        "short_name": task.short_name,
        "environment": task.parent_env_name or "",
        "doc": facts.doc,
        "source": facts.source,
        "inputs": [{"name": name, "type": kind, "default": default} for name, kind, default in facts.inputs],
        "schema": schema,
    }


def _is_value(name: str, value: Any) -> bool:
    if name in ("In", "Out", "exit", "quit", "get_ipython", "open"):
        return False
    kind = type(value)
    return not callable(value) and kind.__name__ != "module" and not isinstance(value, TaskTemplate | TaskEnvironment)
