"""`flyte.run`, `flyte.with_runcontext`, `flyte.rerun`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flytenb.client.hooks import notify_submitted
from flytenb.client.options import RunOptions
from flytenb.client.session import session
from flytenb.client.twin import twin
from flytenb.context import loading
from flytenb.errors import ModuleLoadError
from flytenb.model.declaration import TaskDeclaration
from flytenb.wire import paths

if TYPE_CHECKING:
    from flytenb.client.plans import Plan
    from flytenb.client.run_handle import Run

UserValue = Any


@dataclass(frozen=True)
class DryRun:
    """What a run would send, from `with_runcontext(dry_run=True)`."""

    task_spec: TaskDeclaration
    inputs: dict[str, UserValue]
    #: Digest of the program in the object store.
    code_bundle: str
    name: str = "dry-run"
    url: str = ""


class Runner:
    """Runs tasks with the same options. Made by `with_runcontext`."""

    def __init__(self, options: RunOptions) -> None:
        self.options = options

    @twin
    def run(self, task: Any, /, *args: UserValue, **kwargs: UserValue) -> Any:
        """Start a run of `task`; returns at once.

        Example:
            run = flyte.with_runcontext(env_vars={"K": "v"}).run(search, cs=[0.1, 1])
        """
        if self.options.dry_run:
            return _dry_run(task, args, kwargs, self.options)
        return _submit(task, args, kwargs, self.options)

    @twin
    def plan(self, task: Any, /, *args: UserValue, **kwargs: UserValue) -> Plan:
        """What a run of `task` with these options would take from the cache, and what it would run. Runs nothing.

        Example:
            print(flyte.with_runcontext(overwrite_cache=True).plan(search, cs=[0.1, 1]))
        """
        from flytenb.client.planning import make_plan

        return make_plan(task, args, kwargs, self.options)

    @twin
    def rerun(self, run_name: str, action_name: str = "a0", **inputs: UserValue) -> Run:
        """Start a finished run again with the code and inputs that it had; keywords replace single inputs."""
        return _started(_rerun(run_name, action_name, self.options, inputs))

    def __repr__(self) -> str:
        defaults = RunOptions()
        said = [
            f"{field.name}={getattr(self.options, field.name)!r}"
            for field in dataclasses.fields(RunOptions)
            if getattr(self.options, field.name) != getattr(defaults, field.name)
        ]
        return f"with_runcontext({', '.join(said)})"


def with_runcontext(mode: str | None = None, **options: Any) -> Runner:
    """Options for the runs that follow from it.

    Args:
        mode: "local" runs in this process, for debuggers; "remote" (as None) at the engine.
        **options: see `RunOptions`: name, env_vars, overwrite_cache, disable_run_cache, custom_context, labels …

    Example:
        run = flyte.with_runcontext(mode="local", name="try-1").run(search, cs=[0.1])

    Raises:
        TypeError: an option that does not exist, with the nearest name.
        ValueError: a value that an option does not take.
    """
    known = {field.name for field in dataclasses.fields(RunOptions)}
    unknown = next((name for name in options if name not in known), None)
    if unknown is not None:
        import difflib

        near = difflib.get_close_matches(unknown, known, 1)
        raise TypeError(
            f'with_runcontext() has no option "{unknown}"' + (f'; did you mean "{near[0]}"?' if near else "")
        )
    return Runner(RunOptions(mode=mode, **options))


@twin
def run(task: Any, /, *args: UserValue, **kwargs: UserValue) -> Run:
    """Start a run of `task` with these inputs; returns at once with its handle.

    Example:
        run = flyte.run(search, cs=[0.1, 1, 10])
        print(run)          # waits, prints the output value

    Raises:
        TypeError: not a task, an unknown keyword, or a value of the wrong type.
        ValueError: a required input is missing or too many were given.
        CaptureError: the task's code or a captured value cannot travel to a worker.
        EngineError: the engine cannot be started or reached.
    """
    return _submit(task, args, kwargs, _DEFAULT)


@twin
def rerun(
    run_name: str,
    action_name: str = "a0",
    recover: bool = False,
    force_rerun_actions: Any = None,
    allow_missing_source_outputs: bool = False,
    **inputs: UserValue,
) -> Run:
    """Start a finished run again with the code and inputs that it had; keywords replace single inputs."""
    if recover or force_rerun_actions:
        from flytenb.errors import NotAvailableError

        raise NotAvailableError("rerun(recover=True)", "cached tasks are not repeated by a plain rerun")
    return _started(_rerun(run_name, action_name, _DEFAULT, inputs))


_DEFAULT = RunOptions()


def _submit(task: Any, args: tuple[UserValue, ...], kwargs: dict[str, UserValue], options: RunOptions) -> Run:
    if module := loading.get():
        raise ModuleLoadError(
            f'{module} starts a run of task "{getattr(task, "name", task)}" at its top level, which every worker '
            'executes too; put flyte.run(…) under if __name__ == "__main__":',
        )
    session().begin()  # an engine that must be started boots while this process imports and captures
    from flytenb.client.submit import submit

    return _started(submit(task, args, kwargs, options))


def _started(run: Run) -> Run:
    notify_submitted(run)
    return run


def _dry_run(task: Any, args: tuple[UserValue, ...], kwargs: dict[str, UserValue], options: RunOptions) -> DryRun:
    from flytenb.client.submit import check_task, declare, objects_of

    check_task(task)
    values = task.interface.bind(args, kwargs)
    declaration = declare(task, objects_of(paths.home()), options)
    names = [parameter.name for parameter in task.interface.parameters]
    return DryRun(declaration, dict(zip(names, values, strict=True)), declaration.program)


def _rerun(run_name: str, action_name: str, options: RunOptions, inputs: dict[str, UserValue]) -> Run:
    from flytenb.client.again import run_again

    return run_again(run_name, action_name, options, inputs)
