"""Find a task in a script: import the file as the module that a worker will import too."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from flytenb.cli.errors import LoadError
from flytenb.client.origin import tell_origin


def load_file(file: str, root_dir: str | None = None) -> dict[str, Any]:
    """The names that a script or a notebook defines.

    Raises:
        LoadError: no such file, or neither .py nor .ipynb.
    """
    path = Path(file).expanduser()
    if not path.is_file():
        raise LoadError(f"there is no file {file}; give the path of a .py script or an .ipynb notebook")
    whole = str(path.resolve())
    tell_origin(lambda: {"notebook" if path.suffix == ".ipynb" else "script": whole})
    if path.suffix == ".ipynb":
        from flytenb.cli.notebook import load_notebook

        names: dict[str, Any] = load_notebook(path.resolve())
        return names
    if path.suffix != ".py":
        raise LoadError(f"{file} is neither a .py script nor an .ipynb notebook")
    root = Path(root_dir).resolve() if root_dir else None
    try:
        return vars(_import_script(path.resolve(), root))
    except ModuleNotFoundError as error:
        if error.name != "flyte":
            raise
    # A script of Flyte's on a machine without Flyte: here `flyte` can only mean us.
    importlib.import_module(f"{__package__.partition('.')[0]}.compat").install()
    return vars(_import_script(path.resolve(), root))


def _import_script(path: Path, root: Path | None) -> ModuleType:
    folder = root or path.parent
    sys.path.insert(0, str(folder))
    try:
        parts = path.relative_to(folder).with_suffix("").parts
    except ValueError:
        raise LoadError(f"{path} is not below --root-dir {folder}") from None
    name = ".".join(parts)
    if all(part.isidentifier() for part in parts) and (len(parts) > 1 or not _is_taken(name, path)):
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _is_taken(name: str, path: Path) -> bool:
    """Whether an import of this name would find another file: `json.py` beside the standard library's."""
    if name in sys.modules:
        return True
    spec = importlib.util.find_spec(name)
    return spec is None or spec.origin is None or Path(spec.origin).resolve() != path


def tasks_in(names: dict[str, Any]) -> dict[str, Any]:
    """Tasks by the variable that holds them."""
    return {
        name: value
        for name, value in names.items()
        if getattr(value, "__flytenb_task__", False) is True and not isinstance(value, type)
    }


def find_task(names: dict[str, Any], wanted: str, file: str) -> Any:
    """The task meant by a variable's name, a function's name or "environment.function".

    Raises:
        LoadError: there is none; names those that there are.
    """
    tasks = tasks_in(names)
    if wanted in tasks:
        return tasks[wanted]
    for task in tasks.values():
        if wanted in (task.name, getattr(task, "short_name", "")):
            return task
    if not tasks:
        raise LoadError(f"{file} defines no task: decorate a function with @env.task")
    near = difflib.get_close_matches(wanted, tasks, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    said = f'{file} has no task "{wanted}"{hint}' if wanted else f"say which task of {file}"
    raise LoadError(f"{said}; it has {', '.join(sorted(tasks))}")
