"""A saved notebook with small views: report pages go, the static twin (graph, timings, errors, previews) stays.

Only outputs of ours are touched, and of the file only their lines: for nbstripout, jupytext and nbdime it is as before.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flytenb.errors import FlytenbError
from flytenb.model.sizes import size_words
from flytenb.notebook import stored
from flytenb.notebook.display import MIME
from flytenb.views import tree, twin
from flytenb.views.escape import html

#: Bytes of a view that a saved notebook keeps.
LIMIT = twin.LIMIT
_FRAME = re.compile(r"""<iframe\b(?:[^>"']|"[^"]*"|'[^']*')*>(?:\s*</iframe>)?""")

#: Makes a run's static twin anew, "" where the run is not known.
Render = Callable[[str], str]


class NotANotebook(FlytenbError, ValueError):
    """The file has no cells."""


@dataclass(frozen=True)
class Slimmed:
    """What became of a file."""

    path: str
    #: Views that were made smaller, and views that are over the limit all the same.
    count: int
    large: int
    before_bytes: int
    after_bytes: int

    def __str__(self) -> str:
        if not self.count:
            words = f"{self.path}: nothing to do, its views are small"
        else:
            views = "1 view" if self.count == 1 else f"{self.count} views"
            words = f"{self.path}: {views} made small, {size_words(self.before_bytes)} → {size_words(self.after_bytes)}"
        return words + (
            f"; {self.large} over {LIMIT // 1000} KB: their runs are not in this store" if self.large else ""
        )


def slim_file(path: str | Path, render: Render | None = None) -> Slimmed:
    """Make the views in a saved notebook small; a second time changes nothing.

    Args:
        path: of the notebook; it is replaced whole.
        render: makes a twin anew where one is larger than the limit without its reports.

    Raises:
        NotANotebook: the file is none, or cannot be read.
    """
    file = Path(path)
    try:
        text = file.read_bytes().decode("utf-8")
        notebook = json.loads(text)
        cells = list(notebook["cells"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise NotANotebook(f"{path} is not a notebook: {error}; give an .ipynb file") from error
    count = large = 0
    for data in _views(cells):
        was_list = isinstance(data["text/html"], list)
        before = "".join(data["text/html"])
        run = str(data[MIME].get("run") or data[MIME].get("name") or "") if isinstance(data[MIME], dict) else ""
        after = slim_html(before, run)
        if len(after.encode()) > LIMIT and render is not None:
            after = render(run) or after
        large += len(after.encode()) > LIMIT
        if after != before:
            count += 1
            data["text/html"] = after.splitlines(keepends=True) if was_list else after
    if count:
        made = json.dumps(notebook, indent=_indent(text), ensure_ascii=False) + ("\n" if text.endswith("\n") else "")
        _replace(file, made.encode("utf-8", "surrogatepass"))
    else:
        made = text
    return Slimmed(str(path), count, large, len(text.encode()), len(made.encode("utf-8", "surrogatepass")))


def slim_html(view: str, run: str) -> str:
    """A view without the pages of its reports."""
    command = f"flytenb get report {run}" if run else "flytenb get report RUN"
    note = f'<p style="margin:4px 0">left out here: <code>{html(command)}</code> prints it</p>'
    return _FRAME.sub(lambda _: note, view)


def from_store(run: str) -> str:
    """The twin of a run of this home, "" where it is not."""
    try:
        return twin.render(tree.view(stored.snapshot(run))) if run else ""
    except Exception:  # no engine, no such run: what the notebook has is kept
        return ""


def _views(cells: list[Any]) -> Iterator[dict[str, Any]]:
    for cell in cells:
        for output in cell.get("outputs") or () if isinstance(cell, dict) else ():
            data = output.get("data") if isinstance(output, dict) else None
            if isinstance(data, dict) and MIME in data and "text/html" in data:
                yield data


def _indent(text: str) -> int | None:
    found = re.match(r"\{\r?\n( +)", text)
    return len(found[1]) if found else None if "\n" not in text.rstrip() else 1


def _replace(file: Path, content: bytes) -> None:
    target = Path(os.path.realpath(file))
    descriptor, near = tempfile.mkstemp(prefix=".", suffix=".ipynb~", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as made:
            made.write(content)
        os.chmod(near, target.stat().st_mode & 0o777)
        os.replace(near, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(near)
        raise
