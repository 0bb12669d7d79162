"""Names of classes that hold in every process.

A class of a notebook or script is `__main__.Score` in the kernel and lives in a generated module in a worker. On the
wire both are `nb:Score`; each process resolves that name with its own `resolver`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from functools import reduce
from typing import Any

#: Modules made from a notebook's cells are named with this prefix.
CELLS_PREFIX = "flytenb_cells_"
_NOTEBOOK = "nb:"

_main_modules: set[str] = {"__main__"}


def _resolve_in_main(qualname: str) -> Any:
    return reduce(getattr, qualname.split("."), sys.modules["__main__"])


#: Notebook name to object; the worker and the notebook install their own with `set_resolver`.
resolver: Callable[[str], Any] = _resolve_in_main


def set_resolver(resolve: Callable[[str], Any] | None) -> None:
    """Install what finds notebook classes in this process; None restores `__main__`."""
    global resolver
    resolver = resolve or _resolve_in_main


#: Namespaces of notebooks that this process imported.
_imported: list[dict[str, Any]] = []


def also_find_in(namespace: dict[str, Any]) -> None:
    """Classes that the notebook itself does not have are looked for here too, the newest first."""
    _imported.insert(0, namespace)


def _resolve_notebook(qualname: str) -> Any:
    try:
        return resolver(qualname)
    except (LookupError, AttributeError):
        top, *rest = qualname.split(".")
        for namespace in _imported:
            if top in namespace:
                return reduce(getattr, rest, namespace[top])
        raise


def treat_as_main(module_name: str) -> None:
    """Say that this module is the user's `__main__` under another name, as a script imported by a worker is."""
    _main_modules.add(module_name)


def is_notebook_module(module_name: str | None) -> bool:
    """Whether the name is `__main__` or what stands for it here."""
    return module_name is not None and (module_name in _main_modules or module_name.startswith(CELLS_PREFIX))


def reference(cls: type) -> str:
    """The class's name on the wire: `nb:Score` or `package.module:Score`."""
    module = cls.__module__
    return f"{_NOTEBOOK}{cls.__qualname__}" if is_notebook_module(module) else f"{module}:{cls.__qualname__}"


def short_name(ref: str) -> str:
    """What a person reads for a reference: `Score`."""
    return ref.rpartition(":")[2].rpartition(".")[2]


def resolve(ref: str) -> Any:
    """The class (or function) behind a reference, in this process.

    Raises:
        LookupError: nothing here has that name.
    """
    try:
        if ref.startswith(_NOTEBOOK):
            return _resolve_notebook(ref[len(_NOTEBOOK) :])
        module, _, qualname = ref.partition(":")
        return reduce(getattr, qualname.split("."), importlib.import_module(module))
    except (ImportError, AttributeError, KeyError) as error:
        raise LookupError(
            f"the value was made with {ref.partition(':')[2]} ({ref.partition(':')[0]}), which this process does not "
            "have: define or import it before reading the value"
        ) from error
