"""A task and all that it reaches, with the keys that calls of it would have now."""

from __future__ import annotations

import os
import sys
from functools import cached_property
from typing import Any

from flytenb.capture.ingredients import Ingredients, ingredients_of, read_program
from flytenb.capture.key import snapshot_of
from flytenb.capture.program import Program, build_program
from flytenb.client.config import config
from flytenb.client.options import RunOptions
from flytenb.client.submit import cache_scope
from flytenb.errors import CaptureError
from flytenb.model.declaration import Launch, TaskDeclaration
from flytenb.model.history import Entry
from flytenb.model.tags import CACHE_AUTO
from flytenb.worker.keys import cache_key, cache_mode, code_identity
from flytenb.worker.remake import describe


class Today:
    """The task and all that it reaches, as they are now."""

    def __init__(self, task: Any, options: RunOptions) -> None:
        self._options, self._scope = options, cache_scope(options)
        self.program: Program = build_program(task, describe=describe, root_dir=config().root_dir)
        self.tasks: dict[str, Any] = {task.name: task}
        try:
            for item in snapshot_of(task).graph.items if getattr(task, "func", None) is not None else ():
                if item.task is not None:
                    self.tasks.setdefault(item.task.name, item.task)
        except CaptureError:
            pass
        launch = Launch(python=sys.executable, cwd=os.getcwd(), env_vars=dict(options.env_vars or {}))
        self.declarations: dict[str, TaskDeclaration] = {}
        self._identities: dict[str, bytes] = {}
        for entry in self.program.entries.values():
            if entry.name in self.tasks:
                self.declarations[entry.name] = self.tasks[entry.name].declaration(
                    launch, self.program.digest, entry.entry, key=entry.key, doubts=entry.doubts
                )

    @cached_property
    def _body(self) -> dict[str, Any]:
        return read_program(self.program.body)

    def ingredients(self, name: str) -> Ingredients | None:
        """Of a task's code now."""
        declaration = self.declarations.get(name)
        return ingredients_of(self._body, declaration.entry) if declaration is not None else None

    def is_usable(self, name: str, entry: Entry | None, now: float) -> bool:
        """Whether a result may be used: it is there, and not too old for its task."""
        limit = self.declarations[name].cache_max_age_s
        return entry is not None and (not limit or now - entry.created_at <= limit)

    def key(self, name: str, inputs: bytes) -> bytes:
        """Key of a call's result, b"" when it does not ask the cache."""
        declaration = self.declarations.get(name)
        if declaration is None or self._mode(declaration) != CACHE_AUTO:
            return b""
        task = self.tasks[name]
        ignored = declaration.cache_settings.ignored if declaration.cache_settings is not None else ()
        if name not in self._identities:
            self._identities[name] = code_identity(declaration)
        return cache_key(self._identities[name], task.interface.digest_inputs(inputs, ignored), self._scope)

    def _mode(self, declaration: TaskDeclaration) -> int:
        options = self._options
        return cache_mode(declaration, is_disabled=options.disable_run_cache, is_overwritten=options.overwrite_cache)

    def always_runs(self, name: str) -> str:
        """Why calls of a task run whatever the cache holds, "" when they do not."""
        declaration = self.declarations[name]
        if declaration.cache == "disable":
            return "its cache is off"
        if self._options.disable_run_cache:
            return "the cache is switched off for this run"
        if self._options.overwrite_cache:
            return "overwrite_cache: it runs and writes its result anew"
        if declaration.cache == "override":
            return 'cache="override"'
        if declaration.key_doubts:
            return f"its key may be incomplete: {declaration.key_doubts[0]}"
        return ""
