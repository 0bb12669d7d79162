"""From a task and its arguments to a run at the engine: bind, encode, capture, declare, submit."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flytenb import errors
from flytenb.capture.program import Program, build_program
from flytenb.client import belonging
from flytenb.client.config import config, current_domain, current_project
from flytenb.client.missing import missing_notes
from flytenb.client.names import new_run_name
from flytenb.client.options import RunOptions
from flytenb.client.origin import origin
from flytenb.client.run_handle import Run
from flytenb.client.secrets import values_here
from flytenb.client.session import Session, session
from flytenb.codec.current import set_objects
from flytenb.codec.objects import ObjectStore
from flytenb.model.declaration import Launch, TaskDeclaration, encode_declaration
from flytenb.model.minors import refuse_for
from flytenb.wire import paths
from flytenb.worker.keys import cache_key, cache_mode, code_identity
from flytenb.worker.remake import describe
from flytenb.worker.shared import SharedObjects

UserValue = Any
_OURS = __name__.partition(".")[0]
_stores: dict[Path, ObjectStore] = {}


def objects_of(state: Path) -> ObjectStore:
    """The object store of a state directory, and this process's default from now on."""
    store = _stores.get(state)
    if store is None:
        store = _stores[state] = SharedObjects(state / "objects")
        set_objects(store)
    return store


#: Tasks that a run names because the cache is not used for them.
_MOST_DOUBTS = 3


def submit(task: Any, args: tuple[UserValue, ...], kwargs: dict[str, UserValue], options: RunOptions) -> Run:
    """Start a run; returns when it is recorded, long before it ends.

    Raises:
        TypeError: not a task, an unknown keyword, or a value of the wrong type.
        ValueError: a required input is missing or too many were given.
        CaptureError: the task's code or a captured value cannot travel.
        EngineError: the engine cannot be started or reached.
        RuntimeUserError: code RunAlreadyExistsError, the name is taken.
    """
    inputs, link, store = prepared(task, args, kwargs)
    return submit_encoded(task, inputs, options, link, store)


def prepared(
    task: Any, args: tuple[UserValue, ...], kwargs: dict[str, UserValue]
) -> tuple[bytes, Session, ObjectStore]:
    """A call's inputs as bytes, and where they go. Raises as `submit` does."""
    check_task(task)
    interface = task.interface
    values = interface.bind(args, kwargs)
    state = paths.home()
    link = session(state)
    link.begin()  # an engine that must be started does so while we capture
    store = objects_of(state)
    try:
        return interface.encode_inputs(values, store), link, store
    except OSError as error:
        raise cannot_store(state, error) from error


def submit_encoded(
    task: Any, inputs: bytes, options: RunOptions, link: Session, store: ObjectStore, more: dict[str, Any] | None = None
) -> Run:
    """The same for inputs that are encoded already; `more` goes into the run's options as it is."""
    if options.mode == "local":
        return _submit_local(task, inputs, options, link, store, more)
    declaration, doubts = captured(task, store, options)
    _refuse_code(declaration, f'an input of task "{task.name}"', inputs)
    return send(task, declaration, inputs, options, link, store, doubts=doubts, more=more)


def check_task(task: Any) -> None:
    """Refuse what is no task, with the line to write."""
    if getattr(task, "__flytenb_task__", False) and not isinstance(task, type):
        return
    name = getattr(task, "__name__", None) or type(task).__name__
    raise TypeError(f"flyte.run needs a task, got {name}: decorate the function with @env.task, then pass it uncalled")


def declare(task: Any, store: ObjectStore, options: RunOptions) -> TaskDeclaration:
    """Capture the task's code into the object store and say what the engine must know of it."""
    return captured(task, store, options)[0]


def captured(task: Any, store: ObjectStore, options: RunOptions) -> tuple[TaskDeclaration, list[str]]:
    """A task's declaration, and which tasks of its program are not taken from the cache and why."""
    try:
        program: Program = build_program(
            task, describe=describe, root_dir=config().root_dir, copy_style=_copy_style(options)
        )
        for blob in program.blobs:
            store.put(blob)
        digest = store.put(program.body)
    except OSError as error:
        raise cannot_store(store.root.parent, error) from error
    root = program.root
    variables = {**_compat_mark(), **(options.env_vars or {})}
    batch = belonging.current()
    launch = Launch(
        python=(batch and batch.python) or sys.executable,
        cwd=(batch and batch.cwd) or os.getcwd(),
        files=program.files,
        env_vars=variables,
        run_executor=options.executor or "",
        default_executor=config().executor,
        images=options.images or config().images or "auto",
    )
    declaration: TaskDeclaration = task.declaration(launch, digest, program.entry, key=root.key, doubts=root.doubts)
    _refuse_code(declaration, f'what task "{task.name}" uses', program.body)
    missing = missing_notes(task, declaration, program, store.get) if declaration.launch.image is not None else []
    return declaration, [*missing, *([] if options.disable_run_cache else _doubts(program))]


def _refuse_code(declaration: TaskDeclaration, what: str, body: bytes) -> None:
    """Refuse pickled code for an image with another Python, where that is known."""
    launch = declaration.launch
    if launch.image is not None and launch.images != "ignore":
        refuse_for(launch.image.python, what, body)


def _doubts(program: Program) -> list[str]:
    return [
        f"{entry.short_name} is not taken from the cache, its key may be incomplete: {'; '.join(entry.doubts[:2])}; "
        'give its code a version yourself with flyte.Cache("auto", version_override="1")'
        for entry in program.entries.values()
        if entry.doubts and (entry.config or {}).get("is_keyed")
    ][:_MOST_DOUBTS]


def _compat_mark() -> dict[str, str]:
    """Tells workers that `import flyte` means this package here."""
    alias = sys.modules.get("flyte")
    return {"FLYTENB_COMPAT": "1"} if alias is not None and alias is sys.modules.get(_OURS) else {}


def _copy_style(options: RunOptions) -> str:
    return "all" if options.copy_style == "all" else "loaded_modules"


def send(
    task: Any,
    declaration: TaskDeclaration,
    inputs: bytes,
    options: RunOptions,
    link: Session,
    store: ObjectStore,
    *,
    pin: str = "",
    doubts: Sequence[str] = (),
    more: dict[str, Any] | None = None,
) -> Run:
    """Submit declared work and wait until it is on disk."""
    name = options.name or new_run_name()
    told: dict[str, Any] = {"origin": {**origin(), **_placed(options)}, **options.wire()}
    if batch := belonging.current():
        told["parent"] = batch.parent_of(int(told["origin"].get("cell") or 0))
    for option, value in (more or {}).items():
        told[option] = {**value, **told[option]} if isinstance(value, dict) and option in told else value
    if doubts:
        told["origin"]["doubts"] = list(doubts)
    if pin:
        told["pin"] = pin
    mode = cache_mode(declaration, is_disabled=options.disable_run_cache, is_overwritten=options.overwrite_cache)
    ignored = getattr(getattr(task, "cache", None), "ignored_inputs", None) or ()
    scope = cache_scope(options)
    if scope:
        told["cache_scope"] = scope
    digest = task.interface.digest_inputs(inputs, ignored) if mode else b""
    key = cache_key(code_identity(declaration), digest, scope) if mode else b""
    needed = values_here(declaration)
    accepted = link.run(name, encode_declaration(declaration), os.urandom(16), inputs, key, mode, told, needed)
    try:
        accepted.result()
    except BaseException:
        link.forget(name)
        raise
    return Run(name, link, store, task=task)


def cannot_store(state: Path, error: OSError) -> errors.EngineError:
    """A value or code could not be written into the state directory."""
    return errors.EngineError(
        f"cannot write into {state}: {error.strerror or error}; make room or set FLYTENB_HOME to another directory"
    )


def cache_scope(options: RunOptions) -> str:
    """Whose cached results a run uses: "" for everybody's."""
    if options.cache_lookup_scope == "global":
        return ""
    return f"{options.project or current_project()}/{options.domain or current_domain()}"


def _placed(options: RunOptions) -> dict[str, Any]:
    placed = {"project": config().project, "domain": config().domain}
    return {**{key: value for key, value in placed.items() if value}, **options.recorded()}


def _submit_local(
    task: Any, inputs: bytes, options: RunOptions, link: Session, store: ObjectStore, more: dict[str, Any] | None
) -> Run:
    from flytenb.client.local import local_worker  # asyncio and the worker's runtime: only this mode pays for them

    worker = local_worker(link, store)
    launch = Launch(python=sys.executable, cwd=os.getcwd(), env_vars=dict(options.env_vars or {}))
    worker.tasks[task.name] = task
    return send(task, task.declaration(launch, ""), inputs, options, link, store, pin=worker.ident, more=more)
