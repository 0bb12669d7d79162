"""Look at a store as a whole: the database, its rows, the objects that they name, the content of every object.

Nothing here changes anything; `repair` does, and keeps aside whatever it takes out.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from flytenb.store.database import connect
from flytenb.store.sweep import Objects, referred

#: Rows that belong to something which is not there: table → condition.
ORPHANS = {
    "action": "(id >> 32) NOT IN (SELECT id FROM run)",
    "run": "id NOT IN (SELECT id >> 32 FROM action WHERE (id & 4294967295) = 0)",
    "attempt": "action NOT IN (SELECT id FROM action)",
    "trace": "action NOT IN (SELECT id FROM action)",
    "log": "action NOT IN (SELECT id FROM action)",
    "report": "action NOT IN (SELECT id FROM action)",
    "progress": "action NOT IN (SELECT id FROM action)",
    "usage": "action NOT IN (SELECT id FROM action)",
    "answer": "action NOT IN (SELECT id FROM action)",
    "run_below": "run NOT IN (SELECT id FROM run)",
    "run_mark": "run NOT IN (SELECT id FROM run)",
}
_READ_BYTES = 4 << 20
_ROWS = 2_000
_Progress = Callable[[str, int, int], None]


@dataclass
class Checked:
    """What was found."""

    #: Sentences of SQLite about the file; empty when it is whole.
    damage: list[str] = field(default_factory=list)
    #: Table → rows that belong to nothing.
    orphans: dict[str, int] = field(default_factory=dict)
    #: Run → actions whose values, report or code are not there.
    missing: dict[str, list[str]] = field(default_factory=dict)
    #: Keys of cached results whose values are not there.
    lost_results: list[str] = field(default_factory=list)
    #: Objects whose content is not what they are named by.
    corrupted: list[str] = field(default_factory=list)
    run_count: int = 0
    object_count: int = 0
    size_bytes: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.damage or self.orphans or self.missing or self.lost_results or self.corrupted)


def check(home: Path, *, progress: _Progress = lambda what, done, all_: None, threads: int = 0) -> Checked:
    """Look at everything. Reads every object once.

    Args:
        home: the state directory.
        progress: told (what is looked at, done, all).
        threads: that read objects; 0 = one for each CPU, at most four.
    """
    found = Checked()
    objects = Objects(home / "objects")
    _content(objects, found, progress, threads or min(4, os.cpu_count() or 1))
    store = home / "store.db"
    if not store.exists():
        return found
    connection = connect(store, read_only=True)
    try:
        rows = [str(row[0]) for row in connection.execute("PRAGMA quick_check(20)")]
        found.damage = [] if rows == ["ok"] else rows
        (found.run_count,) = connection.execute("SELECT count(*) FROM run").fetchone()
        for table, condition in ORPHANS.items():
            (count,) = connection.execute(f'SELECT count(*) FROM "{table}" WHERE {condition}').fetchone()
            if count:
                found.orphans[table] = count
        _named(connection, objects, found)
    except sqlite3.DatabaseError as error:
        found.damage = found.damage or [str(error)]
    finally:
        connection.close()
    return found


def _content(objects: Objects, found: Checked, progress: _Progress, threads: int) -> None:
    listed = objects.listed()
    found.object_count, found.size_bytes = len(listed), sum(stat.st_size for stat in listed.values())
    with ThreadPoolExecutor(threads) as pool:
        for done, (digest, is_good) in enumerate(pool.map(lambda d: (d, _is_good(objects.path(d), d)), listed), 1):
            if not is_good:
                found.corrupted.append(digest)
            progress("objects", done, len(listed))


def _is_good(path: Path, digest: str) -> bool:
    hasher = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while data := file.read(_READ_BYTES):
                hasher.update(data)
    except FileNotFoundError:  # removed since it was listed
        return True
    except OSError:
        return False
    return hasher.hexdigest() == digest


def _named(connection: sqlite3.Connection, objects: Objects, found: Checked) -> None:
    bad = set(found.corrupted)
    known: dict[str, bool] = {}

    def is_there(digest: str) -> bool:
        if digest not in known:
            known[digest] = digest not in bad and objects.path(digest).exists()
        return known[digest]

    lost_tasks = {
        number
        for number, body in connection.execute("SELECT id, body FROM task")
        if not all(map(is_there, _code(body)))
    }
    names = dict(connection.execute("SELECT id, name FROM run").fetchall())
    reports = {
        action for action, digest in connection.execute("SELECT action, digest FROM report") if not is_there(digest)
    }
    for number, task, inputs, outputs in _each(connection, "SELECT id, task, inputs, outputs FROM action"):
        said = {
            "inputs": not all(map(is_there, referred(inputs or b""))),
            "outputs": not all(map(is_there, referred(outputs or b""))),
            "code": task in lost_tasks,
            "report": number in reports,
        }
        gone = [what for what, is_gone in said.items() if is_gone]
        if gone and number >> 32 in names:
            text = f"a{number & 0xFFFFFFFF}: {', '.join(gone)}"
            found.missing.setdefault(names[number >> 32], []).append(text)
    for key, outputs in _each(connection, "SELECT key, outputs FROM cache"):
        if not all(map(is_there, referred(outputs))):
            found.lost_results.append(key.hex())


def _each(connection: sqlite3.Connection, sql: str) -> Iterator[tuple]:  # type: ignore[type-arg]
    cursor = connection.execute(sql)
    while rows := cursor.fetchmany(_ROWS):
        yield from rows


def _code(body: bytes) -> list[str]:
    """Digests of the program and of the files that a declaration names."""
    try:
        told = msgspec.msgpack.decode(body)
        named = (told.get("program"), (told.get("launch") or {}).get("files"))
    except (msgspec.MsgspecError, AttributeError):
        return []
    return [one for one in named if isinstance(one, str) and len(one) == 64]
