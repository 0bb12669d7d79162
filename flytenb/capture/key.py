"""The key of code: a digest of the live graph, its ingredients, and why it may be incomplete.

`key = H(root, sorted (name, part))`: no order, no cell numbers, no form of emission.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flytenb.capture import importing
from flytenb.capture.graph import Graph
from flytenb.capture.items import Item, digest
from flytenb.capture.registry import registry
from flytenb.capture.said import said_of

#: Grows when the meaning of a part changes.
KEY_FORMAT = "flytenb.code/1"
_KEPT = 64


@dataclass(frozen=True, slots=True)
class CodeKey:
    """Key of one task's code."""

    hex: str
    #: label → (kind, digest, place).
    parts: dict[str, tuple[str, str, str]]
    #: Why the key may be incomplete, in words; not empty = no automatic hit.
    doubts: tuple[str, ...]
    #: Labels that the root reaches without going through another task.
    own: frozenset[str] = frozenset()
    #: label → a short value as text.
    said: dict[str, str] = field(default_factory=dict)


def key_of(graph: Graph, root: Item) -> CodeKey:
    """The key of an item of a graph."""
    reached: dict[Item, None] = {}
    stack = [root, *(item for item in graph.items if item.kind == "patch")]
    while stack:
        item = stack.pop()
        if item in reached:
            continue
        reached[item] = None
        stack.extend(item.hard)
        stack.extend(item.soft)
    parts = {item.label: (item.kind, item.part, item.place) for item in reached if item.kind != "alias"}
    for item in reached:
        for name, meant in item.names.items():
            target = meant
            while target.kind == "alias":
                target = next(iter(target.hard))
            if target.label != name:  # what a name means joins the key, not under which name it was found first
                parts[f"{name} is"] = ("name", target.label, item.place)
    doubts: list[str] = []
    for item in reached:
        doubts += item.doubts
    doubts += graph.shared(reached)
    doubts += importing.doubts_of(reached)
    words = [f"{label}\0{part}" for label, (_, part, _) in sorted(parts.items())]
    own = frozenset(item.label for item in _own(root))
    said = {item.label: text for item in reached if (text := said_of(item))}
    return CodeKey(digest(KEY_FORMAT, root.label, *words), parts, tuple(sorted(set(doubts))), own, said)


def _own(root: Item) -> dict[Item, None]:
    """What the root reaches without going through another task."""
    reached: dict[Item, None] = {}
    stack = [root]
    while stack:
        item = stack.pop()
        if item in reached:
            continue
        reached[item] = None
        if item is root or item.task is None:
            stack.extend(item.hard)
            stack.extend(item.soft)
    return {item: None for item in reached if item is root or (item.task is None and item.kind != "alias")}


@dataclass(slots=True)
class Snapshot:
    """The graph of one root as it was found, and what was made of it."""

    graph: Graph
    root: Item
    subject: Any
    key: CodeKey
    #: What was made of it, by the maker's options.
    made: dict[Any, Any] = field(default_factory=dict)


_snapshots: dict[int, Snapshot] = {}


@contextmanager
def _without_collections() -> Iterator[None]:
    """A walk makes thousands of objects that stay: a collection in its midst takes longer than the walk, in vain."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def snapshot_of(obj: Any, *, ship: dict[str, Any] | None = None) -> Snapshot:
    """The graph of a task or function as it is now; the former one when nothing has changed.

    Raises:
        CaptureError: something it reaches cannot travel.
    """
    known = _snapshots.get(id(obj))
    if registry.namespace is not None:
        registry.sync(registry.namespace)
    if known is not None and known.subject is obj and known.graph.is_unchanged():
        return known
    with _without_collections():
        graph = Graph(ship=ship)
        root = graph.root(obj)
        made = Snapshot(graph, root, obj, key_of(graph, root))
        graph.freeze()
    if len(_snapshots) >= _KEPT:
        del _snapshots[next(iter(_snapshots))]
    _snapshots[id(obj)] = made
    return made


def code_key(func: Any) -> CodeKey:
    """The key of a task's or function's code as it is now.

    Raises:
        CaptureError: something it reaches cannot travel; such code has no key.
    """
    return snapshot_of(func).key
