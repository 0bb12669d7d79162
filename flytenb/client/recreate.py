"""One action of a recorded run once more in this very process: its function and inputs, a debugger at its error."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from types import TracebackType
from typing import Any

from flytenb.client import again, handle, hooks
from flytenb.client.action import here
from flytenb.client.options import RunOptions
from flytenb.client.post_mortem import first_failure
from flytenb.client.run_handle import Run
from flytenb.codec.failure import is_hidden
from flytenb.errors import RuntimeUserError
from flytenb.model.declaration import decode_declaration
from flytenb.worker.runtime import last_errors

#: Characters of a value that is written out; a longer one is read from the run.
_MOST_WRITTEN = 500


class Recreated:
    """An action that ran again here.

    Example:
        again = run.recreate("a8")         # runs it here; with somebody at the keyboard, pdb opens at the error
        again.inputs["i"], again.function  # what it was called with, and the plain function
        again.open_in_cell()               # the next cell: its inputs as variables, and its body
    """

    def __init__(self, where: str, task: Any, inputs: dict[str, Any], run: Run) -> None:
        self.where, self.task, self.inputs = where, task, inputs
        #: The recorded run of it in this process (mode "local").
        self.run = run
        self.value: Any = None
        #: What it raised here, with its frames; None when it went well.
        self.error: BaseException | None = None
        try:
            self.value = run.value()
        except Exception as error:
            held = last_errors.pop() if last_errors else None
            self.error = held if held is not None else error
            sys.last_type, sys.last_value = type(self.error), self.error
            sys.last_traceback = self.traceback  # for %debug and pdb.pm()

    @property
    def function(self) -> Any:
        """The task's function without the task."""
        return self.task.func

    @property
    def traceback(self) -> TracebackType | None:
        """From the first frame of the user's own."""
        trace = self.error.__traceback__ if self.error is not None else None
        first = trace
        while first is not None and is_hidden(first.tb_frame.f_code.co_filename):
            first = first.tb_next
        return first or trace

    def debug(self) -> None:
        """Open pdb where it failed."""
        import pdb

        if self.traceback is None:
            print(f"{self.where} went well here: there is no error to look at")
            return
        pdb.post_mortem(self.traceback)

    def code(self) -> str:
        """A cell with the inputs as variables and the body of the function."""
        lines = [f"# {self.task.short_name} of {self.where}"]
        for name, value in self.inputs.items():
            lines.append(f"{name} = {_written(value) or _read(self.where, name)}")
        return "\n".join([*lines, "", _body(self.function, list(self.inputs))])

    def open_in_cell(self) -> None:
        """Put that cell below this one; where no notebook is, print it."""
        if hooks.open_cell is not None:
            hooks.open_cell(self.code())
        else:
            print(self.code())

    def __repr__(self) -> str:
        again = f"{self.task.short_name} of {self.where}, again in this process,"
        if self.error is None:
            return f"{again} gave {self.value!r}"
        raised = f"{type(self.error).__name__}: {self.error}"
        return f"{again} raised {raised}; .debug() opens pdb there, .open_in_cell() its code"


def recreate(run_name: str, action: str = "", *, debug: bool | None = None) -> Recreated:
    """Run an action (by default the one that failed first) in this process, with its inputs and today's code.

    Args:
        run_name: the recorded run.
        action: "a8"; "" = the first failure.
        debug: open pdb at its error; None = when somebody can type.

    Raises:
        RuntimeUserError: its task is not defined here (TaskNotHere), or nothing failed (NotFailed).
    """
    link, store = here()
    name = Run.get(run_name).name
    action = action or first_failure(link, name)
    io = handle.read_io(link, name, action)
    wanted = decode_declaration(io.declaration).name
    task = again.live_task(wanted)
    where = f"{name}/{action}"
    if task is None or getattr(task, "func", None) is None:
        raise RuntimeUserError(
            "TaskNotHere",
            f'task "{wanted}" of {where} is not defined in this process: run its cell, or import its module, first',
        )
    payload, _ = again.bound(task, io, {}, store, where)
    last_errors.clear()
    run = again.send_local(task, payload, RunOptions(mode="local"), {"origin": {"recreates": where}})
    values = [handle.inputs_of(handle.read_io(link, run.name, "a0"), store, task.interface)]
    made = Recreated(where, task, dict(values[0]), run)
    if made.error is not None and (hooks.may_ask() if debug is None else debug):
        made.debug()
    return made


def _written(value: Any) -> str:
    """The value as Python writes it, "" when that is not all of it."""
    try:
        text = repr(value)
        is_whole = len(text) <= _MOST_WRITTEN and ast.literal_eval(text) == value
    except Exception:  # not plain, or a class that says anything
        return ""
    return text if is_whole else ""


def _read(where: str, name: str) -> str:
    run, _, action = where.rpartition("/")
    return f'flyte.remote.Action.get(run_name="{run}", name="{action}").inputs()["{name}"]'


def _body(function: Any, names: list[str]) -> str:
    """The statements of a function where they can stand in a cell, else the function and its call."""
    try:
        source = textwrap.dedent(inspect.getsource(function))
        node = ast.parse(source).body[0]
    except (OSError, SyntaxError, IndexError):
        return f"# the source of {function.__name__} is not known here"
    if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        return source
    lines = source.splitlines()
    returns = [one for one in ast.walk(node) if isinstance(one, (ast.Return, ast.Yield, ast.YieldFrom))]
    statements = node.body[1:] if ast.get_docstring(node) is not None else node.body
    last = statements[-1] if statements else None
    if not statements or any(one is not last for one in returns) or _has_inner(node):
        definition = "\n".join(lines[node.lineno - 1 : node.end_lineno])
        call = f"{node.name}({', '.join(f'{name}={name}' for name in names)})"
        return f"{definition}\n\nresult = {'await ' if isinstance(node, ast.AsyncFunctionDef) else ''}{call}"
    body = textwrap.dedent("\n".join(lines[statements[0].lineno - 1 : node.end_lineno]))
    if isinstance(last, ast.Return):
        at = body.rindex("return")
        body = f"{body[:at]}result ={body[at + len('return') :]}" if last.value is not None else body[:at].rstrip()
    return body


def _has_inner(node: ast.AST) -> bool:
    """Whether functions stand inside, whose returns are their own."""
    inner = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
    return any(isinstance(one, inner) for one in ast.walk(node) if one is not node)
