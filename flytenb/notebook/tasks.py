"""Tasks and environments that cells declare by magic: functions of a `%%flyte_task` cell, or the cell as a task."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from IPython.core.error import UsageError

from flytenb.capture import pragma
from flytenb.capture.lines import ENVIRONMENT_TAKES, number_or_text
from flytenb.notebook import options
from flytenb.sdk.environment import TaskEnvironment
from flytenb.sdk.resources import Resources

#: Names that transformed cells call, beside those of `pragma`; hidden from `%who`.
RUN, ENVIRONMENT = "__flytenb_run__", "__flytenb_env__"
#: Options of a task cell that become settings of its tasks.
TASK_SETTINGS = ("cache", "retries", "timeout", "report")
#: All options of a task cell.
TASK_FLAGS = ("env", "name", "inputs", "outputs", "run", "output", *TASK_SETTINGS)

Submit = Callable[[Any, dict[str, Any], dict[str, Any]], Any]


def task_options(text: str) -> pragma.TaskOptions:
    """The options of a `%%flyte_task` line.

    Raises:
        UsageError: an option that does not exist, with the nearest ones.
        PragmaError: an option without its value.
    """
    found = pragma.parse_options(text)
    for name in found.rest:
        if name not in TASK_SETTINGS:
            raise UsageError(
                f"%%flyte_task: unknown flag --{name.replace('_', '-')}; {options.nearest_flag(name, TASK_FLAGS)}"
            )
    return found


class CellTasks:
    """What the magics of one shell have declared."""

    def __init__(self, namespace: dict[str, Any], submit: Submit) -> None:
        self._namespace = namespace
        self._submit = submit
        self._environments: dict[str, Any] = {}

    def hidden_names(self) -> dict[str, Any]:
        """What transformed cells call."""
        return {
            pragma.CELL_HOOK: self.check,
            pragma.TASK_HOOK: self.decorate,
            RUN: self.runner,
            ENVIRONMENT: self.declare_environment,
        }

    def check(self, text: str, *environments: str) -> None:
        """Line 1 of a task cell: refuse what it cannot mean before anything else runs."""
        for line in environments:
            self.declare_environment(line)
        self._environment_of(task_options(text))

    def declare_environment(self, arg: str) -> Any:
        """`%%flyte_env prep --cpu 2 --memory 2Gi`: an environment, also as the variable `prep`."""
        line = options.parse("%%flyte_env", arg, ENVIRONMENT_TAKES, words=1)
        if not line.words:
            raise UsageError("%%flyte_env: name the environment: %%flyte_env prep --cpu 2 --memory 2Gi")
        name = line.words[0]
        given: dict[str, Any] = {
            key: number_or_text(line.get(key)) for key in ("cpu", "memory", "gpu", "disk", "shm") if line.has(key)
        }
        settings: dict[str, Any] = {"resources": Resources(**given)} if given else {}
        settings |= {key: line.get(key) for key in ("image", "cache") if line.has(key)}
        environment = TaskEnvironment(name=name, **settings)
        self._environments[name] = environment
        if name.isidentifier():
            self._namespace[name] = environment
        return environment

    def environment(self, name: str) -> Any:
        """An environment by its name or by its variable.

        Raises:
            UsageError: there is none; names the nearest ones.
        """
        found = self._namespace.get(name)
        if _is_environment(found):
            return found
        by_name = {str(v.name): v for v in self._namespace.values() if _is_environment(v)} | self._environments
        if name in by_name:
            return by_name[name]
        raise UsageError(
            f'%%flyte_task: there is no environment "{name}"; {options.nearest(name, sorted(by_name))}, '
            f"or declare it with %flyte_env {name} --cpu 1"
        )

    def decorate(self, text: str) -> Callable[[Any], Any]:
        """The decorator of a task cell."""
        found = task_options(text)
        environment = self._environment_of(found)
        settings = _task_settings(found)

        def to_task(func: Any) -> Any:
            if getattr(func, "__flytenb_task__", False):
                return func  # decorated by hand in the same cell
            for output in found.outputs:
                if output not in (*func.__code__.co_varnames, *func.__code__.co_cellvars):
                    raise UsageError(
                        f'%%flyte_task: the cell does not assign its output "{output}"; '
                        "assign it there, or leave it out of --outputs"
                    )
            return environment.task(**settings)(func) if settings else environment.task(func)

        return to_task

    def runner(self, text: str) -> Callable[[Any], None]:
        """`--run` and `-o` of a task cell; inputs named by `--inputs` are the notebook's variables."""
        found = task_options(text)

        def run(task: Any) -> None:
            inputs = {}
            for name, _ in found.inputs:
                if name not in self._namespace:
                    known = [k for k in self._namespace if not k.startswith("_")]
                    hint = options.nearest(name, known)
                    raise UsageError(f'%%flyte_task: input "{name}" is not a variable of the notebook; {hint}')
                inputs[name] = self._namespace[name]
            submitted = self._submit(task, inputs, {})
            if found.run_name:
                self._namespace[found.run_name] = submitted

        return run

    def _environment_of(self, found: pragma.TaskOptions) -> Any:
        if found.env:
            return self.environment(found.env)
        if "notebook" not in self._environments:
            self._environments["notebook"] = TaskEnvironment(name="notebook")
        return self._environments["notebook"]


class RunAtEnd(ast.NodeTransformer):
    """`--run` of a cell whose functions are tasks: its last public function is run when the cell has executed."""

    def visit_Module(self, node: ast.Module) -> ast.Module:
        """One executed cell."""
        text = pragma.hook_argument(node)
        if text is None or "--run" not in text.split():
            return node
        functions = [s.name for s in node.body if isinstance(s, (ast.FunctionDef, ast.AsyncFunctionDef))]
        public = [name for name in functions if not name.startswith("_")]
        if public:
            run = ast.parse(f"{RUN}({text!r})({public[-1]})").body[0]
            for inner in ast.walk(run):
                ast.copy_location(inner, node.body[0])
            node.body.append(run)
        return node


def _is_environment(value: Any) -> bool:
    return bool(getattr(value, "__flytenb_environment__", False)) and not isinstance(value, type)


def _task_settings(found: pragma.TaskOptions) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for key, text in found.rest.items():
        if key == "report":
            settings[key] = True
        elif key == "cache":
            settings[key] = text
        else:
            value = number_or_text(text)
            if isinstance(value, str):
                raise UsageError(f"%%flyte_task: --{key} takes a number, got {value!r}")
            settings[key] = value
    return settings
