"""Definitions of a notebook, without a kernel and without its driver cells.

Of every code cell, imports, functions, classes and assignments are executed in order; statements that start or await
runs, prints and magics are left out, and so is every assignment that needs a name left out before.
"""

from __future__ import annotations

import ast
import json
import linecache
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError

from flytenb.capture.drivers import drives
from flytenb.capture.pragma import CELL_HOOK, TASK_HOOK, TaskDecorator
from flytenb.capture.registry import registry
from flytenb.capture.syntax import NOT_PYTHON
from flytenb.errors import FlytenbError
from flytenb.notebook.tasks import ENVIRONMENT, CellTasks
from flytenb.notebook.transform import CellTransformer

_MAGIC = re.compile(r"^(\s*)([%!])(.*)$")
_ENVIRONMENT = re.compile(r"^%flyte_env\b(.*)$")
_DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_ASSIGNMENTS = (ast.Assign, ast.AnnAssign, ast.AugAssign)


class NotebookLoadError(FlytenbError, ImportError):
    """It is no notebook, or a cell is not Python."""


def define(path: Path, names: dict[str, Any], prefix: str = "") -> None:
    """Execute the definitions of a notebook in a namespace.

    Args:
        path: of the notebook.
        names: the namespace.
        prefix: before "Cell In[4]" in the names of its code, so that they are not those of another notebook.

    Raises:
        NotebookLoadError: it is no notebook, or a cell is not Python.
    """
    cells = _cells(path)
    tasks = CellTasks(names, lambda *_: None)
    names.update(tasks.hidden_names())
    missing: set[str] = set()
    number = 0
    for cell in cells:
        source = cell.get("source", "")
        text = source if isinstance(source, str) else "".join(map(str, source if isinstance(source, list) else ()))
        if cell.get("cell_type") != "code" or not text.strip():
            continue
        number += 1
        _execute(text, number, str(cell.get("id", "")), names, missing, path, f"{prefix}Cell In[{number}]")


def _cells(path: Path) -> list[dict[str, Any]]:
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise NotebookLoadError(f"{path} is not a notebook: {error}") from error
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise NotebookLoadError(f"{path} is not a notebook: its cells are no list of cells")
    return cells


def _execute(
    text: str, number: int, cell_id: str, names: dict[str, Any], missing: set[str], path: Path, filename: str
) -> None:
    source = "".join(_python_lines(text, names))
    try:
        tree = ast.parse(source, filename)
    except SyntaxError as error:
        raise NotebookLoadError(f"{path.name}, cell {number}, line {error.lineno}: {error.msg}") from error
    except NOT_PYTHON as error:
        raise NotebookLoadError(f"{path.name}, cell {number}: {error or 'it is nested too deeply'}") from error
    tree = TaskDecorator().visit(tree)
    kept = list(_kept(tree.body, missing))
    if not kept:
        return
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    registry.pre_cell(names)
    registry.record_compile(filename, source, number, cell_id)
    try:
        for statement in kept:
            try:
                code = compile(ast.Module([statement], []), filename, "exec")
            except NOT_PYTHON as error:
                raise NotebookLoadError(f"{path.name}, cell {number}, line {statement.lineno}: {error}") from error
            try:
                exec(code, names)
            except NameError:
                if not isinstance(statement, _ASSIGNMENTS):
                    raise
                missing |= _stored(statement)  # it needs what a driver cell would have made
            except UsageError as error:
                raise NotebookLoadError(f"{path.name}, cell {number}: {error}") from error
    finally:
        registry.post_cell(names)


def _python_lines(text: str, names: dict[str, Any]) -> Iterator[str]:
    """The cell as Python: task cells transformed as in a kernel, magics replaced, no line moved."""
    lines = CellTransformer(names)(text.splitlines(keepends=True))
    if lines and lines[0].startswith("%%"):
        return  # another language, or a cell that only times something
    is_python = _parses("".join(lines))  # then a line that begins with % is the operator
    for line in lines:
        magic = None if is_python else _MAGIC.match(line)
        if magic is None:
            yield line
            continue
        environment = _ENVIRONMENT.match(line.strip())
        call = "pass" if environment is None else f"{ENVIRONMENT}({environment[1].strip()!r})"
        yield f"{magic[1]}{call}\n"


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except NOT_PYTHON:
        return False
    return True


def _kept(body: list[ast.stmt], missing: set[str]) -> Iterator[ast.stmt]:
    for statement in body:
        if isinstance(statement, _DEFINITIONS) or _is_hook(statement):
            yield statement
        elif isinstance(statement, _ASSIGNMENTS):
            if drives(statement) or _loaded(statement) & missing:
                missing |= _stored(statement)
            else:
                yield statement
        elif isinstance(statement, (ast.If, ast.Try)) and not drives(statement) and _only_defines(statement):
            yield statement


def _only_defines(statement: ast.If | ast.Try) -> bool:
    """`try: import x` and `if TYPE_CHECKING:`, but no `if` that does something."""
    inner = [*statement.body, *statement.orelse]
    if isinstance(statement, ast.Try):
        inner += [*statement.finalbody, *(each for handler in statement.handlers for each in handler.body)]
    return all(isinstance(each, (*_DEFINITIONS, *_ASSIGNMENTS, ast.Pass)) for each in inner)


def _is_hook(statement: ast.stmt) -> bool:
    call = statement.value if isinstance(statement, ast.Expr) else None
    return (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Name)
        and call.func.id in (CELL_HOOK, TASK_HOOK, ENVIRONMENT)
    )


def _stored(statement: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _loaded(statement: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
