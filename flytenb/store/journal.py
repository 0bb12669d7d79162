"""Ordered, group-committed writes: all that waits goes into one transaction, then its results are released.

Rows are explicit tuples and blobs exact `bytearray`s: sqlite3 looks for an adapter for every other type, which costs a
third of the time. The thread keeps the engine's loop alive while a disk is slow.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable
from typing import Any, Protocol

#: Rows nobody waits for may wait this long for company.
LAZY_S = 0.005
#: Seconds between tries while the disk refuses.
RETRY_S = 0.5

_INSERT_TASK = "INSERT INTO task (id, digest, body) VALUES (?, ?, ?)"
_INSERT_RUN = "INSERT INTO run (id, name, task, options, phase, created_at) VALUES (?, ?, ?, ?, 0, ?)"
_BELOW = "INSERT INTO run_below (run, parent) VALUES (?, ?)"
_END_RUN = "UPDATE run SET phase = ?, ended_at = ?, action_count = ?, failed_count = ?, cached_count = ? WHERE id = ?"
_ACCEPT = (
    'INSERT INTO action (id, parent, task, key, n, phase, inputs, "group", cache_key, accepted_at)'
    " VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?, ?)"
)
_END = (
    "UPDATE action SET phase = ?, outputs = ?, started_at = ?, ended_at = ?, attempt = ?, saved_s = ?, placement = ?"
    " WHERE id = ?"
)
_PLACE = "INSERT OR IGNORE INTO placement (id, digest, body) VALUES (?, ?, ?)"
_PLACE_WHOLE = "UPDATE placement SET digest = ?, body = ? WHERE id = ?"
_ATTEMPT = "INSERT OR REPLACE INTO attempt (action, attempt, why, started_at, ended_at, failure) VALUES (?,?,?,?,?,?)"
_CACHE = (
    "INSERT INTO cache (key, action, outputs, duration_s, created_at) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (key) DO UPDATE SET action = excluded.action, outputs = excluded.outputs,"
    " duration_s = excluded.duration_s, created_at = excluded.created_at, task = NULL"
)
_TRACE = "INSERT OR REPLACE INTO trace VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_LOG = "INSERT INTO log (action, attempt, stream, time, text) VALUES (?, ?, ?, ?, ?)"
_PROGRESS = "INSERT OR REPLACE INTO progress VALUES (?, ?, ?, ?, ?, ?)"
_USAGE = "INSERT OR REPLACE INTO usage (action, attempt, body) VALUES (?, ?, ?)"
_REPORT = "INSERT OR REPLACE INTO report (digest, action) VALUES (?, ?)"
_RECOVERED = "INSERT OR REPLACE INTO recovered (action, source, why) VALUES (?, ?, ?)"
_ANSWER = "INSERT OR REPLACE INTO answer (action, who, origin, at) VALUES (?, ?, ?, ?)"
_POST_MORTEM = "INSERT OR REPLACE INTO post_mortem (action, attempt, variables) VALUES (?, ?, ?)"
_BUILD = "INSERT OR REPLACE INTO build VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_BUILD_LAYER = "INSERT OR REPLACE INTO build_layer VALUES (?, ?, ?, ?, ?, ?, ?)"
_RUN_BUILD = "INSERT OR IGNORE INTO run_build (run, build) VALUES (?, ?)"
#: Actions that a recovered run never called again.
_ABANDON = "UPDATE action SET phase = 7, ended_at = ? WHERE id >= ? AND id < ? AND phase < 5"


class Rows(Protocol):
    """What a step of the rules wants written (`rules.Out`)."""

    tasks: list[tuple[Any, ...]]
    placements: list[tuple[Any, ...]]
    placements_read: list[tuple[Any, ...]]
    runs: list[tuple[Any, ...]]
    accepted: list[tuple[Any, ...]]
    ended: list[tuple[Any, ...]]
    attempts: list[tuple[Any, ...]]
    cached: list[tuple[Any, ...]]
    traces: list[tuple[Any, ...]]
    recovered: list[tuple[Any, ...]]
    post_mortems: list[tuple[Any, ...]]
    logs: list[tuple[Any, ...]]
    progress: list[tuple[Any, ...]]
    usage: list[tuple[Any, ...]]
    reports: list[tuple[Any, ...]]
    answers: list[tuple[Any, ...]]
    builds: list[tuple[Any, ...]]
    build_layers: list[tuple[Any, ...]]
    run_builds: list[tuple[Any, ...]]
    below: list[tuple[Any, ...]]
    run_ends: list[tuple[Any, ...]]


def _blobs(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [tuple(bytearray(cell) if type(cell) is bytes else cell for cell in row) for row in rows]


def write(connection: sqlite3.Connection, batch: list[Rows]) -> None:
    """One transaction with the rows of many steps, in an order that keeps references whole."""
    execute, many = connection.execute, connection.executemany
    execute("BEGIN IMMEDIATE")
    try:
        for statement, rows in (
            (_INSERT_TASK, [row for out in batch for row in out.tasks]),
            (_PLACE, [row for out in batch for row in out.placements]),
            (_PLACE_WHOLE, [row for out in batch for row in out.placements_read]),
            (_INSERT_RUN, [row for out in batch for row in out.runs]),
            (_BELOW, [row for out in batch for row in out.below]),
            (_ACCEPT, [row for out in batch for row in out.accepted]),
            (_END, [row for out in batch for row in out.ended]),
            (_ATTEMPT, [row for out in batch for row in out.attempts]),
            (_CACHE, [row for out in batch for row in out.cached]),
            (_TRACE, [row for out in batch for row in out.traces]),
            (_POST_MORTEM, [row for out in batch for row in out.post_mortems]),
            (_RECOVERED, [row for out in batch for row in out.recovered]),
            (_LOG, [row for out in batch for row in out.logs]),
            (_PROGRESS, [row for out in batch for row in out.progress]),
            (_USAGE, [row for out in batch for row in out.usage]),
            (_REPORT, [row for out in batch for row in out.reports]),
            (_ANSWER, [row for out in batch for row in out.answers]),
            (_BUILD, [row for out in batch for row in out.builds]),
            (_BUILD_LAYER, [row for out in batch for row in out.build_layers]),
            (_RUN_BUILD, [row for out in batch for row in out.run_builds]),
        ):
            if rows:
                many(statement, _blobs(rows))
        for row in (row for out in batch for row in out.run_ends):
            number = row[-1]
            execute(_ABANDON, (row[1], number << 32, (number + 1) << 32))
            execute(_END_RUN, row)
        execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.rollback()
        raise


#: Of what SQLite says → the cause and what to do.
_CAUSES = (
    ("is full", "its disk is full; free some space"),
    ("readonly", "its disk is read-only; mount it writable again"),
    ("unable to open", "no file can be opened there; see whether the folder is there and `ulimit -n` is not used up"),
    ("locked", "another process keeps it locked; end that"),
    ("disk I/O", "its disk does not take the data; see the system's log (dmesg), and whether it is full or read-only"),
)


def trouble_of(path: str, error: sqlite3.Error) -> str:
    """Why the store cannot be written, and what to do."""
    if not isinstance(error, sqlite3.OperationalError):
        return f"the store {path} is damaged ({error}); `flytenb engine restart` keeps it aside and begins a new one"
    cause = next((words for part, words in _CAUSES if part in str(error)), "free some disk space")
    return (
        f"the store {path} cannot be written ({error}): {cause}. Nothing is lost: what runs goes on, its results are "
        "told when they are on disk; new runs are refused until then"
    )


class Journal(threading.Thread):
    """The thread that commits.

    Args:
        connection: the writing connection; from now on this thread's.
        release: called on the caller's loop (through `call_soon`) with the callbacks of a committed batch.
        on_trouble: called likewise with a sentence when a commit fails, and with "" when commits work again.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        call_soon: Callable[..., Any],
        release: Callable[[list[Any]], None],
        on_trouble: Callable[[str], None],
    ) -> None:
        super().__init__(name="flytenb-journal", daemon=True)
        self._connection, self._call_soon = connection, call_soon
        self._release, self._on_trouble = release, on_trouble
        self._path = str(connection.execute("PRAGMA database_list").fetchone()[2])
        self._queue: list[Any] = []
        self._bell = threading.Condition()
        self._is_urgent = self._is_closing = False
        self._stopped = threading.Event()

    def append(self, out: Any, *, urgent: bool) -> None:
        """Queue a step's rows; `release` gets `out` back after its commit."""
        with self._bell:
            first = not self._queue
            self._queue.append(out)
            if urgent and not self._is_urgent:
                self._is_urgent = True
                self._bell.notify()
            elif first:
                self._bell.notify()

    def close(self) -> None:
        """Commit what is queued and end the thread."""
        with self._bell:
            self._is_closing = True
            self._bell.notify()
        self._stopped.set()
        self.join(10)

    def run(self) -> None:
        while True:
            with self._bell:
                while not self._queue and not self._is_closing:
                    self._bell.wait()
                if not self._is_urgent and not self._is_closing:
                    self._bell.wait_for(lambda: self._is_urgent or self._is_closing, LAZY_S)
                batch, self._queue = self._queue, []
                self._is_urgent = False
                closing = self._is_closing
            if batch:
                self._commit(batch)
            if closing:
                with self._bell:
                    if not self._queue:
                        break
        # One file at rest: who copies or looks at a stopped engine's store need not know of its log.
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()

    def _commit(self, batch: list[Any]) -> None:
        in_trouble = False
        while True:
            try:
                write(self._connection, batch)
                break
            except sqlite3.Error as error:
                in_trouble = True
                self._call_soon(self._on_trouble, trouble_of(self._path, error))
                if self._stopped.wait(RETRY_S):
                    return  # the engine stops: what was not committed was not told to anybody
        if in_trouble:
            self._call_soon(self._on_trouble, "")
        self._call_soon(self._release, batch)
