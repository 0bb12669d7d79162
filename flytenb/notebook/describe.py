"""Facts of tasks and environments for the views, read from the objects that users declare."""

from __future__ import annotations

import inspect
from typing import Any

from flytenb.capture.registry import registry
from flytenb.views.facts import EnvironmentFacts, TaskFacts


def task_facts(task: Any) -> TaskFacts:
    """What a task's view shows; what cannot be read is left out, a view never raises."""
    described = _described(task)
    func = getattr(task, "func", None)
    doc = (inspect.getdoc(func) or "").partition("\n")[0] if func is not None else ""
    return TaskFacts(
        name=str(getattr(task, "name", task)),
        inputs=tuple(_input(i) for i in described.get("inputs", ())),
        outputs=tuple((str(o.get("name", "")), str(o.get("type", ""))) for o in described.get("outputs", ())),
        settings=_task_settings(task),
        source=_source(func),
        is_async=inspect.iscoroutinefunction(func),
        doc=doc,
    )


def environment_facts(environment: Any) -> EnvironmentFacts:
    """What an environment's view shows."""
    tasks = getattr(environment, "tasks", None) or {}
    found = tasks.values() if isinstance(tasks, dict) else tasks
    return EnvironmentFacts(
        name=str(getattr(environment, "name", environment)),
        settings=_environment_settings(environment),
        tasks=tuple(task_facts(task) for task in found),
    )


def _described(task: Any) -> dict[str, Any]:
    try:
        return dict(task.interface.describe())
    except Exception:
        return {}


def _input(described: dict[str, Any]) -> tuple[str, str, str]:
    default = "" if described.get("required", True) else str(described.get("default", ""))
    return str(described.get("name", "")), str(described.get("type", "")), default


def _source(func: Any) -> str:
    code = getattr(func, "__code__", None)
    if code is None:
        return ""
    cell = registry.cell(code.co_filename)
    where = cell.where if cell is not None else code.co_filename
    return f"{where}, line {code.co_firstlineno}"


def _task_settings(task: Any) -> tuple[tuple[str, str], ...]:
    found = []
    for key in ("cache", "retries", "timeout", "report"):
        value = getattr(task, key, None)
        text = _plain(value)
        if text not in ("", "0", "False", "None", "disable"):
            found.append((key, text))
    return tuple(found)


def _environment_settings(environment: Any) -> tuple[tuple[str, str], ...]:
    found = []
    resources = getattr(environment, "resources", None)
    for key in ("cpu", "memory", "gpu", "disk"):
        value = getattr(resources, key, None)
        if value is not None:
            found.append((key, _plain(value)))
    for key in ("image", "cache"):
        text = _plain(getattr(environment, key, None))
        if text not in ("", "None", "disable", "auto") or (key == "cache" and text == "auto"):
            found.append((key, text))
    return tuple(found)


def _plain(value: Any) -> str:
    for attribute in ("behavior", "count"):
        inner = getattr(value, attribute, None)
        if isinstance(inner, (str, int)) and not isinstance(value, str):
            return str(inner)
    return str(value) if isinstance(value, (str, int, float, bool, tuple)) or value is None else repr(value)[:60]
