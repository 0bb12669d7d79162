"""Which distributions a text imports, and what the one under a name needs: for images made of what a notebook uses."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from types import ModuleType
from typing import Any

from flytenb.capture.modules import kind_of_module
from flytenb.capture.registry import registry

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[([^]]*)\])?")
_EXTRA = re.compile(r"extra\s*==\s*['\"]([^'\"]+)")


def imported(text: str) -> set[str]:
    """Dotted names of the modules that a text imports, at any depth; {} when it is no Python."""
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return set()
    return set(_imports(ast.walk(tree)))


def _imports(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def used_by(text: str, entry: str, others: Iterable[str]) -> set[str]:
    """What a definition of a text imports or uses of its imports, not looking into `others` (tasks of their own)."""
    try:
        body = ast.parse(text).body
    except SyntaxError:
        return set()
    bound: dict[str, str] = {}
    defined: dict[str, ast.stmt] = {}
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = list(_imports([node]))
            for alias in node.names:
                of = node.module or "" if isinstance(node, ast.ImportFrom) else alias.name
                bound[alias.asname or alias.name.partition(".")[0]] = of if names else ""
        else:
            defined.update(dict.fromkeys(_bound(node), node))
    found: set[str] = set()
    seen = set(others) - {entry}
    waiting = [entry.partition(".")[0]]
    while waiting:
        name = waiting.pop()
        if name in seen or name not in defined:
            continue
        seen.add(name)
        nodes = list(ast.walk(defined[name]))
        found.update(_imports(nodes))
        for read in (node.id for node in nodes if isinstance(node, ast.Name)):
            if bound.get(read):
                found.add(bound[read])
            waiting.append(read)
    return found


def _bound(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    else:
        yield from (one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store))


def distributions(names: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """What these modules belong to: name → version, and names of what was installed from a folder of this machine."""
    found: dict[str, str] = {}
    local: set[str] = set()
    for name in sorted(set(names)):
        for dist in _owners(name):
            said = dist.metadata["Name"]
            if not said or normal(said) in ("flytenb", "flyte"):
                continue
            if _is_local(dist):
                local.add(said)
            else:
                found[said] = dist.version
    return found, sorted(local)


def needs_of(roots: Iterable[str]) -> tuple[set[str], set[str]]:
    """(all distributions that come with these, those whose own needs nobody here knows), as indexes spell them."""
    from importlib.metadata import PackageNotFoundError, requires

    found: dict[str, set[str]] = {}
    unknown: set[str] = set()
    waiting = [match for root in roots if (match := _REQUIREMENT.match(root))]
    while waiting:
        match = waiting.pop()
        name, extras = normal(match[1]), {one.strip() for one in (match[2] or "").split(",") if one.strip()}
        if name in found and extras <= found[name]:
            continue
        found[name] = found.get(name, set()) | extras
        try:
            wanted = requires(name) or ()
        except PackageNotFoundError:
            unknown.add(name)
            continue
        for one in wanted:
            extra = _EXTRA.search(one)
            if (extra is None or extra[1] in extras) and (inner := _REQUIREMENT.match(one)):
                waiting.append(inner)
    return set(found), unknown


def texts_of(namespace: dict[str, Any]) -> list[str]:
    """All source of whoever has these globals: executed cells, or the script and its local modules."""
    if registry.namespace is namespace:
        return registry.texts()
    found: dict[str, str] = {}
    waiting: list[Any] = [namespace.get("__file__")]
    while waiting:
        path = waiting.pop()
        if not isinstance(path, str) or path in found:
            continue
        try:
            with open(path, encoding="utf-8") as file:
                found[path] = file.read()
        except (OSError, UnicodeDecodeError):
            continue
        modules = (sys.modules.get(name) for name in imported(found[path]))
        waiting += [getattr(one, "__file__", None) for one in modules if _is_project(one)]
    return list(found.values())


def normal(name: str) -> str:
    """A distribution's name as indexes spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_project(module: ModuleType | None) -> bool:
    return module is not None and kind_of_module(module) == "project"


@cache
def _by_top() -> dict[str, list[str]]:
    from importlib.metadata import packages_distributions

    return {top: list(dict.fromkeys(names)) for top, names in packages_distributions().items()}


def _owners(name: str) -> list[Any]:
    """The distributions of a module; of a namespace that several share, the one that has this very module."""
    from importlib.metadata import distribution

    top = name.partition(".")[0]
    if top in sys.stdlib_module_names:
        return []
    names = _by_top().get(top, [])
    if len(names) > 1:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, ValueError, AttributeError):
            return []
        origin = spec.origin if spec is not None else None
        names = [one for one in names if origin and _has(distribution(one), origin)]
    return [distribution(one) for one in names]


def _has(dist: Any, path: str) -> bool:
    return any(str(dist.locate_file(file)) == path for file in dist.files or ())


def _is_local(dist: Any) -> bool:
    """Installed from a folder of this machine: no index has it."""
    text = dist.read_text("direct_url.json") or ""
    return '"file://' in text and '"dir_info"' in text
