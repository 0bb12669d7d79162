"""Notebooks as modules: `from flytenb.nb import my_notebook`, `from flytenb.nb.my_notebook import task`.

The tasks and definitions of `my_notebook.ipynb`, without its drivers: see `flytenb.notebook.load`. It is looked for in
the current folder, then where modules are; `-` and spaces in its name are `_` here,
and one stands before a digit (`_01_hello`). A notebook that was changed is read
again by `from flytenb.nb import …`. In a task's body use the names themselves (the second form).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__: list[str] = []
__path__: list[str] = []  # so that it has modules below


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(f"module 'flytenb.nb' has no attribute {name!r}")
    from flytenb.notebook.imported import import_notebook

    return import_notebook(name)


class _Finder:
    """Finds and loads `flytenb.nb.NAME`."""

    @classmethod
    def find_spec(cls, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        """Only what is below this module."""
        return ModuleSpec(name, cls) if name.startswith(f"{__name__}.") else None  # type: ignore[arg-type]

    @staticmethod
    def create_module(spec: ModuleSpec) -> ModuleType:
        """The notebook, executed already."""
        from flytenb.notebook.imported import import_notebook

        return import_notebook(spec.name.rpartition(".")[2])

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        """Nothing is left to do; it is not kept, so that the notebook may change."""


if not any(getattr(finder, "__qualname__", "") == _Finder.__qualname__ for finder in sys.meta_path):
    sys.meta_path.append(_Finder)
