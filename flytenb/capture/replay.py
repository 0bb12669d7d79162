"""Objects that only their own statement can make again."""

from __future__ import annotations

from typing import Any

from flytenb.capture import syntax
from flytenb.capture.items import Item, digest
from flytenb.capture.reach import read
from flytenb.capture.registry import UNKNOWN, Binding, registry
from flytenb.capture.walk import Walk


def stale_read(item: Item, binding: Binding) -> str:
    """A name that the statement read and that means something else now, or ""."""
    for name, then in binding.reads.items():
        now = item.space.globals.get(name)
        if then is not UNKNOWN and then is not now and then != id(now):
            return name
    return ""


def replay(graph: Walk, item: Item, obj: Any) -> None:
    """An object that only its statement can make again (`TypeVar`, `namedtuple()`): the statement, if its reads stand.

    Raises:
        CaptureError: there is no statement, or what it read has changed.
    """
    binding = registry.binding(item.name, obj)
    definition = None
    if binding is not None:
        stale = stale_read(item, binding)
        if stale:
            raise graph.refusal(item, f'was made with an older "{stale}"', f"run {binding.cell.where} again")
        definition = binding.definition
    else:
        cell = registry.cell(item.space.globals.get("__file__") or "")
        statement = cell.binding(item.name) if cell is not None else None
        definition = cell.define(statement) if cell is not None and statement is not None else None
    if definition is None:
        raise graph.refusal(item, f"is a {type(obj).__name__} without source", "define it at the top level of a cell")
    item.kind, item.definition = "replay", definition
    item.where, item.line = definition.where, definition.line
    item.part = digest("replay", syntax.digest_of(definition.text, is_definition=False))
    read(graph, item, item.space, definition.text, frozenset({item.name}))
