"""The store of a simulated world: the real statements and queries on a database in memory, and a disk that fails."""

from __future__ import annotations

import random
import sqlite3
import threading
from pathlib import Path
from typing import Any

from flytenb.store import database, journal
from flytenb.store.reader import Reader

_TABLES = (
    *("task", "run", "action", "attempt", "cache", "trace", "log", "report", "placement", "answer", "recovered"),
    *("progress", "post_mortem", "run_below"),
)
_spare: list[sqlite3.Connection] = []


class DiskFull(sqlite3.OperationalError):
    """What the disk says when it cannot write."""


class Failing:
    """A connection whose transaction ends badly at some statement of it."""

    def __init__(self, connection: sqlite3.Connection, after: int) -> None:
        self._connection, self._left = connection, after

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise DiskFull("database or disk is full")

    def execute(self, *words: Any) -> Any:
        self._count()
        return self._connection.execute(*words)

    def executemany(self, *words: Any) -> Any:
        self._count()
        return self._connection.executemany(*words)

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def rollback(self) -> None:
        self._connection.rollback()


class Disk:
    """One world's store. Databases are used again: making one takes longer than a world."""

    def __init__(self) -> None:
        self.connection = _spare.pop() if _spare else _new()
        self.reader = Reader.__new__(Reader)
        self.reader._connection, self.reader._lock = self.connection, threading.Lock()

    def close(self) -> None:
        """Give the database back."""
        if self.connection.in_transaction:
            self.connection.rollback()
        for table in _TABLES:
            self.connection.execute(f"DELETE FROM {table}")
        _spare.append(self.connection)

    def write(self, batch: list[Any], chance: random.Random | None = None) -> None:
        """Commit as the journal does.

        Raises:
            DiskFull: `chance` was given, and nothing of the batch is there.
        """
        if chance is None:
            journal.write(self.connection, batch)
        else:
            journal.write(Failing(self.connection, chance.randrange(4)), batch)  # type: ignore[arg-type]

    def one(self, sql: str, *arguments: Any) -> Any:
        """The first row."""
        return self.connection.execute(sql, arguments).fetchone()


def _new() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for file in sorted(Path(database.__file__).parent.joinpath("migrations").glob("[0-9]*.sql")):
        connection.executescript(file.read_text())
    return connection
