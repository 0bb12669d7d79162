"""What a rerun of a recorded run would do: its own code and inputs, and what lies in the cache now."""

from __future__ import annotations

import time
from typing import Any

from flytenb.client import handle
from flytenb.client.action import here
from flytenb.client.options import RunOptions
from flytenb.client.plans import Plan
from flytenb.client.recorded import Node, nodes_of, plan_of
from flytenb.client.session import Session
from flytenb.errors import ActionNotFoundError
from flytenb.model.declaration import TaskDeclaration, decode_declaration
from flytenb.model.history import Entry
from flytenb.model.snapshot import ActionRow
from flytenb.model.tags import CACHE_AUTO
from flytenb.worker.keys import cache_mode


def plan_again(run_name: str, action: str = "a0", options: RunOptions | None = None) -> Plan:
    """What `flyte.rerun(run_name, action)` would take from the cache, and what it would run. Runs nothing.

    Raises:
        RuntimeUserError: there is no such run.
        ActionNotFoundError: there is no such action.
    """
    link, _ = here()
    rows = link.query("actions", list[ActionRow], run=run_name)
    keys = link.query("keys", list[bytes], run=run_name)
    nodes = nodes_of(run_name, rows)
    root = nodes.get(action)
    if root is None:
        raise ActionNotFoundError(f"run {run_name!r} has no action {action!r}")
    found: list[Entry] = link.query("entries", list[Entry], keys=sorted({key for key in keys if key}))
    again = _Again(link, options or RunOptions(), {entry.key: entry for entry in found})
    again.keys = dict(zip((row.name for row in rows), keys, strict=False))
    root.verdict, root.why = "run", "a rerun always runs what it begins with"
    again.below(root)
    return plan_of(root.row.task, run_name, root, float(link.query("status").get("cpu") or 1))


class _Again:
    def __init__(self, link: Session, options: RunOptions, entries: dict[bytes, Entry]) -> None:
        self._link, self._options, self._entries = link, options, entries
        self._tasks: dict[str, TaskDeclaration] = {}
        self._now = time.time()
        #: Action → key of its result.
        self.keys: dict[str, bytes] = {}

    def below(self, parent: Node) -> None:
        """The calls of one that will run: its code and inputs are those that it had, so they are the same."""
        if parent.row.is_cached and not parent.children:
            parent.why += "; what it calls is not known, for it was taken from the cache"
        waiting = [*parent.children]
        while waiting:
            node = waiting.pop()
            node.why = self._reason(node)
            node.verdict = "run" if node.why else "hit"
            if node.why:
                waiting += node.children

    def _reason(self, node: Node) -> str:
        """Why a call would run, "" when its result is there."""
        task, options = self._declaration(node), self._options
        mode = cache_mode(task, is_disabled=options.disable_run_cache, is_overwritten=options.overwrite_cache)
        key = self.keys.get(node.row.name, b"")
        if mode != CACHE_AUTO or not key:
            if options.disable_run_cache or options.overwrite_cache:
                return "the run was asked not to take results"
            return f"its key may be incomplete: {task.key_doubts[0]}" if task.key_doubts else "its cache is off"
        entry = self._entries.get(key)
        if entry is None:
            return "no such result is in the cache"
        limit = task.cache_max_age_s
        return "the result in the cache is too old" if limit and self._now - entry.created_at > limit else ""

    def _declaration(self, node: Node) -> TaskDeclaration:
        known = self._tasks.get(node.row.task)
        if known is None:
            told: Any = handle.read_io(self._link, node.run, node.row.name).declaration
            known = self._tasks[node.row.task] = decode_declaration(told)
        return known
