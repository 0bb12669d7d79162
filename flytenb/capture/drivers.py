"""What of a notebook drives (starts, awaits or reads runs): the rest may be executed to have its definitions."""

from __future__ import annotations

import ast
from collections.abc import Iterator

#: Methods that a driver calls on the package, a runner or a run.
_CALLS = frozenset({"run", "rerun", "with_runcontext", "outputs", "wait", "deploy", "serve", "show_logs"})
#: Functions of the package whose names other libraries give to other things (`dataset.batch(32)`).
_OF_PACKAGE = frozenset({"batch", "build", "compare", "plan", "spin", "sweep"})
_PACKAGE = frozenset({"flyte", "flytenb"})
_BODIES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def drives(node: ast.AST | None) -> bool:
    """Whether it starts, awaits or reads a run (not in the body of a function that it defines)."""
    return node is not None and any(_is_drive(inner) for inner in _executed(node))


def _executed(node: ast.AST) -> Iterator[ast.AST]:
    """It and what is in it, without bodies that are executed later."""
    left = [node]
    while left:
        one = left.pop()
        if not isinstance(one, _BODIES):
            yield one
            left.extend(ast.iter_child_nodes(one))


def _is_drive(node: ast.AST) -> bool:
    if isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith)):
        return True
    if isinstance(node, ast.comprehension) and node.is_async:
        return True
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    called, owner = node.func.attr, node.func.value
    is_package = isinstance(owner, ast.Name) and owner.id in _PACKAGE
    return called in _CALLS or (is_package and called in _OF_PACKAGE)
