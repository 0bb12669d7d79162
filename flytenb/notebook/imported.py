"""Notebooks imported by others. Their names are their own, the kernel's cells and `__main__` stay as they are."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from flytenb.capture.registry import registry
from flytenb.codec.classes import also_find_in
from flytenb.notebook.load import NotebookLoadError, define


class NotebookModule(ModuleType):
    """What a notebook defines. Its code believes to be in `__main__`: its keys are those of the notebook's kernel."""

    def __init__(self, path: Path) -> None:
        super().__init__("__main__", f"Definitions of {path}.")
        self.__dict__["__builtins__"] = __builtins__
        self._path = path

    def __repr__(self) -> str:
        return f"<notebook {self._path}>"


#: path → (time of its last change, module)
_known: dict[Path, tuple[int, NotebookModule]] = {}


def import_notebook(name: str) -> NotebookModule:
    """The notebook NAME.ipynb as a module.

    Raises:
        NotebookLoadError: there is none, or a cell is not Python.
    """
    path = _find(name)
    changed_at = path.stat().st_mtime_ns
    known = _known.get(path)
    if known is not None and known[0] == changed_at:
        return known[1]
    module = NotebookModule(path)
    with _in_folder(path.parent), registry.apart(module.__dict__):
        define(path, module.__dict__, f"{path.name} ")
    also_find_in(module.__dict__)
    _known[path] = changed_at, module
    return module


def _find(name: str) -> Path:
    seen = []
    for folder in dict.fromkeys(os.path.abspath(part or ".") for part in ("", *sys.path)):
        for path in sorted(Path(folder).glob("*.ipynb")) if os.path.isdir(folder) else ():
            if _module_name(path) == name:
                return path
            seen.append(_module_name(path))
    near = difflib.get_close_matches(name, seen, 2)
    hint = f"did you mean {' or '.join(near)}?" if near else "run where it lies, or add its folder to sys.path"
    raise NotebookLoadError(f"there is no notebook {name}.ipynb in {os.getcwd()} or on sys.path; {hint}")


def _module_name(path: Path) -> str:
    """`my-notebook.ipynb` is my_notebook, `01_hello.ipynb` is _01_hello."""
    name = re.sub(r"\W", "_", path.stem)
    return f"_{name}" if name[:1].isdigit() else name


@contextlib.contextmanager
def _in_folder(folder: Path) -> Iterator[None]:
    """Cells read files beside their notebook, and import modules from there."""
    before = os.getcwd()
    os.chdir(folder)
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
    try:
        yield
    finally:
        os.chdir(before)
