"""What was executed in this kernel: cell texts, which statement bound which name, and what it read then.

Nothing is predicted: the notebook room tells the registry what was compiled, and the names of the namespace tell what
really ran (a failed cell binds only what it reached). Without a notebook the registry stays empty and source comes
from `linecache`.
"""

from __future__ import annotations

import ast
import contextlib
import linecache
import sys
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import FunctionType, ModuleType
from typing import Any

from flytenb.capture import syntax
from flytenb.capture.cells import Cell, Definition, bound_names, from_linecache
from flytenb.capture.modules import kind_of_module

_HIDDEN = frozenset(
    {"In", "Out", "_", "__", "___", "_ih", "_oh", "_dh", "_i", "_ii", "_iii", "exit", "quit", "get_ipython"}
)


class _Unknown:
    """Read before the same cell bound the name again."""


UNKNOWN = _Unknown()
#: What the name meant before this very statement bound it (`class A(A)`).
FORMER = _Unknown()


@dataclass(slots=True)
class Binding:
    """The statement that bound a name, and what the names it reads meant at that time."""

    cell: Cell
    statement: ast.stmt
    #: The bound object's id.
    ident: int
    #: name → object (functions, classes, modules), id of another value, or `UNKNOWN`.
    reads: dict[str, Any]

    @property
    def definition(self) -> Definition:
        """Its text."""
        return self.cell.define(self.statement)


class CellRegistry:
    """Remembers executed cells of one kernel. The notebook room feeds it; silent runs are not fed."""

    def __init__(self) -> None:
        self._cells: dict[str, Cell] = {}
        self._files: dict[str, tuple[int, Cell]] = {}
        self._bindings: dict[str, Binding] = {}
        #: Bindings of notebooks that this one imported.
        self._others: list[dict[str, Binding]] = []
        self._classes: weakref.WeakKeyDictionary[type, Binding] = weakref.WeakKeyDictionary()
        self._before: dict[str, int] | None = None
        self._fresh: list[Cell] = []
        #: Dotted targets that cells assigned outside their own names: ("pd", "Series", "shout").
        self.patches: dict[tuple[str, ...], Cell] = {}
        #: Source of local modules as they were when first seen: module name → text.
        self.snapshots: dict[str, tuple[int, str]] = {}
        self._modules_seen = 0
        self.namespace: dict[str, Any] | None = None
        #: Distinguishes states: grows with every cell.
        self.version = 0

    # -- fed by the notebook -----------------------------------------------------------------------------------

    def pre_cell(self, namespace: dict[str, Any]) -> None:
        """A cell is about to run."""
        self.namespace = namespace
        self._before = {name: id(value) for name, value in namespace.items()}
        self._fresh = []

    def record_compile(self, filename: str, text: str, cell_number: int | None = None, cell_id: str = "") -> Cell:
        """A text was compiled under this code filename (after IPython's own transformations)."""
        cell = self._cells.get(filename)
        if cell is None or cell.text != text or cell.number != cell_number:
            cell = self._cells[filename] = Cell(filename, text, cell_number, cell_id)
        if cell not in self._fresh:
            self._fresh.append(cell)
        return cell

    def post_cell(self, namespace: dict[str, Any]) -> None:
        """The cell ended, well or not."""
        self.sync(namespace)
        self._before = None
        self._fresh = []

    def sync(self, namespace: dict[str, Any]) -> None:
        """Take in what the running cell has done so far: a run may start in the middle of a cell."""
        before, cells = self._before, self._fresh
        if before is None or namespace is not self.namespace:
            return
        self.version += 1
        changed = [name for name, value in namespace.items() if before.get(name) != id(value) and name not in _HIDDEN]
        for cell in cells:
            with contextlib.suppress(RecursionError):  # a text nested this deeply is left to be refused by who needs it
                self._take(cell, namespace, changed)
        for name in changed:
            before[name] = id(namespace[name])
        self._snapshot_modules()

    @contextlib.contextmanager
    def apart(self, namespace: dict[str, Any]) -> Iterator[None]:
        """Cells of another notebook are executed in a namespace of their own; what is known of this one's stays."""
        kept = self.namespace, self._before, self._fresh, self._bindings
        self.namespace, self._before, self._fresh, self._bindings = namespace, None, [], {}
        try:
            yield
        finally:
            self._others.append(self._bindings)
            self.namespace, self._before, self._fresh, self._bindings = kept

    def texts(self) -> list[str]:
        """Text of all cells that were executed."""
        return [cell.text for cell in self._cells.values()]

    def _take(self, cell: Cell, namespace: dict[str, Any], changed: list[str]) -> None:
        reached = _line_reached(cell.filename)
        statements = [s for s in cell.tree.body if not reached or s.lineno <= reached]
        for name in changed:
            value = namespace[name]
            owner = None
            for statement in statements:
                if name in bound_names(statement):
                    owner = statement
            if owner is None:
                continue
            binding = self._bind(cell, owner, statements, namespace, id(value))
            self._bindings[name] = binding
            if isinstance(value, type) and isinstance(owner, ast.ClassDef) and value.__name__ == owner.name:
                self._classes.setdefault(value, binding)
        for statement in statements:
            for chain in _attribute_targets(statement):
                self.patches[chain] = cell
        cell.index()

    def _bind(
        self, cell: Cell, owner: ast.stmt, statements: list[ast.stmt], namespace: dict[str, Any], ident: int
    ) -> Binding:
        text = cell.define(owner).text
        reads = syntax.reads_of(text)
        syntax.digest_of(text, is_definition=not isinstance(owner, ast.ClassDef))
        later: set[str] = set()
        for statement in statements:
            if statement.lineno > owner.lineno:
                later |= bound_names(statement)
        own = bound_names(owner)
        then: dict[str, Any] = {}
        wanted = set(reads.hard | reads.annotations)
        for decorator in getattr(owner, "decorator_list", ()):
            wanted.update(node.id for node in ast.walk(decorator) if isinstance(node, ast.Name))
        for name in wanted:
            if name in reads.hard and name in own:
                then[name] = FORMER
            elif name in later:
                then[name] = UNKNOWN
            elif name in namespace:
                value = namespace[name]
                then[name] = value if isinstance(value, (type, FunctionType, ModuleType)) else id(value)
        return Binding(cell, owner, ident, then)

    def _snapshot_modules(self) -> None:
        if len(sys.modules) == self._modules_seen:
            return
        self._modules_seen = len(sys.modules)
        for name, module in list(sys.modules.items()):
            if name not in self.snapshots and kind_of_module(module) == "project":
                self.snapshot(name, module)

    def snapshot(self, name: str, module: ModuleType) -> str:
        """Source of a local module as it was executed, as far as we saw; read again after a reload."""
        spec = getattr(module, "__spec__", None)
        known = self.snapshots.get(name)
        if known is not None and known[0] == id(spec):
            return known[1]
        path = getattr(module, "__file__", None) or ""
        try:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        except (OSError, UnicodeDecodeError):
            text = ""
        self.snapshots[name] = (id(spec), text)
        return text

    # -- asked by the slicer -----------------------------------------------------------------------------------

    def cell(self, filename: str) -> Cell | None:
        """The text behind a code filename."""
        found = self._cells.get(filename)
        if found is not None:
            return found
        lines = linecache.getlines(filename)
        if not lines:
            return None
        known = self._files.get(filename)
        if known is not None and known[0] == id(lines):
            return known[1]
        cell = from_linecache(filename)
        if cell is not None:
            self._files[filename] = (id(lines), cell)
        return cell

    def binding(self, name: str, value: Any) -> Binding | None:
        """The statement that bound this very object to a name of the notebook."""
        for known in (self._bindings, *self._others):
            found = known.get(name)
            if found is not None and found.ident == id(value):
                return found
        return None

    def class_binding(self, cls: type) -> Binding | None:
        """The `class` statement that made a class."""
        return self._classes.get(cls)

    def where(self, name: str) -> str:
        """The cell that bound a name last, or ""."""
        found = self._bindings.get(name)
        return f"{found.cell.where}, line {found.statement.lineno}" if found is not None else ""

    def names(self) -> list[str]:
        """Names that notebook cells bound."""
        return list(self._bindings)

    def forget(self) -> None:
        """Start empty: tests."""
        self.__init__()  # type: ignore[misc]


def _line_reached(filename: str) -> int:
    """Line of a cell that is running now, in this thread; 0 when it is not running."""
    frame = sys._getframe(1)
    found = 0
    at: Any = frame
    while at is not None:
        if at.f_code.co_filename == filename and at.f_code.co_name in ("<module>", "<cell line: 1>"):
            found = at.f_lineno
        at = at.f_back
    return found


@lru_cache(maxsize=256)
def targets_in(cell: Cell) -> frozenset[tuple[str, ...]]:
    """Dotted targets that a text assigns at its top level."""
    return frozenset(chain for statement in cell.tree.body for chain in _attribute_targets(statement))


def _attribute_targets(statement: ast.stmt) -> list[tuple[str, ...]]:
    """`a.b.c = …` at top level, as chains."""
    found: list[tuple[str, ...]] = []
    stack: list[ast.AST] = [statement]
    while stack:
        node = stack.pop()
        if isinstance(node, (*syntax.DEFINITIONS, ast.Lambda)):
            continue
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            parts: list[str] = []
            at: ast.expr = node
            while isinstance(at, ast.Attribute):
                parts.append(at.attr)
                at = at.value
            if isinstance(at, ast.Name):
                found.append((at.id, *reversed(parts)))
        stack.extend(ast.iter_child_nodes(node))
    return found


#: The one registry of this process.
registry = CellRegistry()
