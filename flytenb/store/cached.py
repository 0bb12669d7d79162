"""What is kept of results and runs, and how it goes: lists, pins, pruning.

Each change is a short transaction of its own on a connection of its own; SQLite lets the journal and others take turns.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from flytenb.store.database import connect

_TASK = "coalesce((SELECT a.task FROM action a WHERE a.id = c.action), c.task)"
_ROW = (
    f"SELECT c.key, {_TASK}, (SELECT name FROM run WHERE id = c.action >> 32), c.action, c.created_at, c.duration_s,"
    " c.outputs, coalesce(h.hits, 0), coalesce(h.saved_s, 0), coalesce(h.last_at, 0), c.is_pinned"
    " FROM cache c LEFT JOIN (SELECT cache_key, count(*) AS hits, sum(saved_s) AS saved_s, max(ended_at) AS last_at"
    " FROM action WHERE saved_s IS NOT NULL GROUP BY cache_key) h ON h.cache_key = c.key"
)
_INPUTS = "SELECT inputs FROM action WHERE id = ?"
_FORGET = "DELETE FROM cache WHERE key = ? AND NOT is_pinned"
#: Tables whose rows belong to an action by the column of that name; the cache outlives its makers.
_OUTLIVES = frozenset(("cache",))
#: A store that holds more is not copied into a smaller file: others would wait too long.
_MOST_COPIED_BYTES = 64 << 20


@contextmanager
def open_store(path: Path, *, read_only: bool) -> Iterator[sqlite3.Connection]:
    """A connection of its own, closed at the end."""
    connection = connect(path, read_only=read_only)
    try:
        yield connection
    finally:
        connection.close()


@contextmanager
def _changing(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            connection.rollback()
        raise


def cached_rows(path: Path, *, limit: int = 100, prefix: str = "", tasks: Sequence[int] = ()) -> list[tuple[Any, ...]]:
    """Newest first: key, task, run's name, action, created_at, duration_s, outputs, hits, saved_s, last hit, is pinned.

    Args:
        path: the store.
        limit: how many at most.
        prefix: hex digits that the key begins with.
        tasks: only results of the tasks with these numbers.
    """
    where, arguments = _chosen(prefix, tasks)
    with open_store(path, read_only=True) as connection:
        return connection.execute(f"{_ROW}{where} ORDER BY c.created_at DESC LIMIT ?", [*arguments, limit]).fetchall()


def _chosen(prefix: str, tasks: Sequence[int]) -> tuple[str, list[Any]]:
    words: list[str] = ["1"]
    arguments: list[Any] = []
    if prefix:
        words.append("lower(hex(c.key)) LIKE ?")
        arguments.append(prefix.lower().replace("%", "").replace("_", "") + "%")
    if tasks:
        words.append(f"{_TASK} IN ({', '.join('?' * len(tasks))})")
        arguments += tasks
    return f" WHERE {' AND '.join(words)}", arguments


def cached_inputs(path: Path, action: int) -> bytes:
    """The encoded inputs of the action that made a result; b"" when it was pruned."""
    with open_store(path, read_only=True) as connection:
        row = connection.execute(_INPUTS, (action,)).fetchone()
    return row[0] if row else b""


def cached_figures(path: Path) -> tuple[int, int, int, int, float]:
    """(results, pinned ones, hits, misses, saved seconds)."""
    with open_store(path, read_only=True) as connection:
        count, pinned = connection.execute("SELECT count(*), coalesce(sum(is_pinned), 0) FROM cache").fetchone()
        hits, saved = connection.execute(
            "SELECT count(*), coalesce(sum(saved_s), 0) FROM action WHERE saved_s IS NOT NULL"
        ).fetchone()
        (misses,) = connection.execute(
            "SELECT count(*) FROM action WHERE saved_s IS NULL AND phase = 5 AND cache_key <> x''"
        ).fetchone()
    return count, pinned, hits, misses, saved


def pin(path: Path, key: bytes, *, is_pinned: bool) -> None:
    """Keep a result whatever is pruned, or no longer."""
    with open_store(path, read_only=False) as connection, _changing(connection):
        connection.execute("UPDATE cache SET is_pinned = ? WHERE key = ?", (int(is_pinned), key))


def prunable(
    path: Path,
    *,
    prefix: str = "",
    tasks: Sequence[int] = (),
    made_before: float | None = None,
    used_before: float | None = None,
) -> tuple[list[bytes], int]:
    """Keys of the results meant that are not pinned, and how many of them are."""
    where, arguments = _chosen(prefix, tasks)
    for bound, column in ((made_before, "c.created_at"), (used_before, "max(c.created_at, coalesce(h.last_at, 0))")):
        if bound is not None:
            where += f" AND {column} < ?"
            arguments.append(bound)
    with open_store(path, read_only=True) as connection:
        rows = connection.execute(f"{_ROW}{where} ORDER BY c.created_at", arguments).fetchall()
    return [row[0] for row in rows if not row[-1]], sum(row[-1] for row in rows)


def forget_cached(path: Path, keys: list[bytes]) -> list[bytes]:
    """Remove results, those that were pinned meanwhile excepted; the keys of those that are gone."""
    gone: list[bytes] = []
    with open_store(path, read_only=False) as connection:
        for start in range(0, len(keys), 500):
            with _changing(connection):
                gone += [key for key in keys[start : start + 500] if connection.execute(_FORGET, (key,)).rowcount]
    return gone


def ended_runs(path: Path, ended_before: float) -> tuple[list[tuple[int, str]], int]:
    """(number, name) of runs that ended before a moment, and how many older ones go on or are pinned."""
    with open_store(path, read_only=True) as connection:
        rows = connection.execute(
            "SELECT id, name FROM run WHERE ended_at < ?"
            " AND id NOT IN (SELECT run FROM run_mark WHERE is_pinned) ORDER BY id",
            (ended_before,),
        ).fetchall()
        (living,) = connection.execute(
            "SELECT count(*) FROM run WHERE (ended_at IS NULL AND created_at < ?1)"
            " OR (ended_at < ?1 AND id IN (SELECT run FROM run_mark WHERE is_pinned))",
            (ended_before,),
        ).fetchone()
    return rows, living


def forget_run(path: Path, run: int) -> bool:
    """Remove a run that has ended with all that belongs to it alone; cached results stay. False when it is not there.

    Its number is remembered when it is the highest: the next one's comes from it.
    """
    first, last = run << 32, (run + 1) << 32
    with open_store(path, read_only=False) as connection, _changing(connection):
        found = connection.execute("SELECT 1 FROM run WHERE id = ? AND ended_at IS NOT NULL", (run,)).fetchone()
        if found is None:
            return False
        connection.execute("UPDATE deleted SET highest = max(highest, ?)", (run,))
        connection.execute(
            "UPDATE cache SET task = (SELECT task FROM action WHERE id = cache.action)"
            " WHERE action >= ? AND action < ? AND task IS NULL",
            (first, last),
        )
        for table in _tables(connection, "action"):
            connection.execute(f'DELETE FROM "{table}" WHERE action >= ? AND action < ?', (first, last))
        for table in _tables(connection, "run"):
            connection.execute(f'DELETE FROM "{table}" WHERE run = ?', (run,))
        connection.execute("DELETE FROM action WHERE id >= ? AND id < ?", (first, last))
        connection.execute("DELETE FROM run WHERE id = ?", (run,))
    return True


def give_back(path: Path) -> None:
    """Give the disk what a store does not use any more, if that is most of it and the rest is copied in a moment."""
    with open_store(path, read_only=False) as connection, suppress(sqlite3.OperationalError):  # in use: another time
        (free,) = connection.execute("PRAGMA freelist_count").fetchone()
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        if free * 2 > pages and (pages - free) * size <= _MOST_COPIED_BYTES:
            connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _tables(connection: sqlite3.Connection, column: str) -> list[str]:
    """Tables with a column of this name whose rows go with what it names."""
    return [
        table
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        if table not in _OUTLIVES and column in {row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')}
    ]
