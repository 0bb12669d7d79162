"""Items as one readable module, in dependency order: what is shipped, exported and shown.

Order depends on text only: sorted imports, then depth first from the task. A statement that calls something while it
runs needs all that its reads reach before it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from flytenb.capture import syntax, values
from flytenb.capture.graph import Graph
from flytenb.capture.items import Item
from flytenb.capture.load import ENVIRONMENT_NAME, VALUE_NAME
from flytenb.capture.recognise import is_task
from flytenb.errors import CaptureError
from flytenb.model.minors import mark_code


@dataclass(frozen=True, slots=True)
class Chunk:
    """One statement (or a few lines that belong to it) of the generated module."""

    #: Name that it binds, "" for imports.
    name: str
    text: str
    #: Where the text comes from, and the line there of the chunk's first line; "" when generated.
    where: str = ""
    line: int = 0
    #: The executed text had `from __future__ import annotations`.
    future: bool = False


@dataclass(slots=True)
class Slice:
    """A generated module."""

    chunks: list[Chunk] = field(default_factory=list)
    #: Pickles of values that have no source, by name.
    values: dict[str, bytes] = field(default_factory=dict)
    #: Items that became tasks, in order.
    tasks: list[Item] = field(default_factory=list)
    doubts: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The whole module."""
        head = "from __future__ import annotations\n\n" if any(c.future for c in self.chunks) else ""
        imports = [c.text for c in self.chunks if not c.name]
        rest = [c.text for c in self.chunks if c.name]
        return head + "\n".join(imports) + ("\n\n\n" if imports and rest else "") + "\n\n\n".join(rest) + "\n"


def slice_of(graph: Graph, root: Item) -> Slice:
    """The module that holds all that a root item needs.

    Raises:
        CaptureError: definitions need each other while being made, or two different things have one name.
    """
    return _Emitter(graph).emit(root)


class _Emitter:
    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._out = Slice()
        self._names: dict[str, Item] = {}
        self._imports: dict[str, Item] = {}
        self._done: set[Item] = set()
        self._doing: list[Item] = []
        self._values = 0

    def emit(self, root: Item) -> Slice:
        patches = [item for item in self._graph.items if item.kind == "patch"]
        order = list(_preferred([root, *patches]))
        for item in sorted(order, key=lambda item: item.is_anonymous):  # real names first
            self._claim(item)
        for item in order:
            self._place(item)
        lines = sorted(self._imports, key=lambda line: (line.startswith("from"), line))
        self._out.chunks[:0] = [Chunk("", line) for line in lines]
        return self._out

    def _claim(self, item: Item) -> None:
        if item.kind in ("undefined", "attribute", "patch") or _is_key_only(item):
            return
        other = self._names.get(item.name)
        if other is not None and other is not item:
            if item.is_anonymous:  # nobody reads it by this name
                item.name = next(n for n in (f"{item.name}_{i}" for i in range(2, 10_000)) if n not in self._names)
            elif other.obj is item.obj and not item.space.ships:
                return
            else:
                raise CaptureError(
                    f'"{item.name}" means two things ({other.place or other.label} and {item.place or item.label}); '
                    "rename one of them"
                )
        self._names[item.name] = item

    def _place(self, item: Item) -> None:
        if item in self._done or _is_key_only(item):
            return
        if item in self._doing:
            names = " → ".join(i.name for i in [*self._doing[self._doing.index(item) :], item])
            raise CaptureError(
                f"definitions need each other while they are made ({names}); move one of them into a function"
            )
        self._doing.append(item)
        needed = dict(item.hard)
        if item.is_calling and not _is_imported(item):
            needed = _closure(item)
        for other in needed:
            self._place(other)
        self._doing.pop()
        self._done.add(item)
        self._write(item)
        if item.task is not None:
            self._out.tasks.append(item)

    # -- one item ------------------------------------------------------------------------------------------------

    def _write(self, item: Item) -> None:
        kind = item.kind
        if kind in ("undefined", "attribute"):
            return
        if _is_imported(item):
            for line in _import_lines(item):
                self._imports.setdefault(line, item)
            return
        add = self._out.chunks.append
        if kind == "alias":
            target = next(iter(item.hard))
            add(Chunk(item.name, f"{item.name} = {target.name}"))
        elif kind == "environment":
            add(Chunk(item.name, f"{item.name} = {ENVIRONMENT_NAME}({item.obj.name!r})"))
        elif kind == "patch":
            add(Chunk(item.name, f"{item.name} = {self._expression(item, item.obj[0])}"))
        elif kind == "value":
            add(Chunk(item.name, f"{item.name} = {self._expression(item, item.obj)}", item.where, item.line))
        elif kind == "opaque":
            add(Chunk(item.name, f"{item.name} = {self._opaque(item)}"))
        elif kind in ("replay", "class", "decorated"):
            assert item.definition is not None
            text = item.definition.text
            if kind == "class" and item.definition.node.name != item.name:
                text = _renamed(text, item.definition.node.name, item.name)
                item.after.setdefault("__name__", item.definition.node.name)
            add(
                Chunk(
                    item.name, text, item.where, item.line if kind != "decorated" else item.definition.line, item.future
                )
            )
            self._after(item)
        else:
            self._function(item)
            self._after(item)

    def _function(self, item: Item) -> None:
        definition = item.definition
        assert definition is not None
        node, name = definition.node, item.name
        text, line = self._with_defaults(item), item.line
        if isinstance(node, ast.Lambda):
            made = text
            if item.closure:
                arguments, values_ = self._closure_arguments(item)
                made = f"(lambda {arguments}: {text})({values_})"
            self._out.chunks.append(Chunk(name, f"{name} = {made}", item.where, line, item.future))
            return
        if not item.closure and not item.is_recursive:
            if node.name != name:
                text = _renamed(text, node.name, name)
                item.after.setdefault("__name__", item.obj.__name__ if not is_task(item.obj) else node.name)
            self._out.chunks.append(Chunk(name, text, item.where, line, item.future))
            return
        arguments, values_ = self._closure_arguments(item)
        body = syntax.shifted(text, max(definition.indent, 4))
        maker = f"_make_{name}"
        while maker in self._names:
            maker = f"_{maker}"
        self._names[maker] = item
        text = f"def {maker}({arguments}):\n{body}\n{' ' * max(definition.indent, 4)}return {node.name}"
        self._out.chunks.append(Chunk(maker, text, item.where, line - 1, item.future))
        self._out.chunks.append(Chunk(name, f"{name} = {maker}({values_})"))

    def _closure_arguments(self, item: Item) -> tuple[str, str]:
        expressions = [self._expression(item, value, name) for name, value in item.closure.items()]
        return ", ".join(item.closure), ", ".join(expressions)

    def _with_defaults(self, item: Item) -> str:
        """The text, with those defaults replaced whose expression may mean something else by now."""
        definition = item.definition
        assert definition is not None
        if not item.defaults:
            return definition.text
        tree = ast.parse(definition.text).body[0]
        node: Any = tree.value if isinstance(tree, ast.Expr) else tree
        arguments = node.args
        positional = [*arguments.posonlyargs, *arguments.args]
        at = {
            a.arg: d
            for a, d in zip(positional[len(positional) - len(arguments.defaults) :], arguments.defaults, strict=True)
        }
        at.update({a.arg: d for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None})
        edits = []
        for name, value in item.defaults.items():
            default = at[name]
            edits.append((default, self._expression(item, value, name)))
        lines = definition.text.encode().split(b"\n")
        for default, text in sorted(edits, key=lambda e: (e[0].lineno, e[0].col_offset), reverse=True):
            first, last = default.lineno - 1, default.end_lineno - 1
            # Line numbers below must stay: a default of several lines is followed by as many empty ones.
            filler = b"\n" * (last - first)
            merged = lines[first][: default.col_offset] + text.encode() + filler + lines[last][default.end_col_offset :]
            lines[first : last + 1] = merged.split(b"\n")
        return b"\n".join(lines).decode()

    def _after(self, item: Item) -> None:
        for attribute, value in item.after.items():
            name = f"{item.name}.{attribute}"
            self._out.chunks.append(Chunk(name, f"{name} = {self._expression(item, value, attribute)}"))
        for attribute in item.deleted:
            self._out.chunks.append(Chunk(f"{item.name}.{attribute}", f"del {item.name}.{attribute}"))

    # -- values ----------------------------------------------------------------------------------------------------

    def _refer(self, user: Item, obj: Any) -> str | None:
        if isinstance(obj, (str, int, float, bool, type(None), bytes)):
            return None
        found = self._graph.item_of(obj, user)
        if found is None or (found is user and obj is user.obj and user.kind == "value"):
            return None
        if found.kind == "value" and obj is not user.obj:
            return found.name if found in self._done else None
        return None if found is user and found.kind == "value" else found.name

    def _expression(self, item: Item, value: Any, what: str = "") -> str:
        def refer(obj: Any) -> str | None:
            return self._refer(item, obj)

        if isinstance(value, (staticmethod, classmethod)):
            return f"{type(value).__name__}({self._expression(item, value.__func__, what)})"
        if type(value) is property:
            parts = [self._expression(item, f, what) for f in (value.fget, value.fset, value.fdel)]
            return f"property({', '.join(parts)})"
        text = values.expression(value, refer)
        if text is not None:
            return text
        if isinstance(value, ModuleType):
            self._imports.setdefault(f"import {value.__name__}", item)
            return value.__name__
        try:
            data = values.dump(value, refer)
        except values.Unshippable as error:
            raise self._graph.refusal(item, error.why, error.fix, what) from None
        self._values += 1
        key = f"{item.name}.{what}" if what else item.name
        key = key if key not in self._out.values else f"{key}.{self._values}"
        self._out.values[key] = data
        return f"{VALUE_NAME}({key!r})"

    def _opaque(self, item: Item) -> str:
        import cloudpickle  # the marked fallback for functions without source

        try:
            self._out.values[item.name] = mark_code(cloudpickle.dumps(item.obj))
        except Exception as error:
            raise self._graph.refusal(item, f"cannot be pickled ({error})", "define it in a cell") from None
        return f"{VALUE_NAME}({item.name!r})"


def _is_imported(item: Item) -> bool:
    return item.kind in ("module", "from") or not item.space.ships


def _is_key_only(item: Item) -> bool:
    """Lives in a local module that is imported as a whole: it matters to the key only."""
    return item.label.startswith("module ") or (item.kind == "module" and " " in item.label)


def _import_lines(item: Item) -> Iterator[str]:
    if item.kind == "module":
        real = item.obj.__name__
        if real == item.name:
            yield f"import {real}"
        elif real.rpartition(".")[2] == item.name:
            yield f"from {real.rpartition('.')[0]} import {item.name}"
        else:
            yield f"import {real} as {item.name}"
        for name in sorted(item.submodules):
            yield f"import {name}"
        return
    if item.kind == "from":
        module, _, qualname = item.part.split(" ")[0].removeprefix("from:").partition(":")
        if item.space.ships or not item.space.module:
            yield f"from {module} import {qualname}" + (f" as {item.name}" if qualname != item.name else "")
            return
    yield f"from {item.space.module} import {item.name}"


def _preferred(roots: list[Item]) -> Iterator[Item]:
    """Depth first, what is needed before who needs it; circles are cut where they close."""
    seen: set[Item] = set()
    for root in roots:
        stack: list[tuple[Item, Iterator[Item]]] = []
        if root not in seen:
            seen.add(root)
            stack.append((root, _next(root)))
        while stack:
            item, following = stack[-1]
            for other in following:
                if other not in seen:
                    seen.add(other)
                    stack.append((other, _next(other)))
                    break
            else:
                stack.pop()
                yield item


def _next(item: Item) -> Iterator[Item]:
    return iter(()) if _is_imported(item) else iter(item.reaches())


def _closure(item: Item) -> dict[Item, None]:
    """All that the reads of a calling statement reach."""
    found: dict[Item, None] = {}
    stack = list(item.hard)
    while stack:
        other = stack.pop()
        if other in found or other is item:
            continue
        found[other] = None
        if not _is_imported(other):
            stack.extend(other.reaches())
    # What only needs the item itself when it is called later cannot stand before it.
    return found


def _renamed(text: str, old: str, new: str) -> str:
    for word in ("def ", "class "):
        at = text.find(f"{word}{old}")
        if at >= 0:
            return text[: at + len(word)] + new + text[at + len(word) + len(old) :]
    return text
