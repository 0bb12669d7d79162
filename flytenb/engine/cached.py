"""Questions about cached results, and their pruning. SQLite works in threads: the loop goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from flytenb.engine.refused import QueryError
from flytenb.model.cached import CachedList, CachedRow, Pruned
from flytenb.model.ids import action_name
from flytenb.rules.state import CacheHit, State
from flytenb.store import cached as store
from flytenb.store.reader import Reader
from flytenb.store.sweep import Objects


class CacheDesk:
    """What the engine tells of cached results."""

    def __init__(self, state: State, home: Callable[[], Path]) -> None:
        self._state, self._home = state, home

    async def listed(self, limit: int, prefix: str = "", task: str = "") -> CachedList:
        """Results, newest first, and figures over all."""
        rows = await asyncio.to_thread(self._rows, limit, prefix, self._tasks(task))
        count, pinned, hits, misses, saved_s = await asyncio.to_thread(store.cached_figures, self._store)
        return CachedList(rows=tuple(rows), count=count, pinned_count=pinned, hits=hits, misses=misses, saved_s=saved_s)

    async def one(self, prefix: str) -> CachedRow:
        """The result whose key begins so, with its values.

        Raises:
            QueryError: there is none, or more than one.
        """
        rows = await asyncio.to_thread(self._rows, 2, prefix, (), with_values=True) if prefix else []
        if len(rows) == 1:
            return rows[0]
        if rows:
            raise QueryError("BadQuery", f"more than one key begins with {prefix!r}; write more of its digits")
        raise QueryError(
            "CachedResultNotFound",
            f"no cached result has a key that begins with {prefix!r}; 'flytenb cache ls' lists them",
        )

    async def pin(self, prefix: str, *, is_pinned: bool) -> CachedRow:
        """Keep a result whatever is pruned, or no longer."""
        row = await self.one(prefix)
        await asyncio.to_thread(store.pin, self._store, bytes.fromhex(row.key), is_pinned=is_pinned)
        return await self.one(row.key)

    async def prune(
        self, prefix: str, task: str, older_s: float | None, unused_s: float | None, *, is_dry: bool
    ) -> Pruned:
        """Forget results that are not pinned; all of them where nothing narrows it."""
        if prefix:
            prefix = (await self.one(prefix)).key
        tasks, now = self._tasks(task), time.time()

        def work() -> Pruned:
            keys, pinned = store.prunable(
                self._store,
                prefix=prefix,
                tasks=tasks,
                made_before=None if older_s is None else now - older_s,
                used_before=None if unused_s is None else now - unused_s,
            )
            gone = keys if is_dry else store.forget_cached(self._store, keys)
            return Pruned(names=tuple(key.hex() for key in gone), kept=pinned + len(keys) - len(gone))

        return await asyncio.to_thread(work)

    async def prune_runs(self, older_s: float | None, *, is_dry: bool) -> Pruned:
        """Forget runs that ended long ago.

        Raises:
            QueryError: no age was given.
        """
        if older_s is None or older_s < 0:
            raise QueryError("BadQuery", "say how old: older_s=SECONDS; younger runs stay")
        before = time.time() - older_s

        def work() -> Pruned:
            runs, living = store.ended_runs(self._store, before)
            gone = [name for number, name in runs if is_dry or store.forget_run(self._store, number)]
            if gone and not is_dry:
                store.give_back(self._store)
            return Pruned(names=tuple(gone), kept=living + len(runs) - len(gone))

        return await asyncio.to_thread(work)

    @property
    def _store(self) -> Path:
        return self._home() / "store.db"

    def _tasks(self, name: str) -> list[int]:
        """The numbers that a task has had here; [] for no name."""
        if not name:
            return []
        known = self._state.tasks_by_id
        found = [number for number, task in known.items() if name in _names(task.declaration)]
        if not found:
            raise QueryError("BadQuery", f"no task {name!r} has run here; write environment.function")
        return found

    def _rows(self, limit: int, prefix: str, tasks: Sequence[int], *, with_values: bool = False) -> list[CachedRow]:
        objects = Objects(self._home() / "objects")
        known = self._state.tasks_by_id
        rows = []
        for (
            key,
            number,
            run,
            action,
            created_at,
            duration_s,
            outputs,
            hits,
            saved_s,
            last_at,
            pinned,
        ) in store.cached_rows(self._store, limit=limit, prefix=prefix, tasks=tasks):
            values: dict[str, Any] = {}
            if with_values:
                values = {"inputs": store.cached_inputs(self._store, action), "outputs": outputs}
            rows.append(
                CachedRow(
                    key=key.hex(),
                    task=known[number].declaration.name if number in known else "",
                    run=run or "",
                    action=action_name(action) if run else "",
                    created_at=created_at,
                    duration_s=duration_s,
                    size_bytes=objects.size(outputs),
                    hits=hits,
                    saved_s=saved_s,
                    last_hit_at=last_at,
                    is_pinned=bool(pinned),
                    **values,
                )
            )
        return rows


def _names(declaration: Any) -> tuple[str, str]:
    return declaration.name, declaration.short_name


def stored_result(reader: Reader, objects: Objects, key: bytes) -> CacheHit | None:
    """A cached result, if all that its values name is there: what was removed by hand is made again."""
    found = reader.cached(key)
    return found if found is not None and objects.has_all(found[1]) else None
