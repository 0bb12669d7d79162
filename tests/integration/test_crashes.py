"""kill -9 at any moment: what was observed stays, nothing finished runs twice, the waiting client gets its answer."""

from __future__ import annotations

import os
import random
import signal

import pytest

from tests.integration.conftest import Home, until

pytestmark = pytest.mark.engine

FAN = """
    import asyncio, os, sys, time
    import flytenb as flyte

    env = flyte.TaskEnvironment(name="crash")

    @env.task
    async def child(i: int, folder: str) -> int:
        with open(f"{folder}/ran", "a") as f:
            f.write(f"{i}\\n")
        await asyncio.sleep(0.002)
        return i

    @env.task
    async def fan(n: int, folder: str) -> int:
        total = 0
        for start in range(0, n, 50):
            got = await asyncio.gather(*(child(i, folder) for i in range(start, start + 50)))
            with open(f"{folder}/seen", "a") as f:
                f.write("".join(f"{i}\\n" for i in got))
            total += sum(got)
        return total

    if __name__ == "__main__":
        run = flyte.run(fan, n=int(sys.argv[1]), folder=sys.argv[2])
        print(run.name, flush=True)
        print(run.outputs()[0], flush=True)
"""


def _numbers(path: object) -> list[int]:
    try:
        with open(str(path)) as file:
            return [int(line) for line in file if line.strip()]
    except FileNotFoundError:
        return []


@pytest.mark.timeout(300)
def test_engine_killed_in_the_middle_of_a_run(home: Home) -> None:
    """20 kills at random moments, spread over runs of 500 actions."""
    script = home.script("fan.py", FAN)
    kills = 0
    chance = random.Random(7)
    round_number = 0
    while kills < 20:
        round_number += 1
        folder = home.path.parent / f"round{round_number}"
        folder.mkdir()
        process = home.popen(str(script), "500", str(folder))
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        assert name, process.communicate()[1]
        for _ in range(3):
            after = chance.randrange(1, 450)
            until(lambda after=after: len(_numbers(folder / "ran")) >= after or process.poll() is not None, "progress")
            if process.poll() is not None:
                break
            kills += home.kill_engine()
        out, err = process.communicate(timeout=90)
        assert out.strip() == str(sum(range(500))), f"{out}\n{err}\n{home.engine_log()}"
        seen, ran = set(_numbers(folder / "seen")), _numbers(folder / "ran")
        rows = home.rows(
            "SELECT a.phase, count(*) FROM action a JOIN run r ON a.id >> 32 = r.id WHERE r.name = ? GROUP BY 1", name
        )
        assert dict(rows) == {5: 501}, rows
        assert seen == set(range(500))
        # What the parent had seen was on disk, so it did not run again after that.
        assert len(ran) < 2 * 500
    assert home.rows("PRAGMA integrity_check") == [("ok",)]


def test_worker_killed(home: Home) -> None:
    script = home.script(
        "once.py",
        """
        import os, sys, time
        import flytenb as flyte

        env = flyte.TaskEnvironment(name="worker")

        @env.task
        def fragile(folder: str) -> int:
            with open(f"{folder}/pids", "a") as f:
                f.write(f"{os.getpid()}\\n")
            if len(open(f"{folder}/pids").readlines()) == 1:
                time.sleep(60)
            return 42

        if __name__ == "__main__":
            print(flyte.run(fragile, folder=sys.argv[1]).outputs()[0])
        """,
    )
    folder = home.path.parent
    process = home.popen(str(script), str(folder))
    until(lambda: len(_numbers(folder / "pids")) == 1, "the task to begin")
    os.kill(_numbers(folder / "pids")[0], signal.SIGKILL)
    out, err = process.communicate(timeout=60)
    assert out.strip() == "42", err + home.engine_log()
    first, second = _numbers(folder / "pids")
    assert first != second
