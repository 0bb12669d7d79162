"""The benchmark judges rightly: idle shares, verdicts, and the checks of what is on disk."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path
from types import ModuleType

import msgpack
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch):
    """Imports a module of `benchmarks/`, which is no package."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    before = set(sys.modules)

    def load(name: str) -> ModuleType:
        return __import__(name)

    yield load
    for name in set(sys.modules) - before:
        if str(ROOT / "benchmarks") in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_idle_share_counts_only_while_work_waits(bench) -> None:
    share = bench("idle").idle_share(0.0, [(1, 0.0, 1.0), (2, 0.0, 0.5), (2, 1.0, 2.0)])
    assert share["value"] == pytest.approx(25)  # second 0.5 to 1.0 of one of two workers; nothing waits after 1.0
    assert share["processes"] == 2


def test_idle_share_refuses_more_children_than_workers(bench) -> None:
    with pytest.raises(AssertionError, match="more than 2"):
        bench("idle").idle_share(0.0, [(1, 0.0, 1.0), (2, 0.0, 1.0), (3, 0.5, 1.0)])


@pytest.mark.parametrize(
    ("measure", "ours", "peers", "word"),
    [
        ("sequential", 0.9, {"flyte-persist": 4.0}, "aim"),
        ("sequential", 1.1, {"flyte-persist": 5.0}, "must"),  # a quarter, but more than one millisecond
        ("sequential", 2.0, {"flyte-persist": 4.0}, "MISSED"),
        ("sequential", 2.0, {}, "not compared"),
        ("fanout_1000", 25_000, {"flyte-persist": 240, "ray": 1_300}, "aim"),
        ("fanout_1000", 12_000, {"flyte-persist": 240, "ray": 1_300}, "must"),
        ("fanout_1000", 9_000, {"flyte-persist": 240, "ray": 1_300}, "MISSED"),
        ("trace", 12.0, {}, "must"),
        ("trace", None, {}, "failed"),
        ("batch", 10.5, {"papermill": 10.0}, "must"),
        ("batch", 11.5, {"papermill": 10.0}, "MISSED"),
        ("export", 0.07, {}, "aim"),
    ],
)
def test_verdicts(bench, measure: str, ours: float | None, peers: dict[str, float], word: str) -> None:
    targets = bench("targets")
    (target,) = [target for target in targets.TARGETS if target.measure == measure]
    assert targets.verdict(target, ours, peers)[0] == word


def make_store(home: Path, outputs: list[int], parent: int = 7 << 32) -> None:
    store = sqlite3.connect(home / "store.db")
    store.executescript(
        "create table run (id integer primary key, name text);"
        "create table task (id integer primary key, body blob);"
        "create table action (id integer primary key, parent int, task int, phase int, outputs blob);"
    )
    store.execute("insert into run values (7, 'r1')")
    store.executemany("insert into task values (?, ?)", [(1, msgpack.packb({"name": "bench.fanout"})),
                                                         (2, msgpack.packb({"name": "bench.child"}))])  # fmt: skip
    store.execute("insert into action values (?, 0, 1, 5, ?)", (7 << 32, msgpack.packb([0.5])))
    rows = [((7 << 32) + i, parent, 2, 5, msgpack.packb([value])) for i, value in enumerate(outputs, 1)]
    store.executemany("insert into action values (?, ?, ?, ?, ?)", rows)
    store.commit()
    store.close()


def test_children_on_disk(bench, tmp_path: Path) -> None:
    make_store(tmp_path, [0, 1, 2])
    assert bench("checks").check_children(tmp_path, "r1", range(3)) == "4 rows, parents, outputs"


@pytest.mark.parametrize(
    ("outputs", "parent", "sentence"),
    [
        ([0, 1], 7 << 32, "2 children on disk instead of 3"),
        ([0, 1, 1], 7 << 32, "outputs on disk differ"),
        ([0, 1, 2], 3, "parent on disk is not the root"),
    ],
)
def test_lost_rows_are_found(bench, tmp_path: Path, outputs: list[int], parent: int, sentence: str) -> None:
    make_store(tmp_path, outputs, parent)
    checks = bench("checks")
    with pytest.raises(checks.CheckFailed, match=sentence):
        checks.check_children(tmp_path, "r1", range(3))
