"""Pins, tags and remarks of runs, and the deletion of one. SQLite works in threads: the loop goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from flytenb.engine.asked import Asked
from flytenb.engine.refused import QueryError
from flytenb.model.kept import MOST_NOTE, Deleted, RunMark, tags_of
from flytenb.model.snapshot import RunRow
from flytenb.store import marks as store


class MarkDesk:
    """What persons keep of runs; read from the store once, when the first run is told of."""

    def __init__(self, home: Callable[[], Path]) -> None:
        self._home = home
        self._known: dict[int, RunMark] | None = None
        self._turn = asyncio.Lock()

    def _marks(self) -> dict[int, RunMark]:
        if self._known is None:
            self._known = {
                run: RunMark(is_pinned=bool(pinned), tags=tags_of(tags), note=note)
                for run, pinned, tags, note in store.marks(self._store)
            }
        return self._known

    def told(self, number: int, row: RunRow) -> RunRow:
        """A run with what is marked on it."""
        found = self._marks().get(number)
        return row if found is None else msgspec.structs.replace(row, **msgspec.structs.asdict(found))

    async def mark(self, number: int, asked: Asked) -> None:
        """Change what is marked on a run; what is not given stays.

        Raises:
            QueryError: a tag or the remark is too long.
        """
        changes: dict[str, Any] = {}
        if asked.is_pinned is not None:
            changes["is_pinned"] = asked.is_pinned
        if asked.tags is not None:
            try:
                changes["tags"] = tags_of(asked.tags)
            except ValueError as error:
                raise QueryError("BadQuery", str(error)) from error
        if asked.note is not None:
            if len(asked.note) > MOST_NOTE:
                raise QueryError("BadQuery", f"the note has {len(asked.note)} characters, {MOST_NOTE} are the most")
            changes["note"] = asked.note.strip()
        if not changes:
            raise QueryError("BadQuery", "say what to change: is_pinned, tags (parted by commas) or note")
        async with self._turn:
            known = self._marks()
            now = msgspec.structs.replace(known.get(number, RunMark()), **changes)
            await asyncio.to_thread(
                store.keep_mark, self._store, number, is_pinned=now.is_pinned, tags=",".join(now.tags), note=now.note
            )
            known[number] = now

    async def delete(self, number: int, row: RunRow) -> Deleted:
        """Remove a run that has ended.

        Raises:
            QueryError: it goes on, or is pinned.
        """
        name = row.name
        async with self._turn:
            if self._marks().get(number, RunMark()).is_pinned:
                raise QueryError("RunPinned", f"run {name} is pinned; unpin it first: flytenb runs unpin {name}")
            if not await asyncio.to_thread(store.delete_run, self._store, number):
                raise QueryError("RunGoesOn", f"run {name} goes on; stop it first: flytenb abort run {name}")
            self._marks().pop(number, None)
        return Deleted(name=name, action_count=row.action_count)

    @property
    def _store(self) -> Path:
        return self._home() / "store.db"
