"""Executed text: one `Cell` per compiled piece of source, and the definitions found in it by code position."""

from __future__ import annotations

import ast
import linecache
import re
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any

from flytenb.capture import syntax

#: Fields that hold statements.
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Definition:
    """The text of one definition as it was executed."""

    #: Dedented, without decorators.
    text: str
    #: "Cell In[4]" or a file's path.
    where: str
    #: 1-based line of the text's first line.
    line: int
    node: Any
    #: Columns that were cut off.
    indent: int
    cell: Any

    @property
    def place(self) -> str:
        """For messages: "Cell In[4], line 8"."""
        return f"{self.where}, line {self.line}"


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """All statements, those inside others too; a tenth of the work of `ast.walk`, which visits every expression."""
    stack: list[Any] = [tree]
    while stack:
        node = stack.pop()
        yield node
        for field in _BLOCKS:
            stack.extend(getattr(node, field, ()))


class Cell:
    """One compiled text: a notebook cell after IPython's transformations, or a source file."""

    __slots__ = ("_at", "_lines", "_tree", "cell_id", "filename", "number", "text")

    def __init__(self, filename: str, text: str, number: int | None = None, cell_id: str = "") -> None:
        self.filename, self.text, self.number, self.cell_id = filename, text, number, cell_id
        self._tree: ast.Module | None = None
        self._lines: list[str] | None = None
        self._at: dict[tuple[int, str], list[Any]] | None = None

    @property
    def where(self) -> str:
        """How a person knows it."""
        return self.filename if self.number is None else f"Cell In[{self.number}]"

    @property
    def tree(self) -> ast.Module:
        """Its syntax tree; empty when the text does not parse."""
        if self._tree is None:
            try:
                self._tree = ast.parse(self.text)
            except syntax.NOT_PYTHON:
                self._tree = ast.Module(body=[], type_ignores=[])
        return self._tree

    @property
    def lines(self) -> list[str]:
        """Lines without their ends."""
        if self._lines is None:
            self._lines = _LINE_END.split(self.text)  # where the compiler ends them too
        return self._lines

    def index(self) -> dict[tuple[int, str], list[Any]]:
        """Definitions and lambdas by line and name. Made when a cell has run, so that no key waits for it."""
        if self._at is None:
            self._at = {}
            for node in ast.walk(self.tree) if "lambda" in self.text else _statements(self.tree):
                if isinstance(node, syntax.DEFINITIONS):
                    line = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                    self._at.setdefault((line, node.name), []).append(node)
                    if line != node.lineno:
                        self._at.setdefault((node.lineno, node.name), []).append(node)
                elif isinstance(node, ast.Lambda):
                    self._at.setdefault((node.lineno, "<lambda>"), []).append(node)
        return self._at

    def function(self, code: CodeType) -> Definition | None:
        """The `def` or `lambda` that was compiled to this code."""
        found = self.index().get((code.co_firstlineno, code.co_name), [])
        if code.co_name == "<lambda>" and len(found) > 1:
            found = [node for node in found if _is_code_of(code, node, self)]
        return self.define(found[-1]) if found else None

    def klass(self, name: str, line: int = 0, before: int = 0) -> Definition | None:
        """A class by its name: the innermost one around a line, or the last one (that begins before a line)."""
        best: Any = None
        for node in ast.walk(self.tree):
            if not isinstance(node, ast.ClassDef) or node.name != name or (before and node.lineno > before):
                continue
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            if line and not first <= line <= (node.end_lineno or node.lineno):
                continue
            if best is None or node.lineno >= best.lineno:
                best = node
        return self.define(best) if best is not None else None

    def define(self, node: Any) -> Definition:
        """The text of a node, as written, without decorators of a `def` (a class keeps them)."""
        if isinstance(node, ast.Lambda):
            text = ast.get_source_segment(self.text, node) or "None"
            if "\n" in text:
                text = f"({text})"
            return Definition(text, self.where, node.lineno, node, 0, self)
        first = node.lineno
        if isinstance(node, ast.ClassDef) and node.decorator_list:
            first = min(first, *(d.lineno for d in node.decorator_list))
        text, indent = self.segment(first, node.end_lineno or first, node)
        return Definition(text, self.where, first, node, indent, self)

    def segment(self, first: int, last: int, node: Any) -> tuple[str, int]:
        """Whole lines, dedented; a statement that shares its lines with others is cut out of them."""
        lines = self.lines[first - 1 : last]
        head = self.lines[first - 1].encode()[: node.col_offset].decode(errors="replace")
        tail = self.lines[last - 1].encode()[node.end_col_offset :].decode(errors="replace").strip()
        decorated = first != node.lineno
        if (not decorated and head.strip()) or (tail and not tail.startswith("#")):
            if not decorated:
                return ast.get_source_segment(self.text, node) or "", 0
            lines[-1] = self.lines[last - 1].encode()[: node.end_col_offset].decode(errors="replace")
        indent = node.col_offset if not head.strip() else 0
        return syntax.shifted("\n".join(lines), -indent), indent

    def binding(self, name: str, before: int = 0) -> ast.stmt | None:
        """The last top-level statement that binds a name (and begins before a line, if one is given)."""
        found = None
        for statement in self.tree.body:
            if before and statement.lineno > before:
                break
            if name in bound_names(statement):
                found = statement
        return found


def _is_code_of(code: CodeType, node: Any, cell: Cell) -> bool:
    positions = getattr(code, "co_positions", None)
    if positions is not None:
        spans = [p for p in positions() if None not in p and p[2] != p[3]]
        body = node.body
        begin, end = (body.lineno, body.col_offset), (body.end_lineno, body.end_col_offset)
        return bool(spans) and all(begin <= (a, c) and (b, d) <= end for a, b, c, d in spans)
    try:  # Python 3.10 has no positions: compare what the text compiles to.
        made = compile(ast.get_source_segment(cell.text, node) or "0", "<lambda>", "eval")
    except SyntaxError:
        return False
    inner = [c for c in made.co_consts if isinstance(c, CodeType)]
    return bool(inner) and _does_the_same(inner[0], code)


def _does_the_same(one: CodeType, other: CodeType) -> bool:
    if (one.co_code, one.co_names, one.co_varnames) != (other.co_code, other.co_names, other.co_varnames):
        return False
    if len(one.co_consts) != len(other.co_consts):
        return False
    for mine, theirs in zip(one.co_consts, other.co_consts, strict=True):
        if isinstance(mine, CodeType) and isinstance(theirs, CodeType):
            if not _does_the_same(mine, theirs):
                return False
        elif type(mine) is not type(theirs) or mine != theirs:
            return False
    return True


_names_cache: dict[int, tuple[ast.stmt, frozenset[str]]] = {}


def bound_names(statement: ast.stmt) -> frozenset[str]:
    """Names that a top-level statement binds in the module."""
    cached = _names_cache.get(id(statement))
    if cached is not None and cached[0] is statement:
        return cached[1]
    found: set[str] = set()
    _bind(statement, found)
    if len(_names_cache) > 50_000:
        _names_cache.clear()
    names = frozenset(found)
    _names_cache[id(statement)] = (statement, names)
    return names


def _bind(top: ast.AST, found: set[str]) -> None:
    nodes = [top]  # not by recursion: what the compiler takes may be nested more deeply than Python's stack goes
    while nodes:
        node = nodes.pop()
        if isinstance(node, syntax.DEFINITIONS):
            found.add(node.name)
            continue
        if isinstance(node, ast.Lambda):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)
            continue
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
        nodes.extend(ast.iter_child_nodes(node))


def from_linecache(filename: str) -> Cell | None:
    """A text that the registry did not see: a file, or a cell that IPython put into `linecache`."""
    lines = linecache.getlines(filename)
    return Cell(filename, "".join(lines)) if lines else None
