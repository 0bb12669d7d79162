"""Imports of a notebook that an environment does not have: they fail where they are used, not where they are written.

Tasks of one notebook share its imports, and their images need not: a parent that only calls a child does not need what
the child computes with.
"""

from __future__ import annotations

import ast
from typing import Any, NoReturn


class _Absent(type):
    """Stands for a module, or something in it. A class, so that annotations may name it."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return stand_in(f"{cls.__absent__}.{name}")

    def __call__(cls, *args: Any, **kwargs: Any) -> NoReturn:
        top = cls.__absent__.partition(".")[0]
        raise ModuleNotFoundError(
            f"No module named '{top}': {cls.__absent__} is used in an environment that does not have it; add it to the "
            f'image, with .with_pip_packages("{top}")',
            name=top,
        )

    def __repr__(cls) -> str:
        return f"<{cls.__absent__}, which this environment does not have>"

    #: Dotted name of what is missing.
    __absent__ = ""


def stand_in(name: str) -> Any:
    """What stands for `pandas`, or `pandas.DataFrame`, where there is no pandas."""
    module, _, short = name.rpartition(".")
    return _Absent(short, (), {"__absent__": name, "__module__": module or name})


def bind_absent(statement: str, names: dict[str, Any], error: ModuleNotFoundError) -> bool:
    """Bind the names of an import whose distribution is not there; False when the import failed for another reason."""
    (node,) = ast.parse(statement).body
    if not isinstance(node, ast.Import | ast.ImportFrom):
        return False
    missing = error.name or ""
    for alias in node.names:
        whole = alias.name if isinstance(node, ast.Import) else f"{node.module}.{alias.name}"
        if whole.partition(".")[0] != missing:
            return False  # a module that is there, and itself imports something missing
        if isinstance(node, ast.Import) and alias.asname is None:
            names[missing] = stand_in(missing)
        else:
            names[alias.asname or alias.name] = stand_in(whole)
    return True
