"""`%%flyte_task …` and `# %flyte task …`: a transformation of a cell's text that moves no line.

Two forms. A cell that defines functions: the first line becomes a call of `CELL_HOOK`, and `decorate` (an AST step)
makes every public function of the cell a task. A cell of plain statements with `--name`: the first line becomes the
`def`, the rest its body, and a last line registers it by `TASK_HOOK`. So tracebacks, `await`, `getsource` and
breakpoints work as in any cell. (Wrapping by AST alone was tried: tracebacks then show only the first line.)
"""

from __future__ import annotations

import ast
import io
import re
import shlex
import tokenize
from dataclasses import dataclass, field
from typing import Any

from flytenb.capture.syntax import NOT_PYTHON, frozen_lines
from flytenb.errors import FlytenbError

#: Called as `CELL_HOOK(options)` on line 1 of a cell whose functions become tasks.
CELL_HOOK = "__flytenb_cell__"
#: Decorator `TASK_HOOK(options)` of every function of such a cell, and of a cell that is the task.
TASK_HOOK = "__flytenb_task__"

_MAGIC = re.compile(r"^%%flyte_task\b(.*)$", re.DOTALL)
_COMMENT = re.compile(r"^#\s*%flyte\s+task\b(.*)$", re.DOTALL)
#: Options without a value.
_SWITCHES = frozenset({"--run", "--report", "--follow"})
_SHORT = {"-o": "--output", "-e": "--env", "-n": "--name"}
_NAME = re.compile(r"^[^\W\d]\w*$")


class PragmaError(FlytenbError, ValueError):
    """The first line of a task cell cannot be understood."""


@dataclass(frozen=True, slots=True)
class TaskOptions:
    """What the first line of a task cell says."""

    #: The task's name when the cell is the task, "" when its functions are.
    name: str = ""
    #: Parameters: (name, annotation text or "").
    inputs: tuple[tuple[str, str], ...] = ()
    outputs: tuple[str, ...] = ()
    env: str = ""
    #: Start it at once, and the variable that gets the run.
    is_run: bool = False
    run_name: str = ""
    #: All other `--option value` pairs: cache, retries, timeout, cpu …; a switch has "".
    rest: dict[str, str] = field(default_factory=dict)


def parse_options(text: str) -> TaskOptions:
    """The options of a task cell's first line.

    Raises:
        PragmaError: an option lacks its value, or a name is not one.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise PragmaError(f"%%flyte_task {text.strip()}: {error}; close the quote") from None
    found: dict[str, str] = {}
    name = ""
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if not word.startswith("-"):
            if name:
                raise PragmaError(f'%%flyte_task: "{word}" is one name too many; options are written --option value')
            name = word
            continue
        option, equals, value = word.partition("=")
        option = _SHORT.get(option, option)
        if not equals and option not in _SWITCHES:
            if at >= len(words) or words[at].startswith("--"):
                raise PragmaError(
                    f"%%flyte_task: option {word} needs a value, for example {word} {_EXAMPLES.get(option, 'x')}"
                )
            value = words[at]
            at += 1
        found[option.lstrip("-").replace("-", "_")] = value
    name = found.pop("name", name)
    if name and not _NAME.match(name):
        raise PragmaError(f'%%flyte_task: "{name}" is no name for a task; use letters, digits and _')
    outputs = tuple(part.strip() for part in found.pop("outputs", "").split(",") if part.strip())
    for part in outputs:
        if not _NAME.match(part):
            raise PragmaError(f'%%flyte_task: output "{part}" is not a variable')
    return TaskOptions(
        name=name,
        inputs=tuple(_inputs(found.pop("inputs", ""))),
        outputs=outputs,
        env=found.pop("env", ""),
        is_run=found.pop("run", None) is not None,
        run_name=found.pop("output", ""),
        rest=found,
    )


_EXAMPLES = {
    "--env": "prep", "--cache": "auto", "--retries": "2", "--inputs": "lr,df", "--outputs": "model", "--name": "train",
    "--timeout": "60", "--cpu": "2", "--memory": "2Gi", "--output": "run",
}  # fmt: skip


def _inputs(text: str) -> list[tuple[str, str]]:
    parts, depth, current = [], 0, ""
    for char in text:
        depth += (char in "[(") - (char in "])")
        if char == "," and not depth:
            parts.append(current)
            current = ""
        else:
            current += char
    found = []
    for part in [*parts, current]:
        name, _, annotation = part.partition(":")
        if not name.strip():
            continue
        if not _NAME.match(name.strip()):
            raise PragmaError(f'%%flyte_task: input "{part.strip()}" is not a variable; write --inputs lr,df')
        found.append((name.strip(), annotation.strip()))
    return found


def find(lines: list[str]) -> tuple[int, str] | None:
    """Index and options text of the pragma, when it is the first line that is not blank or another comment."""
    for index, line in enumerate(lines):
        text = line.strip()
        found = _MAGIC.match(text) or _COMMENT.match(text)
        if found:
            return index, found.group(1).strip()
        if text and not text.startswith("#"):
            return None
    return None


def transform(lines: list[str]) -> list[str]:
    """A cell's lines with its pragma carried out; unchanged without one. Idempotent, and no line moves.

    Errors become a cell that raises them, so that a mistake in line 1 is shown under the cell.
    """
    found = find(lines)
    if found is None:
        return lines
    index, text = found
    body = lines[index + 1 :]
    try:
        options = parse_options(text)
    except PragmaError:
        return [*lines[:index], f"{CELL_HOOK}({text!r})\n", *body]
    if not options.name or _defines_only(body):
        return [*lines[:index], f"{CELL_HOOK}({text!r})\n", *body]
    return lines[:index] + _as_function(options, text, body)


def _defines_only(body: list[str]) -> bool:
    """Whether a cell consists of definitions and imports (then its functions are the tasks, whatever `--name` says)."""
    try:
        tree = ast.parse("".join(body))
    except NOT_PYTHON:
        return False
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
    return any(isinstance(s, kinds[:2]) for s in tree.body) and all(isinstance(s, kinds) for s in tree.body)


def _as_function(options: TaskOptions, text: str, body: list[str]) -> list[str]:
    parameters = ", ".join(f"{name}: {kind}" if kind else name for name, kind in options.inputs)
    source = "".join(body)
    head = f"{'async ' if _has_await(source) else ''}def {options.name}({parameters}):\n"
    frozen = frozen_lines(source)
    inside = [line if number in frozen or not line.strip() else "    " + line for number, line in enumerate(body, 1)]
    if not any(line.strip() and not line.lstrip().startswith("#") for line in body):
        inside.append("    pass\n")
    if not inside[-1].endswith("\n"):
        inside[-1] += "\n"
    if options.outputs:
        inside.append(f"    return {', '.join(options.outputs)}\n")
    return [head, *inside, f"{options.name} = {TASK_HOOK}({text!r})({options.name})\n"]


def _has_await(source: str) -> bool:
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError, IndentationError):
        return "await " in source
    depth = 0  # an `async def` inside the cell does not make the cell async; its own `await`s are indented below it
    inner: list[int] = []
    is_async_def = False
    for token, following in zip(tokens, [*tokens[1:], tokens[-1]], strict=True):
        if token.type == tokenize.INDENT:
            depth += 1
        elif token.type == tokenize.DEDENT:
            depth -= 1
            while inner and inner[-1] >= depth:
                inner.pop()
        elif token.type == tokenize.NAME and token.string == "async" and following.string == "def":
            is_async_def = True
        elif is_async_def and token.type == tokenize.NEWLINE:
            inner.append(depth)
            is_async_def = False
        elif token.type == tokenize.NAME and token.string in ("await", "async") and not inner and not is_async_def:
            return True
    return False


class TaskDecorator(ast.NodeTransformer):
    """AST step for the first form: public top-level functions of a marked cell get `@TASK_HOOK(options)`.

    Positions stay: the decorator lies on the line of its `def`.
    """

    def visit_Module(self, node: ast.Module) -> Any:
        """The module, with decorators where line 1 asks for them."""
        text = hook_argument(node)
        if text is None:
            return node
        for statement in node.body:
            if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)) and not statement.name.startswith("_"):
                call = ast.Call(ast.Name(TASK_HOOK, ast.Load()), [ast.Constant(text)], [])
                for part in ast.walk(call):
                    if isinstance(part, ast.expr):
                        part.lineno = part.end_lineno = statement.lineno
                        part.col_offset = part.end_col_offset = statement.col_offset
                statement.decorator_list.insert(0, call)
        return node


def hook_argument(tree: ast.Module) -> str | None:
    """The options text of a cell in the first form, None for other cells."""
    first = tree.body[0] if tree.body else None
    if not isinstance(first, ast.Expr) or not isinstance(first.value, ast.Call):
        return None
    call = first.value
    if not isinstance(call.func, ast.Name) or call.func.id != CELL_HOOK or not call.args:
        return None
    argument = call.args[0]
    return argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else None
