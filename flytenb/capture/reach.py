"""What an item's text leads to: names, attribute chains through modules, imports in bodies, patched libraries."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from flytenb.capture import syntax
from flytenb.capture.items import Item, Space, digest
from flytenb.capture.modules import kind_of_module, version_of
from flytenb.capture.recognise import IPYTHON_NAMES, MISSING, is_environment
from flytenb.capture.registry import registry
from flytenb.capture.walk import Walk


def read(
    graph: Walk,
    item: Item,
    space: Space,
    text: str,
    bound: frozenset[str] = frozenset(),
    *,
    lazy: bool = False,
    is_body: bool = False,
) -> None:
    """Follow the names that a text reads.

    Args:
        bound: names that are not the module's (free variables).
        lazy: annotations are not evaluated.
        is_body: only what happens in a call counts; decorators and defaults are live values.
    """
    reads = syntax.reads_of(text)
    hard, soft = (frozenset(), reads.inner - reads.annotations) if is_body else (reads.hard, reads.soft)
    for group, edges in (
        (hard, item.hard),
        (reads.annotations, item.soft if lazy else item.hard),
        (soft, item.soft),
    ):
        for name in sorted(group - bound):
            if group is reads.annotations and name not in space.globals:
                continue  # an annotation that does not resolve is never looked up
            found = graph.name(space, name)
            if found is not None:
                item.names[space.prefix + name] = found
                if found is not item:
                    edges[found] = None
    for chain in sorted(reads.chains):
        if chain[0] in hard or chain[0] in soft or chain[0] in reads.annotations:
            _follow_chain(graph, item, space, chain)
    item.is_calling = item.is_calling or (reads.is_calling and not is_body)
    if reads.doubts:
        item.doubts += tuple(f'"{item.name}" {doubt}' for doubt in reads.doubts)
    for name in sorted(reads.imports):
        _inner_import(graph, item, name)
    if reads.is_open and id(space) not in graph.widened:
        graph.widened.add(id(space))
        _widen(graph, item, space)
    rooted = {chain[0] for chain in reads.chains}
    for name in sorted((hard | soft) - rooted - bound):
        obj = space.globals.get(name)
        if isinstance(obj, ModuleType) and kind_of_module(obj) == "project":
            whole_module(graph, item, obj)


def _follow_chain(graph: Walk, item: Item, space: Space, chain: tuple[str, ...]) -> None:
    at = space.globals.get(chain[0])
    if not isinstance(at, ModuleType):
        return
    start = graph.name(space, chain[0])
    for part in chain[1:]:
        home = at
        at = vars(home).get(part, MISSING)
        if isinstance(at, ModuleType):
            if start is not None and sys.modules.get(f"{home.__name__}.{part}") is at:
                start.submodules.add(at.__name__)
            continue
        if kind_of_module(home) == "project" and at is not MISSING:
            found = graph.name(graph.space(vars(home)), part)
            if found is not None:
                item.soft[found] = None
        return
    if isinstance(at, ModuleType) and kind_of_module(at) == "project":
        whole_module(graph, item, at)


def _inner_import(graph: Walk, item: Item, name: str) -> None:
    module = sys.modules.get(name)
    if module is not None and kind_of_module(module) == "project":
        whole_module(graph, item, module)
    else:
        item.part += f"|import {version_of(name)}"


def whole_module(graph: Walk, item: Item, module: ModuleType) -> None:
    """A local module used as an object: all its text joins the key."""
    found = graph.objects.get(id(module))
    if found is None:
        space = graph.space(vars(module))
        found = graph.new("module", space, module.__name__, module, f"module {module.__name__}")
        graph.objects[id(module)] = found
        graph.modules[module.__name__] = module
        text = registry.snapshot(module.__name__, module)
        found.part = digest("module", syntax.digest_of(text, is_definition=False) if text else "")
        for value in list(vars(module).values()):
            home = value if isinstance(value, ModuleType) else sys.modules.get(getattr(value, "__module__", None) or "")
            if isinstance(home, ModuleType) and home is not module and kind_of_module(home) == "project":
                whole_module(graph, found, home)
    item.soft[found] = None


def _widen(graph: Walk, item: Item, space: Space) -> None:
    """The text can read any name: every definition that can travel joins."""
    for name, value in list(space.globals.items()):
        if name.startswith("_") or name in IPYTHON_NAMES or isinstance(value, ModuleType) or is_environment(value):
            continue
        found = graph.attempt(space, name)
        if found is not None and found is not item:
            item.soft[found] = None


def carry_patches(graph: Walk, space: Space) -> None:
    """Attributes of modules and foreign classes that cells assigned: every slice carries them."""
    if not space.ships:
        return
    for chain, cell in list(registry.patches.items()):
        target: Any = space.globals.get(chain[0], MISSING)
        for part in chain[1:-1]:
            target = getattr(target, part, MISSING)
        if not isinstance(target, (ModuleType, type)) or kind_of_module(
            target if isinstance(target, ModuleType) else sys.modules.get(target.__module__)
        ) not in ("site", "stdlib", "project", "builtin"):
            continue
        value = getattr(target, chain[-1], MISSING)
        if value is MISSING:
            continue
        item = graph.new("patch", space, ".".join(chain), (value,), "patch " + ".".join(chain))
        graph.patches.append((target, chain[-1], value))
        item.where, item.line = cell.where, 1
        start = graph.name(space, chain[0])
        if start is not None:
            item.hard[start] = None
        item.part = graph.feed(item, item.obj)
