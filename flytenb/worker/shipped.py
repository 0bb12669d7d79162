"""Tasks of shipped programs: what a worker process runs."""

from __future__ import annotations

import os
from contextvars import ContextVar
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from flytenb.capture.load import LoadedProgram, current_program, load_program, resolve_class, shown_name
from flytenb.capture.recognise import is_whole
from flytenb.capture.whole import ENTRY, whole_body
from flytenb.codec import classes
from flytenb.model import TaskDeclaration
from flytenb.worker.action import Body
from flytenb.worker.descriptors import Pipes
from flytenb.worker.process import open_objects, run_worker
from flytenb.worker.programs import body_of, run_variables
from flytenb.worker.remake import make_environment, make_task


class ShippedPrograms:
    """Loads programs from the object store, each once."""

    def __init__(self, objects: Any) -> None:
        self._objects = objects
        self._loaded: dict[str, LoadedProgram] = {}
        #: Program and task name → its entry there.
        self._entries: dict[tuple[str, str], dict[str, Any]] = {}

    def body(self, declaration: TaskDeclaration) -> Body:
        program = self._load(declaration.program)
        task = program.get(declaration.entry)
        if not hasattr(task, "interface"):
            task = make_task(declaration.name, task, {"short_name": declaration.short_name})
        return body_of(task, partial(_enter, current_program, program))

    def declare(self, task: Any, parent: TaskDeclaration) -> TaskDeclaration:
        program = self._load(parent.program)
        is_alone = is_whole(task)
        digest = self._objects.put(whole_body(task)) if is_alone else parent.program
        entry = {"entry": ENTRY} if is_alone else self._entry(program, parent.program, task)
        launch = replace(
            parent.launch,
            env_vars=run_variables(parent, program.get(parent.entry)),
            isolation="shared",  # the child says its own
        )
        declaration: TaskDeclaration = task.declaration(
            launch, digest, entry["entry"], key=entry.get("key", ""), doubts=tuple(entry.get("doubts") or ())
        )
        if entry.get("source"):
            declaration = replace(declaration, source=entry["source"], source_line=entry.get("line", 0))
        return declaration

    def shown(self, filename: str) -> str:
        return shown_name(filename)

    def _load(self, digest: str) -> LoadedProgram:
        program = self._loaded.get(digest)
        if program is None:
            body = self._objects.get(digest)
            program = load_program(body, self._objects, make_task, make_environment=make_environment)
            self._loaded[digest] = program
            for entry in program.entries.values():
                self._entries.setdefault((digest, entry["name"]), entry)
            if program.kind == "files":
                classes.treat_as_main(program.module.__name__)
        return program

    def _entry(self, program: LoadedProgram, digest: str, task: Any) -> dict[str, Any]:
        """Where the program has this task; a task of an imported module goes by module and name."""
        entry = self._entries.get((digest, task.name))
        if entry is not None:
            return entry
        func = getattr(task, "func", None)
        module, qualname = getattr(func, "__module__", ""), getattr(func, "__qualname__", "")
        return {"entry": f"{module}:{qualname}" if module != program.module.__name__ else qualname}


def _enter(variable: ContextVar[LoadedProgram | None], program: LoadedProgram) -> None:
    variable.set(program)


def serve(ident: str, socket_path: str, token: str, home: Path, pipes: Pipes | None = None, *, door: str = "") -> int:
    """A worker's whole life; returns its exit status.

    Args:
        pipes: its output, read also by who made them.
        door: socket at which objects are asked for and given, where the home's own cannot be seen.
    """
    objects = open_objects(home, door)
    if os.environ.get("FLYTENB_COMPAT"):
        # The caller's code says `import flyte`. The alias is a face far above this room: reached by name, as users do.
        import_module(f"{__package__.partition('.')[0]}.compat").install()
    classes.set_resolver(_resolve)
    programs = ShippedPrograms(objects)
    run_worker(
        ident=ident, socket_path=socket_path, token=token, programs=programs, objects=objects, pipes=pipes,
        find_stored=Stored(home / "store.db"),
    )  # fmt: skip
    return 0


class Stored:
    """Cached results of the store, read by the process that wants them. In a container there is no store to read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._find: Any = None

    def __call__(self, key: bytes) -> tuple[int, bytes, float, float] | None:
        if self._find is None:
            self._find = self._opened()
        found: tuple[int, bytes, float, float] | None = self._find(key)
        return found

    def _opened(self) -> Any:
        if not self._path.exists():
            return lambda key: None
        try:  # SQLite loads when a cached task is called first: most workers need none
            return import_module("flytenb.store.reader").Reader(self._path).cached
        except Exception:  # whatever is wrong with it, the engine knows better
            return lambda key: None


def _resolve(qualname: str) -> Any:
    found = resolve_class(qualname)
    if found is None:
        raise LookupError(qualname)
    return found
