"""After pruning, the disk gets back what the store does not use."""

from __future__ import annotations

from pathlib import Path

from flytenb.store import open_store
from flytenb.store.cached import forget_run, give_back


def test_a_forgotten_run_gives_its_room_back(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    connection, _ = open_store(path)
    connection.execute("INSERT INTO task VALUES (1, x'00', x'80')")
    for run in (1, 2):
        connection.execute(
            "INSERT INTO run (id, name, task, options, phase, created_at, ended_at) VALUES (?, ?, 1, x'80', 5, 1, 2)",
            (run, f"r{run}"),
        )
    connection.executemany(
        'INSERT INTO action (id, parent, task, key, n, phase, inputs, "group", cache_key, accepted_at)'
        " VALUES (?, 0, 1, x'01', 1, 5, ?, '', x'', 1)",
        [((1 << 32) + index, bytes(500)) for index in range(20_000)],
    )
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = path.stat().st_size
    assert forget_run(path, 1)
    give_back(path)
    assert path.stat().st_size < before / 10
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert connection.execute("SELECT name FROM run").fetchall() == [("r2",)]
    connection.execute("UPDATE run SET phase = 6 WHERE id = 2")  # the one who writes goes on
    connection.close()
