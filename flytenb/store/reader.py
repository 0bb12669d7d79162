"""Reads of the store, on a connection of their own: plain rows out, in the order that the model's structs want."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from flytenb.store.database import connect

_ACTION = (
    'SELECT a.id, a.parent, a.task, a.phase, a."group", a.attempt, a.saved_s, a.accepted_at, a.started_at, a.ended_at, '
    "coalesce(a.placement, 0), "
)
_RUN = "SELECT id, name, task, options, phase, created_at, ended_at, action_count, failed_count, cached_count FROM run"


#: Of actions that were taken from the cache: the page of the one whose result they have.
_CACHED_REPORT = (
    "SELECT a.id, r.digest FROM action a JOIN cache c ON c.key = a.cache_key JOIN report r ON r.action = c.action"
)


#: Rows of a long list that are read at a time.
_PIECE = 20_000
_CHILDREN = (
    "SELECT id, key, n, CASE WHEN phase < 5 AND ("
    " id IN (SELECT parent FROM action WHERE id >= :first AND id < :last)"
    " OR id IN (SELECT action FROM trace WHERE action >= :first AND action < :last)"
    " OR id IN (SELECT action FROM attempt WHERE action >= :first AND action < :last)"
    ") THEN 3 ELSE phase END, coalesce(outputs, x'') FROM action"
    " WHERE id >= :first AND id < :last AND parent = :parent ORDER BY id"
)
_UNFINISHED = (
    'SELECT a.id, a.parent, a.task, a.key, a.n, a.inputs, a."group", a.cache_key, a.accepted_at,'
    " coalesce((SELECT max(attempt) FROM attempt WHERE action = a.id), 0),"
    " (SELECT count(*) FROM attempt WHERE action = a.id AND why = 'retry'),"
    " (SELECT count(*) FROM attempt WHERE action = a.id AND why = 'lose'),"
    " coalesce((SELECT max(time) FROM log WHERE action = a.id), 0)"
    " FROM action a JOIN run r ON r.id = a.id >> 32 WHERE a.id = ? AND a.phase < 5 AND r.ended_at IS NULL"
)

_BELOW = (
    "WITH RECURSIVE below (run, parent) AS ("
    " SELECT run, parent FROM run_below WHERE parent >= ? AND parent < ?"
    " UNION SELECT b.run, b.parent FROM below u JOIN run_below b"
    " ON b.parent >= (u.run << 32) AND b.parent < ((u.run + 1) << 32)"
    ") SELECT b.run, r.name, b.parent FROM below b JOIN run r ON r.id = b.run ORDER BY b.run"
)


class Reader:
    """A read-only view of the store. Threads may share it; calls take turns."""

    def __init__(self, path: Path) -> None:
        self._connection = connect(path, read_only=True)
        self._lock = threading.Lock()

    def _all(self, sql: str, arguments: Iterable[Any] | dict[str, Any] = ()) -> list[tuple[Any, ...]]:
        given = arguments if isinstance(arguments, dict) else tuple(arguments)
        with self._lock:
            return self._connection.execute(sql, given).fetchall()

    def close(self) -> None:
        """End the connection."""
        with self._lock:
            self._connection.close()

    def cached(self, key: bytes) -> tuple[int, bytes, float, float] | None:
        """(action, outputs, duration in seconds, created at) of a cache key."""
        try:
            rows = self._all("SELECT action, outputs, duration_s, created_at FROM cache WHERE key = ?", (key,))
        except sqlite3.DatabaseError:  # damaged pages: as if it had never been cached
            return None
        return rows[0] if rows else None

    def tasks(self) -> list[tuple[int, bytes, bytes]]:
        """(number, digest, body) of every declaration."""
        return self._all("SELECT id, digest, body FROM task ORDER BY id")

    def placements(self) -> list[tuple[int, bytes, bytes]]:
        """(number, digest, body) of every placement."""
        return self._all("SELECT id, digest, body FROM placement ORDER BY id")

    def task_body(self, number: int) -> bytes:
        """The declaration with this number."""
        rows = self._all("SELECT body FROM task WHERE id = ?", (number,))
        return rows[0][0] if rows else b""

    def next_run(self) -> int:
        """The number of the next run."""
        return int(self._all("SELECT max(coalesce(max(id), 0), (SELECT highest FROM deleted)) + 1 FROM run")[0][0])

    def unfinished_runs(self) -> list[tuple[Any, ...]]:
        """(run, name, next index, options, root task, key, inputs, attempt, accepted at, cache key) of open runs."""
        return self._all(
            "SELECT r.id, r.name,"
            " (SELECT (max(x.id) & 4294967295) + 1 FROM action x WHERE x.id >= r.id << 32 AND x.id < (r.id + 1) << 32),"
            " r.options, a.task, a.key, a.inputs, coalesce(a.attempt, 1), a.accepted_at, a.cache_key"
            " FROM run r JOIN action a ON a.id = r.id << 32 WHERE r.ended_at IS NULL ORDER BY r.id"
        )

    def runs_below(self, name: str) -> list[tuple[Any, ...]]:
        """Runs named `NAME.…`, oldest first: those that a batch has started."""
        return self._all(f"{_RUN} WHERE name >= ? AND name < ? ORDER BY id", [f"{name}.", f"{name}/"])

    def below(self, run: int) -> list[tuple[int, str, int]]:
        """(run, name, parent) of the runs that actions of a run have started as their children, at any depth."""
        return self._all(_BELOW, (run << 32, (run + 1) << 32))

    def runs(self, *, limit: int = 100, phase: int | None = None, before: int | None = None) -> list[tuple[Any, ...]]:
        """Runs, newest first."""
        where, arguments = ["1"], []
        if phase is not None:
            where.append("phase = ?")
            arguments.append(phase)
        if before is not None:
            where.append("id < ?")
            arguments.append(before)
        return self._all(f"{_RUN} WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT ?", [*arguments, limit])

    def run(self, name: str) -> tuple[Any, ...] | None:
        """One run by name; "last" is the newest."""
        if name == "last":
            rows = self._all(f"{_RUN} ORDER BY id DESC LIMIT 1")
        else:
            rows = self._all(f"{_RUN} WHERE name = ?", (name,))
        return rows[0] if rows else None

    def run_counts(self, number: int) -> tuple[int, int, int]:
        """(all, failed, cached) of a run's actions on disk."""
        rows = self._all(
            "SELECT count(*), coalesce(sum(phase IN (6, 7, 8)), 0), coalesce(sum(saved_s IS NOT NULL), 0)"
            " FROM action WHERE id >= ? AND id < ?",
            (number << 32, (number + 1) << 32),
        )
        return rows[0]

    def actions(
        self, run: int, *, after: int = -1, limit: int = 1_000_000, with_values: bool = False
    ) -> list[tuple[Any, ...]]:
        """Actions of a run in order of acceptance. Outputs of failed ones (their failures) always come along."""
        values = "a.inputs, a.outputs" if with_values else "NULL, CASE WHEN a.phase IN (6, 7, 8) THEN a.outputs END"
        return self._all(
            f"{_ACTION}{values} FROM action a WHERE a.id > ? AND a.id < ? ORDER BY a.id LIMIT ?",
            ((run << 32) + after, (run + 1) << 32, limit),
        )

    def action(self, number: int) -> tuple[Any, ...] | None:
        """One action with its values."""
        rows = self._all(f"{_ACTION}a.inputs, a.outputs FROM action a WHERE a.id = ?", (number,))
        return rows[0] if rows else None

    def children(self, parent: int) -> list[tuple[int, bytes, int, int, bytes]]:
        """(id, key, n, phase, outputs) of all children on disk; later rows of an equal (key, n) win.

        One that had called or traced something and did not end is `running`.
        """
        return self._all(_CHILDREN, {"first": parent >> 32 << 32, "last": (parent >> 32) + 1 << 32, "parent": parent})

    def unfinished(self, numbers: Iterable[int]) -> list[tuple[Any, ...]]:
        """Of these actions and all above them those that have not ended, in order of their ids.

        (id, parent, task, key, n, inputs, group, cache key, accepted at, last attempt that is over, retries among them,
        losses among them, time of the last line of output)
        """
        found: dict[int, tuple[Any, ...]] = {}
        waiting = list(numbers)
        while waiting:
            number = waiting.pop()
            if number in found:
                continue
            for row in self._all(_UNFINISHED, (number,)):
                found[number] = row
                if number & 0xFFFFFFFF:
                    waiting.append(row[1])
        return [found[number] for number in sorted(found)]

    def traces(self, action: int) -> list[tuple[bytes, int, bool, bytes]]:
        """(key, n, ok, outputs) of an action's traced calls."""
        rows = self._all("SELECT key, n, ok, outputs FROM trace WHERE action = ?", (action,))
        return [(key, n, bool(ok), outputs) for key, n, ok, outputs in rows]

    def past_of(self, action: int) -> list[tuple[int, str]]:
        """(attempt, why) of an action's attempts that did not end it."""
        return self._all("SELECT attempt, why FROM attempt WHERE action = ? ORDER BY attempt", (action,))

    def source_actions(self, run: int) -> Iterator[tuple[int, int, int, bytes, int, int, bytes]]:
        """(id, parent, task, key, n, phase, inputs) of a run's actions, for one that recovers it; read in pieces."""
        first, last = run << 32, (run + 1) << 32
        while True:
            rows = self._all(
                "SELECT id, parent, task, key, n, phase, inputs FROM action"
                " WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
                (first, last, _PIECE),
            )
            yield from rows
            if len(rows) < _PIECE:
                return
            first = rows[-1][0] + 1

    def source_traces(self, run: int) -> list[tuple[Any, ...]]:
        """(action, key, n, name, started_at, duration_s, ok, inputs, outputs) of its actions that did not end well."""
        return self._all(
            "SELECT t.* FROM trace t JOIN action a ON a.id = t.action"
            " WHERE t.action >= ? AND t.action < ? AND a.phase NOT IN (5, 9)",
            (run << 32, (run + 1) << 32),
        )

    def recoveries(self, run: int) -> dict[int, tuple[str, str]]:
        """Action → (source, why) in a run that recovers another."""
        rows = self._all(
            "SELECT action, source, why FROM recovered WHERE action >= ? AND action < ?",
            (run << 32, (run + 1) << 32),
        )
        return {number: (source, why) for number, source, why in rows}

    def post_mortem(self, action: int, attempt: int | None = None) -> bytes:
        """What the frames of a failed attempt (by default the last one) held; b"" when nothing is known."""
        rows = self._all(
            "SELECT variables FROM post_mortem WHERE action = ?1 AND (?2 IS NULL OR attempt = ?2)"
            " ORDER BY attempt DESC LIMIT 1",
            (action, attempt),
        )
        return rows[0][0] if rows else b""

    def outputs(self, action: int) -> bytes | None:
        """What an action gave; None when it is not there."""
        rows = self._all("SELECT outputs FROM action WHERE id = ? AND phase IN (5, 9)", (action,))
        return (rows[0][0] or b"") if rows else None

    def traces_of_run(self, run: int, limit: int = 2_000) -> list[tuple[Any, ...]]:
        """(action, name, n, started_at, duration_s, ok, inputs, outputs) in order of start."""
        return self._all(
            "SELECT action, name, n, started_at, duration_s, ok, inputs, outputs FROM trace"
            " WHERE action >= ? AND action < ? ORDER BY started_at LIMIT ?",
            (run << 32, (run + 1) << 32, limit),
        )

    def logs(
        self,
        first: int,
        last: int,
        *,
        attempt: int | None = None,
        after: int = 0,
        limit: int = 1_000,
        tail: bool = True,
    ) -> list[tuple[Any, ...]]:
        """(id, action, attempt, stream, time, text) of the actions first..last; the last `limit` of them, in order."""
        where = "action >= ? AND action <= ? AND id > ?" + (" AND attempt = ?" if attempt is not None else "")
        arguments = [first, last, after, *([attempt] if attempt is not None else []), limit]
        order = "DESC" if tail else "ASC"
        rows = self._all(
            f"SELECT id, action, attempt, stream, time, text FROM log WHERE {where} ORDER BY id {order} LIMIT ?",
            arguments,
        )
        return rows[::-1] if tail else rows

    def attempts(self, action: int) -> list[tuple[Any, ...]]:
        """(attempt, why, started_at, ended_at, failure) of the attempts before the last."""
        return self._all(
            "SELECT attempt, why, started_at, ended_at, failure FROM attempt WHERE action = ? ORDER BY attempt",
            (action,),
        )

    def open_actions(self) -> list[tuple[int, int, float]]:
        """(id, task, accepted at) of the actions below the roots of unfinished runs that have not ended."""
        return self._all(
            "SELECT a.id, a.task, a.accepted_at FROM run r"
            " JOIN action a ON a.id > r.id << 32 AND a.id < (r.id + 1) << 32"
            " WHERE r.ended_at IS NULL AND a.phase < 5 ORDER BY a.id"
        )

    def actions_of_tasks(self, run: int, tasks: Iterable[int]) -> list[tuple[Any, ...]]:
        """Actions of a run that are of these tasks, in order of acceptance, without their values."""
        numbers = ",".join(str(int(task)) for task in tasks)
        return self._all(
            f"{_ACTION}NULL, NULL FROM action a WHERE a.id > ? AND a.id < ? AND a.task IN ({numbers}) ORDER BY a.id",
            (run << 32, (run + 1) << 32),
        )

    def answers(self, run: int) -> dict[int, tuple[str, str, float, bytes]]:
        """Action → (who, from where, when, outputs) of a run's conditions that were answered."""
        rows = self._all(
            "SELECT n.action, n.who, n.origin, n.at, a.outputs FROM answer n JOIN action a ON a.id = n.action"
            " WHERE n.action >= ? AND n.action < ?",
            (run << 32, (run + 1) << 32),
        )
        return {action: (who, origin, at, outputs or b"") for action, who, origin, at, outputs in rows}

    def run_name(self, number: int) -> str:
        """The name of a run, "" when it is not there."""
        rows = self._all("SELECT name FROM run WHERE id = ?", (number,))
        return rows[0][0] if rows else ""

    def groups(self, run: int) -> list[str]:
        """Names of the groups of a run's actions."""
        rows = self._all(
            'SELECT DISTINCT "group" FROM action WHERE id >= ? AND id < ? AND "group" != \'\' ORDER BY "group"',
            (run << 32, (run + 1) << 32),
        )
        return [row[0] for row in rows]

    def report(self, action: int) -> str:
        """Digest of the action's report, "" when it has none; of a cached action that of the one which ran."""
        rows = self._all("SELECT digest FROM report WHERE action = ?", (action,)) or self._all(
            f"{_CACHED_REPORT} WHERE a.id = ? AND a.saved_s IS NOT NULL", (action,)
        )
        return rows[0][-1] if rows else ""

    def progress(self, run: int) -> list[tuple[Any, ...]]:
        """(action, done, total, text, elapsed_s, at) of a run's ended actions that said how far they were."""
        between = (run << 32, (run + 1) << 32)
        return self._all(
            "SELECT action, done, total, text, elapsed_s, at FROM progress WHERE action >= ? AND action < ?", between
        )

    def usage(self, first: int, last: int, limit: int = 1_000) -> list[tuple[int, int, bytes]]:
        """(action, attempt, body) of what attempts of the actions `first` to `last` used, in order."""
        return self._all(
            "SELECT action, attempt, body FROM usage WHERE action >= ? AND action <= ?"
            " ORDER BY action, attempt LIMIT ?",
            (first, last, limit),
        )

    def reports(self, run: int) -> list[tuple[int, str]]:
        """(action, digest of its report) of a run's actions that have one, in order."""
        between = (run << 32, (run + 1) << 32)
        found = dict(self._all("SELECT action, digest FROM report WHERE action >= ? AND action < ?", between))
        cached = f"{_CACHED_REPORT} WHERE a.id >= ? AND a.id < ? AND a.saved_s IS NOT NULL LIMIT 100"
        for action, digest in self._all(cached, between):
            found.setdefault(action, digest)
        return sorted(found.items())

    def next_build(self) -> int:
        """The number of the next build."""
        return int(self._all("SELECT coalesce(max(id), 0) + 1 FROM build")[0][0])

    def builds(self, limit: int, number: int = 0) -> list[tuple[tuple[Any, ...], list[tuple[Any, ...]]]]:
        """Builds, newest first, or one; each with (title, phase, started_at, seconds) of its layers."""
        where, arguments = ("WHERE id = ?", [number, limit]) if number else ("", [limit])
        rows = self._all(f"SELECT * FROM build {where} ORDER BY id DESC LIMIT ?", arguments)
        layers = "SELECT title, phase, started_at, seconds FROM build_layer WHERE build = ? ORDER BY n"
        return [(row, self._all(layers, (row[0],))) for row in rows]

    def builds_of(self, run: int) -> list[int]:
        """Numbers of the builds that a run waited for, oldest first."""
        return [row[0] for row in self._all("SELECT build FROM run_build WHERE run = ? ORDER BY build", (run,))]

    def build_logs(self, number: int) -> list[tuple[int, str, str]]:
        """(n, title, log) of a build's layers."""
        return self._all("SELECT n, title, log FROM build_layer WHERE build = ? ORDER BY n", (number,))

    def root_key(self, run: int) -> bytes:
        """Call key of a run's root."""
        rows = self._all("SELECT key FROM action WHERE id = ?", (run << 32,))
        return rows[0][0] if rows else b""
