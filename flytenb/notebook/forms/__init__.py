"""Forms of tasks, made of ipywidgets when one is asked for: `task.form()`, `run.widget`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from flytenb.errors import MissingPackageError


def form_of(task: Any, inputs: dict[str, Any], names: Mapping[str, Any] | None = None) -> Any:
    """The form of a task.

    Args:
        task: the task.
        inputs: values that fields begin with.
        names: variables that fields and written code may use; by default the notebook's.

    Raises:
        MissingPackageError: ipywidgets is not installed.
    """
    _need_widgets("task.form()")
    from flytenb.notebook.forms.form import Form

    return Form(task, _user_names() if names is None else names).fill(**inputs)


def widget_of(run: Any) -> Any:
    """The view of a run as a widget.

    Raises:
        MissingPackageError: ipywidgets is not installed.
    """
    _need_widgets("run.widget")
    from flytenb.notebook.widget import RunWidget

    return RunWidget(run)


def _need_widgets(what: str) -> None:
    try:
        import ipywidgets  # noqa: F401
    except ImportError:
        raise MissingPackageError(what, "ipywidgets") from None


def _user_names() -> Mapping[str, Any]:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    names: Mapping[str, Any] = shell.user_ns if shell is not None else vars(sys.modules["__main__"])
    return names
