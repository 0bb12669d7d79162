"""How a class joins the graph: its text by its methods' lines or its binding, its data and later changes live."""

from __future__ import annotations

import ast
import builtins
import linecache
import sys
from collections.abc import Iterator
from types import FunctionType
from typing import Any

from flytenb.capture import syntax
from flytenb.capture.cells import Cell, Definition, bound_names
from flytenb.capture.items import Item, digest
from flytenb.capture.reach import read
from flytenb.capture.registry import registry, targets_in
from flytenb.capture.replay import replay, stale_read
from flytenb.capture.walk import Walk

_MISSING = object()


def describe_class(graph: Walk, item: Item, cls: type) -> None:
    """Fill the item of a class.

    Raises:
        CaptureError: it was built on something older, or holds what cannot travel.
    """
    item.kind = "class"
    definition = _definition(graph, cls)
    if definition is None:
        replay(graph, item, cls)
        for base in cls.__bases__:
            graph.feed(item, base)
        return
    item.definition, item.where, item.line = definition, definition.where, definition.line
    space = graph.space(_globals_of(cls, item, definition))
    _refuse_older(graph, item, cls)
    item.future = _has_future(cls)
    read(graph, item, space, definition.text, lazy=item.future)
    parts = ["class", syntax.digest_of(definition.text, is_definition=False)]
    parts += [f"base {graph.feed(item, base)}" for base in cls.__bases__]
    if type(cls) is not type:
        parts.append(f"metaclass {graph.feed(item, type(cls))}")
    for base in cls.__mro__[1:]:
        hook = vars(base).get("__init_subclass__")
        owner = graph.item_of(base, item) if hook is not None else None
        if owner is not None and owner.kind == "class":
            item.doubts += (f'making class "{item.name}" runs {base.__name__}.__init_subclass__',)
    parts += _data(graph, item, cls, definition, definition.node, "")
    item.part = digest(*parts, *([item.part] if item.part else []))


def _globals_of(cls: type, item: Item, definition: Definition) -> dict[str, Any]:
    """The globals that the class body read: those of a method written in it (dataclass and Co add others)."""
    for member in vars(cls).values():
        function = _function_in(member)
        if function is not None and _is_inside(function, definition, definition.node):
            return function.__globals__
    module = sys.modules.get(cls.__module__)
    if item.space.globals.get("__name__") == cls.__module__ or module is None:
        return item.space.globals
    return vars(module)


def _function_in(member: Any) -> FunctionType | None:
    """The function in a method, classmethod, staticmethod or property."""
    if isinstance(member, FunctionType):
        return member
    inner = getattr(member, "__func__", None) or getattr(member, "fget", None) or getattr(member, "func", None)
    return inner if isinstance(inner, FunctionType) else None


def _definition(graph: Walk, cls: type) -> Definition | None:
    """The text of a class: around one of its methods, or where the registry saw it made."""
    line = vars(cls).get("__firstlineno__")  # Python 3.13
    binding = registry.class_binding(cls)
    if binding is not None:
        return binding.definition
    bound = registry.binding(cls.__name__, cls)
    if bound is not None and not isinstance(bound.statement, ast.ClassDef):
        return None  # made by a call: `namedtuple()`, `create_model()`
    for member in vars(cls).values():
        function = _function_in(member)
        if function is None or function.__module__ != cls.__module__:
            continue
        cell = registry.cell(function.__code__.co_filename)
        if cell is not None:
            found = cell.klass(cls.__name__, function.__code__.co_firstlineno)
            if found is not None:
                return found
    module = sys.modules.get(cls.__module__)
    path = getattr(module, "__file__", None)
    if path:
        cell = registry.cell(path)
        found = cell.klass(cls.__name__, line or 0) if cell is not None else None
        if found is not None:
            return found
    elif cls.__module__ == "__main__":
        # Cells that ran before flytenb was loaded: IPython keeps their text in linecache.
        for filename, entry in reversed(list(linecache.cache.items())):
            if len(entry) == 4 and entry[1] is None and f"class {cls.__name__}" in "".join(entry[2]):
                cell = registry.cell(filename)
                found = cell.klass(cls.__name__, line or 0) if isinstance(cell, Cell) else None
                if found is not None:
                    return found
    return None


def _has_future(cls: type) -> bool:
    annotations = vars(cls).get("__annotations__")
    return isinstance(annotations, dict) and bool(annotations) and all(isinstance(a, str) for a in annotations.values())


def _refuse_older(graph: Walk, item: Item, cls: type) -> None:
    """A class keeps the bases and field types that it was made with; the worker would make it with the new ones."""
    globals_ = item.space.globals
    for base in cls.__bases__:
        now = globals_.get(base.__name__)
        if (
            now is not None
            and now is not base
            and isinstance(now, type)
            and now.__module__ == base.__module__ == cls.__module__
        ):
            raise graph.refusal(item, f'was built on an older class "{base.__name__}"', f"run {item.where} again")
    binding = registry.class_binding(cls)
    if binding is not None:
        stale = stale_read(item, binding)
        if stale and not (_has_future(cls) and stale not in syntax.reads_of(binding.definition.text).hard):
            raise graph.refusal(item, f'was built on an older "{stale}"', f"run {item.where} again")


def _data(graph: Walk, item: Item, cls: type, definition: Definition, node: ast.ClassDef, path: str) -> list[str]:
    """Fingerprints of class data, field defaults and members; what differs from the text is assigned after it."""
    parts = _assigned_data(graph, item, cls, node, path)
    written = frozenset().union(*(bound_names(s) for s in node.body)) if node.body else frozenset()
    members = vars(cls)
    is_enum = any(base.__module__ == "enum" for base in cls.__mro__)
    fields = _field_defaults(cls)
    if not is_enum and not fields and not _is_machined(cls) and not any(isinstance(s, ast.Delete) for s in node.body):
        for name in _written(node):
            if name not in members:
                item.deleted.append(f"{path}{name}")
                parts.append(f"{path}{name} deleted")
    defs = {_mangled(node.name, s.name): s for s in node.body if isinstance(s, syntax.DEFINITIONS)}
    for name, member in members.items():
        statement = defs.get(name)
        if isinstance(statement, ast.ClassDef) and isinstance(member, type) and member.__name__ == statement.name:
            parts += _data(graph, item, member, definition, statement, f"{path}{name}.")
            continue
        function = _function_in(member)
        if statement is not None:
            if _holds_inside(member, definition, statement):
                continue
            if statement.decorator_list and function is None and (callable(member) or _is_descriptor(member)):
                item.doubts += (f'"{item.name}.{path}{name}" is what a decorator returned',)
                continue
        elif function is None:
            is_said = (item.name, name) in registry.patches or (item.name, name) in _patched_in_file(item)
            is_public = name not in written and (is_said or not name.startswith("_"))
            if is_public and _is_added(cls, name, member, is_enum, fields):
                item.after[f"{path}{name}"] = member
                parts.append(f"{path}{name}={graph.feed(item, member, what=name)}")
            continue
        if function is None or _is_users(graph, item, function):
            item.after[f"{path}{name}"] = member
            held = (member.fget, member.fset, member.fdel) if isinstance(member, property) else (function or member,)
            parts += [f"{path}{name}:{graph.feed(item, f, what=name)}" for f in held]
    return parts


def _patched_in_file(item: Item) -> frozenset[tuple[str, ...]]:
    """Dotted targets that the top level of the item's own file assigns; a notebook's cells tell the registry."""
    file = item.space.globals.get("__file__")
    cell = registry.cell(file) if isinstance(file, str) and file else None
    return targets_in(cell) if cell is not None else frozenset()


def _is_users(graph: Walk, item: Item, function: FunctionType) -> bool:
    """Whether a function was written by the user (dataclass and Co compile theirs from "<string>")."""
    home = graph.space(function.__globals__)
    filename = function.__code__.co_filename  # IPython in a terminal: "<ipython-input-…>"
    is_generated = filename.startswith("<") and registry.cell(filename) is None
    return (home.ships or home is item.space) and not is_generated


def _holds_inside(member: Any, definition: Definition, statement: Any, depth: int = 3) -> bool:
    """Whether a member is, or wraps, the function of its own `def`."""
    if isinstance(member, FunctionType) and _is_inside(member, definition, statement):
        return True
    if not depth or member is None or isinstance(member, (type, str, int)):
        return False
    held = [getattr(member, name, None) for name in ("__wrapped__", "__func__", "fget", "fset", "func", "wrapped")]
    for cell in getattr(member, "__closure__", None) or ():
        try:
            held.append(cell.cell_contents)
        except ValueError:
            continue
    return any(_holds_inside(one, definition, statement, depth - 1) for one in held if callable(one) or one is not None)


def _assigned_data(graph: Walk, item: Item, cls: type, node: ast.ClassDef, path: str) -> list[str]:
    """Data that the class body assigns: live values, because a body may compute them or others may change them."""
    parts: list[str] = []
    members = vars(cls)
    is_enum = any(base.__module__ == "enum" for base in cls.__mro__)
    fields = _field_defaults(cls)
    for raw, literal in _assigned(node):
        name = _mangled(node.name, raw)
        value = fields.get(name, _MISSING) if name in fields else members.get(name, _MISSING)
        if is_enum and isinstance(value, cls):
            value = value._value_  # type: ignore[attr-defined]
        if value is _MISSING or _function_in(value) is not None or _is_descriptor(value):
            continue
        parts.append(f"{path}{name}={graph.feed(item, value, what=name)}")
        expression = _value_node(node, raw)
        if is_enum or name in fields or hasattr(cls, "__pydantic_core_schema__"):
            if literal is None and _is_moving(expression):
                raise graph.refusal(item, f'computes "{name}" when it is made', "write the value as a literal")
            continue
        if literal is not None and type(literal[0]) is type(value) and repr(literal[0]) == repr(value):
            continue
        if isinstance(expression, ast.Name) and _meaning(item, expression.id) is value:
            continue
        item.after[f"{path}{name}"] = value
    return parts


def _meaning(item: Item, name: str) -> Any:
    return item.space.globals.get(name, getattr(builtins, name, _MISSING))


def _assigned(node: ast.ClassDef) -> Iterator[tuple[str, tuple[Any] | None]]:
    """Names assigned in the class body, with the value when it is a literal."""
    for statement in node.body:
        if isinstance(statement, ast.Assign):
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    yield target.id, _literal(statement.value)
                else:
                    for part in ast.walk(target):
                        if isinstance(part, ast.Name):
                            yield part.id, None
        elif (
            isinstance(statement, ast.AnnAssign)
            and isinstance(statement.target, ast.Name)
            and statement.value is not None
        ):
            yield statement.target.id, _literal(statement.value)


def _written(node: ast.ClassDef) -> Iterator[str]:
    """Names that the class body binds for certain."""
    for statement in node.body:
        if isinstance(statement, syntax.DEFINITIONS):
            yield _mangled(node.name, statement.name)
    yield from (_mangled(node.name, name) for name, _ in _assigned(node))


def _mangled(owner: str, name: str) -> str:
    """`__x` in class A is stored as `_A__x`."""
    private = name.startswith("__") and not name.endswith("__")
    return f"_{owner.lstrip('_')}{name}" if private else name


def _is_machined(cls: type) -> bool:
    """Whether a metaclass or decorator takes names out of the class body."""
    return type(cls) is not type or hasattr(cls, "__dataclass_fields__") or "__slots__" in vars(cls)


def _value_node(node: ast.ClassDef, name: str) -> ast.expr | None:
    for statement in node.body:
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and name in bound_names(statement):
            return statement.value
    return None


def _literal(node: ast.expr) -> tuple[Any] | None:
    try:
        return (ast.literal_eval(node),)
    except (ValueError, TypeError, SyntaxError):
        return None


def _is_moving(node: ast.expr | None) -> bool:
    """Whether evaluating a default again may give another value."""
    return node is not None and any(
        isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id in ("next", "input", "open")
        for n in ast.walk(node)
    )


def _field_defaults(cls: type) -> dict[str, Any]:
    """Defaults that dataclasses and pydantic keep elsewhere."""
    found: dict[str, Any] = {}
    for name, field in (vars(cls).get("__dataclass_fields__") or {}).items():
        if name in (vars(cls).get("__annotations__") or {}):
            found[name] = _MISSING if type(field.default).__name__ == "_MISSING_TYPE" else field.default
    pydantic_fields = vars(cls).get("__pydantic_fields__") or (
        vars(cls).get("model_fields") if "__pydantic_core_schema__" in vars(cls) else None
    )
    if isinstance(pydantic_fields, dict):
        for name, field in pydantic_fields.items():
            default = getattr(field, "default", None)
            found[name] = _MISSING if type(default).__name__ == "PydanticUndefinedType" else default
    return found


def _is_descriptor(value: Any) -> bool:
    kind = type(value)
    return hasattr(kind, "__set__") or hasattr(kind, "__get__") or kind.__module__ in ("typing", "abc", "_abc")


def _is_added(cls: type, name: str, member: Any, is_enum: bool, fields: dict[str, Any]) -> bool:
    """Whether an attribute was put on the class after its body ran, and not by the machinery of dataclass and Co."""
    if is_enum or name in fields or name.startswith("model_") or hasattr(cls, "_fields") or _is_descriptor(member):
        return False
    return not (isinstance(member, type) and name in ("Config",))


def _is_inside(function: FunctionType, definition: Definition, node: Any) -> bool:
    code = function.__code__
    first: int = min([node.lineno, *(d.lineno for d in node.decorator_list)])
    last: int = node.end_lineno or node.lineno
    return code.co_filename == str(definition.cell.filename) and first <= code.co_firstlineno <= last
