"""The store opens, migrates, refuses by name and keeps what it cannot read; a batch is on disk when it is released."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from flytenb.rules import Out
from flytenb.store import Journal, Reader, StoreError, open_store
from flytenb.store.database import SCHEMA


def test_a_new_store_has_the_schema(tmp_path: Path) -> None:
    connection, note = open_store(tmp_path / "store.db")
    assert note == ""
    assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA,)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_a_newer_store_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    connection, _ = open_store(path)
    connection.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    connection.close()
    with pytest.raises(StoreError, match=f"newer flytenb .schema {SCHEMA + 1}.*upgrade flytenb"):
        open_store(path)
    assert sqlite3.connect(path).execute("PRAGMA user_version").fetchone() == (SCHEMA + 1,)


def test_a_corrupt_store_is_kept_aside(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(b"this is no database" * 1000)
    connection, note = open_store(path)
    (aside,) = tmp_path.glob("store.db.corrupt-*")
    assert aside.read_bytes().startswith(b"this is no database")
    assert str(aside) in note
    assert connection.execute("SELECT count(*) FROM run").fetchone() == (0,)


def filled(action: int) -> Out:
    out = Out()
    if not action & 0xFFFFFFFF:
        out.tasks.append((1, b"d", b"body"))
        out.runs.append((1, "k7p2", 1, b"\x80", 5.0))
    out.accepted.append((action, 0, 1, b"k", 1, b"in", "", b"", 5.0))
    out.ended.append((5, bytearray(b"out"), 5.0, 6.0, 1, None, 1, action))
    return out


def test_rows_are_readable_when_they_are_released(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    connection, _ = open_store(path)
    seen: list[int] = []
    done = threading.Event()

    def release(batch: list[Out]) -> None:
        seen.append(len(Reader(path).actions(1)))
        if sum(len(out.ended) for out in released) + sum(len(out.ended) for out in batch) == 100:
            done.set()
        released.extend(batch)

    released: list[Out] = []
    journal = Journal(connection, lambda call, argument: call(argument), release, lambda sentence: None)
    journal.start()
    for index in range(100):
        journal.append(filled(1 << 32 | index), urgent=index % 3 == 0)
    assert done.wait(10)
    journal.close()
    assert [len(out.ended) for out in released] == [1] * 100
    assert seen[-1] == 100
    assert seen == sorted(seen)


def test_a_failing_commit_keeps_the_rows_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    connection, _ = open_store(path)
    blocker = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA busy_timeout = 20")
    blocker.execute("BEGIN IMMEDIATE")
    said: list[str] = []
    troubled, released = threading.Event(), threading.Event()

    def on_trouble(sentence: str) -> None:
        said.append(sentence)
        troubled.set()

    journal = Journal(connection, lambda call, argument: call(argument), lambda batch: released.set(), on_trouble)
    journal.start()
    journal.append(filled(1 << 32), urgent=True)
    assert troubled.wait(10)
    assert "cannot be written" in said[0]
    assert not released.is_set()
    blocker.execute("ROLLBACK")
    assert released.wait(10)
    assert said[-1] == ""
    journal.close()
    assert len(Reader(path).actions(1)) == 1
