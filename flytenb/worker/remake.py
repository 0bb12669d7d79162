"""Task objects across processes: the settings of a task as plain data, and the task again beside its shipped function.

A slice holds plain functions, its decorators are cut off. What `describe` tells travels in the program's entry and
`make_task` puts a task in the function's place, so that calls, `override` and defaults work in a worker as at home.
"""

from __future__ import annotations

import importlib
import pickle
from dataclasses import MISSING, fields
from functools import reduce
from typing import Any

from flytenb.capture.recognise import is_task
from flytenb.model.minors import unmark_code
from flytenb.sdk.image import Image
from flytenb.sdk.task import AsyncFunctionTaskTemplate, TaskTemplate

#: Settings that mean nothing where the task runs, or that are made anew.
_LEFT_OUT = frozenset({"name", "short_name", "func", "parent_env", "docs", "links", "triggers", "task_resolver"})


def describe(task: Any) -> dict[str, Any] | None:
    """A task's settings as plain data; only those that are not the defaults."""
    if not isinstance(task, TaskTemplate):
        return None
    settings = {}
    for one in fields(task):
        if not one.init or one.name in _LEFT_OUT:
            continue
        value = getattr(task, one.name)
        default = one.default if one.default is not MISSING else None
        if value is not default and value != default:
            settings[one.name] = value.fixed() if isinstance(value, Image) else value
    cls = type(task)
    is_keyed = task.cache_policy.needs_code_key
    return {"class": f"{cls.__module__}:{cls.__qualname__}", "settings": _pack(settings), "is_keyed": is_keyed}


def _pack(settings: dict[str, Any]) -> bytes:
    try:
        return pickle.dumps(settings, 5)
    except Exception:  # a setting made of the notebook's own classes
        from flytenb.codec.pickled import dumps  # loads cloudpickle

        return dumps(settings)


def make_task(name: str, func: Any, entry: dict[str, Any]) -> Any:
    """The task that takes a shipped function's place; one without source (`python -c`) came whole, by value."""
    func = getattr(func, "func", func) if is_task(func) else func
    config = entry.get("config") or {}
    cls: Any = AsyncFunctionTaskTemplate
    if config.get("class"):
        module, _, qualname = config["class"].partition(":")
        cls = reduce(getattr, qualname.split("."), importlib.import_module(module))
    settings = pickle.loads(unmark_code(config["settings"])) if config.get("settings") else {}
    return cls(name=name, short_name=entry.get("short_name", ""), func=func, **settings)


class ShippedEnvironment:
    """Stands for an environment that shipped code reads: its name, and decorators that change nothing."""

    __flytenb_environment__ = True

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<environment {self.name}>"


def make_environment(name: str) -> ShippedEnvironment:
    """The environment of that name, as far as shipped code can use it."""
    return ShippedEnvironment(name)
