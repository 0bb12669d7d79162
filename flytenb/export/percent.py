"""Scripts whose cells begin with `# %%`, as jupytext and editors write them, as cells."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from flytenb.export.read import SourceCell

_MARK = re.compile(r"^# ?%%(?!\w)(?P<rest>.*)$")
_OURS = re.compile(r"^# %% cell \d+( \[parameters\])?$")
_KIND = re.compile(r"\[(markdown|md|raw)\]")
_TAGS = re.compile(r'tags=(\[(?:"[^"]*"(?:, *"[^"]*")*)?\])')
_LANGUAGE = re.compile(r'language="(\w+)"')
#: A magic as a comment, or a comment that begins like one behind one more `# `.
_MAGIC = re.compile(r"^# (?=(?:# )*(?:%{1,2}[A-Za-z_]|![^\s=]))")


def is_percent(rows: list[str]) -> bool:
    """Whether a script has such marks, and not those of `flytenb export`."""
    marks = [row for row in rows if _MARK.match(row)]
    return any(not _OURS.match(row) for row in marks) and not any(_OURS.match(row) for row in marks)


def percent_cells(rows: list[str]) -> Iterator[SourceCell]:
    """The cells of such a script, numbered from 1."""
    cells: list[tuple[str, tuple[str, ...], str, list[str]]] = [("code", (), "", [])]
    for row in _without_header(rows):
        mark = _MARK.match(row)
        if mark is None:
            cells[-1][3].append(row)
            continue
        found = _KIND.search(mark["rest"])
        said, other = _TAGS.search(mark["rest"]), _LANGUAGE.search(mark["rest"])
        kind = {"md": "markdown"}.get(found[1], found[1]) if found else "code"
        cells.append((kind, tuple(json.loads(said[1])) if said else (), other[1] if other else "", []))
    number = 0
    for kind, tags, language, lines in cells:
        text = (_code(lines, language) if kind == "code" else _prose(lines)).strip("\n")
        if text.strip():
            number += 1
            yield SourceCell(kind, text, number, tags)


def _without_header(rows: list[str]) -> list[str]:
    """jupytext's own lines at the top go."""
    if rows and rows[0].rstrip() == "# ---":
        end = next((number for number, row in enumerate(rows[1:], 1) if row.rstrip() == "# ---"), 0)
        if end and any(row.startswith("# jupyter") for row in rows[1:end]):
            return rows[end + 1 :]
    return rows


def _code(lines: list[str], language: str) -> str:
    if language:
        return "\n".join([f"%%{language}", *(_uncommented(line) for line in lines)])
    return "\n".join(_MAGIC.sub("", line) for line in lines)


def _prose(lines: list[str]) -> str:
    text = "\n".join(lines).strip()
    for quotes in ('"""', "'''"):
        if text.startswith(quotes) and text.endswith(quotes) and len(text) > 5:
            return text[3:-3]
    return "\n".join(_uncommented(line) for line in text.split("\n"))


def _uncommented(line: str) -> str:
    return line.removeprefix("#").removeprefix(" ") if line.startswith("#") else line
