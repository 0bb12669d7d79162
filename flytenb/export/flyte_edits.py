"""What a statement of a notebook says otherwise with the flyte package: places in its text, and what stands there."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any

from flytenb.export.flyte_helpers import Helpers
from flytenb.export.units import Unit

#: Settings that flyte does not have.
_OURS = {
    "TaskEnvironment": ("executor", "network", "keep_on_failure"),
    "with_runcontext": ("executor", "images"),
    "init": ("executor", "images"),
    "new_condition": ("default",),
}
#: Calls of `flyte.report` that block.
_REPORTS = ("flush", "log", "replace")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Started:
    """A run in a variable."""

    #: Its task's name, as written.
    task: str
    #: The call that starts it.
    call: str


@dataclass(slots=True)
class Known:
    """What the statements so far have said."""

    package: str
    runs: dict[str, Started] = field(default_factory=dict)
    #: Classes of named outputs, and the tasks that return them.
    named: set[str] = field(default_factory=set)
    returns: dict[str, str] = field(default_factory=dict)
    #: Functions with decorators: a task among them can do more here than there.
    decorated: set[str] = field(default_factory=set)
    #: Variables that hold named outputs.
    outputs: set[str] = field(default_factory=set)

    def learn(self, unit: Unit) -> None:
        """Remember what a statement says."""
        node = unit.node
        if isinstance(node, _FUNCTIONS) and node.decorator_list:
            self.decorated.add(node.name)
        if isinstance(node, ast.ClassDef) and any(ast.unparse(b).endswith("NamedTuple") for b in node.bases):
            self.named.add(node.name)
        elif isinstance(node, _FUNCTIONS) and isinstance(node.returns, ast.Name) and node.returns.id in self.named:
            self.returns[node.name] = node.returns.id
        elif isinstance(node, ast.Assign):
            names = {target.id for target in node.targets if isinstance(target, ast.Name)}
            for name in names:
                self.runs.pop(name, None)
            self.outputs -= names
            run = self._run(node.value)
            if run is not None:
                self.runs |= dict.fromkeys(names, run)
            if self.outputs_of(node.value):
                self.outputs |= names

    def _run(self, value: ast.expr) -> Started | None:
        if is_run(value, self.package):
            assert isinstance(value, ast.Call)
            return Started(ast.unparse(value.args[0]) if value.args else "", ast.unparse(value))
        owner = self.asked(value, "recover")
        return self.runs[owner] if owner else None

    def asked(self, value: ast.expr, method: str) -> str:
        """The variable of the run whose method an expression calls, else ""."""
        if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Attribute) or value.func.attr != method:
            return ""
        owner = value.func.value
        return owner.id if isinstance(owner, ast.Name) and owner.id in self.runs else ""

    def outputs_of(self, value: ast.expr) -> str:
        """The class of the named outputs that `run.outputs()` gives, else ""."""
        owner = self.asked(value, "outputs")
        return self.returns.get(self.runs[owner].task, "") if owner else ""


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


class Edits(ast.NodeVisitor):
    """Places of a statement's text that change: `await run` becomes `result(run)`, settings of ours go."""

    def __init__(self, text: str, known: Known, helpers: Helpers) -> None:
        self._known, self._helpers = known, helpers
        starts = [0]
        for row in text.encode().split(b"\n"):
            starts.append(starts[-1] + len(row) + 1)
        self._text, self._starts = text.encode(), starts
        #: (begin, end, what stands there then), in bytes.
        self.edits: list[tuple[int, int, bytes]] = []
        #: What was left out or is done otherwise, in words.
        self.notes: list[str] = []
        self._depth = 0
        self._is_async = False

    def carried_out(self) -> str:
        """The text with all edits."""
        text = self._text
        for begin, end, new in sorted(self.edits, reverse=True):
            text = text[:begin] + new + text[end:]
        return text.decode()

    def visit_Await(self, node: ast.Await) -> None:
        value = node.value
        if self._depth:
            pass  # what a task's body awaits is Flyte's own language
        elif self._gives_run(value):
            self._replace(self._begin(node), self._begin(value), f"{self._helpers.use('result')}(")
            self._replace(self._end(value), self._end(node), ")")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        said = ast.unparse(node.func).removesuffix(".aio")
        self._settings(node, said.rpartition(".")[2])
        if said == f"{self._known.package}.progress":
            self._replace(self._begin(node.func), self._end(node.func), self._helpers.use("progress"))
        if self._is_report(said) and node.args and not isinstance(node.args[0], (ast.Constant, ast.JoinedStr)):
            self._wrap(node.args[0], self._helpers.use("html"))
        if said == "print":
            for argument in node.args:
                if isinstance(argument, ast.Name) and argument.id in self._known.runs:
                    self._wrap(argument, self._helpers.use("result"))
        if self._depth == 0 and self._of_a_run(node):
            return
        self.generic_visit(node)

    def _gives_run(self, value: ast.expr) -> bool:
        return is_run(value, self._known.package) or (isinstance(value, ast.Name) and value.id in self._known.runs)

    def _of_a_run(self, node: ast.Call) -> bool:
        """`run.value()`, `run.outputs()` with names, `run.recover(…)`: what flyte's runs do not have."""
        called = node.func
        if isinstance(called, ast.Attribute) and called.attr == "value" and self._gives_run(called.value):
            self._replace(self._begin(node), self._begin(called.value), f"{self._helpers.use('result')}(")
            self._replace(self._end(called.value), self._end(node), ")")
            self.generic_visit(called.value)
        elif owner := self._known.asked(node, "recover"):
            self._replace(self._begin(node), self._end(node), self._known.runs[owner].call)
            self.notes.append(f"flyte recovers nothing; what {owner} started runs again as a whole")
        elif found := self._known.outputs_of(node):
            self._replace(self._begin(node), self._begin(node), f"{found}(*")
            self._replace(self._end(node), self._end(node), ")")
        else:
            return False
        return True

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if ast.unparse(node) == f"{self._known.package}.ctx().attempt_number":
            self._replace(self._begin(node), self._end(node), f"{self._helpers.use('attempt_number')}()")
            return
        is_outputs = isinstance(node.value, ast.Name) and node.value.id in self._known.outputs
        if is_outputs and node.attr == "named_outputs" and self._depth == 0:
            self._replace(self._end(node.value), self._end(node), "._asdict()")
        self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Arrays in data classes: flyte carries them as bytes when their fields say how."""
        if any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list):
            for field_ in node.body:
                if isinstance(field_, ast.AnnAssign) and field_.value is None and _is_array(field_.annotation):
                    end = self._end(field_)
                    self._replace(end, end, f" = field(metadata={self._helpers.use('array', 'ARRAY')})")
        self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> None:
        """`flyte.report.log(…)` in a coroutine: flyte refuses what blocks its loop."""
        value = node.value
        blocking = [f"{self._known.package}.report.{one}" for one in _REPORTS]
        if self._is_async and isinstance(value, ast.Call) and ast.unparse(value.func) in blocking:
            self._replace(self._begin(value), self._begin(value), "await ")
            self._replace(self._end(value.func), self._end(value.func), ".aio")
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """In bodies only those calls change that flyte does not have."""
        outside = self._is_async
        self._depth, self._is_async = self._depth + 1, isinstance(node, ast.AsyncFunctionDef)
        self.generic_visit(node)
        self._depth, self._is_async = self._depth - 1, outside

    visit_AsyncFunctionDef = visit_FunctionDef

    def _settings(self, node: ast.Call, called: str) -> None:
        for keyword in node.keywords:
            if keyword.arg not in _OURS.get(called, ()):
                continue
            self.notes.append(f"flyte has no setting {keyword.arg}; it is left out")
            begin, end = self._begin(keyword), self._end(keyword)
            after = self._text[end:].lstrip()
            if after.startswith(b","):
                end = self._text.index(b",", end) + 1
                end += len(self._text[end:]) - len(self._text[end:].lstrip(b" "))
            else:
                begin = len(self._text[:begin].rstrip().removesuffix(b","))
            self._replace(begin, end, "")

    def _is_report(self, said: str) -> bool:
        """`flyte.report.log`, `.replace`, their `.aio`, and those of a tab."""
        return said.startswith(f"{self._known.package}.report.") and said.endswith((".log", ".replace"))

    def _wrap(self, node: ast.expr, function: str) -> None:
        self._replace(self._begin(node), self._begin(node), f"{function}(")
        self._replace(self._end(node), self._end(node), ")")

    def _replace(self, begin: int, end: int, text: str) -> None:
        self.edits.append((begin, end, text.encode()))

    def _begin(self, node: Any) -> int:
        return int(self._starts[node.lineno - 1] + node.col_offset)

    def _end(self, node: Any) -> int:
        return int(self._starts[node.end_lineno - 1] + node.end_col_offset)


def _is_array(annotation: ast.expr) -> bool:
    said = ast.unparse(annotation).partition("[")[0].rpartition(".")[2]
    return said in ("ndarray", "NDArray")
