"""The store as a whole: what is found wrong with it, what repair does, and what is never lost."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from flytenb.store.check import check
from flytenb.store.repair import repair
from tests.integration.conftest import Home
from tests.integration.telling import told_by_script

pytestmark = pytest.mark.engine

SCRIPT = """
    env = flyte.TaskEnvironment(name="d", cache="auto")

    @env.task
    def big(x: int) -> bytes:
        return bytes([x]) * 100_000

    if __name__ == "__main__":
        tell(lambda: [flyte.run(big, x).outputs() and None for x in (1, 2)])
        tell(lambda: len(outputs(big, 1)[0]))
"""


@pytest.fixture
def filled(home: Home) -> Home:
    assert [one["error"] for one in told_by_script(home, "d.py", SCRIPT)] == ["", ""]
    home.cli("engine", "stop")
    return home


def big_objects(home: Home) -> list[Path]:
    return sorted(path for path in (home.path / "objects").glob("??/*") if path.stat().st_size == 100_000)


def damage(home: Home) -> bytes:
    """Overwrite the root of the table of logs; the file as it is then."""
    store = home.path / "store.db"
    ((root,),) = home.rows("SELECT rootpage FROM sqlite_master WHERE name = 'log'")
    ((size,),) = home.rows("PRAGMA page_size")
    with store.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)
    return store.read_bytes()


def test_a_whole_store(filled: Home) -> None:
    done = filled.cli("doctor", "--store")
    assert done.stdout.startswith("ok  store is whole: 3 runs, ")
    assert filled.engine_pid() is None  # it starts nothing


def test_corrupted_and_missing_values(filled: Home) -> None:
    first, second = big_objects(filled)
    first.chmod(0o600)
    first.write_bytes(b"\0" + first.read_bytes()[1:])
    second.unlink()
    done = filled.cli("doctor", "--store", check=False)
    assert done.returncode == 1
    assert f"1 objects have content other than their name says ({first.name[:12]})" in done.stdout
    assert "2 cached results have lost values" in done.stdout
    assert done.stdout.count("has lost a0: outputs") == 3
    repaired = filled.cli("doctor", "--store", "--repair")
    assert (filled.path / "objects" / "corrupted" / first.name).read_bytes()[:1] == b"\0"
    (aside,) = filled.path.glob("aside-*.db")
    assert sqlite3.connect(aside).execute("SELECT count(*) FROM cache").fetchone() == (2,)
    assert str(aside) in repaired.stdout
    # The tasks run again and everything is there.
    assert [one["error"] for one in told_by_script(filled, "d.py", SCRIPT)] == ["", ""]
    found = check(filled.path)
    assert (found.missing, found.lost_results, found.corrupted) == ({}, [], [])


def test_rows_that_belong_to_nothing(filled: Home) -> None:
    store = sqlite3.connect(filled.path / "store.db")
    store.execute("DELETE FROM run WHERE id = 1")
    store.execute("INSERT INTO log (action, attempt, stream, time, text) VALUES (99, 1, 'stdout', 0, 'precious')")
    store.commit()
    store.close()
    told = json.loads(filled.cli("doctor", "--store", "-o", "json", check=False).stdout)
    assert told["found"]["orphans"] == {"action": 1, "log": 1}
    assert filled.cli("doctor", "--repair").stdout.splitlines()[-1].startswith("ok  store is whole")
    (aside,) = filled.path.glob("aside-*.db")
    assert sqlite3.connect(aside).execute("SELECT text FROM log").fetchall() == [("precious",)]


def test_a_damaged_database_is_read_into_a_new_one(filled: Home) -> None:
    data = damage(filled)
    found = check(filled.path)
    assert found.damage
    (said,) = repair(filled.path, found)
    (kept,) = filled.path.glob("store.db.corrupt-*[0-9]")
    assert str(kept) in said
    assert kept.read_bytes() == data
    assert filled.rows("SELECT count(*) FROM run") == [(3,)]
    assert check(filled.path).is_whole
    assert [one["error"] for one in told_by_script(filled, "d.py", SCRIPT)] == ["", ""]


def test_what_is_no_database_at_all(filled: Home) -> None:
    store = filled.path / "store.db"
    store.write_bytes(b"this is no database" * 500)
    done = filled.cli("doctor", "--store", "--repair")
    (kept,) = filled.path.glob("store.db.corrupt-*[0-9]")
    assert f"nothing could be read from {kept} (file is not a database), and the new store is empty" in done.stdout
    assert kept.read_bytes().startswith(b"this is no database")
    assert check(filled.path).is_whole


def test_repair_of_a_damaged_database_needs_that_no_engine_runs(filled: Home) -> None:
    assert [one["error"] for one in told_by_script(filled, "d.py", SCRIPT)] == ["", ""]
    damage(filled)
    refused = filled.cli("doctor", "--repair", check=False)
    assert "flytenb engine stop" in refused.stderr
    assert refused.returncode == 2
    assert not list(filled.path.glob("store.db.corrupt-*"))
