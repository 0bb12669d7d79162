"""Searches of the past: earlier calls of a task, the run before, who gave a value. On a connection of their own.

Actions have no index by task: it would cost every action, and who asks why has a moment. So runs are searched backwards
in growing stretches, within a bound of time.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from flytenb.store.database import connect

#: Seconds that a search backwards may take.
PATIENCE_S = 2.0
_FIRST_RUNS = 32
_CALL = "SELECT id, task, phase, cache_key, inputs, saved_s, accepted_at, started_at, ended_at"


class HistoryReader:
    """A read-only view of the store for slow questions. Threads may share it; calls take turns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    def _all(self, sql: str, arguments: Iterable[Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            if self._connection is None:
                self._connection = connect(self._path, read_only=True)
            return self._connection.execute(sql, tuple(arguments)).fetchall()

    def close(self) -> None:
        """End the connection."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def call(self, number: int) -> tuple[Any, ...] | None:
        """(id, task, phase, cache key, inputs, saved_s, accepted_at, started_at, ended_at) of an action."""
        rows = self._all(f"{_CALL} FROM action WHERE id = ?", (number,))
        return rows[0] if rows else None

    def calls(self, tasks: Sequence[int], before: int, limit: int) -> list[tuple[Any, ...]]:
        """Ended actions of these tasks that were accepted before one, newest first."""
        where = "task IN (SELECT value FROM json_each(?)) AND phase >= 5"
        return self._backwards(f"{_CALL} FROM action", where, [json.dumps(list(tasks))], before, limit)

    def equal_calls(self, tasks: Sequence[int], inputs: bytes, before: int, limit: int) -> list[tuple[Any, ...]]:
        """Those of them with the very same inputs."""
        where = "task IN (SELECT value FROM json_each(?)) AND phase >= 5 AND inputs = ?"
        return self._backwards(f"{_CALL} FROM action", where, [json.dumps(list(tasks)), inputs], before, limit)

    def siblings(self, key: bytes, before: int, limit: int) -> list[tuple[Any, ...]]:
        """Those of the same run with an equal cache key."""
        return self._all(
            f"{_CALL} FROM action WHERE id >= ? AND id < ? AND phase >= 5 AND cache_key = ? ORDER BY id DESC LIMIT ?",
            ((before >> 32) << 32, before, key, limit),
        )

    def keys(self, run: int) -> list[bytes]:
        """Keys of the results of a run's actions, in order of acceptance."""
        between = (run << 32, (run + 1) << 32)
        return [
            key for (key,) in self._all("SELECT cache_key FROM action WHERE id >= ? AND id < ? ORDER BY id", between)
        ]

    def options(self, numbers: Iterable[int]) -> dict[int, bytes]:
        """Options of runs."""
        wanted = json.dumps(sorted(set(numbers)))
        rows = self._all("SELECT id, options FROM run WHERE id IN (SELECT value FROM json_each(?))", (wanted,))
        return dict(rows)

    def holders(self, needle: bytes, limit: int) -> list[tuple[Any, ...]]:
        """The same of actions that made outputs with these bytes, and the outputs, newest first."""
        where = "phase = 5 AND saved_s IS NULL AND instr(outputs, ?) > 0"
        return self._backwards(f"{_CALL}, outputs FROM action", where, [needle], 1 << 62, limit)

    def _backwards(
        self, select: str, where: str, arguments: list[Any], before: int, limit: int
    ) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = []
        newest = self._all("SELECT coalesce(max(id), 0) FROM action")[0][0]
        high, width, until = min(before, newest + 1), _FIRST_RUNS, time.monotonic() + PATIENCE_S
        while high > 0 and len(found) < limit and time.monotonic() < until:
            low = max(0, ((high >> 32) - width) << 32)
            sql = f"{select} WHERE id >= ? AND id < ? AND {where} ORDER BY id DESC LIMIT ?"
            found += self._all(sql, [low, high, *arguments, limit - len(found)])
            high, width = low, width * 2
        return found

    def run_names(self, numbers: Iterable[int]) -> dict[int, str]:
        """Names of runs."""
        wanted = json.dumps(sorted(set(numbers)))
        rows = self._all("SELECT id, name FROM run WHERE id IN (SELECT value FROM json_each(?))", (wanted,))
        return dict(rows)

    def entry(self, key: bytes) -> tuple[int, float, float] | None:
        """(action, duration_s, created_at) of what lies in the cache under a key."""
        rows = self._all("SELECT action, duration_s, created_at FROM cache WHERE key = ?", (key,))
        return rows[0] if rows else None

    def last_run(self, tasks: Sequence[int], before: int) -> tuple[int, str] | None:
        """(number, name) of the newest run of one of these tasks that succeeded."""
        rows = self._all(
            "SELECT id, name FROM run WHERE id < ? AND phase = 5 AND task IN (SELECT value FROM json_each(?))"
            " ORDER BY id DESC LIMIT 1",
            (before, json.dumps(list(tasks))),
        )
        return rows[0] if rows else None
