"""A notebook as the program of a command: it takes the place of `__main__`, in its own folder, as in a kernel."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from flytenb.cli.errors import LoadError
from flytenb.notebook.load import NotebookLoadError, define


def load_notebook(path: Path) -> dict[str, Any]:
    """The names that a notebook's cells define.

    Raises:
        LoadError: it is no notebook, or a cell is not Python.
    """
    module = ModuleType("__main__")
    module.__dict__["__builtins__"] = __builtins__
    before = sys.modules["__main__"]
    sys.modules["__main__"] = module  # where a kernel's definitions live, and where pickles look for them
    sys.path.insert(0, str(path.parent))
    os.chdir(path.parent)  # as a kernel does
    try:
        define(path, module.__dict__)
    except NotebookLoadError as error:
        sys.modules["__main__"] = before
        raise LoadError(str(error)) from error
    return module.__dict__
