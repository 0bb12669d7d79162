"""`flyte.run`, `flyte.with_runcontext`, `flyte.rerun`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flytenb.client import belonging
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
    def rerun(
        self,
        run_name: Any,
        action_name: str = "a0",
        recover: bool = False,
        force_rerun_actions: Any = None,
        allow_missing_source_outputs: bool = False,
        **inputs: UserValue,
    ) -> Run:
        """Start a recorded run again: `flyte.rerun` with these options."""
        recovering = (recover, force_rerun_actions, allow_missing_source_outputs)
        return started(_rerun(run_name, action_name, self.options, recovering, inputs))

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
    run_name: Any,
    action_name: str = "a0",
    recover: bool = False,
    force_rerun_actions: Any = None,
    allow_missing_source_outputs: bool = False,
    **inputs: UserValue,
) -> Run:
    """Start a recorded run again; keywords replace single inputs.

    Args:
        run_name: a run, or its name; "last" is the newest.
        action_name: begin with this action's task and inputs instead of the root's.
        recover: take what succeeded from that run and run only the rest, with today's code (`Run.recover`).
        force_rerun_actions: with `recover`, actions or tasks that run all the same.
        allow_missing_source_outputs: with `recover`, run again what succeeded and whose outputs are gone.
        **inputs: inputs that are to be others.

    Example:
        flyte.rerun(run, cs=[0.1, 10])       # the stored code with another input
        flyte.rerun(run, recover=True)       # only what failed, with the code as it is now

    Raises:
        ValueError: an unknown input, `recover` with an action, or forced actions without `recover`.
        RuntimeUserError: there is no such run or action, or its inputs are gone.
    """
    recovering = (recover, force_rerun_actions, allow_missing_source_outputs)
    return started(_rerun(run_name, action_name, _DEFAULT, recovering, inputs))


_DEFAULT = RunOptions()


def _submit(task: Any, args: tuple[UserValue, ...], kwargs: dict[str, UserValue], options: RunOptions) -> Run:
    if module := loading.get():
        raise ModuleLoadError(
            f'{module} starts a run of task "{getattr(task, "name", task)}" at its top level, which every worker '
            'executes too; put flyte.run(…) under if __name__ == "__main__":',
        )
    session().begin()  # an engine that must be started boots while this process imports and captures
    batch = belonging.current()
    if batch is not None:
        from flytenb.client.batched import submit_in_batch

        return started(submit_in_batch(batch, task, args, kwargs, options))
    from flytenb.client.submit import submit

    return started(submit(task, args, kwargs, options))


def started(run: Run) -> Run:
    """Tell those who show runs of a new one."""
    notify_submitted(run)
    return run


def _dry_run(task: Any, args: tuple[UserValue, ...], kwargs: dict[str, UserValue], options: RunOptions) -> DryRun:
    from flytenb.client.submit import check_task, declare, objects_of

    check_task(task)
    values = task.interface.bind(args, kwargs)
    declaration = declare(task, objects_of(paths.home()), options)
    names = [parameter.name for parameter in task.interface.parameters]
    return DryRun(declaration, dict(zip(names, values, strict=True)), declaration.program)


def _rerun(
    run: Any,
    action_name: str,
    options: RunOptions,
    recovering: tuple[bool, Any, bool],
    inputs: dict[str, UserValue],
) -> Run:
    is_recovering, force, is_making_lost = recovering
    name = str(getattr(run, "name", run))
    if is_recovering and action_name != "a0":
        raise ValueError(
            f'rerun("{name}", "{action_name}", recover=True): only whole runs are recovered; leave action_name out, or '
            "recover=True"
        )
    if force and not is_recovering:
        raise ValueError(f'rerun("{name}", force_rerun_actions=…) runs everything again anyway; add recover=True')
    from flytenb.client import again

    if not is_recovering:
        return again.run_again(name, action_name, options, inputs)
    return again.recover(
        name, options, inputs, task=again.live_of(run), force=again.listed(force), is_making_lost=is_making_lost
    )
