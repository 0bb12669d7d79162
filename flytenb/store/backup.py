"""A copy of a home's store while it is used, and back: the database as it was at one moment, and all that it names.

Rows name only objects that are there already, and the database is copied first; so whatever the copy names is found
among the objects afterwards. Objects never change: where the copy lies on the same disk they are linked, not copied.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flytenb.store.check import check
from flytenb.store.database import SCHEMA, connect
from flytenb.store.sweep import Objects

#: Proves that pickles are this home's own: without it a restored home opens none of them.
KEY = "key"
_PAGES = 512
_Progress = Callable[[int, int], None]


class BackupError(Exception):
    """It cannot be done; the text says why and what to do."""


@dataclass(frozen=True)
class Saved:
    """What was copied."""

    runs: int
    objects: int
    size_bytes: int


def backup(home: Path, folder: Path, *, progress: _Progress = lambda done, all_: None) -> Saved:
    """Copy the store of a home, which may be in use, into a new or empty folder.

    Raises:
        BackupError: there is no store, the folder holds something, or the copy is not whole.
    """
    if not (home / "store.db").exists():
        raise BackupError(
            f"there is nothing to back up: {home} has no store; set FLYTENB_HOME to the one that you mean"
        )
    if folder.exists() and any(folder.iterdir()):
        raise BackupError(f"the folder {folder} is not empty; name a new one")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    try:
        return _copied(home, folder, progress)
    except OSError as error:
        raise BackupError(
            f"the copy in {folder} cannot be finished ({error.strerror or error}); remove it, see to that, try again"
        ) from error


def restore(folder: Path, home: Path, *, progress: _Progress = lambda done, all_: None) -> Saved:
    """Make a home of a copy. No engine may run there.

    Raises:
        BackupError: no copy is there, the home has a store already, or the copy is of a newer flytenb.
    """
    if not (folder / "store.db").exists():
        raise BackupError(f"{folder} is no backup: it has no store.db; name the folder that 'flytenb backup' made")
    if (home / "store.db").exists():
        raise BackupError(
            f"the home {home} has a store already; set FLYTENB_HOME to a new folder, or move that store.db away first"
        )
    version = _version(folder / "store.db")
    if version > SCHEMA:
        raise BackupError(
            f"the backup {folder} is of a newer flytenb (schema {version}, this one knows {SCHEMA}); upgrade first"
        )
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        return _copied(folder, home, progress)
    except OSError as error:
        raise BackupError(
            f"the home {home} cannot be written ({error.strerror or error}); nothing there is used yet"
        ) from error


def _copied(source: Path, target: Path, progress: _Progress) -> Saved:
    part = target / "store.db.part"
    part.unlink(missing_ok=True)
    _copy_database(source / "store.db", part)
    known = Objects(source / "objects").listed()
    size = 0
    for done, (digest, stat) in enumerate(known.items(), 1):
        size += stat.st_size
        _copy_object(source, target, digest)
        progress(done, len(known))
    if (source / KEY).exists():
        shutil.copy2(source / KEY, target / KEY)
        (target / KEY).chmod(0o600)
    os.replace(part, target / "store.db")  # from here on it is a store
    found = check(target)
    if not found.is_whole and check(source).is_whole:
        raise BackupError(
            f"the copy in {target} is not whole: something was removed while it was made; remove it and try again"
        )
    return Saved(found.run_count, len(known), size + (target / "store.db").stat().st_size)


def _copy_database(source: Path, target: Path) -> None:
    """SQLite's own copy: one moment of it, also while others write."""
    reading = connect(source, read_only=True)
    writing = sqlite3.connect(target)
    try:
        reading.backup(writing, pages=-1)
        writing.execute("PRAGMA journal_mode = DELETE")  # one file
    except sqlite3.Error as error:
        raise BackupError(f"the database {source} cannot be copied: {error}; see `flytenb doctor --store`") from error
    finally:
        writing.close()
        reading.close()
    target.chmod(0o600)


def _copy_object(source: Path, target: Path, digest: str) -> None:
    place = target / "objects" / digest[:2] / digest
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with contextlib.suppress(FileNotFoundError):  # nobody needs it any more: the check at the end knows
        try:
            os.link(source / "objects" / digest[:2] / digest, place)
        except FileExistsError:
            return
        except OSError:
            shutil.copy2(source / "objects" / digest[:2] / digest, place)


def _version(path: Path) -> int:
    connection = connect(path, read_only=True)
    try:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])
    except sqlite3.DatabaseError as error:
        raise BackupError(f"{path} is no readable database: {error}; the backup is damaged") from error
    finally:
        connection.close()
