"""Open the store: create, migrate, or refuse by name. A file that cannot be used is kept, never overwritten."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

_MIGRATIONS = Path(__file__).parent / "migrations"
#: The last numbered file; `PRAGMA user_version` of a store.
SCHEMA = max(int(file.stem) for file in _MIGRATIONS.glob("[0-9]*.sql"))


class StoreError(Exception):
    """The store cannot be opened; the text says why and what to do."""


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A connection as the house uses it: explicit transactions, WAL, durable commits."""
    uri = f"file:{path.as_posix().replace('?', '%3f').replace('#', '%23')}" + ("?mode=ro" if read_only else "")
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10)
    if not read_only:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
    return connection


def open_store(path: Path) -> tuple[sqlite3.Connection, str]:
    """The store's writing connection, migrated, and a note ("" or what was set aside).

    Raises:
        StoreError: a newer schema, or a disk that cannot be read or written.
    """
    try:
        return _open(path), ""
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise StoreError(
                f"the store {path} cannot be opened: {error}; check that the disk has room and the folder can be "
                "written, or choose another FLYTENB_HOME"
            ) from error
    note = set_aside(path)
    return _open(path), note


def set_aside(path: Path) -> str:
    """Keep a store that cannot be read under another name; says which, for a person."""
    moment = int(time.time())
    while (aside := path.with_name(f"{path.name}.corrupt-{moment}")).exists():
        moment += 1
    for suffix in ("", "-wal", "-shm"):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return f"the store {path} was not a readable database; it was kept as {aside} and a new one was begun"


def _open(path: Path) -> sqlite3.Connection:
    if path.exists():
        _check_version(path)
    connection = connect(path)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        for file in sorted(_MIGRATIONS.glob("[0-9]*.sql")) if version < SCHEMA else ():
            number = int(file.stem)
            if number <= version:
                continue
            script = file.read_text()
            connection.executescript(f"BEGIN;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")
    except BaseException:
        connection.close()
        raise
    return connection


def _check_version(path: Path) -> None:
    """Before anything that writes: a newer store stays as it is to the byte."""
    connection = connect(path, read_only=True)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    finally:
        connection.close()
    if version > SCHEMA:
        raise StoreError(
            f"the store {path} was written by a newer flytenb (schema {version}, this one knows {SCHEMA}); "
            "upgrade flytenb, or choose another FLYTENB_HOME"
        )
