"""A script of the flyte package: what is a comment there, what is said otherwise."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from flytenb.export.flyte_edits import Edits, Known, is_run
from flytenb.export.flyte_helpers import Helpers
from flytenb.export.magics import Names
from flytenb.export.script import Form
from flytenb.export.units import DEFINITIONS, Unit

#: What the package has and flyte has not, and all that a run of flyte's local mode has.
_OURS_ONLY = frozenset({
    "batch", "compare", "debug", "form", "plan", "post_mortem", "recover", "runs", "spin", "sweep", "where",
})  # fmt: skip
_REMOTE = "remote"
#: The last two are said otherwise.
_RUN_HAS = frozenset({"name", "outputs", "url", "wait", "aio", "value", "recover"})
#: Public modules that both packages have.
_SHARED = frozenset({
    "ai", "app", "artifacts", "clustered", "config", "connectors", "durable", "errors", "extend", "extras", "git", "io",
    "models", "notify", "prefetch", "remote", "report", "sandbox", "storage", "syncify", "types",
})  # fmt: skip
_LAYERS = ("with_pip_packages", "with_apt_packages")


def adapt(units: Sequence[Unit], names: Names) -> tuple[Form, list[str]]:
    """Change the units in place; returns what the script needs besides, and what was left out in words."""
    known = Known(names.package)
    helpers = Helpers(names.package, {name for unit in units for name in unit.binds})
    lost: set[str] = set()
    far: set[str] = set()
    notes: list[str] = []
    for unit in units:
        if unit.node is None:
            continue
        lacks = _lacking(unit, known, far) or next(iter(sorted(_needed(unit) & lost)), "")
        if lacks:
            where = "flyte" if lacks.startswith("flytenb.") else "flyte's local mode"
            notes.append(f"cell {unit.cell}: {where} has no {lacks}; what needs it is a comment")
            lost |= unit.binds
            unit.drop()
            continue
        lost -= unit.binds
        if isinstance(unit.node, (ast.Import, ast.ImportFrom)):
            _import(unit)
            continue
        if isinstance(unit.node, (ast.FunctionDef, ast.AsyncFunctionDef)) and _is_far(unit.node, names.package):
            far.add(unit.node.name)
        said = _otherwise(unit, known, helpers)
        notes += [f"cell {unit.cell}: {one}" for one in said]
    is_started = any(f"{names.package}.init" in unit.text for unit in units)
    setup = () if is_started else (f"{names.package}.init()",)
    above, below = helpers.texts(is_above=True), helpers.texts(is_above=False)
    return Form(names.package, "flyte", setup, below, imports=helpers.imports, above=above), notes


def _otherwise(unit: Unit, known: Known, helpers: Helpers) -> list[str]:
    """Say it with flyte's words; returns what is another thing then, which is a comment above it too."""
    layers = [] if isinstance(unit.node, DEFINITIONS) else list(_layers(unit.node))
    change = Edits(unit.text, known, helpers)
    change.visit(ast.parse(unit.text))
    known.learn(unit)
    if change.edits:
        unit.replace(change.carried_out())
    said = list(dict.fromkeys(change.notes))
    if layers:
        said.append(f"flyte's local mode makes no images; have {' and '.join(layers)} where the script runs")
    if said:
        unit.replace("\n".join([*(f"# {one}" for one in said), unit.text]))
    return said


def _layers(node: ast.AST | None) -> Iterator[str]:
    """Packages that an image gets."""
    for inner in ast.walk(node or ast.Pass()):
        is_layer = isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and inner.func.attr in _LAYERS
        if is_layer:
            assert isinstance(inner, ast.Call)
            yield from (str(one.value) for one in inner.args if isinstance(one, ast.Constant))


def _needed(unit: Unit) -> frozenset[str]:
    """Names that a driver cannot do without; a definition that is never called may do without all."""
    return frozenset() if isinstance(unit.node, DEFINITIONS) else frozenset(unit.reads.hard)


def _is_far(node: ast.FunctionDef | ast.AsyncFunctionDef, package: str) -> bool:
    """Whether a plain function asks the engine."""
    return not node.decorator_list and f"{package}.{_REMOTE}." in ast.unparse(node)


def _lacking(unit: Unit, known: Known, far: set[str]) -> str:
    """What a driver asks of the package or of a run that flyte does not have."""
    node, package = unit.node, known.package
    if isinstance(node, ast.ImportFrom):
        module = node.module or ""
        return module if module.startswith("flytenb.") and module.split(".")[1] not in _SHARED else ""
    if node is None or isinstance(node, (*DEFINITIONS, ast.Import)):
        return ""
    if far & unit.reads.hard:
        return f"{package}.{_REMOTE}"
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute) and is_run(inner.value, package) and inner.attr not in _RUN_HAS:
            return f"{inner.attr} of a run"
        if isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name):
            owner = inner.value.id
            if owner == package and (inner.attr == _REMOTE or inner.attr in _OURS_ONLY):
                return f"{package}.{inner.attr}"
            if owner in known.decorated and inner.attr == "form":
                return f"{owner}.form"
            if owner in known.runs and inner.attr not in _RUN_HAS:
                return f"{owner}.{inner.attr}"
    return ""


def _import(unit: Unit) -> None:
    text = re.sub(r"\bimport flytenb as flyte\b", "import flyte", unit.text)
    text = re.sub(r"\bimport flytenb as (\w+)", r"import flyte as \1", text)
    text = re.sub(r"^(\s*)from flytenb\b", r"\1from flyte", text, flags=re.MULTILINE)
    text = re.sub(r"^(\s*)import flytenb\.", r"\1import flyte.", text, flags=re.MULTILINE)
    text = re.sub(r"^(\s*)import flytenb$", r"\1import flyte as flytenb", text, flags=re.MULTILINE)
    if text != unit.text:
        unit.replace(text)
