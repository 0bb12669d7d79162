"""What a view shows of an action that only a client can read: its report as one page, its code as it ran."""

from __future__ import annotations

from typing import Any

from flytenb.capture.ingredients import Part, ingredients_of, read_program, text_of
from flytenb.client import handle
from flytenb.client.action import here
from flytenb.model.declaration import decode_declaration


def page_as_data(run: str, action: str = "a0") -> dict[str, Any]:
    """The report of an action with all that it needs; "" when it has none.

    Raises:
        RuntimeUserError: there is no such run or action.
    """
    session, store = here()
    return {"page": handle.read_report(session, store, run, action)}


def code_as_data(run: str, action: str = "a0") -> dict[str, Any]:
    """The source of an action's task as it ran, and what it reaches: helpers with their source, values, modules.

    Raises:
        RuntimeUserError: there is no such run or action.
    """
    session, store = here()
    io = handle.read_io(session, run, action)
    declaration = decode_declaration(io.declaration)
    program = read_program(store.get(declaration.program))
    found = ingredients_of(program, declaration.entry)
    parts = [] if found is None else [part for part in found.parts.values() if part.label in found.own]
    name = declaration.entry.rpartition(":")[2]
    own = next((part for part in parts if part.kind == "function" and part.label in (name, declaration.entry)), None)
    source = text_of(program, own, store.get) if own is not None else ""
    return {
        "source": source,
        "place": declaration.source,
        "line": _line(own) or declaration.source_line,
        "captured": [
            {"name": part.label, "kind": part.kind, "place": part.place, "text": part.said,
             "digest": "" if part.kind in ("module", "from") else part.digest[:8],
             "source": text_of(program, part, store.get) if part.kind in ("function", "class") else ""}
            for part in parts
            if part is not own
        ],
    }  # fmt: skip


def _line(part: Part | None) -> int:
    """Where a definition begins, below its decorators."""
    line = part.place.rpartition(", line ")[2] if part is not None else ""
    return int(line) if line.isdigit() else 0
