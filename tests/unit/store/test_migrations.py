"""Stores of every earlier schema, with data in each of their tables, are upgraded and read by today's code."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest

from flytenb.model.declaration import Launch, TaskDeclaration, encode_declaration
from flytenb.model.events import RunOptions
from flytenb.store import Reader, open_store
from flytenb.store.check import check
from flytenb.store.database import _MIGRATIONS, SCHEMA

_FILES = {int(file.stem): file.read_text() for file in _MIGRATIONS.glob("[0-9]*.sql")}
#: What an earlier version wrote: table → values by column. Columns that a version has not yet are left out.
_RUN = 1
_ROOT = _RUN << 32
_OPEN = 2 << 32


def _rows() -> dict[str, list[dict[str, object]]]:
    digest, body = encode_declaration(
        TaskDeclaration(
            name="old.task", short_name="task", environment="old", program="", entry="task",
            launch=Launch(python="python", cwd="/"),
        )
    )  # fmt: skip
    options = msgspec.msgpack.encode(RunOptions(labels={"from": "before"}))
    action = {"task": 1, "key": b"k" * 16, "n": 1, "inputs": b"\x90", "accepted_at": 1.0, "group": "", "cache_key": b""}
    return {
        "task": [{"id": 1, "digest": digest, "body": body}],
        "run": [
            {"id": _RUN, "name": "done", "task": 1, "options": options, "phase": 5, "created_at": 1.0, "ended_at": 2.0,
             "action_count": 2, "failed_count": 0, "cached_count": 0},
            {"id": 2, "name": "open", "task": 1, "options": options, "phase": 0, "created_at": 3.0},
        ],
        "action": [
            {"id": _ROOT, "parent": 0, "phase": 5, "outputs": b"\x2a", "started_at": 1.0, "ended_at": 2.0, "attempt": 2,
             **action},
            {"id": _ROOT + 1, "parent": _ROOT, "phase": 5, "outputs": b"\x07", "started_at": 1.2, "ended_at": 1.5,
             "attempt": 1, **action},
            {"id": _OPEN, "parent": 0, "phase": 0, **action},
        ],
        "attempt": [{"action": _ROOT, "attempt": 1, "why": "retry", "started_at": 1.0, "ended_at": 1.1,
                     "failure": b""}],
        "cache": [{"key": b"c" * 32, "action": _ROOT, "outputs": b"\x2a", "duration_s": 1.0, "created_at": 2.0}],
        "trace": [{"action": _ROOT, "key": b"t" * 16, "n": 1, "name": "step", "started_at": 1.0, "duration_s": 0.1,
                   "ok": 1, "inputs": b"", "outputs": b"\x01"}],
        "log": [{"id": 1, "action": _ROOT, "attempt": 2, "stream": "stdout", "time": 1.5, "text": "hello\n"}],
        "report": [{"action": _ROOT, "digest": "0" * 64}],
        "placement": [{"id": 1, "digest": b"p" * 16, "body": b"\x80"}],
        "build": [{"id": 1, "digest": "d", "image": "img:1", "text": "img", "engine": "e", "phase": "done",
                   "image_id": "sha", "error": "", "started_at": 1.0, "ended_at": 2.0}],
        "build_layer": [{"build": 1, "n": 0, "title": "base", "phase": "done", "started_at": 1.0, "seconds": 1.0,
                         "log": "ok"}],
        "run_build": [{"run": _RUN, "build": 1}],
    }  # fmt: skip


def _store_of(version: int, path: Path) -> None:
    """A store as that version left it, with its log beside it: it was not closed in order."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    for number in range(1, version + 1):
        connection.executescript(f"BEGIN;\n{_FILES[number]}\nPRAGMA user_version = {number};\nCOMMIT;")
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for table, rows in _rows().items():
        if table not in tables:
            continue
        known = {row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')}
        for row in rows:
            has = {name: value for name, value in row.items() if name in known}
            names = ", ".join(f'"{name}"' for name in has)
            connection.execute(
                f'INSERT INTO "{table}" ({names}) VALUES ({", ".join("?" * len(has))})', tuple(has.values())
            )
    connection.close()


@pytest.mark.parametrize("version", range(1, SCHEMA + 1))
def test_a_store_of_an_earlier_schema_is_upgraded_and_read(version: int, tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    _store_of(version, path)
    connection, note = open_store(path)
    assert note == ""
    assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA,)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    reader = Reader(path)
    try:
        run = reader.run("done")
        assert run is not None
        assert run[1] == "done"
        assert [row[0] for row in reader.actions(_RUN, with_values=True)] == [_ROOT, _ROOT + 1]
        [open_run] = reader.unfinished_runs()
        assert open_run[:3] == (2, "open", 1)
        [child] = reader.children(_ROOT)
        assert (child[0], child[3], bytes(child[4])) == (_ROOT + 1, 5, b"\x07")
        assert reader.traces(_ROOT) == [(b"t" * 16, 1, True, b"\x01")]
        assert reader.logs(_ROOT, _ROOT)[0][-1] == "hello\n"
        assert [row[1] for row in reader.attempts(_ROOT)] == ["retry"]
        found = reader.cached(b"c" * 32)
        assert found is not None
        assert bytes(found[1]) == b"\x2a"
        assert [row[0] for row in reader.unfinished([_OPEN])] == [_OPEN]
        if version >= 3:
            [(row, layers)] = reader.builds(10)
            assert row[2] == "img:1"
            assert layers[0][0] == "base"
    finally:
        reader.close()
        connection.close()
    assert not check(tmp_path).damage
    assert not check(tmp_path).orphans


def test_a_migration_that_is_interrupted_is_done_again(tmp_path: Path) -> None:
    """Each step is one transaction: a store is of one schema or the next, never between."""
    path = tmp_path / "store.db"
    _store_of(SCHEMA - 1, path)
    connection = sqlite3.connect(path, isolation_level=None)
    statements = [part for part in _FILES[SCHEMA].split(";") if part.strip()]
    connection.execute("BEGIN")
    connection.execute(statements[0])
    connection.close()  # killed
    again, _ = open_store(path)
    assert again.execute("PRAGMA user_version").fetchone() == (SCHEMA,)
    again.close()
