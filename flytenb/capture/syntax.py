"""What one definition's text says: the names it reads and when, and a digest of what it means.

Strings in, plain data out; no live objects. Results are cached by text, so a cell pays for its analysis once.
"""

from __future__ import annotations

import ast
import io
import symtable
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

_CACHE_LIMIT = 20_000
#: Calls that can read any name of the notebook.
_WIDENERS = frozenset({"eval", "exec", "globals", "vars", "locals"})
#: Calls and modules whose effect the analysis cannot follow.
_DYNAMIC = frozenset({"__import__", "get_ipython", "import_module"})
_COMPREHENSIONS = frozenset({"listcomp", "setcomp", "dictcomp", "genexpr"})
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
#: What the compiler raises for a text that is no Python: a zero byte and a lone surrogate are ValueErrors, and a text
#: nested too deeply is the one or the other of the last two.
NOT_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError)


@dataclass(frozen=True, slots=True)
class Reads:
    """Names of the surrounding module that a text reads."""

    #: Read while the statement runs: defaults, decorators, bases, class bodies.
    hard: frozenset[str]
    #: Read by annotations only.
    annotations: frozenset[str]
    #: Read later, by bodies.
    soft: frozenset[str]
    #: All that inner scopes read, whether read at once elsewhere or not.
    inner: frozenset[str]
    #: Attribute chains that start at one of these names: ("np", "linalg", "norm").
    chains: frozenset[tuple[str, ...]]
    #: Modules imported inside bodies.
    imports: frozenset[str]
    #: Why the analysis may miss something, in words.
    doubts: tuple[str, ...]
    #: The text can read any name (`eval`, `globals()[name]`).
    is_open: bool
    #: Something is called while the statement runs.
    is_calling: bool
    #: Names assigned in a class body at its top level, with "is the value a literal".
    class_data: tuple[tuple[str, bool], ...]

    @property
    def names(self) -> frozenset[str]:
        """All of them."""
        return self.hard | self.annotations | self.soft


_NONE: frozenset[Any] = frozenset()
_EMPTY = Reads(_NONE, _NONE, _NONE, _NONE, _NONE, _NONE, (), False, False, ())
_reads: dict[str, Reads] = {}
_digests: dict[tuple[str, bool], str] = {}


def reads_of(text: str) -> Reads:
    """Names that a definition, statement or expression reads from its module."""
    found = _reads.get(text)
    if found is None:
        if len(_reads) > _CACHE_LIMIT:
            _reads.clear()
        found = _reads[text] = _analyse(text)
    return found


def digest_of(text: str, *, is_definition: bool = True) -> str:
    """Digest of the meaning of a text: no positions, comments, docstrings, and of the outermost `def` no decorators
    and defaults (those join the key as live values)."""
    key = (text, is_definition)
    found = _digests.get(key)
    if found is None:
        if len(_digests) > _CACHE_LIMIT:
            _digests.clear()
        body = ast.parse(text).body
        out: list[str] = []
        for statement in body:
            if is_definition and isinstance(statement, _FUNCTIONS):
                _dump_function(statement, out)
            elif is_definition and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Lambda):
                _dump_function(statement.value, out)
            else:
                _dump(statement, out)
        found = _digests[key] = blake2b("".join(out).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return found


def _dump_function(node: Any, out: list[str]) -> None:
    arguments = node.args
    kept = arguments.defaults, arguments.kw_defaults
    # Which parameters have a default is part of the signature; what it is comes from the live function.
    marks = [len(arguments.defaults), [d is not None for d in arguments.kw_defaults]]
    arguments.defaults, arguments.kw_defaults = [], []
    try:
        out.append(repr(marks))
        _dump(node, out, is_outermost=True)
    finally:
        arguments.defaults, arguments.kw_defaults = kept


_SKIPPED = frozenset({"ctx", "kind", "type_comment", "type_ignores"})


def _dump(node: Any, out: list[str], *, is_outermost: bool = False) -> None:
    """Append a text of the tree that is equal on Python 3.10 to 3.13."""
    if isinstance(node, ast.Constant):
        out.append(f"C({type(node.value).__name__}:{node.value!r})")
        return
    if isinstance(node, ast.JoinedStr):
        _dump_fstring(node, out)
        return
    out.append(type(node).__name__)
    out.append("(")
    for name, value in ast.iter_fields(node):
        if name in _SKIPPED or value is None or (is_outermost and name == "decorator_list"):
            continue
        if isinstance(value, list):
            if name == "body" and isinstance(node, DEFINITIONS) and value and _is_docstring(value[0]):
                value = value[1:] or [ast.Pass()]
            if not value:
                continue
            out.append(f"{name}=[")
            for item in value:
                if isinstance(item, ast.AST):
                    _dump(item, out)
                else:
                    out.append(repr(item))
                out.append(",")
            out.append("]")
        elif isinstance(value, ast.AST):
            out.append(f"{name}=")
            _dump(value, out)
        else:
            out.append(f"{name}={value!r}")
        out.append(";")
    out.append(")")


def _dump_fstring(node: ast.JoinedStr, out: list[str]) -> None:
    out.append("F(")
    pending = ""
    for part in node.values:
        if isinstance(part, ast.Constant):
            pending += str(part.value)
            continue
        if pending:
            out.append(f"{pending!r},")
            pending = ""
        _dump(part, out)
    if pending:
        out.append(repr(pending))
    out.append(")")


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


class _Now(ast.NodeVisitor):
    """Names read, and calls made, while the statements run."""

    def __init__(self) -> None:
        self.hard: set[str] = set()
        self.annotations: set[str] = set()
        self.is_calling = False

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.hard.add(node.id)

    def visit_Call(self, node: ast.Call) -> None:
        self.is_calling = True
        self.generic_visit(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        for default in [*node.args.defaults, *node.args.kw_defaults]:
            if default is not None:
                self.visit(default)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.is_calling |= bool(node.decorator_list)
        for decorator in node.decorator_list:
            self.visit(decorator)
        arguments = node.args
        for default in [*arguments.defaults, *arguments.kw_defaults]:
            if default is not None:
                self.visit(default)
        every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        for annotation in [*(a.annotation for a in every if a is not None), node.returns]:
            self.annotation(annotation)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.is_calling |= bool(node.decorator_list or node.keywords)
        for part in [*node.decorator_list, *node.bases, *(k.value for k in node.keywords), *node.body]:
            self.visit(part)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.annotation(node.annotation)
        if node.value is not None:
            self.visit(node.value)

    def annotation(self, node: ast.expr | None) -> None:
        if node is not None:
            self.annotations.update(names_in_annotation(node))


def names_in_annotation(node: ast.expr) -> Iterator[str]:
    """Names in an annotation, those inside strings too."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            yield part.id
        elif isinstance(part, ast.Constant) and isinstance(part.value, str) and len(part.value) < 1000:
            try:
                inner = ast.parse(part.value.strip(), mode="eval").body
            except (SyntaxError, ValueError):
                continue
            if not isinstance(inner, ast.Constant):
                yield from names_in_annotation(inner)


def _globals_of(table: Any, is_top: bool) -> Iterator[str]:
    for symbol in table.get_symbols():
        if (symbol.is_referenced() and (is_top or symbol.is_global())) or symbol.is_declared_global():
            yield symbol.get_name()
    for child in table.get_children():
        yield from _globals_of(child, False)


def _analyse(text: str) -> Reads:
    try:
        tree = ast.parse(text)
        table, is_top = _scopes(tree, text)
    except (SyntaxError, ValueError) as error:
        return replace(_EMPTY, doubts=(f"could not be analysed ({error})",), is_open=True)
    every = set(_globals_of(table, is_top))
    now = _Now()
    for statement in tree.body:
        now.visit(statement)
    # Annotations of local variables are never evaluated, but strings in parameters are read by get_type_hints.
    hard = (now.hard & every) - {"__class__"}
    chains: set[tuple[str, ...]] = set()
    imports: set[str] = set()
    extra: set[str] = set()
    doubts: list[str] = []
    is_open = False
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            chain = _chain(node)
            if chain and chain[0] in every:
                chains.add(chain)
                if chain[:2] == ("sys", "modules"):
                    doubts.append("reads sys.modules")
        elif isinstance(node, ast.Import):
            imports.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            imports.add(node.module)
        elif isinstance(node, ast.Global):
            doubts.append(f"writes the global {', '.join(sorted(node.names))}")
        elif isinstance(node, ast.Nonlocal):
            doubts.append(f"keeps state in {', '.join(sorted(node.names))} (nonlocal)")
        elif isinstance(node, ast.Subscript) and _called_name(node.value) == "globals":
            if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
                extra.add(node.slice.value)
            else:
                is_open = True
                doubts.append("reads globals() by a computed name")
        elif isinstance(node, ast.Call):
            name = _called_name(node)
            if name == "getattr" and "getattr" in every and len(node.args) >= 2:
                second = node.args[1]
                if isinstance(second, ast.Constant) and isinstance(second.value, str):
                    base = _chain(node.args[0])
                    if base and base[0] in every:
                        chains.add((*base, second.value))
                else:
                    doubts.append("uses getattr with a computed name")
            elif name in _WIDENERS and name in every and name != "globals" and not (name == "vars" and node.args):
                is_open = True
                doubts.append(f"uses {name}()")
            elif name in _DYNAMIC:
                doubts.append(f"uses {name}()")
    if not is_open and "globals" in every and _has_loose_globals(tree):
        is_open = True
        doubts.append("uses globals()")
    soft = (every | extra) - hard - now.annotations
    return Reads(
        hard=frozenset(hard),
        annotations=frozenset(now.annotations - hard),
        soft=frozenset(soft),
        inner=frozenset(extra.union(*(_globals_of(child, False) for child in table.get_children()))),
        chains=frozenset(chains),
        imports=frozenset(imports),
        doubts=tuple(dict.fromkeys(doubts)),
        is_open=is_open,
        is_calling=now.is_calling,
        class_data=tuple(_class_data(tree)),
    )


def _scopes(tree: ast.Module, text: str) -> tuple[Any, bool]:
    """The symbol table of a text, and whether it is a module's.

    `nonlocal` and `await` stand in a function in the notebook: such a text is looked at inside one.
    """
    outer = sorted({name for node in ast.walk(tree) if isinstance(node, ast.Nonlocal) for name in node.names})
    waits = any(
        isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.comprehension))
        and not (isinstance(node, ast.comprehension) and not node.is_async)
        for statement in tree.body
        for node in _same_scope(statement)
    )
    if not outer and not waits:
        return symtable.symtable(text, "<definition>", "exec"), True
    wrapped = f"async def _scope({', '.join(outer)}):\n{shifted(text, 4)}\n"
    return symtable.symtable(wrapped, "<definition>", "exec").get_children()[0], False


def _same_scope(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    if isinstance(node, (*DEFINITIONS, ast.Lambda)):
        return
    for child in ast.iter_child_nodes(node):
        yield from _same_scope(child)


def _chain(node: ast.expr) -> tuple[str, ...]:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ()
    parts.append(node.id)
    return tuple(reversed(parts))


def _called_name(node: ast.expr) -> str:
    if not isinstance(node, ast.Call):
        return ""
    function = node.func
    return (
        function.id if isinstance(function, ast.Name) else function.attr if isinstance(function, ast.Attribute) else ""
    )


def _has_loose_globals(tree: ast.AST) -> bool:
    """Whether `globals` is used otherwise than as `globals()["literal"]`."""
    fine = {
        id(node.value.func)
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Call)
        and isinstance(node.slice, ast.Constant)
        and _called_name(node.value) == "globals"
    }
    return any(isinstance(n, ast.Name) and n.id == "globals" and id(n) not in fine for n in ast.walk(tree))


def _class_data(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.ClassDef):
        return
    for statement in tree.body[0].body:
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                for part in ast.walk(target):
                    if isinstance(part, ast.Name):
                        yield part.id, is_literal(statement.value) and isinstance(target, ast.Name)
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
            yield statement.target.id, is_literal(statement.value)


def is_literal(node: ast.expr) -> bool:
    """Whether evaluating the expression reads and calls nothing."""
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def frozen_lines(text: str) -> frozenset[int]:
    """1-based lines that begin inside a multi-line string: their indentation is content."""
    inside: set[int] = set()
    starts: list[int] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            kind = tokenize.tok_name[token.type]
            if kind == "STRING":
                inside.update(range(token.start[0] + 1, token.end[0] + 1))
            elif kind in ("FSTRING_START", "TSTRING_START"):
                starts.append(token.start[0])
            elif kind in ("FSTRING_END", "TSTRING_END"):
                inside.update(range(starts.pop() + 1, token.end[0] + 1))
    except (tokenize.TokenError, IndentationError, SyntaxError):
        pass
    return frozenset(inside)


def shifted(text: str, by: int) -> str:
    """The text with every line moved by so many columns, the inside of multi-line strings left alone."""
    if not by:
        return text
    frozen = frozen_lines(text if by > 0 else "if True:\n" + text)
    offset = 0 if by > 0 else 1
    lines = text.split("\n")
    for i, line in enumerate(lines):
        if i + 1 + offset in frozen or not line.strip():
            continue
        if by > 0:
            lines[i] = " " * by + line
        else:
            head = len(line) - len(line.lstrip())
            lines[i] = line[min(-by, head) :]
    return "\n".join(lines)
