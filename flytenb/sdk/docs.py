"""Words and links that belong to a task."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Protocol

import msgspec


class Documentation(msgspec.Struct):
    """What a task is for; by default its docstring."""

    description: str


def documentation_of(func: Callable[..., Any] | None) -> Documentation:
    """A function's docstring."""
    return Documentation(inspect.getdoc(func) or "" if func is not None else "")


class Link(Protocol):
    """A link shown with every action of a task."""

    name: str
    icon_uri: str | None

    def get_link(
        self,
        run_name: str,
        project: str,
        domain: str,
        context: dict[str, str],
        parent_action_name: str,
        action_name: str,
        pod_name: str,
        **kwargs: Any,
    ) -> str:
        """The address for one action."""
