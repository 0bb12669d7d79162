"""Put a store in order. Whatever is taken out is kept aside: rows in a database of their own, files in a folder."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from pathlib import Path

from flytenb.store.check import ORPHANS, Checked
from flytenb.store.database import connect, open_store, set_aside
from flytenb.store.sweep import Objects


def repair(home: Path, found: Checked) -> list[str]:
    """Repair what was found; says in sentences what was done. A damaged database needs that no engine runs."""
    said = []
    if found.damage:
        said.append(_salvage(home))
    if found.corrupted:
        aside = home / "objects" / "corrupted"
        aside.mkdir(mode=0o700, exist_ok=True)
        for digest in found.corrupted:
            with contextlib.suppress(FileNotFoundError):
                os.rename(Objects(home / "objects").path(digest), aside / digest)
        said.append(
            f"{_objects(len(found.corrupted))} with wrong content moved to {aside}; what made them can run again"
        )
    if found.orphans or found.lost_results:
        said.append(_take_out(home, found))
    return said


def _objects(count: int) -> str:
    return f"{count:,} object{'' if count == 1 else 's'}"


def _aside(home: Path) -> Path:
    moment = int(time.time())
    while (path := home / f"aside-{moment}.db").exists():
        moment += 1
    return path


def _take_out(home: Path, found: Checked) -> str:
    """Rows that belong to nothing, and results without values, go into a database beside the store."""
    aside = _aside(home)
    lost = [bytes.fromhex(key) for key in found.lost_results]
    count = 0
    connection = connect(home / "store.db")
    try:
        connection.execute("ATTACH ? AS aside", (str(aside),))
        for table, condition in [*ORPHANS.items(), ("cache", "key IN (SELECT key FROM temp.lost)")]:
            if table == "cache":
                connection.execute("CREATE TEMP TABLE lost (key BLOB PRIMARY KEY)")
                connection.executemany("INSERT INTO temp.lost VALUES (?)", [(key,) for key in lost])
            connection.execute("BEGIN IMMEDIATE")
            chosen = f'FROM main."{table}" WHERE {condition}'
            if connection.execute(f"SELECT 1 {chosen} LIMIT 1").fetchone() is None:
                connection.execute("ROLLBACK")
                continue
            connection.execute(f'CREATE TABLE aside."{table}" AS SELECT * {chosen}')
            count += connection.execute(f"DELETE {chosen}").rowcount
            connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.rollback()
        connection.close()
    return f"{count:,} row{'' if count == 1 else 's'} without what they belong to moved to {aside}"


def _salvage(home: Path) -> str:
    """A new database with all rows that can still be read; the old file is kept."""
    store = home / "store.db"
    note = set_aside(store)
    kept = next(path for path in sorted(home.glob("store.db.corrupt-*[0-9]"), reverse=True))
    new, _ = open_store(store)
    count, lost = 0, []
    try:
        old = connect(kept)
    except sqlite3.DatabaseError as error:
        new.close()
        return f"{note.partition(';')[0]}; nothing could be read from {kept} ({error}), and the new store is empty"
    try:
        for (table,) in new.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            columns = [row[1] for row in new.execute(f'PRAGMA table_info("{table}")')]
            copied, is_whole = _copy(old, new, table, columns)
            count += copied
            lost += [] if is_whole else [table]
    finally:
        old.close()
        new.close()
    told = f"; rows of {', '.join(lost)} could not all be read" if lost else ""
    return f"{note.partition(';')[0]}; {count:,} rows were read from {kept} into a new store{told}"


def _copy(old: sqlite3.Connection, new: sqlite3.Connection, table: str, columns: list[str]) -> tuple[int, bool]:
    """Copy rows from both ends, so that one bad page loses only what is on it; (rows, whether that was all)."""
    names = ", ".join(f'"{name}"' for name in columns)
    insert = f'INSERT OR IGNORE INTO "{table}" ({names}) VALUES ({", ".join("?" * len(columns))})'
    count, is_whole = 0, True
    first = columns[0]
    for order in ("ASC", "DESC"):
        new.execute("BEGIN")
        try:
            for row in old.execute(f'SELECT {names} FROM "{table}" ORDER BY "{first}" {order}'):
                count += new.execute(insert, row).rowcount
        except sqlite3.DatabaseError:
            is_whole = False
        new.execute("COMMIT")
        if is_whole:
            break
    return count, is_whole
