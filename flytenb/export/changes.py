"""Which names' objects a statement changes in place, and whether it says something meanwhile."""

from __future__ import annotations

import ast
from collections.abc import Iterator

#: Methods by which containers change.
_CHANGING = frozenset({
    "add", "append", "appendleft", "clear", "discard", "extend", "extendleft", "insert", "pop", "popleft", "popitem",
    "remove", "reverse", "setdefault", "sort", "update",
})  # fmt: skip
#: What a worker should not do whenever it imports the script.
_TELLING = frozenset({"display", "input", "open", "plot", "print", "savefig", "show", "sleep", "to_csv"})
_APART = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def changed(node: ast.AST | None) -> set[str]:
    """Names of objects that a statement changes in place: `a.append(1)`, `b["k"] = 2`, `c += 3`, in loops too."""
    found: set[str] = set()
    for inner in _here(node):
        targets: list[ast.expr] = []
        if isinstance(inner, (ast.Assign, ast.Delete)):
            targets = [one for one in inner.targets if isinstance(one, (ast.Subscript, ast.Attribute))]
        elif isinstance(inner, (ast.AugAssign, ast.AnnAssign)):
            targets = (
                [inner.target] if isinstance(inner, ast.AugAssign) or not isinstance(inner.target, ast.Name) else []
            )
        elif isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and inner.func.attr in _CHANGING:
            targets = [inner.func.value]
        found |= {root(one) for one in targets}
    return found - {""}


def tells(node: ast.AST | None) -> bool:
    """Whether it prints, shows, reads or waits."""
    calls = (inner.func for inner in _here(node) if isinstance(inner, ast.Call))
    return any((one.attr if isinstance(one, ast.Attribute) else getattr(one, "id", "")) in _TELLING for one in calls)


def is_exec(node: ast.AST | None) -> bool:
    """`exec("…")`: it defines what its text says."""
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "exec"


def root(node: ast.expr | None) -> str:
    """The name that `name.attribute["key"]` begins with."""
    while isinstance(node, (ast.Subscript, ast.Attribute)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _here(node: ast.AST | None) -> Iterator[ast.AST]:
    """All parts, without the bodies of functions that it defines."""
    if node is None:
        return
    yield node
    if not isinstance(node, _APART):
        for child in ast.iter_child_nodes(node):
            yield from _here(child)
