"""Tasks of shipped programs: what a worker process runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flytenb.model import TaskDeclaration
from flytenb.worker.action import Body
from flytenb.worker.process import open_objects, run_worker
from flytenb.worker.programs import body_of


class ShippedPrograms:
    """Loads programs from the object store, each once."""

    def __init__(self, objects: Any) -> None:
        self._objects = objects
        self._loaded: dict[str, Any] = {}

    def body(self, declaration: TaskDeclaration) -> Body:
        return body_of(self._load(declaration.program).get(declaration.entry))

    def declare(self, task: Any, parent: TaskDeclaration) -> TaskDeclaration:
        declaration: TaskDeclaration = task.declaration(parent.launch, parent.program)
        return declaration

    def _load(self, digest: str) -> Any:
        program = self._loaded.get(digest)
        if program is None:
            from flytenb.capture.load import load_program

            program = self._loaded[digest] = load_program(self._objects.get(digest), self._objects, _make_task)
        return program


def _make_task(name: str, func: Any, entry: Any) -> Any:
    raise NotImplementedError(name)


def serve(ident: str, socket_path: str, token: str, home: Path) -> int:
    """A worker's whole life; returns its exit status."""
    objects = open_objects(home)
    run_worker(ident=ident, socket_path=socket_path, token=token, programs=ShippedPrograms(objects), objects=objects)
    return 0
