"""Real workers that are not simply shared: one action each, pools, and runs that are started by actions."""

from __future__ import annotations

import json

import pytest

from tests.integration.conftest import Home

pytestmark = pytest.mark.engine


def test_strict_actions_have_a_process_each_and_a_spare_ahead(home: Home) -> None:
    script = home.script(
        "strict.py",
        """
        import asyncio, json, os, time
        import flytenb as flyte

        strict = flyte.TaskEnvironment(name="sole", isolation="strict")
        env = flyte.TaskEnvironment(name="caller")
        seen = []

        @strict.task
        async def alone(i: int) -> tuple[int, int, float]:
            seen.append(i)
            ticks = open("/proc/self/stat").read().rsplit(")", 1)[1].split()[19]  # since the machine's start
            return os.getpid(), len(seen), int(ticks) / os.sysconf("SC_CLK_TCK")

        @env.task
        async def caller(n: int) -> dict[str, list[int]]:
            await alone(-1)
            ready, pids = [], set()
            for i in range(n):
                await asyncio.sleep(0.15)  # the spare is there
                asked_at = time.clock_gettime(time.CLOCK_BOOTTIME)
                pid, count, born_at = await alone(i)
                ready.append(int(born_at < asked_at))
                pids.add(pid)
                assert count == 1
            many = await asyncio.gather(*[alone(100 + i) for i in range(20)])
            pids |= {pid for pid, _, _ in many}
            return {"ready": ready, "pids": sorted(pids)}

        if __name__ == "__main__":
            found = flyte.run(caller, n=10).outputs()[0]
            pool = flyte.remote.Pool.get("sole")
            print(json.dumps({**found, "kind": pool.kind, "workers": len(pool.workers), "slots": pool.busy}))
        """,
    )
    told = json.loads(home.python(str(script)).stdout)
    assert len(told["pids"]) == 30
    assert sum(told["ready"]) >= 5, "most had a worker that was there before they were asked for"
    assert (told["kind"], told["slots"]) == ("single", 0)
    assert told["workers"] <= 1
    assert json.loads(home.cli("engine", "status", "-o", "json").stdout)["cpu_used"] == 0


POOL = """
    import asyncio, json, os, time
    import flytenb as flyte

    pool = flyte.TaskEnvironment(name="warm", reusable=flyte.ReusePolicy(replicas=2, concurrency=3))
    one = flyte.TaskEnvironment(name="one", reusable=flyte.ReusePolicy(replicas=1, concurrency=1))
    own = flyte.TaskEnvironment(name="own", reusable=flyte.ReusePolicy(replicas=1, scope="run"))
    env = flyte.TaskEnvironment(name="caller")
    count = 0

    @pool.task
    async def member(pause: float) -> list[float]:
        global count
        count += 1
        start = time.monotonic()
        await asyncio.sleep(pause)
        return [os.getpid(), count, start, time.monotonic()]

    @env.task
    async def many(n: int, pause: float) -> list[list[float]]:
        return list(await asyncio.gather(*[member(pause) for _ in range(n)]))

    @one.task
    async def inner(x: int) -> int:
        return x + 1

    @one.task
    def blocked(x: int) -> int:
        return x + 1

    @one.task
    async def outer(x: int) -> int:
        return await inner(await blocked.aio(x))

    @one.task
    def sync_outer(x: int) -> int:
        return blocked(blocked(x))

    @own.task
    async def alone() -> int:
        return os.getpid()
"""


def test_a_pool_keeps_its_processes_and_runs_as_many_as_it_says(home: Home) -> None:
    home.script("pool.py", POOL)
    script = home.script(
        "use_pool.py",
        """
        import json
        import flytenb as flyte
        from pool import many, outer, sync_outer, alone

        if __name__ == "__main__":
            flyte.run(many, n=2, pause=0.0).outputs()
            spans = flyte.run(many, n=24, pause=0.1).outputs()[0]
            again = flyte.run(many, n=6, pause=0.1).outputs()[0]
            beside = [flyte.run(outer, x=1).outputs()[0], flyte.run(sync_outer, x=1).outputs()[0]]
            own = [flyte.run(alone).outputs()[0] for _ in range(2)]
            while True:  # a worker that belonged to a run takes a moment to end
                pools = {pool.environment: [pool.kind, pool.warm] for pool in flyte.remote.Pool.listall()}
                if "own" not in pools:
                    break
            print(json.dumps({"spans": spans, "again": again, "beside": beside, "own": own, "pools": pools}))
        """,
    )
    told = json.loads(home.python(str(script)).stdout)
    spans = told["spans"]
    pids = {pid for pid, *_ in spans}
    assert len(pids) == 2
    edges = sorted([(start, 1) for *_, start, _ in spans] + [(end, -1) for *_, end in spans])
    at_once = most = 0
    for _, change in edges:
        at_once += change
        most = max(most, at_once)
    assert most == 6
    assert {pid for pid, *_ in told["again"]} <= pids
    assert sum(max(n for pid, n, *_ in told["again"] if pid == one) for one in pids) == 2 + 24 + 6  # globals persist
    assert told["beside"] == [3, 3]
    assert len(set(told["own"])) == 2
    assert told["pools"]["warm"] == ["reusable", 2]
    assert "2-2 replicas, 3 at a time" in home.cli("get", "pools").stdout


NESTED = """
    import sys
    import flytenb as flyte

    env = flyte.TaskEnvironment(name="nest")
    pool = flyte.TaskEnvironment(name="nest-pool", reusable=flyte.ReusePolicy(replicas=1))

    @env.task
    async def leaf(x: int) -> int:
        return x + 1

    @env.task
    async def blocks(depth: int) -> int:
        if not depth:
            return await leaf(0)
        return flyte.run(blocks, depth=depth - 1).outputs()[0] + 1  # blocks the loop of its worker

    @pool.task
    async def blocks_pool(depth: int) -> int:
        return 1 if not depth else flyte.run(blocks_pool, depth=depth - 1).outputs()[0] + 1

    if __name__ == "__main__":
        print(flyte.run(blocks, depth=3).outputs()[0], flyte.run(blocks_pool, depth=2).outputs()[0])
"""


@pytest.mark.parametrize("cpus", ["1", "2"])
def test_an_action_may_block_on_a_run_that_it_started(home: Home, cpus: str) -> None:
    home.env["FLYTENB_CPUS"] = cpus
    assert home.python(str(home.script("nested.py", NESTED)), timeout=40).stdout.split() == ["4", "3"]


def test_code_without_a_file(home: Home) -> None:
    """`python -c`: no source can be read, so the function travels by value; its children too."""
    done = home.python(
        "-c",
        "import flytenb as flyte\n"
        "env = flyte.TaskEnvironment(name='bare')\n"
        "@env.task\nasync def half(x: int) -> int: return x // 2\n"
        "@env.task\nasync def main(x: int) -> int: return await half(x) + 1\n"
        "print('got', flyte.run(main, x=6).outputs()[0])",
    )
    assert "got 4" in done.stdout
