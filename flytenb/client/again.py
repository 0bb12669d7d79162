"""Start a recorded run again: as it was, with single inputs replaced, or so that what succeeded is not repeated.

A rerun takes the code that is stored with the run. Recovering takes today's: the live task of that name where this
process has one, so that a fixed cell counts, else the stored code.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from flytenb.capture.ingredients import read_program
from flytenb.client import handle
from flytenb.client.action import here
from flytenb.client.handle import ActionIo
from flytenb.client.hooks import notify_submitted
from flytenb.client.names import new_run_name
from flytenb.client.options import RunOptions
from flytenb.client.origin import origin
from flytenb.client.run_handle import Run
from flytenb.client.secrets import values_here
from flytenb.client.session import Session
from flytenb.codec.objects import ObjectStore
from flytenb.codec.payload import decode_values, encode_values
from flytenb.codec.payload import names as payload_names
from flytenb.errors import (
    BaseRuntimeError,
    FlytenbError,
    RuntimeUserError,
    UnknownInputError,
)
from flytenb.model.declaration import TaskDeclaration, decode_declaration, encode_declaration
from flytenb.model.tags import CACHE_OFF
from flytenb.sdk.environment import environments

#: Tasks whose doubtful keys are named.
_MOST_DOUBTS = 3


def run_again(run_name: str, action: str, options: RunOptions, replaced: dict[str, Any]) -> Run:
    """A new run of an action's task with the code and inputs that it had, single inputs replaced.

    Raises:
        RuntimeUserError: there is no such run or action (RunNotFound, ActionNotFound), or its inputs are gone
            (SourceRunInputsUnavailableError).
        UnknownInputError: an input that the task does not have.
    """
    link, store = here()
    run_name = Run.get(run_name).name  # "last" is another one in a moment
    io = handle.read_io(link, run_name, action)
    declaration = stored_declaration(io, run_name, options)
    inputs = _replaced(io, declaration.name, replaced, store, f"{run_name}/{action}")
    more = _kept(link, run_name)
    more["origin"]["rerun_of"] = f"{run_name}/{action}"
    return _send_stored(declaration, inputs, options, more, link, store)


def recover(
    run_name: str,
    options: RunOptions,
    replaced: dict[str, Any],
    *,
    task: Any = None,
    force: Sequence[str] = (),
    is_making_lost: bool = False,
    is_stored: bool = False,
    action: str = "",
    trusted: Sequence[str] = (),
) -> Run:
    """A new run of the same root that takes from an ended one what still holds.

    Args:
        run_name: the run that ended.
        options: of the new run.
        replaced: inputs of the root that are to be others.
        task: the root's task as it is now; None = the one of that name that this process has.
        force: names of actions or of tasks that run all the same.
        is_making_lost: run again what succeeded and whose outputs are gone.
        is_stored: take the stored code even where this process has the task.
        action: begin with this action of it instead of the root.
        trusted: tasks whose results are taken although their code changed; "*" = all.

    Raises:
        RuntimeUserError: no such run (RunNotFound), it goes on (RunNotDoneError), or its inputs are gone
            (SourceRunInputsUnavailableError).
        UnknownInputError: an input that the task does not have.
    """
    link, store = here()
    run_name = Run.get(run_name).name  # "last" is another one in a moment
    io = handle.read_io(link, run_name, action or "a0")
    name = decode_declaration(io.declaration).name
    more: dict[str, Any] = {
        **_kept(link, run_name),
        "recover_from": run_name,
        "force_rerun": list(force),
        "is_making_lost": is_making_lost,
        "trusted": list(trusted),
    }
    if action:
        more["recover_action"] = action
        more["origin"]["spins"] = f"{run_name}/{action}"
    live = None if is_stored else task or live_task(name)
    if live is None:
        declaration = stored_declaration(io, run_name, options)
        more["notes"] = _doubts(store, declaration)
        inputs = _replaced(io, declaration.name, replaced, store, run_name)
        return _send_stored(declaration, inputs, options, more, link, store)
    from flytenb.client.submit import captured, submit_encoded

    inputs, dropped = bound(live, io, replaced, store, run_name)
    if options.mode != "local":
        more["notes"] = _doubts(store, captured(live, store, options)[0])
    if dropped:
        more["notes"] = [*more.get("notes", ()), f"{live.short_name} takes no input {', '.join(dropped)} any more"]
    return submit_encoded(live, inputs, options, link, store, more)


def recover_run(
    run: Run,
    name: str | None,
    replaced: dict[str, Any],
    *,
    force: Any,
    trust: Any,
    is_making_lost: bool,
    is_stored: bool,
) -> Run:
    """`Run.recover`."""
    made = recover(
        run.name,
        RunOptions(name=name),
        replaced,
        task=live_of(run),
        force=listed(force),
        trusted=["*"] if trust is True else listed(trust),
        is_making_lost=is_making_lost,
        is_stored=is_stored,
    )
    notify_submitted(made)
    return made


def listed(force: Any) -> list[str]:
    """`force_rerun_actions` as names: one, several, or actions themselves."""
    if not force:
        return []
    several = [force] if isinstance(force, str) or hasattr(force, "run_name") else list(force)
    return [str(getattr(one, "name", one)) for one in several]


def spin(run: Any, action: str = "", options: RunOptions | None = None, **inputs: Any) -> Run:
    """One action again: with the inputs that it had and today's code; what it calls is taken from its run.

    Args:
        run: a run, its name, or "RUN/ACTION".
        action: "a8"; "" = the one that failed first, or the root.
        options: of the new run.
        **inputs: inputs that are to be others.

    Example:
        flyte.spin(run, "a8")      # fix the cell, try one item
        flyte.spin("ab12/a8", i=3)
    """
    name = str(getattr(run, "run_name", None) or getattr(run, "name", run))
    if hasattr(run, "run_name") and not action:
        action = str(run.name)
    if "/" in name and not action:
        name, _, action = name.rpartition("/")
    name = Run.get(name).name
    chosen = action or _failed_or_root(name)
    made = recover(name, options or RunOptions(), inputs, action=chosen)
    notify_submitted(made)
    return made


def _failed_or_root(name: str) -> str:
    from flytenb.client.post_mortem import first_failure

    try:
        return first_failure(here()[0], name)
    except RuntimeUserError:
        return "a0"


def send_local(task: Any, inputs: bytes, options: RunOptions, more: dict[str, Any]) -> Run:
    """A run of a live task in this process, with inputs that are encoded already."""
    from flytenb.client.submit import submit_encoded

    return submit_encoded(task, inputs, options, *here(), more)


def live_of(run: Any) -> Any:
    """The task of a run as this process has it now: of that name, else the one that the handle started."""
    started = getattr(run, "_task", None)
    return None if started is None else live_task(started.name) or started


def live_task(name: str) -> Any:
    """The task of this full name that the notebook, script or an imported module has now; None when there is none."""
    for value in list(vars(sys.modules["__main__"]).values()):
        if getattr(value, "__flytenb_task__", False) is True and getattr(value, "name", "") == name:
            return value
    environment = next((one for one in environments() if one.name == name.rpartition(".")[0]), None)
    tasks = getattr(environment, "tasks", None) or {}
    return next((task for task in tasks.values() if task.name == name), None)


def stored_declaration(io: ActionIo, run_name: str, options: RunOptions) -> TaskDeclaration:
    """How an action was declared, for a run with these options.

    Raises:
        RuntimeUserError: code CodeNotStored: its code never left the process that ran it.
    """
    declaration = decode_declaration(io.declaration)
    if not declaration.program:
        raise RuntimeUserError(
            "CodeNotStored",
            f'the code of run {run_name} was not stored, for it ran with mode="local": define task '
            f'"{declaration.name}" here and start it with flyte.run, or recover it where the task is defined',
        )
    if not options.env_vars:
        return declaration
    launch = replace(declaration.launch, env_vars={**declaration.launch.env_vars, **options.env_vars})
    return replace(declaration, launch=launch)


# ---- inputs --------------------------------------------------------------------------------------------------------
def _replaced(io: ActionIo, task: str, replaced: dict[str, Any], store: ObjectStore, where: str) -> bytes:
    """The stored inputs with single ones replaced."""
    names = payload_names(io.inputs) if io.inputs else []
    _check_names(names, task, replaced)
    given = _given(names, io, replaced, store, where)
    return encode_values([given[name] for name in names], names, store) if replaced else io.inputs


def _given(
    names: Sequence[str], io: ActionIo, replaced: dict[str, Any], store: ObjectStore, where: str
) -> dict[str, Any]:
    """Stored and replaced inputs by name. What is stored is read also where it goes on as it is: a lack is told now."""
    if names and all(name in replaced for name in names):
        return replaced
    return {**dict(zip(names, stored_values(io, store, where), strict=True)), **replaced}


def bound(task: Any, io: ActionIo, replaced: dict[str, Any], store: ObjectStore, where: str) -> tuple[bytes, list[str]]:
    """The stored inputs for the task as it is now, and names of those that it does not take any more."""
    now = [parameter.name for parameter in task.interface.parameters]
    _check_names(now, task.name, replaced)
    before = payload_names(io.inputs) if io.inputs else []
    given = _given(before, io, replaced, store, where)
    if before == now and not replaced and io.interface.get("inputs") == task.interface.describe().get("inputs"):
        return io.inputs, []
    dropped = [name for name in before if name not in now]
    bound = task.interface.bind((), {name: value for name, value in given.items() if name in now})
    return task.interface.encode_inputs(bound, store), dropped


def _check_names(names: Sequence[str], task: str, replaced: dict[str, Any]) -> None:
    unknown = next((name for name in replaced if name not in names), None)
    if unknown is not None:
        raise UnknownInputError(f'task "{task}" has no input "{unknown}"; it has {", ".join(names) or "none"}')


def stored_values(io: ActionIo, store: ObjectStore, where: str) -> list[Any]:
    """Inputs of an action as values.

    Raises:
        RuntimeUserError: code SourceRunInputsUnavailableError: a large one is gone, or its class is not here.
    """
    try:
        return list(decode_values(io.inputs, store)) if io.inputs else []
    except (FlytenbError, BaseRuntimeError, OSError, LookupError, ImportError, AttributeError) as error:
        raise RuntimeUserError(
            "SourceRunInputsUnavailableError",
            f"the inputs of {where} cannot be read any more ({error}); give them all anew, or start the task itself",
        ) from error


# ---- sending -------------------------------------------------------------------------------------------------------
def _kept(link: Session, run_name: str) -> dict[str, Any]:
    """Options of the earlier run that hold for the new one as well, and whose file its code is."""
    before: dict[str, Any] = link.query("options", run=run_name) or {}
    kept = {name: before[name] for name in ("custom_context", "labels", "disable_cache") if before.get(name)}
    told = before.get("origin") or {}
    return {**kept, "origin": {name: told[name] for name in ("script", "notebook") if told.get(name)}}


def _send_stored(
    declaration: TaskDeclaration,
    inputs: bytes,
    options: RunOptions,
    more: dict[str, Any],
    link: Session,
    store: ObjectStore,
) -> Run:
    name = options.name or new_run_name()
    told: dict[str, Any] = {**more, **options.wire()}
    told["origin"] = {**origin(), **more["origin"]}
    accepted = link.run(
        name, encode_declaration(declaration), os.urandom(16), inputs, b"", CACHE_OFF, told, values_here(declaration)
    )
    try:
        accepted.result()
    except BaseException:
        link.forget(name)
        raise
    return Run(name, link, store)


def _doubts(store: ObjectStore, root: TaskDeclaration) -> list[str]:
    """Tasks of the root's program whose results are taken although their keys may be incomplete."""
    try:
        entries = read_program(store.get(root.program)).get("entries") or {}
    except (FlytenbError, OSError, ValueError):
        return []
    found = {
        str(entry.get("short_name")): entry["doubts"][0]
        for entry in entries.values()
        if entry.get("doubts") and entry.get("name") != root.name
    }
    return [
        f"results of {name} are recovered although its key may be incomplete ({why}); "
        f'force_rerun_actions=["{name}"] runs it again'
        for name, why in list(found.items())[:_MOST_DOUBTS]
    ]
