"""The cells of a notebook file: what was written, without outputs. Never executes anything."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from flytenb.capture.syntax import frozen_lines
from flytenb.errors import FlytenbError

#: Characters that no file of Python can hold.
_UNWRITABLE = re.compile("[\0\ud800-\udfff]")
#: What a script says of itself with other words: a form feed sets the indentation back, a mark begins a cell.
_MISREAD = re.compile(r"^[ \t]*(?:\x0c|# %% (?:cell \d|\[(?:markdown|raw)\]))", re.MULTILINE)


class NotebookError(FlytenbError, ValueError):
    """A file that is no notebook of Python, or a notebook that cannot be carried."""


@dataclass(frozen=True, slots=True)
class SourceCell:
    """One cell as it was written."""

    #: "code", "markdown" or "raw".
    kind: str
    text: str
    #: Position among the cells that have text, from 1; what markers and messages say.
    number: int
    tags: tuple[str, ...] = ()

    @property
    def is_parameters(self) -> bool:
        """Whether papermill replaces its values."""
        return self.kind == "code" and "parameters" in self.tags


def read_notebook(path: str | Path) -> list[SourceCell]:
    """The cells that have text, in order.

    Raises:
        NotebookError: no such file, no notebook, or one of another language.
    """
    file = Path(path).expanduser()
    try:
        data = json.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise NotebookError(f"there is no notebook {path}; give the path of an .ipynb file") from None
    except (OSError, ValueError, RecursionError) as error:
        raise NotebookError(f"{path} is not a notebook: {error}") from error
    return cells_of(data, str(path))


def cells_of(data: Any, name: str = "the notebook") -> list[SourceCell]:
    """The cells of a notebook's JSON, of any nbformat.

    Raises:
        NotebookError: it is no notebook, or one of another language.
    """
    if isinstance(data, Mapping) and isinstance(data.get("worksheets"), list):
        data = _upgraded(data, name)
    if not isinstance(data, Mapping) or not isinstance(data.get("cells"), list):
        raise NotebookError(f"{name} is not a notebook: it has no list of cells")
    _check_language(data.get("metadata"), name)
    found: list[SourceCell] = []
    for cell in data["cells"]:
        if not isinstance(cell, Mapping):
            continue
        source = cell.get("source", "")
        text = source if isinstance(source, str) else "".join(map(str, source if isinstance(source, list) else ()))
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        if not text.strip():
            continue
        metadata = cell.get("metadata")
        tags = metadata.get("tags") if isinstance(metadata, Mapping) else None
        kind = str(cell.get("cell_type", "code"))
        said = tuple(map(str, tags)) if isinstance(tags, list) else ()
        found.append(SourceCell(kind, text, len(found) + 1, said))
    return found


def _upgraded(data: Any, name: str) -> Any:
    try:
        nbformat: Any = import_module("nbformat")  # notebooks of format 3 are rare, and it takes a while to load
    except ImportError:
        raise NotebookError(
            f"{name} has an old format ({data.get('nbformat', 3)}); install nbformat, or open and save it once"
        ) from None
    try:
        return nbformat.reads(json.dumps(data), as_version=4)
    except Exception as error:
        raise NotebookError(f"{name} is not a notebook: {error}") from error


def _check_language(metadata: Any, name: str) -> None:
    metadata = metadata if isinstance(metadata, Mapping) else {}
    for key, field in (("language_info", "name"), ("kernelspec", "language")):
        part = metadata.get(key)
        language = str(part.get(field) or "") if isinstance(part, Mapping) else ""
        if language:
            if language.lower() not in ("python", "python3", "ipython"):
                raise NotebookError(f"{name} is a notebook of {language}; only Python becomes a script")
            return


def writable(cell: SourceCell) -> tuple[SourceCell, list[str]]:
    """The cell as a script can hold it, and what it says otherwise then, in words."""
    notes: list[str] = []
    text = cell.text
    if _UNWRITABLE.search(text):
        text = _UNWRITABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
        notes.append(f"cell {cell.number}: a character that no script can hold is written as its number")
    if cell.kind == "code" and _MISREAD.search(text):
        inside = frozen_lines(text)
        rows = text.split("\n")
        for index, row in enumerate(rows):
            if index + 1 not in inside and (found := _MISREAD.match(row)):
                rows[index] = found[0].replace("\x0c", "").replace("# %%", "#  %%") + row[found.end() :]
        text = "\n".join(rows)
    return (cell if text == cell.text else replace(cell, text=text)), notes
