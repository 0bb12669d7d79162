"""The way back: a script as a notebook. Cells of an exported script are restored, others are cut at definitions."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flytenb.capture.syntax import frozen_lines
from flytenb.export.percent import is_percent, percent_cells
from flytenb.export.read import NotebookError, SourceCell
from flytenb.export.units import DEFINITIONS, IMPORTS, NOT_CARRIED

_MARK = re.compile(r"^# %% (?:\[(?P<kind>markdown|raw)\]|cell (?P<number>\d+)(?P<tag> \[parameters\])?)$")
_DROPPED = re.compile(rf"^(?P<indent>\s*)(?:.*?  )?{re.escape(NOT_CARRIED)}(?P<said>.*)$")
_OUR_DOCS = (
    "What a notebook shows under a cell.",
    "What the command line gives `main()`.",
    "A value as Python writes it, or the text itself.",
    "The outputs of a run: one value as it is, several as a tuple.",
    "Flyte shows no progress.",
    "A figure or a frame as HTML: flyte takes text only.",
    "An array in a data class: flyte carries its bytes.",
    "The array that `packed` made bytes of.",
    "Which attempt of the action this is, from 0: flyte's local mode does not count them.",
)


@dataclass(slots=True)
class _Piece:
    """Lines between two marks."""

    kind: str
    number: int
    rows: list[str] = field(default_factory=list)
    is_parameters: bool = False

    @property
    def text(self) -> str:
        return "\n".join(self.rows).strip("\n")


def restore_script(text: str) -> list[SourceCell]:
    """The cells of a script.

    Raises:
        NotebookError: it is not Python.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise NotebookError(f"the script is not Python: {error}") from error
    rows = text.split("\n")
    is_ours = is_exported(text)
    if not is_ours and is_percent(rows):
        return list(percent_cells(rows))
    if not is_ours and not any(_MARK.match(row.strip()) for row in rows):
        return list(_numbered(_cut(tree, rows)))
    return list(_numbered(_marked(tree, rows)))


def is_exported(text: str) -> bool:
    """Whether `flytenb export` wrote a script."""
    return text.startswith('"""') and text.partition("\n")[0].endswith('by `flytenb export`."""')


def restore_file(script: str | Path, output: str | Path | None = None) -> Path:
    """Write the notebook of a script beside it, or where `output` says.

    Raises:
        NotebookError: there is no such script, it is not Python, or the notebook cannot be written.
    """
    source = Path(script).expanduser()
    try:
        text = source.read_text(encoding="utf-8")
    except OSError as error:
        raise NotebookError(f"{script} cannot be read: {error.strerror or error}") from error
    file = Path(output).expanduser() if output is not None else source.with_suffix(".ipynb")
    data = json.dumps(notebook_of(restore_script(text)), indent=1, ensure_ascii=False) + "\n"
    try:
        file.write_text(data, encoding="utf-8")
    except OSError as error:
        raise NotebookError(f"the notebook cannot be written to {file}: {error.strerror or error}") from error
    return file


def notebook_of(cells: Sequence[SourceCell]) -> dict[str, Any]:
    """Cells as a notebook's JSON, nbformat 4.5."""
    made = []
    for cell in cells:
        one: dict[str, Any] = {
            "cell_type": cell.kind,
            "id": f"cell-{cell.number}",
            "metadata": {"tags": list(cell.tags)} if cell.tags else {},
            "source": cell.text.splitlines(keepends=True),
        }
        if cell.kind == "code":
            one |= {"execution_count": None, "outputs": []}
        made.append(one)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _numbered(pieces: Sequence[_Piece]) -> Iterator[SourceCell]:
    kept = [piece for piece in pieces if piece.text]
    for number, piece in enumerate(kept, 1):
        yield SourceCell(piece.kind, piece.text, number, ("parameters",) if piece.is_parameters else ())


def _marked(tree: ast.Module, rows: list[str]) -> list[_Piece]:
    """The cells of a script that `flytenb export` wrote: parts at module level and in `main()` belong together."""
    main = next((n for n in tree.body if _is_main(n)), None)
    own = set()
    has_show = False
    for node in tree.body:
        is_guard = isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)
        is_ours = isinstance(node, ast.FunctionDef) and ast.get_docstring(node) in _OUR_DOCS
        has_show = has_show or (is_ours and "shows" in (ast.get_docstring(node) or ""))  # type: ignore[arg-type]
        if is_guard or is_ours or node is main:
            own |= set(range(node.lineno, _end(node, rows) + 1))
    outside = [row for number, row in enumerate(rows, 1) if number not in own]
    parts = _pieces(outside)
    inside: list[_Piece] = []
    if main is not None:
        body = rows[main.lineno : _end(main, rows)]
        inside = _pieces(_shifted_back(body))
        for piece in inside:
            if piece.is_parameters:
                piece.rows = [*_defaults(main, _helps(tree)), *(row for row in piece.rows if row != "pass")]
            elif piece.kind == "code":
                piece.rows = _undriven(piece.rows, has_show=has_show)
    for piece in [*parts, *inside]:
        if piece.kind == "code":
            piece.rows = [_carried(row) for row in piece.rows]
        else:
            piece.rows = [row[2:] if row.startswith("# ") else row[1:] for row in piece.rows if row.startswith("#")]
    found = _merged(parts, inside)
    future = [
        rows[node.lineno - 1] for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "__future__"
    ]
    if future:
        first = next((piece for piece in found if piece.kind == "code"), None)
        if first is None:
            found.append(first := _Piece("code", 0))
        first.rows = [*future, *first.text.split("\n")]
    return found


def _end(node: ast.stmt, rows: Sequence[str]) -> int:
    """Its last line, with comments that are indented below it."""
    end = node.end_lineno or node.lineno
    while end < len(rows) and (not rows[end].strip() or rows[end].startswith("    #")):
        end += 1
    return end


def _is_main(node: ast.stmt) -> bool:
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and bool(re.fullmatch("main_*", node.name))


def _pieces(rows: Sequence[str]) -> list[_Piece]:
    """Lines by the mark above them; what stands before the first mark is ours."""
    found: list[_Piece] = []
    for row in rows:
        mark = _MARK.match(row)
        if mark:
            kind = mark["kind"] or "code"
            found.append(_Piece(kind, int(mark["number"] or 0), is_parameters=bool(mark["tag"])))
        elif found:
            found[-1].rows.append(row)
    return found


def _shifted_back(rows: list[str]) -> list[str]:
    frozen = frozen_lines("def _():\n" + "\n".join(rows))
    return [row if number in frozen else row.removeprefix("    ") for number, row in enumerate(rows, 2)]


def _helps(tree: ast.Module) -> dict[str, str]:
    """What the command line says of parameters."""
    found = {}
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if isinstance(call.func, ast.Attribute) and call.func.attr == "add_argument" and call.args:
            said = [keyword.value.value for keyword in call.keywords
                    if keyword.arg == "help" and isinstance(keyword.value, ast.Constant)]  # fmt: skip
            name = getattr(call.args[0], "value", "")
            if said and isinstance(name, str):
                found[name.removeprefix("--").replace("-", "_")] = str(said[0]).replace("%%", "%")
    return found


def _defaults(main: Any, helps: dict[str, str]) -> list[str]:
    rows = []
    for argument, default in zip(main.args.kwonlyargs, main.args.kw_defaults, strict=True):
        if isinstance(default, ast.Name) and default.id == argument.arg:
            continue  # it stands at module level
        kind = f": {ast.unparse(argument.annotation)}" if argument.annotation is not None else ""
        value = ast.unparse(default) if default is not None else "None"
        said = f"  # {helps[argument.arg]}" if argument.arg in helps else ""
        rows.append(f"{argument.arg}{kind} = {value}{said}")
    return rows


def _undriven(rows: list[str], *, has_show: bool) -> list[str]:
    """A part of `main()` as a cell says it: without waiting, and the last value by itself."""
    text = "\n".join(rows).strip("\n")
    while True:
        try:
            body = ast.parse(text).body
        except SyntaxError:
            return text.split("\n")
        last = body[-1] if body else None
        if not isinstance(last, ast.Expr) or not isinstance(last.value, ast.Call):
            return text.split("\n")
        call = last.value
        lines = text.split("\n")
        first = last.lineno - 1
        if isinstance(call.func, ast.Attribute) and call.func.attr == "wait" and not call.args:
            if (
                isinstance(call.func.value, ast.Name)
                and len(body) > 1
                and lines[first] == f"{call.func.value.id}.wait()"
            ):
                text = "\n".join(lines[:first]).rstrip("\n")
                continue
            if text.endswith(".wait()"):
                return text.removesuffix(".wait()").split("\n")
        elif has_show and isinstance(call.func, ast.Name) and re.fullmatch("show_*", call.func.id) and call.args:
            value = (ast.get_source_segment(text, call) or "")[len(call.func.id) + 1 : -1]
            tail = lines[(last.end_lineno or last.lineno) - 1].encode()[last.end_col_offset or 0 :].decode()
            return [*lines[:first], *(value + tail).split("\n"), *lines[last.end_lineno or last.lineno :]]
        return text.split("\n")


def _carried(row: str) -> str:
    """A line that was not Python, as it was."""
    found = _DROPPED.match(row)
    if not found:
        return "" if row == NOT_CARRIED.rstrip() else row
    return found["indent"] + found["said"]


def _merged(parts: list[_Piece], inside: list[_Piece]) -> list[_Piece]:
    cells: dict[int, _Piece] = {}
    before: dict[int, list[_Piece]] = {}
    for stream in (parts, inside):
        texts: list[_Piece] = []
        for piece in stream:
            if piece.kind != "code":
                texts.append(piece)
                continue
            before.setdefault(piece.number, []).extend(texts)
            texts = []
            known = cells.get(piece.number)
            if known is None:
                cells[piece.number] = piece
            else:
                gap = [""] if piece.text else []
                known.rows = [*known.text.split("\n"), *gap, *piece.text.split("\n")]
                known.is_parameters = known.is_parameters or piece.is_parameters
        before.setdefault(1 << 60, []).extend(texts)
    found: list[_Piece] = []
    for number in sorted({*cells, *before}):
        found += before.get(number, [])
        if number in cells:
            found.append(cells[number])
    return found


def _cut(tree: ast.Module, rows: list[str]) -> list[_Piece]:
    """A script without marks: its docstring as text, imports together, a cell for each definition, drivers apart."""
    found: list[_Piece] = []
    body = tree.body
    done = 0
    if body and ast.get_docstring(tree) is not None:
        found.append(_Piece("markdown", 0, (ast.get_docstring(tree) or "").split("\n")))
        done = body[0].end_lineno or 1
        body = body[1:]
    last = ""
    for node in body:
        first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", ()))])
        end = node.end_lineno or node.lineno
        text = rows[done:end]
        kind = "import" if isinstance(node, IMPORTS) else "definition" if isinstance(node, DEFINITIONS) else "code"
        if isinstance(node, ast.If) and "__name__" in ast.unparse(node.test):
            text, kind = [*rows[done : first - 1], *_guarded(node, rows)], "guard"
        if kind == last and kind in ("import", "code"):
            found[-1].rows += text
        else:
            found.append(_Piece("code", 0, text))
        last, done = kind, end
    if any(row.strip() for row in rows[done:]):
        found.append(_Piece("code", 0, rows[done:]))
    return found


def _guarded(node: ast.If, rows: list[str]) -> list[str]:
    """What stands under the guard, as a notebook says it."""
    body = rows[node.body[0].lineno - 1 : node.body[-1].end_lineno]
    indent = len(body[0]) - len(body[0].lstrip())
    frozen = frozen_lines("if 1:\n" + "\n".join(body))
    text = [row if number in frozen else row[indent:] for number, row in enumerate(body, 2)]
    return [re.sub(r"^asyncio\.run\((.*)\)$", r"await \1", row) for row in text]
