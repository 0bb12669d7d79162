"""A copy of a store that is being written, and a home that is made of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.integration.conftest import Home, until

pytestmark = pytest.mark.engine

BUSY = """
    import asyncio, os, sys
    import flytenb as flyte

    env = flyte.TaskEnvironment(name="copied")

    class Mine:
        def __init__(self, i):
            self.i = i

    @env.task
    async def piece(i: int) -> bytes:
        return os.urandom(100_000)

    @env.task
    async def own(i: int) -> Mine:
        return Mine(i)

    @env.task
    async def many(folder: str, n: int) -> int:
        total = (await own(5)).i
        for start in range(0, n, 10):
            got = await asyncio.gather(*(piece(i) for i in range(start, start + 10)))
            total += sum(len(data) for data in got)
            with open(f"{folder}/progress", "a") as f:
                f.write("x")
            if folder.endswith("work") and start >= n // 2:
                while not os.path.exists(f"{folder}/go"):
                    await asyncio.sleep(0.02)
        return total

    if __name__ == "__main__":
        run = flyte.run(many, folder=sys.argv[1], n=int(sys.argv[2]))
        print(run.name, flush=True)
        print(run.outputs()[0], flush=True)
"""


def _steps(folder: Path) -> int:
    path = folder / "progress"
    return len(path.read_text()) if path.exists() else 0


@pytest.mark.timeout(120)
def test_a_copy_of_a_busy_store_is_whole_and_goes_on_as_a_home(home: Home, tmp_path: Path) -> None:
    script = home.script("busy.py", BUSY)
    folder = script.parent
    process = home.popen(str(script), str(folder), "100")
    assert process.stdout is not None
    name = process.stdout.readline().strip()
    copies = []
    for count in (1, 3, 6):
        until(lambda count=count: _steps(folder) >= count, "progress")
        copy = tmp_path / f"copy{count}"
        told = json.loads(home.cli("backup", str(copy), "-o", "json").stdout)
        assert told["runs"] == 1
        copies.append(copy)
    (folder / "go").touch()
    out, err = process.communicate(timeout=60)
    assert out.strip() == str(100 * 100_000 + 5), err
    for copy in copies:
        other = Home(tmp_path / f"home-of-{copy.name}")
        told = other.cli("restore", str(copy)).stdout
        assert "1 runs" in told
        assert "store is whole" in other.cli("doctor", "--store").stdout
        assert other.rows("SELECT name FROM run WHERE ended_at IS NULL") == [(name,)]
        before = {row[0]: row[1] for row in other.rows("SELECT id, outputs FROM action WHERE phase = 5")}
        assert before
        other.cli("engine", "start")  # the run goes on there, without what it has
        until(lambda other=other: not other.rows("SELECT 1 FROM run WHERE ended_at IS NULL"), "the run's end", 60)
        assert other.rows("SELECT phase FROM run") == [(5,)], other.engine_log()
        after = {row[0]: row[1] for row in other.rows("SELECT id, outputs FROM action")}
        assert {number: after[number] for number in before} == before
        other.cli("engine", "stop")


def test_what_cannot_be_copied_says_so(home: Home, tmp_path: Path) -> None:
    nothing = home.cli("backup", str(tmp_path / "none"), check=False)
    assert "there is nothing to back up" in nothing.stderr
    assert "FLYTENB_HOME" in nothing.stderr
    home.cli("engine", "start")
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "x").touch()
    assert "is not empty; name a new one" in home.cli("backup", str(taken), check=False).stderr
    home.cli("backup", str(tmp_path / "copy"))
    assert (tmp_path / "copy").stat().st_mode & 0o077 == 0
    assert "an engine runs in" in home.cli("restore", str(tmp_path / "copy"), check=False).stderr
    home.cli("engine", "stop")
    assert "has a store already" in home.cli("restore", str(tmp_path / "copy"), check=False).stderr
    other = Home(tmp_path / "other")
    assert "is no backup" in other.cli("restore", str(taken), check=False).stderr
