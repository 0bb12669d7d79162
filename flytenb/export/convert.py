"""A notebook file to a script file."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flytenb.export import flyte_target
from flytenb.export.arrange import arrange
from flytenb.export.magics import Names, translate
from flytenb.export.read import NotebookError, SourceCell, read_notebook, writable
from flytenb.export.script import Form, write
from flytenb.export.units import Unit

TARGETS = ("flytenb", "flyte")


@dataclass(frozen=True, slots=True)
class Exported:
    """A script, and what it could not carry."""

    text: str
    #: In words, with cell and line.
    notes: tuple[str, ...]
    cell_count: int


def export_notebook(cells: Sequence[SourceCell], *, name: str = "notebook.ipynb", target: str = "flytenb") -> Exported:
    """The script of a notebook's cells. The same cells give the same bytes.

    Args:
        cells: as `read_notebook` gives them.
        name: of the notebook, for the docstring.
        target: "flytenb", or "flyte" for a script of the flyte package.

    Raises:
        NotebookError: no such target.
    """
    if target not in TARGETS:
        raise NotebookError(f'there is no target "{target}"; choose flytenb or flyte')
    names = Names()
    units: list[Unit] = []
    held = [writable(cell) for cell in cells]
    cells, notes = [cell for cell, _ in held], [note for _, said in held for note in said]
    parameters = next((cell for cell in cells if cell.is_parameters), None)  # papermill looks at the first one only
    for cell in cells:
        if cell.kind != "code":
            continue
        parsed = translate(cell, names)
        for unit in parsed.units:
            unit.is_parameter = cell is parameters
        units += parsed.units
        notes += parsed.notes
    form = Form(names.package, "flytenb")
    if target == "flyte":
        form, said = flyte_target.adapt(units, names)
        notes += said
    arranged = arrange(units)
    text = write(arranged, cells, form, _title(cells), name)
    _check(text, name)
    return Exported(text, tuple(dict.fromkeys([*notes, *arranged.notes])), len(cells))


def export_file(notebook: str | Path, output: str | Path | None = None, *, target: str = "flytenb") -> Exported:
    """Write the script of a notebook file beside it, or where `output` says; "-" writes nothing.

    Raises:
        NotebookError: it is no notebook, or cannot be written there.
    """
    source = Path(notebook).expanduser()
    made = export_notebook(read_notebook(source), name=source.name, target=target)
    if str(output) != "-":
        file = Path(output).expanduser() if output is not None else source.with_suffix(".py")
        try:
            file.write_text(made.text, encoding="utf-8")
        except OSError as error:
            raise NotebookError(f"the script cannot be written to {file}: {error.strerror or error}") from error
    return made


def _title(cells: Sequence[SourceCell]) -> str:
    """The first heading."""
    for cell in cells:
        if cell.kind == "markdown":
            for row in cell.text.split("\n"):
                if row.startswith("#"):
                    return row.lstrip("# ").rstrip()
    return ""


def _check(text: str, name: str) -> None:
    try:
        compile(text, name, "exec", flags=ast.PyCF_ONLY_AST)
        compile(text, name, "exec")
    except (SyntaxError, ValueError) as error:
        raise NotebookError(
            f"the script of {name} would not compile: {error}; please report this with the notebook"
        ) from error
