"""`flytenb check`: whether a notebook and its script are the same to the cache, task by task."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flytenb.capture.ingredients import Ingredients, ingredients_of, read_program
from flytenb.capture.program import build_program
from flytenb.cli.load import load_file, tasks_in
from flytenb.client.explain.differences import code_differences, setting_differences, type_differences
from flytenb.errors import BaseRuntimeError, FlytenbError
from flytenb.export.restore import is_exported
from flytenb.model.declaration import Launch, TaskDeclaration
from flytenb.worker.keys import code_identity
from flytenb.worker.remake import describe


@dataclass(frozen=True, slots=True)
class TaskCheck:
    """One task in both files."""

    task: str
    is_equal: bool
    #: What differs, in words.
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Known:
    """What a file says of a task."""

    declaration: TaskDeclaration
    identity: bytes
    ingredients: Ingredients | None
    why_not: str = ""


def check(notebook: str, script: str) -> list[TaskCheck]:
    """Every task of either file, in the order of their names.

    Raises:
        LoadError: a file cannot be loaded.
    """
    one, other = _known(notebook), _known(script)
    return [_compared(name, one.get(name), other.get(name), notebook, script) for name in sorted({*one, *other})]


def pairs(files: Sequence[str]) -> list[tuple[str, str]]:
    """Notebooks and their exported scripts of the same name beside them, of which one or both are given."""
    found = []
    for one in dict.fromkeys(Path(file).with_suffix("") for file in files if file.endswith((".ipynb", ".py"))):
        notebook, script = one.with_suffix(".ipynb"), one.with_suffix(".py")
        if (
            notebook.is_file()
            and script.is_file()
            and is_exported(script.read_text(encoding="utf-8", errors="replace"))
        ):
            found.append((str(notebook), str(script)))
    return found


def _known(file: str) -> dict[str, _Known]:
    with _apart(file) as path:
        names = load_file(str(path))
        return {task.name: _of(task) for task in tasks_in(names).values()}


@contextlib.contextmanager
def _apart(file: str) -> Iterator[Path]:
    """Load a file without a trace for the next one."""
    path = Path(file).expanduser().resolve()
    folder, modules, search = os.getcwd(), dict(sys.modules), list(sys.path)
    try:
        yield path
    finally:
        os.chdir(folder)
        sys.path[:] = search
        for name in [name for name in sys.modules if name not in modules and _is_near(sys.modules[name], path.parent)]:
            del sys.modules[name]
        sys.modules["__main__"] = modules["__main__"]


def _is_near(module: Any, folder: Path) -> bool:
    file = getattr(module, "__file__", None) or ""
    return bool(file) and Path(file).is_relative_to(folder)


def _of(task: Any) -> _Known:
    launch = Launch(python=sys.executable, cwd=os.getcwd())
    try:
        program = build_program(task, describe=describe, root_dir=None)
    except (FlytenbError, BaseRuntimeError) as error:
        return _Known(task.declaration(launch, "", ""), b"", None, str(error))
    entry = next(found for found in program.entries.values() if found.name == task.name)
    declaration = task.declaration(launch, program.digest, entry.entry, key=entry.key, doubts=entry.doubts)
    ingredients = ingredients_of(read_program(program.body), entry.entry)
    # A task that asks no cache has no identity there, but code all the same.
    code = ingredients.key.encode() if ingredients is not None else b""
    return _Known(declaration, code_identity(declaration) + code, ingredients)


def _compared(name: str, one: _Known | None, other: _Known | None, notebook: str, script: str) -> TaskCheck:
    if one is None or other is None:
        lacking = notebook if one is None else script
        return TaskCheck(name, False, (f"{Path(lacking).name} has no such task",))
    refused = one.why_not or other.why_not
    if refused:
        return TaskCheck(name, False, (refused,))
    types = type_differences(one.declaration, other.declaration)
    if one.identity == other.identity and not types:
        return TaskCheck(name, True)
    found = [*setting_differences(one.declaration, other.declaration)]
    found += types
    if one.ingredients is not None and other.ingredients is not None:
        found += code_differences(one.ingredients, other.ingredients, lambda part: "", lambda part: "")
    words = tuple(dict.fromkeys(difference.words for difference in found))
    return TaskCheck(name, False, words or ("its key differs",))
