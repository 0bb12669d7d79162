"""`%%flyte_exec`: a cell in the container, or beside the process, of an action."""

from __future__ import annotations

import sys
from typing import Any

from IPython.core.error import UsageError

from flytenb.client import beside
from flytenb.errors import BaseRuntimeError, FlytenbError
from flytenb.notebook import options
from flytenb.notebook.display import displays
from flytenb.notebook.stored import named


def execute(line: str, cell: str, name: str) -> int:
    """Run the cell where the line says; its exit status.

    Args:
        line: "RUN/ACTION [--shell]".
        cell: Python code, or a shell's text.
        name: what tracebacks call the cell.
    """
    parsed = options.parse("%%flyte_exec", line, (), ("shell",), words=2)
    words = [*parsed.words, "", ""]
    run, _, action = words[0].partition("/")
    try:
        place = beside.find(named(run or "last", displays.last), action or words[1])
        if place.executor == "process":
            print(beside.NOTE.format(place=place), file=sys.stderr)
        if parsed.has("shell"):
            return beside.run_shell(place, cell, _print)
        return beside.run_cell(place, cell, _print, name)
    except (BaseRuntimeError, FlytenbError) as error:
        raise UsageError(f"%%flyte_exec: {error}") from None


def _print(stream: str, text: str) -> None:
    out: Any = getattr(sys, stream)
    out.write(text)
    out.flush()
