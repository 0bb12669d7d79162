"""Real workers that burn CPU and hold memory: what is recorded of them, stored, and told."""

from __future__ import annotations

import json

from tests.integration.conftest import Home, home, until

__all__ = ["home"]

_BURN = """
    import subprocess
    import sys
    import time

    import flytenb as flyte

    env = flyte.TaskEnvironment("burn", resources=flyte.Resources(cpu=1, memory="2Gi"))
    BURN = "import time; held = b'x' * (200 << 20); end = time.process_time() + 1.5\\n"
    BURN += "while time.process_time() < end: pass"

    @env.task
    def burn(seconds: float, mib: int) -> int:
        held = bytearray(mib << 20)
        held[::4096] = b"x" * len(held[::4096])
        end = time.process_time() + seconds
        while time.process_time() < end:
            pass
        return len(held)

    @env.task
    def beside() -> int:
        return subprocess.run([sys.executable, "-c", BURN]).returncode

    @env.task
    def short() -> int:
        return 1

    @env.task
    def main() -> int:
        short()
        burn(2.0, 300)
        return beside()

    if __name__ == "__main__":
        run = flyte.run(main)
        run.wait()
        one = next(each for each in flyte.remote.Action.listall(run.name) if each.task_name.endswith("burn"))
        used = one.usage()
        assert used is not None and abs(used.times[-1] - used.started_at - used.covers_s) < 0.01, used
        assert one.usage(attempt=7) is None
        print(run.name)
"""  # fmt: skip
_GREEDY = """
    import time

    import flytenb as flyte

    env = flyte.TaskEnvironment("greedy", resources=flyte.Resources(memory="400Mi"))

    @env.task
    def eat() -> int:
        time.sleep(1.5)  # long enough to be looked at
        held = []
        while True:
            held.append(bytearray(b"x" * (8 << 20)))
            time.sleep(0.01)

    if __name__ == "__main__":
        run = flyte.run(eat)
        try:
            run.wait()
        except Exception as error:
            assert "OOM" in type(error).__name__, error
        print(run.name)
"""
_TOGETHER = """
    import asyncio

    import flytenb as flyte

    env = flyte.TaskEnvironment("together", reusable=flyte.ReusePolicy(replicas=1, concurrency=4))

    @env.task
    async def wait(n: int) -> int:
        await asyncio.sleep(2.5)
        return n

    @env.task
    async def main() -> int:
        return sum(await asyncio.gather(*(wait(n) for n in range(3))))

    if __name__ == "__main__":
        run = flyte.run(main)
        run.wait()
        print(run.name)
"""


def _run(home: Home, text: str) -> tuple[str, list[dict]]:
    """The run's name, and its actions as the command line tells them."""
    run = home.python(str(home.script("tasks.py", text)), timeout=90).stdout.split()[-1]
    return run, json.loads(home.cli("get", "action", run, "-o", "json").stdout)


def test_what_a_worker_and_what_it_started_used_is_recorded(home: Home) -> None:
    run, rows = _run(home, _BURN)
    used = {row["short_name"]: row.get("usage") for row in rows}
    assert used["short"] is None
    burn, beside = used["burn"], used["beside"]
    assert 1.8 <= burn["cpu_s"] <= 2.8
    assert 300 << 20 <= burn["memory_peak_bytes"] <= 420 << 20
    assert burn["memory_asked_bytes"] == 2 << 30
    assert len(burn["cpu"]) == len(burn["memory"]) >= 2
    assert burn["is_over"]
    assert "of 2 GiB" in burn["text"]
    assert 1.2 <= beside["cpu_s"] <= 2.6
    assert beside["memory_peak_bytes"] >= 200 << 20
    assert used["main"]["cpu_s"] < 1.0  # it has waited
    home.cli("engine", "stop")  # what follows is read from the disk
    told = home.cli("get", "action", run, "a2").stdout
    assert "  used         peak 3" in told
    assert "of 2 GiB" in told


def test_a_worker_that_is_killed_for_its_memory_has_its_peak(home: Home) -> None:
    _, [row] = _run(home, _GREEDY)
    assert row["usage"]["memory_peak_bytes"] > 400 << 20
    assert "memory came near its limit" in row["usage"]["hint"]


def test_actions_of_one_worker_share_its_numbers(home: Home) -> None:
    _, rows = _run(home, _TOGETHER)
    waits = [row["usage"] for row in rows if row["short_name"] == "wait"]
    assert min(usage["shared_by"] for usage in waits) >= 3
    assert all("actions of one worker" in usage["text"] for usage in waits)


_GATED = """
    import os
    import time

    import flytenb as flyte

    env = flyte.TaskEnvironment("gated")

    @env.task
    def held(gate: str) -> int:
        kept = b"x" * (100 << 20)
        while not os.path.exists(gate):
            time.sleep(0.05)
        return len(kept)

    if __name__ == "__main__":
        import sys

        run = flyte.run(held, gate=sys.argv[1])
        print(run.name, flush=True)
        run.wait()
"""


def test_what_runs_is_told_and_an_engine_that_was_killed_loses_only_the_past(home: Home) -> None:
    gate = home.path.parent / "gate"

    def told(run: str) -> dict | None:
        [row] = json.loads(home.cli("get", "action", run, "-o", "json").stdout)
        found: dict | None = row.get("usage")
        return found

    script = home.script("tasks.py", _GATED)
    with home.popen(str(script), str(gate)) as process:
        assert process.stdout is not None
        run = process.stdout.readline().strip()
        until(lambda: told(run) is not None, "the first look")
        first = told(run)
        assert first is not None
        assert not first.get("is_over")
        assert first["memory_peak_bytes"] > 100 << 20
        assert home.kill_engine()
        until(lambda: told(run) is not None, "the next engine's first look")  # the command starts it
        gate.touch()
        assert process.wait(90) == 0
    last = told(run)
    assert last is not None
    assert last["is_over"]
    assert last["memory_peak_bytes"] > 100 << 20
    assert last["covers_s"] > first["covers_s"]  # since it began, not since the engine did
