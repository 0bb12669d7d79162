"""A code cell as units: the smallest pieces that go somewhere else as a whole, with the comments above them."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from flytenb.capture.syntax import Reads, frozen_lines, reads_of

#: What stands in for a line that is not Python, until the script is written.
SENTINEL = "__not_carried__"
#: How such a line is written in a script.
NOT_CARRIED = "# not carried: "
_MAGIC = re.compile(r"^(?P<indent>\s*)(?P<target>[A-Za-z_][\w, .\[\]\"']*?\s*=\s*)?(?P<line>[%!?].*|[\w.]+\?\??\s*)$")
_TIMED = re.compile(r"^%(?:time|prun|memit)\s+(?!-)(?P<statement>.+)$")
#: Cell magics that measure or keep the output of a body that is executed all the same.
_WRAPPERS = frozenset({"time", "capture", "prun", "memit", "debug"})
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
IMPORTS = (ast.Import, ast.ImportFrom)


@dataclass(slots=True, eq=False)
class Unit:
    """One statement (or several of one line) of a cell."""

    #: As written, dedented, with the comments above it; no empty lines at its ends.
    text: str
    node: ast.stmt | None
    cell: int
    #: Line in the cell, for messages.
    line: int = 1
    #: The last statement of its cell, without a semicolon: a notebook shows its value.
    is_shown: bool = False
    is_parameter: bool = False
    #: It was made of a magic: this is what the magic said.
    origin: str = ""
    #: Empty lines above it in the cell, 2 at most.
    gap: int = 0
    _binds: frozenset[str] | None = field(default=None, repr=False)

    @property
    def is_note(self) -> bool:
        """A comment alone: nothing to execute."""
        return self.node is None

    def replace(self, text: str) -> None:
        """Say the same otherwise."""
        self.text, self.node, self._binds = text, ast.parse(text).body[0], None

    def drop(self) -> None:
        """Become a comment."""
        self.text = "\n".join(f"{NOT_CARRIED}{row}".rstrip() for row in self.text.split("\n"))
        self.node, self.is_shown, self._binds = None, False, None

    @property
    def reads(self) -> Reads:
        """Names of the notebook that it reads, now or later."""
        return reads_of(self.text)

    @property
    def binds(self) -> frozenset[str]:
        """Names of the notebook that it gives a value."""
        if self._binds is None:
            self._binds = frozenset(bound(self.node)) if self.node is not None else frozenset()
        return self._binds


@dataclass(slots=True)
class Parsed:
    """What became of a cell."""

    units: list[Unit]
    #: What cannot be carried, in words, with the line.
    notes: list[str]


def parse_cell(text: str, number: int) -> Parsed:
    """The units of a cell of plain Python with magics in it. Lines that are not Python become comments.

    A cell that is not Python at all is one comment.
    """
    notes: list[str] = []
    lines = text.split("\n")
    first = next((i for i, line in enumerate(lines) if line.strip()), 0)
    if lines[first].startswith("%%"):
        name = re.match(r"%%(\w*)", lines[first])
        if name is None or name[1] not in _WRAPPERS:
            notes.append(f"cell {number}: {lines[first].split()[0]} is not Python")
            return Parsed([Unit(commented(text), None, number)], notes)
        inside = parse_cell("\n".join(lines[first + 1 :]), number)
        head = Unit(NOT_CARRIED + lines[first], None, number)
        return Parsed([head, *inside.units], [*notes, f"cell {number}: {lines[first].split()[0]}", *inside.notes])
    source, kept = _python(lines, number, notes)
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        where = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        notes.append(f"cell {number}{where}: it is not Python ({said})")
        return Parsed([Unit(commented(text), None, number)], notes)
    units = list(_split(tree, source.split("\n"), number))
    for unit in units:
        _restore_lines(unit, kept)
    return Parsed(units, notes)


def commented(text: str) -> str:
    """A cell that cannot be carried, as comments."""
    return "\n".join(f"{NOT_CARRIED}{line}".rstrip() for line in text.strip("\n").split("\n"))


def _python(lines: list[str], number: int, notes: list[str]) -> tuple[str, list[str]]:
    """The cell with a call of the sentinel for every line that is not Python, and those lines."""
    source = "\n".join(lines)
    if _parses(source):
        return source, []
    kept: list[str] = []
    out: list[str] = []
    rest = iter(range(len(lines)))
    inside = frozen_lines(source) if '"""' in source or "'''" in source else frozenset()
    for index in rest:
        found = _MAGIC.match(lines[index]) if index + 1 not in inside else None
        if found is None:
            out.append(lines[index])
            continue
        line = found["line"].rstrip()
        while line.endswith("\\") and index + 1 < len(lines):  # one command over several lines
            index = next(rest)
            line = line[:-1].rstrip() + " " + lines[index].strip()
        timed = _TIMED.match(line)
        if timed and not found["target"] and _parses(timed["statement"]):
            out.append(f"{found['indent']}{timed['statement']}")
            continue
        said = f"{found['target'] or ''}{line}"
        if not line.startswith(("%flyte_", "%load_ext", "%reload_ext", "%autoreload", "%matplotlib", "%config")):
            notes.append(f"cell {number}, line {index + 1}: {said}")
        out.append(f"{found['indent']}{found['target'] or ''}{SENTINEL}({len(kept)})")
        kept.append(said)
    return "\n".join(out), kept


def _parses(source: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError):
        return False
    return True


def _restore_lines(unit: Unit, kept: list[str]) -> None:
    if SENTINEL not in unit.text:
        return
    nested = re.compile(rf"^(?P<indent>\s*)(?P<target>.*?=\s*)?{SENTINEL}\((?P<index>\d+)\)", re.MULTILINE)
    found = nested.search(unit.text)
    if isinstance(unit.node, ast.Expr) and found is not None:
        said = kept[int(found["index"])]
        head = unit.text[: found.start()]
        unit.text, unit.node, unit.origin = head + NOT_CARRIED + said, None, said
        unit.is_shown = False
        return

    def replaced(match: re.Match[str]) -> str:
        said = kept[int(match["index"])]
        does = f"{match['target']}None" if match["target"] else "pass"
        return f"{match['indent']}{does}  {NOT_CARRIED}{said}"

    unit.text = nested.sub(replaced, unit.text)


def _split(tree: ast.Module, lines: list[str], number: int) -> Iterator[Unit]:
    """Statements with the comments above them; those of one line one by one."""
    done = 0
    groups: list[list[ast.stmt]] = []
    for statement in tree.body:
        if groups and _first(statement) <= (groups[-1][-1].end_lineno or 0):
            groups[-1].append(statement)
        else:
            groups.append([statement])
    for position, group in enumerate(groups):
        first, last = _first(group[0]), group[-1].end_lineno or group[-1].lineno
        lead = _trimmed(lines[done : first - 1])
        gap = _gap(lines[done:])
        own = lines[first - 1 : last]
        tail = "" if position + 1 < len(groups) else own[-1].rstrip()
        is_last = position + 1 == len(groups)
        if len(group) == 1:
            body = list(own)
            end = group[0].end_col_offset or 0
            after = own[-1].encode()[end:].decode().strip()
            if after.startswith(";") and not isinstance(group[0], ast.Expr):
                body[-1] = (own[-1].encode()[:end].decode() + "  " + after.lstrip("; ")).rstrip()
            text = "\n".join([*lead, *body])
            shown = is_last and not _is_silenced(tail, group[0])
            yield Unit(text, group[0], number, first, is_shown=shown, gap=gap)
        else:
            for index, statement in enumerate(group):
                piece = ast.get_source_segment("\n".join(lines), statement) or ""
                text = "\n".join([*lead, piece]) if index == 0 else piece
                shown = is_last and index + 1 == len(group) and not _is_silenced(tail, statement)
                yield Unit(text, statement, number, first, is_shown=shown, gap=0 if index else gap)
        done = last
    rest = _trimmed(lines[done:])
    if rest:
        yield Unit("\n".join(rest), None, number, done + 1, gap=_gap(lines[done:]))


def _gap(lines: list[str]) -> int:
    return min(2, next((i for i, line in enumerate(lines) if line.strip()), 0))


def _first(statement: ast.stmt) -> int:
    decorators = getattr(statement, "decorator_list", ())
    return int(min([statement.lineno, *(decorator.lineno for decorator in decorators)]))


def _trimmed(lines: list[str]) -> list[str]:
    start, end = 0, len(lines)
    while start < end and not lines[start].strip():
        start += 1
    while end > start and not lines[end - 1].strip():
        end -= 1
    return [line.rstrip() for line in lines[start:end]]


def _is_silenced(line: str, statement: ast.stmt) -> bool:
    after = line.encode()[statement.end_col_offset or 0 :].decode().strip()
    return after.startswith(";")


def bound(node: Any) -> Iterator[str]:
    """Names that a statement binds in the scope that it stands in."""
    if isinstance(node, DEFINITIONS):
        yield node.name
        return
    if isinstance(node, ast.Lambda):
        return
    if isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
        yield from (inner.target.id for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr))
        return
    if isinstance(node, ast.alias):
        yield (node.asname or node.name).partition(".")[0]
    elif isinstance(node, ast.Name) and isinstance(node.ctx, (ast.Store, ast.Del)):
        yield node.id
    elif (isinstance(node, ast.ExceptHandler) and node.name) or (
        isinstance(node, (ast.MatchAs, ast.MatchStar)) and node.name
    ):
        yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest
    for child in ast.iter_child_nodes(node):
        yield from bound(child)


def free_name(name: str, taken: set[str]) -> str:
    """A name for something of ours that gets out of the way of the notebook's."""
    while name in taken or hasattr(builtins, name):
        name += "_"
    return name
