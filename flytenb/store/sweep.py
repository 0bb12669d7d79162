"""Remove objects that nothing recorded needs.

What looks like a digest keeps the object of that name: 64 hex digits, or 32 bytes as msgpack holds them, in any row of
the store and, from there, in the objects themselves (containers, listings of folders, programs, pickles). Nothing is
decoded or unpickled, so a value's format need not be known here; a chance likeness keeps an object too long.

Beside running engines and writers this is safe by age: an object that was made, or stored once more, after the grace
period began, or after the oldest run that goes on began, stays. Writers touch what they find stored already. A sweep
that is killed leaves objects in `trash/`; the next one puts back what is needed by then.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import time
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from flytenb.store.database import connect

#: Seconds for which an object that nothing names stays.
GRACE_S = 86_400.0
_HEX = re.compile(rb"[0-9a-f]{64,}")
#: 32 bytes in msgpack, and in a pickle.
_RAW = re.compile(rb"[\xc4C]\x20(?=(.{32}))", re.DOTALL)
#: Objects up to here are searched whatever they are; larger ones only when they begin like a container, a pickle or a
#: page (reports name their scripts).
_SMALL_BYTES = 1 << 20
_PIECE_BYTES = 8 << 20
#: Longest name that may be cut in two between pieces.
_OVERLAP_BYTES = 70
_CONTAINERS = frozenset((*range(0x80, 0xA0), 0xC7, 0xC8, 0xC9, *range(0xD4, 0xD9), 0xDC, 0xDD, 0xDE, 0xDF, *b"{[<"))
_ROWS = 2_000
#: Extensions of encoded values (`codec.leaves`; a test compares): a reference, and the marks of files and folders.
_REFERENCE, _FILES = 2, frozenset((29, 30, 31))


@dataclass
class Swept:
    """What a sweep found and did."""

    count: int = 0
    size_bytes: int = 0
    #: Objects that nothing names, and their bytes: removed, or to be removed in a dry run.
    removed: int = 0
    removed_bytes: int = 0
    #: Objects that nothing names and that are too young to go.
    young: int = 0
    #: Left over by writers and sweeps that were killed.
    leftovers: int = 0
    digests: list[str] = field(default_factory=list)


def digests_in(data: bytes, known: Container[str] | None = None) -> set[str]:
    """All that looks like a digest in some bytes; of a longer run of digits any part may be one.

    Args:
        data: the bytes.
        known: digests of interest; None = all.
    """
    found = {raw.hex() for raw in _RAW.findall(data)}
    for digits in _HEX.findall(data):
        text = digits.decode()
        found.update(text[at : at + 64] for at in range(len(text) - 63) if known is None or text[at : at + 64] in known)
    return found if known is None else {digest for digest in found if digest in known}


def references(store: Path, known: Container[str]) -> set[str]:
    """Known digests that any row of the store names. Declarations that no action, run or result uses do not count."""
    connection = connect(store, read_only=True)
    try:
        found: set[str] = set()
        connection.execute("BEGIN")  # one state of all tables
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            for row in _rows(connection, table):
                for cell in row:
                    if isinstance(cell, bytes):
                        found |= digests_in(cell, known) if len(cell) > 32 else set()
                    elif isinstance(cell, str) and len(cell) >= 64:
                        found |= digests_in(cell.encode("utf-8", "surrogatepass"), known)
        return found
    finally:
        connection.close()


def _rows(connection: sqlite3.Connection, table: str) -> Iterator[tuple[object, ...]]:
    used = (
        " WHERE id IN (SELECT task FROM action UNION SELECT task FROM run UNION SELECT task FROM cache)"
        if table == "task"
        else ""
    )
    cursor = connection.execute(f'SELECT * FROM "{table}"{used}')
    while rows := cursor.fetchmany(_ROWS):
        yield from rows


def referred(data: bytes) -> list[str]:
    """Digests that a payload refers to, not those that are values of its user; [] for what is no payload."""
    found: list[str] = []

    def hook(code: int, body: memoryview) -> object:
        if code == _REFERENCE:
            found.append(msgspec.msgpack.decode(bytes(body), ext_hook=hook)[2].hex())
        return _Mark() if code in _FILES else None

    def walk(item: object) -> None:
        if isinstance(item, list):
            if len(item) > 1 and isinstance(item[0], _Mark) and isinstance(item[1], dict):
                content = item[1].get("content")
                found.extend([content] if isinstance(content, str) and len(content) == 64 else [])
            for part in item:
                walk(part)
        elif isinstance(item, dict):
            for part in item.values():
                walk(part)

    try:
        walk(msgspec.msgpack.decode(data, ext_hook=hook))
    except (msgspec.MsgspecError, UnicodeError, TypeError, ValueError, IndexError, AttributeError, RecursionError):
        return []
    return found


class _Mark:
    """Stands for the mark of a file or folder."""


class Objects:
    """The files of an object store, as far as names and ages go."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, digest: str) -> Path:
        return self.root / digest[:2] / digest

    def listed(self) -> dict[str, os.stat_result]:
        """Every object by its digest."""
        found: dict[str, os.stat_result] = {}
        with contextlib.suppress(FileNotFoundError):
            for folder in os.scandir(self.root):
                if len(folder.name) == 2 and folder.is_dir(follow_symlinks=False):
                    for entry in os.scandir(folder.path):
                        if len(entry.name) == 64:
                            with contextlib.suppress(FileNotFoundError):
                                found[entry.name] = entry.stat(follow_symlinks=False)
        return found

    def inside(self, digest: str, known: Container[str] | None = None) -> set[str]:
        """Digests that an object's content names."""
        found: set[str] = set()
        try:
            with open(self.path(digest), "rb") as file:
                if os.fstat(file.fileno()).st_size > _SMALL_BYTES:
                    first = file.read(1)
                    if first and first[0] not in _CONTAINERS:
                        return found
                    file.seek(0)
                tail = b""
                while piece := file.read(_PIECE_BYTES):
                    found |= digests_in(tail + piece, known)
                    tail = piece[-_OVERLAP_BYTES:]
        except FileNotFoundError:
            pass
        return found

    def reached(self, roots: set[str], known: dict[str, os.stat_result]) -> set[str]:
        """All objects that these digests lead to."""
        found: set[str] = set()
        waiting = [digest for digest in roots if digest in known]
        while waiting:
            digest = waiting.pop()
            if digest in found:
                continue
            found.add(digest)
            waiting.extend(one for one in self.inside(digest, known) if one not in found)
        return found

    def size(self, data: bytes) -> int:
        """Bytes of encoded values, those that lie here included."""
        found: dict[str, int] = {}
        waiting = list(digests_in(data))
        while waiting:
            digest = waiting.pop()
            if digest not in found:
                with contextlib.suppress(OSError):
                    found[digest] = os.stat(self.path(digest)).st_size
                    if found[digest] <= _SMALL_BYTES:
                        waiting.extend(self.inside(digest))
        return len(data) + sum(found.values())

    def has_all(self, data: bytes) -> bool:
        """Whether the objects that encoded values refer to themselves are there."""
        if all(os.path.exists(self.path(digest)) for digest in digests_in(data)):
            return True
        return all(os.path.exists(self.path(digest)) for digest in referred(data))


def sweep(
    home: Path,
    *,
    grace_s: float = GRACE_S,
    is_dry: bool = False,
    progress: Callable[[int, int], None] = lambda done, all_: None,
) -> Swept:
    """Remove the objects of a home that no recorded run, result or report needs.

    Args:
        home: the state directory.
        grace_s: younger objects stay.
        is_dry: remove nothing.
        progress: told (removed, all to remove).

    Returns:
        What was found and done.
    """
    objects = Objects(home / "objects")
    store = home / "store.db"
    if not store.exists():  # without it everything would look unneeded
        return Swept()
    _restore(objects)
    cutoff = _cutoff(store, time.time() - grace_s)
    known = objects.listed()
    needed = objects.reached(references(store, known), known)
    free = {digest: stat for digest, stat in known.items() if digest not in needed}
    old = {digest: stat for digest, stat in free.items() if max(stat.st_ctime, stat.st_mtime) < cutoff}
    if old:  # rows that came while objects were searched
        needed |= objects.reached(references(store, known) - needed, known)
        old = {digest: stat for digest, stat in old.items() if digest not in needed}
    done = Swept(
        count=len(known),
        size_bytes=sum(stat.st_size for stat in known.values()),
        young=len(free) - len(old),
        digests=sorted(old),
    )
    trash = objects.root / "trash"
    for digest, stat in old.items():
        if is_dry or _remove(objects, trash, digest, stat):
            done.removed += 1
            done.removed_bytes += stat.st_size
        progress(done.removed, len(old))
    if not is_dry:
        done.leftovers = _tidy(objects, cutoff)
    return done


def _cutoff(store: Path, moment: float) -> float:
    """A run that goes on may hold values which no row names yet."""
    connection = connect(store, read_only=True)
    try:
        (begun,) = connection.execute("SELECT min(created_at) FROM run WHERE ended_at IS NULL").fetchone()
    finally:
        connection.close()
    return moment if begun is None else min(moment, begun)


def _remove(objects: Objects, trash: Path, digest: str, before: os.stat_result) -> bool:
    """Take an object away, unless a writer touched it a moment ago."""
    place, aside = objects.path(digest), trash / digest
    trash.mkdir(mode=0o700, exist_ok=True)
    try:
        now = os.lstat(place)
        if now.st_ctime_ns != before.st_ctime_ns:
            return False
        os.rename(place, aside)
        if os.lstat(aside).st_atime_ns != now.st_atime_ns:  # touched between the two: a writer counts on it
            if not place.exists():
                os.rename(aside, place)
            return False
    except FileNotFoundError:
        return False
    for what in (objects.root / "named" / digest, objects.root / "trees" / digest):
        import shutil  # loads every compression format: the engine's start has no use for it

        shutil.rmtree(what, ignore_errors=True)
    for path in (objects.root / "seals" / digest, aside):
        path.unlink(missing_ok=True)
    return True


def _restore(objects: Objects) -> None:
    """Put back what a sweep that was killed had taken away: what is not needed goes again in its time."""
    trash = objects.root / "trash"
    for path in trash.iterdir() if trash.is_dir() else ():
        place = objects.path(path.name)
        place.parent.mkdir(mode=0o700, exist_ok=True)
        if place.exists():
            path.unlink(missing_ok=True)
        else:
            os.rename(path, place)


def _tidy(objects: Objects, cutoff: float) -> int:
    """Remove temporary files of writers that were killed long ago."""
    count = 0
    folder = objects.root / "tmp"
    for path in folder.iterdir() if folder.is_dir() else ():
        with contextlib.suppress(FileNotFoundError):
            if path.lstat().st_ctime < cutoff:
                import shutil  # loads every compression format: the engine's start has no use for it

                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
                count += 1
    return count
