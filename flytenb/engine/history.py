"""Answers about the past: earlier calls of a task, entries of the cache, the run before, who gave a value."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from flytenb.engine.refused import QueryError
from flytenb.model.events import RunOptions
from flytenb.model.history import Entry, Held, History, PastCall
from flytenb.model.ids import action_name
from flytenb.model.phases import ActionPhase
from flytenb.rules.state import State
from flytenb.store.history import HistoryReader

#: Calls that are compared at most, and keys that one question may name.
MOST_CALLS = 60
MOST_EQUAL = 8
MOST_KEYS = 20_000

_decode_options = msgspec.msgpack.Decoder(RunOptions).decode


class HistoryDesk:
    """Slow questions, answered in threads: the loop and its reader go on."""

    def __init__(self, state: State, path: Callable[[], Path]) -> None:
        self._state, self._path = state, path
        self._opened: HistoryReader | None = None

    @property
    def _reader(self) -> HistoryReader:
        if self._opened is None:
            self._opened = HistoryReader(self._path())
        return self._opened

    def _tasks_named(self, name: str) -> list[int]:
        tasks = self._state.tasks_by_id
        return [number for number, task in tasks.items() if task.declaration.name == name]

    async def history(self, number: int, options: bytes) -> History:
        """An action and the calls of its task before it."""
        call = await asyncio.to_thread(self._reader.call, number)
        if call is None:
            raise QueryError("ActionNotFound", f"there is no action {action_name(number)!r} in this run yet")
        tasks = self._state.tasks_by_id
        same = self._tasks_named(tasks[call[1]].declaration.name)
        asked = _decode_options(options)

        def read() -> History:
            calls = self._named([call, *self._earlier(same, call)])
            scopes = {
                run: scope
                for run, packed in self._reader.options(each.id >> 32 for each in calls).items()
                if (scope := _decode_options(packed).cache_scope)
            }
            return History(
                call=calls[0],
                entry=self._entry(call[3]) if call[3] else None,
                earlier=tuple(calls[1:]),
                tasks={each.task: tasks[each.task].body for each in calls},
                is_overwriting=asked.overwrite_cache,
                is_disabling=asked.disable_cache,
                scopes={each.run: scopes[each.id >> 32] for each in calls if each.id >> 32 in scopes},
            )

        return await asyncio.to_thread(read)

    def _earlier(self, same: list[int], call: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """Calls before one, newest first: of earlier runs, and equals beside it.

        Its siblings are left out: that a neighbour has other inputs explains nothing.
        """
        number, key, inputs = call[0], call[3] or b"", call[4] or b""
        first = (number >> 32) << 32
        calls = self._reader.calls(same, first, MOST_CALLS)
        if calls:
            calls += self._reader.equal_calls(same, inputs, first, MOST_EQUAL)
        calls += self._reader.siblings(key, number, MOST_EQUAL) if key else []
        found = {one[0]: one for one in calls}
        return [found[each] for each in sorted(found, reverse=True)]

    async def entries(self, keys: tuple[bytes, ...]) -> list[Entry]:
        """What lies in the cache under these keys; keys without a result are left out."""
        if len(keys) > MOST_KEYS:
            raise QueryError("BadQuery", f"{len(keys)} keys are more than {MOST_KEYS}: ask for fewer at a time")

        def read() -> list[Entry]:
            return [entry for key in keys if (entry := self._entry(key)) is not None]

        return await asyncio.to_thread(read)

    async def previous(self, task_name: str, before: int) -> dict[str, Any]:
        """Name of the newest run of a task that succeeded, "" for none."""
        same = self._tasks_named(task_name)
        found = await asyncio.to_thread(self._reader.last_run, same, before)
        return {"run": found[1] if found else ""}

    async def keys(self, run: int) -> list[bytes]:
        """Keys of the results of a run's actions, in order of acceptance; b"" where the cache was off."""
        return await asyncio.to_thread(self._reader.keys, run)

    def declared(self, task_name: str) -> list[str]:
        """Keys of all code that a task was ever declared with."""
        tasks = self._state.tasks_by_id
        return sorted({tasks[number].declaration.key for number in self._tasks_named(task_name)})

    async def holders(self, needle: bytes) -> list[Held]:
        """Who made outputs with these bytes, newest first."""
        if len(needle) < 8:
            raise QueryError("BadQuery", "fewer than 8 bytes are in too many values: ask for more")
        tasks = self._state.tasks_by_id

        def read() -> list[Held]:
            rows = self._reader.holders(needle, 20)
            calls = self._named([row[:-1] for row in rows])
            pairs = zip(calls, rows, strict=True)
            return [Held(call=call, outputs=row[-1], declaration=tasks[call.task].body) for call, row in pairs]

        return await asyncio.to_thread(read)

    def _entry(self, key: bytes) -> Entry | None:
        found = self._reader.entry(key)
        if found is None:
            return None
        action, duration_s, created_at = found
        run = self._reader.run_names([action >> 32]).get(action >> 32, "")
        return Entry(key=key, run=run, action=action_name(action), duration_s=duration_s, created_at=created_at)

    def _named(self, rows: list[tuple[Any, ...]]) -> list[PastCall]:
        names = self._reader.run_names(row[0] >> 32 for row in rows)
        return [_call(row, names.get(row[0] >> 32, "")) for row in rows]


def _call(row: tuple[Any, ...], run: str) -> PastCall:
    number, task, phase, key, inputs, saved_s, accepted_at, started_at, ended_at = row
    return PastCall(
        id=number,
        run=run,
        action=action_name(number),
        task=task,
        phase=ActionPhase.of(phase).value,
        key=key or b"",
        inputs=inputs or b"",
        is_cached=saved_s is not None,
        saved_s=saved_s or 0.0,
        accepted_at=accepted_at,
        started_at=started_at or 0.0,
        ended_at=ended_at or 0.0,
    )
