"""How a function joins the graph: its text by code position, its defaults, closure and attributes as live values."""

from __future__ import annotations
import __future__ as future_features

import ast
from types import FunctionType
from typing import Any

from flytenb.capture import syntax
from flytenb.capture.items import Item, digest
from flytenb.capture.reach import read
from flytenb.capture.registry import UNKNOWN, registry
from flytenb.capture.walk import Walk

_FUTURE = future_features.annotations.compiler_flag
#: Attributes that decorators set and that say nothing of behaviour, or that the class machinery sets.
_IGNORED_ATTRIBUTES = frozenset({"__wrapped__", "__isabstractmethod__"})


def describe_function(graph: Walk, item: Item, obj: Any) -> None:
    """Fill the item of a function, or of a wrapper that keeps its function in `__wrapped__`.

    Raises:
        CaptureError: something it holds cannot travel.
    """
    item.kind = "function"
    if not isinstance(obj, FunctionType):
        _describe_decorated(graph, item, obj)
        return
    home = graph.space(obj.__globals__)
    inner = getattr(obj, "__wrapped__", None)
    if not home.ships and not home.is_project and isinstance(inner, FunctionType):
        _describe_decorated(graph, item, obj)  # a library's wrapper is made again by its decorator
        return
    code = obj.__code__
    cell = registry.cell(code.co_filename)
    definition = cell.function(code) if cell is not None else None
    if definition is None:
        if isinstance(inner, FunctionType):
            _describe_decorated(graph, item, obj)
        else:
            _describe_opaque(graph, item, obj)
        return
    item.definition, item.where, item.line = definition, definition.where, definition.line
    item.future = bool(code.co_flags & _FUTURE)
    space = graph.space(obj.__globals__)
    if "__class__" in code.co_freevars:
        raise graph.refusal(item, "uses super() outside its class", "define it inside the class")
    parts = ["function", syntax.digest_of(definition.text)]
    read(graph, item, space, definition.text, frozenset(code.co_freevars), lazy=item.future, is_body=True)
    for name, cell_ in zip(code.co_freevars, obj.__closure__ or (), strict=True):
        try:
            held = cell_.cell_contents
        except ValueError:
            continue  # never bound: reading it fails in the kernel too
        if held is obj:
            item.is_recursive = True
            continue  # a nested function that calls itself finds itself by its own name
        item.closure[name] = held
        parts.append(f"{name}={graph.feed(item, held, what=name)}")
    parts += _defaults(graph, item, obj)
    for name, value in sorted(vars(obj).items()):
        if name in _IGNORED_ATTRIBUTES or name.startswith("__flytenb"):
            continue
        item.after[name] = value
        parts.append(f".{name}={graph.feed(item, value, what=name)}")
    wrapped = vars(obj).get("__wrapped__")
    if wrapped is not None:
        item.after["__wrapped__"] = wrapped
        graph.feed(item, wrapped, what="__wrapped__")
    if obj.__name__ != code.co_name:
        item.after["__name__"] = obj.__name__
        parts.append(f"name {obj.__name__}")
        if obj.__doc__ is not None and wrapped is not None:
            item.after["__doc__"] = obj.__doc__
    item.part = digest(*parts, *([item.part] if item.part else []))


def _defaults(graph: Walk, item: Item, obj: FunctionType) -> list[str]:
    """Fingerprints of the live defaults; those whose text is not the same literal are to be written from the value."""
    node = item.definition.node if item.definition is not None else None
    parts: list[str] = []
    arguments = node.args if node is not None else None
    live = list(obj.__defaults__ or ())
    texts = list(arguments.defaults) if arguments is not None else []
    named: list[tuple[str, Any, Any]] = []
    if arguments is not None:
        positional = [a.arg for a in (*arguments.posonlyargs, *arguments.args)]
        keyword = {a.arg: d for a, d in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if d is not None}
        live_keyword = obj.__kwdefaults__ or {}
        if len(texts) != len(live) or set(keyword) != set(live_keyword):
            # Somebody assigned `__defaults__`: the text's say nothing any more.
            item.defaults.update(dict.fromkeys([*positional[len(positional) - len(texts) :], *keyword]))
            item.after["__defaults__"], item.after["__kwdefaults__"] = obj.__defaults__, obj.__kwdefaults__
            return [
                f"{name}={graph.feed(item, value, what=name)}"
                for name, value in (("defaults", obj.__defaults__), ("kwdefaults", obj.__kwdefaults__))
            ]
        named += list(zip(positional[len(positional) - len(live) :], live, texts, strict=True))
        named += [(name, value, keyword[name]) for name, value in live_keyword.items()]
    for name, value, text in named:
        parts.append(f"{name}={graph.feed(item, value, what=name)}")
        if not _is_same_literal(text, value):
            item.defaults[name] = value
    return parts


def _is_same_literal(node: ast.expr, value: Any) -> bool:
    try:
        written = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError):
        return False
    return type(written) is type(value) and repr(written) == repr(value)


def _describe_decorated(graph: Walk, item: Item, obj: Any) -> None:
    """`@lru_cache def f`: the text with its decorators, if these still mean what they meant."""
    if hasattr(obj, "registry") and hasattr(obj, "dispatch"):
        raise graph.refusal(
            item, "is a singledispatch function", "choose by isinstance, or define it in a local module"
        )
    inner: Any = obj
    while getattr(inner, "__wrapped__", None) is not None:
        inner = inner.__wrapped__
    cell = registry.cell(inner.__code__.co_filename) if isinstance(inner, FunctionType) else None
    definition = cell.function(inner.__code__) if cell is not None else None
    if definition is None or cell is None or isinstance(definition.node, ast.Lambda):
        _describe_opaque(graph, item, obj)
        return
    binding = registry.binding(inner.__name__, obj) or (
        registry.binding(inner.__name__, item.task) if item.task is not None else None
    )
    space = graph.space(inner.__globals__)
    kept = [d for d in definition.node.decorator_list if not _is_ours(d, space.globals)]
    lines = ["@" + (ast.get_source_segment(cell.text, d) or "") for d in kept]
    for decorator in kept:
        for node in ast.walk(decorator):
            if binding is not None and isinstance(node, ast.Name) and node.id in binding.reads:
                then, now = binding.reads[node.id], space.globals.get(node.id)
                if then is not UNKNOWN and then is not now and then != id(now):
                    raise graph.refusal(
                        item, f'is decorated with an older "{node.id}"', f"run {definition.where} again"
                    )
    text = "\n".join([*lines, definition.text])
    item.definition = type(definition)(
        text, definition.where, definition.line - text[: -len(definition.text)].count("\n"), definition.node, 0, cell
    )
    item.where, item.line = definition.where, definition.line
    item.future = bool(inner.__code__.co_flags & _FUTURE)
    item.kind = "decorated"
    if inner.__closure__:
        _describe_opaque(graph, item, obj)
        return
    read(graph, item, space, text, lazy=item.future)
    item.is_calling = True
    parts = ["decorated", syntax.digest_of(definition.text), *_defaults(graph, item, inner)]
    parts += [syntax.digest_of(line[1:], is_definition=False) for line in lines]
    item.defaults.clear()  # the text is kept, so its own defaults are evaluated again
    item.part = digest(*parts, *([item.part] if item.part else []))


def _is_ours(decorator: ast.expr, globals_: dict[str, Any]) -> bool:
    """`@env.task`, `@env.task(...)`, `@flyte.trace`: our decorators are cut, the loader applies them."""
    at = decorator.func if isinstance(decorator, ast.Call) else decorator
    while isinstance(at, ast.Attribute):
        at = at.value
    if not isinstance(at, ast.Name):
        return False
    root = globals_.get(at.id)
    return getattr(type(root), "__flytenb_environment__", False) is True


def _describe_opaque(graph: Walk, item: Item, obj: Any) -> None:
    """A function without source (made by `exec`): it travels pickled, and the key says so."""
    if not isinstance(obj, FunctionType):
        raise graph.refusal(item, f"is a {type(obj).__name__} without source", "define it as a function in a cell")
    item.kind, item.by_value = "opaque", True
    code = obj.__code__
    item.part = digest(
        "opaque",
        code.co_code.hex(),
        repr(code.co_names),
        repr([c for c in code.co_consts if not hasattr(c, "co_code")]),
    )
    item.doubts += (f'"{item.name}" has no source and travels pickled',)
    space = graph.space(obj.__globals__)
    for name in code.co_names:
        if name in space.globals:
            found = graph.name(space, name)
            if found is not None and found is not item:
                item.soft[found] = None
