"""What is kept and how it goes: lists of cached results, pins, pruning, the sweep of objects."""

from __future__ import annotations

import json

import pytest

from flytenb.store.sweep import sweep
from tests.integration.conftest import Home
from tests.integration.telling import told_by_script

pytestmark = pytest.mark.engine

SCRIPT = """
    import asyncio, sys
    from flytenb.io import Dir, File
    from pathlib import Path
    env = flyte.TaskEnvironment(name="keep", cache="auto")
    BIG = 100_000

    @env.task
    def big(x: int) -> list[bytes]:
        return [bytes([x]) * BIG, b"small", [x] * 3 and bytes([x + 100]) * BIG]

    @env.task(cache="disable", report=True)
    async def nested(x: int) -> dict[str, list[list[bytes]]]:
        await flyte.report.log.aio("<p>" + "r" * BIG + "</p>", do_flush=True)
        return {"deep": [await big.aio(x)]}

    @env.task(cache="disable")
    def folder(x: int) -> Dir:
        path = Path(f"made{x}")
        (path / "sub").mkdir(parents=True, exist_ok=True)
        (path / "sub" / "one.txt").write_text(f"one {x}")
        (path / "two.txt").write_text(f"two {x}")
        return Dir.from_local_sync(str(path))

    def read(name):
        value = flyte.remote.Run.get(name).outputs()[0]
        if hasattr(value, "walk_sync"):
            return sorted(file.read_text() if hasattr(file, "read_text") else Path(file.path).read_text()
                          for file in value.walk_sync())
        return value == {"deep": [[bytes([1]) * BIG, b"small", bytes([101]) * BIG]]}

    if __name__ == "__main__":
        words = sys.argv[1:]
        if words[0] == "make":
            names = [flyte.run(task, 1) for task in (nested, folder, big, big)]
            tell(lambda: [run.wait() and None or run.name for run in names])
        else:
            tell(lambda: [read(name) for name in words[1:]])
"""


def made(home: Home) -> list[str]:
    (told,) = told_by_script(home, "keep.py", SCRIPT, "make")
    assert not told["error"], told
    return eval(told["value"])


def test_lists_pins_and_prunes(home: Home) -> None:
    made(home)
    told = json.loads(home.cli("cache", "ls", "-o", "json").stdout)
    (row,) = told["rows"]
    assert (row["task"], row["hits"], told["hits"], told["misses"]) == ("keep.big", 2, 2, 1)
    assert row["size_bytes"] > 200_000
    text = home.cli("cache", "ls").stdout
    assert "2 hits of 3 calls (67%)" in text
    key = row["key"][:8]
    shown = home.cli("cache", "show", key).stdout
    assert "x: int = 1" in shown
    assert "keep.big" in shown
    assert "is pinned" in home.cli("cache", "pin", key).stdout
    assert "removed 0 cached results, kept 1 (pinned)" in home.cli("cache", "prune", "--all").stdout
    assert "not pinned" in home.cli("cache", "unpin", key).stdout
    assert "would remove 1 cached results" in home.cli("cache", "prune", "--all", "--dry-run").stdout
    assert "removed 0 cached" in home.cli("cache", "prune", "--unused", "1").stdout
    assert "removed 1 cached" in home.cli("cache", "prune", "--task", "big").stdout
    assert "nothing is cached yet" in home.cli("cache", "ls").stdout
    unknown = home.cli("cache", "show", "ffff", check=False)
    assert unknown.returncode == 1
    assert "flytenb cache ls" in unknown.stderr


def test_what_recorded_runs_need_stays(home: Home) -> None:
    names = made(home)
    junk = home.path / "objects" / "ff" / ("ff" * 32)
    junk.parent.mkdir(exist_ok=True)
    junk.write_bytes(b"nobody needs this")
    refused = home.cli("cache", "prune", "--all", "--grace", "0", check=False)
    assert "writer may hold" in refused.stderr
    home.cli("engine", "stop")
    assert "removed 1 of" in home.cli("cache", "prune", "--grace", "0").stdout
    assert not junk.exists()
    home.cli("cache", "prune", "--all")  # results go, values of runs stay
    home.cli("engine", "stop")
    home.cli("cache", "prune", "--grace", "0")
    (told,) = told_by_script(home, "keep.py", SCRIPT, "read", *names[:2])
    assert told["value"] == "[True, ['one 1', 'two 1']]", told
    report = home.cli("get", "report", names[0], check=False).stdout
    assert report is not None


def test_pruned_runs_take_their_values_along(home: Home) -> None:
    made(home)
    before = {path.name for path in (home.path / "objects").glob("??/*")}
    told = home.cli("runs", "prune", "--older", "0").stdout
    assert "removed 4 runs\n" in told
    assert home.rows("select name from run") == []
    assert home.rows("select count(*) from report") == [(0,)]
    # The cached result outlives the run that made it, with its values and the name of its task.
    row = json.loads(home.cli("cache", "ls", "-o", "json").stdout)["rows"][0]
    assert (row["task"], row.get("run", "")) == ("keep.big", "")
    home.cli("engine", "stop")
    home.cli("cache", "prune", "--grace", "0")
    after = {path.name for path in (home.path / "objects").glob("??/*")}
    assert len(after) < len(before)
    again = told_by_script(home, "keep.py", SCRIPT, "make")
    assert not again[0]["error"]
    assert home.rows("select count(*) from action where saved_s is null and cache_key <> x''") == [(0,)]


def test_a_hit_whose_values_are_gone_is_none(home: Home) -> None:
    made(home)
    for path in (home.path / "objects").glob("??/*"):
        if path.stat().st_size > 90_000:
            path.unlink()
    (told,) = told_by_script(home, "keep.py", SCRIPT, "make")
    assert not told["error"], told
    (told,) = told_by_script(home, "keep.py", SCRIPT, "read", eval(told["value"])[0])
    assert told["value"] == "[True]", told


def test_a_sweep_beside_writers_takes_nothing_of_theirs(home: Home) -> None:
    made(home)
    home.cli("engine", "stop")
    found = sweep(home.path, grace_s=3600)
    assert (found.removed, found.young) == (0, found.young)
