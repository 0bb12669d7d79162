"""What a script of the flyte package says otherwise."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from typing import Any

from flytenb.export.magics import Names
from flytenb.export.script import Form
from flytenb.export.units import DEFINITIONS, Unit

#: Settings that flyte does not have.
_OURS = {
    "TaskEnvironment": ("executor", "network", "keep_on_failure"),
    "with_runcontext": ("executor", "images"),
    "init": ("executor", "images"),
}
#: What the package has and flyte has not, and all that a run of flyte's local mode has.
_OURS_ONLY = frozenset({
    "batch", "compare", "debug", "form", "plan", "post_mortem", "progress", "recover", "runs", "spin", "sweep", "where",
})  # fmt: skip
_REMOTE = "remote"
_RUN_HAS = frozenset({"name", "outputs", "url", "wait", "aio"})
_RESULT = '''\
def result(run: object) -> object:
    """The outputs of a run: one value as it is, several as a tuple."""
    run.wait()
    outputs = run.outputs()
    return outputs[0] if len(outputs) == 1 else tuple(outputs)'''


_PROGRESS = '''\
def progress(items: Iterable, *_: object, **__: object) -> Iterable:
    """Flyte shows no progress."""
    return items'''
_HTML = '''\
def html(value: object) -> str:
    """A figure or a frame as HTML: flyte takes text only."""
    if hasattr(value, "savefig"):
        picture = io.BytesIO()
        value.savefig(picture, format="png")
        return f'<img src="data:image/png;base64,{base64.b64encode(picture.getvalue()).decode()}">'
    for name in ("to_html", "_repr_html_"):
        if hasattr(value, name):
            return getattr(value, name)()
    return str(value)'''
#: Functions that stand in for what flyte does not have, and what they import.
_HELPERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "result": (_RESULT, ()),
    "progress": (_PROGRESS, ("from collections.abc import Iterable",)),
    "html": (_HTML, ("import base64", "import io")),
}


class _Edits(ast.NodeVisitor):
    """Places of a statement's text that change: `await run` becomes `result(run)`, settings of ours go."""

    def __init__(self, text: str, package: str, runs: set[str]) -> None:
        self.package, self.runs = package, runs
        starts = [0]
        for row in text.encode().split(b"\n"):
            starts.append(starts[-1] + len(row) + 1)
        self._text, self._starts = text.encode(), starts
        #: (begin, end, what stands there then), in bytes.
        self.edits: list[tuple[int, int, bytes]] = []
        self.dropped: list[str] = []
        #: Helpers that the text calls then.
        self.helpers: set[str] = set()
        self._depth = 0

    def visit_Await(self, node: ast.Await) -> None:
        value = node.value
        if self._depth:
            pass  # what a task's body awaits is Flyte's own language
        elif is_run(value, self.package) or (isinstance(value, ast.Name) and value.id in self.runs):
            self.helpers.add("result")
            self.edits.append((self._begin(node), self._begin(value), b"result("))
            self.edits.append((self._end(value), self._end(node), b")"))
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        ours = _OURS.get(called, ())
        for keyword in node.keywords:
            if keyword.arg in ours:
                self.dropped.append(str(keyword.arg))
                begin, end = self._begin(keyword), self._end(keyword)
                after = self._text[end:].lstrip()
                if after.startswith(b","):
                    end = self._text.index(b",", end) + 1
                    end += len(self._text[end:]) - len(self._text[end:].lstrip(b" "))
                else:
                    head = self._text[:begin].rstrip().removesuffix(b",")
                    begin = len(head)
                self.edits.append((begin, end, b""))
        said = ast.unparse(node.func)
        if said == f"{self.package}.progress":
            self.helpers.add("progress")
            self.edits.append((self._begin(node.func), self._end(node.func), b"progress"))
        if self._is_report(said) and node.args and not isinstance(node.args[0], (ast.Constant, ast.JoinedStr)):
            self.helpers.add("html")
            self.edits.append((self._begin(node.args[0]), self._begin(node.args[0]), b"html("))
            self.edits.append((self._end(node.args[0]), self._end(node.args[0]), b")"))
        if called == "print":
            for argument in node.args:
                if isinstance(argument, ast.Name) and argument.id in self.runs:
                    self.helpers.add("result")
                    self.edits.append((self._begin(argument), self._end(argument), f"result({argument.id})".encode()))
        self.generic_visit(node)

    def _is_report(self, said: str) -> bool:
        """`flyte.report.log`, `.replace`, their `.aio`, and those of a tab."""
        said = said.removesuffix(".aio")
        return said.startswith(f"{self.package}.report.") and said.endswith((".log", ".replace"))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """In bodies only those calls change that flyte does not have."""
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1

    visit_AsyncFunctionDef = visit_FunctionDef  # type: ignore[assignment]

    def carried_out(self) -> str:
        """The text with all edits."""
        text = self._text
        for begin, end, new in sorted(self.edits, reverse=True):
            text = text[:begin] + new + text[end:]
        return text.decode()

    def _begin(self, node: Any) -> int:
        return int(self._starts[node.lineno - 1] + node.col_offset)

    def _end(self, node: Any) -> int:
        return int(self._starts[node.end_lineno - 1] + node.end_col_offset)


def is_run(value: ast.expr, package: str) -> bool:
    """Whether an expression starts a run: `flyte.run(…)`, `flyte.with_runcontext(…).run(…)`."""
    if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Attribute):
        return False
    if value.func.attr == "aio":
        return False
    root: ast.expr = value.func
    while isinstance(root, (ast.Call, ast.Attribute)):
        root = root.func if isinstance(root, ast.Call) else root.value
    return value.func.attr in ("run", "rerun") and isinstance(root, ast.Name) and root.id == package


def adapt(units: Sequence[Unit], names: Names) -> tuple[Form, list[str]]:
    """Change the units in place; returns what the script needs besides, and what was left out in words."""
    runs: set[str] = set()
    lost: set[str] = set()
    notes: list[str] = []
    helpers: set[str] = set()
    for unit in units:
        node = unit.node
        if node is None:
            continue
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            _import(unit)
            continue
        if isinstance(node, ast.Assign) and is_run(node.value, names.package):
            runs |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        if not isinstance(node, DEFINITIONS):
            lacks = _lacking(node, names.package, runs) or next(iter(sorted(unit.reads.hard & lost)), "")
            if lacks:
                notes.append(f"cell {unit.cell}: flyte's local mode has no {lacks}; what needs it is a comment")
                lost |= unit.binds
                unit.drop()
                continue
        change = _Edits(unit.text, names.package, runs)
        change.visit(ast.parse(unit.text))
        if change.edits:
            dropped = dict.fromkeys(change.dropped)
            notes += [f"cell {unit.cell}: flyte has no setting {name}; it is left out" for name in dropped]
            unit.replace(change.carried_out())
            helpers |= change.helpers
    is_started = any(f"{names.package}.init" in unit.text for unit in units)
    chosen = [_HELPERS[name] for name in _HELPERS if name in helpers]
    imports = tuple(line for _, lines in chosen for line in lines)
    setup = () if is_started else (f"{names.package}.init()",)
    return Form(names.package, "flyte", setup, tuple(text for text, _ in chosen), imports=imports), notes


def _lacking(node: ast.stmt, package: str, runs: set[str]) -> str:
    """What an expression asks of the package or of a run that flyte does not have."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Attribute) and isinstance(inner.value, ast.Name):
            owner = inner.value.id
            if owner == package and inner.attr == _REMOTE:
                return f"{package}.{_REMOTE}"
            if owner == package and inner.attr in _OURS_ONLY and isinstance(node, ast.Expr):
                return f"{package}.{inner.attr}"
            if owner in runs and inner.attr not in _RUN_HAS:
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
