"""This project's side of the benchmark: `ours.py [MEASURE …] [--quick]`, by the public API only, each figure checked.

Tasks time their children themselves, inside the parent, as the peers' scripts do.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from timing import Report, clock, latencies, rate

import flytenb as flyte

env = flyte.TaskEnvironment(name="bench")
#: Two children at a time, whatever the machine has.
half = flyte.TaskEnvironment(name="half", resources=flyte.Resources(cpu=max(1, (os.cpu_count() or 2) // 2)))
WARM_UP = 20
#: Different inputs of cached calls.
DISTINCT = 20
PAUSE_S = 0.05


@env.task
async def child(x: int) -> int:
    return x


@env.task
async def where(x: int) -> int:
    return os.getpid()


@env.task
async def sequential(n: int) -> list[float]:
    for i in range(WARM_UP):
        await child(-i - 1)
    took = []
    for i in range(n):
        start = clock()
        value = await child(i)
        took.append(clock() - start)
        assert value == i
    return took


@env.task(cache="auto")
async def cached(x: int) -> int:
    return x


@env.task
async def hits(n: int) -> list[float]:
    took = []
    for i in range(n):
        start = clock()
        value = await cached(i % DISTINCT)
        took.append(clock() - start)
        assert value == i % DISTINCT
    return took


@env.task
async def fanout(n: int) -> float:
    start = clock()
    values = await asyncio.gather(*[child(i) for i in range(n)])
    took = clock() - start
    assert values == list(range(n))
    return took


@env.task
async def pids(n: int) -> list[int]:
    return [os.getpid(), *await asyncio.gather(*[where(i) for i in range(n)])]


@env.task
async def node(depth: int, path: int) -> int:
    if depth == 0:
        return 1
    return 1 + sum(await asyncio.gather(*[node(depth - 1, path * 4 + i) for i in range(4)]))


@half.task
def work(pause_s: float, i: int) -> list[float]:
    start = time.monotonic()
    time.sleep(pause_s)
    return [float(os.getpid()), start, time.monotonic()]


@env.task
async def mixed(n: int) -> list[list[float]]:
    start = time.monotonic()
    spans = await asyncio.gather(*[work.aio(PAUSE_S * (i % 2), i) for i in range(n)])
    return [[start], *spans]


@flyte.trace
async def traced(x: int) -> int:
    return x


@env.task
async def traces(n: int) -> list[float]:
    took = []
    for i in range(n):
        start = clock()
        await traced(i)
        took.append(clock() - start)
    return took


def call(task: Any, **inputs: Any) -> tuple[Any, str]:
    """The output of a run and its name."""
    run = flyte.run(task, **inputs)
    return run.outputs()[0], run.name


class Measures:
    """The measures of one home."""

    def __init__(self, home: Path, report: Report) -> None:
        self.home, self.report = home, report
        self.processes = ""
        self.key_facts: dict[str, Any] = {}

    def check_processes(self) -> None:
        """Once: children run in other processes than their parents."""
        from checks import check_processes

        (parent, *children), _ = call(pids, n=50)
        self.processes = check_processes(os.getpid(), parent, children)

    def sequential(self) -> dict[str, Any]:
        from checks import check_children

        n = self.report.size(200, 50)
        took, name = call(sequential, n=n)
        checked = check_children(self.home, name, [*range(n), *(-i - 1 for i in range(WARM_UP))])
        return {**latencies(took), "checked": f"{checked}; {self.processes}"}

    def fanout(self, n: int) -> dict[str, Any]:
        from checks import check_children

        took, name = call(fanout, n=n)
        return {**rate(n, took), "checked": f"{check_children(self.home, name, range(n))}; {self.processes}"}

    def hit(self) -> dict[str, Any]:
        """All calls are hits, and each is an action on disk with its output."""
        from checks import check_children, expect

        call(hits, n=DISTINCT)
        n = self.report.size(1_000, 100)
        took, name = call(hits, n=n)
        count = flyte.remote.Run.get(name).snapshot().run.cached_count
        expect(count == n, f"{count} hits were recorded instead of {n}")
        checked = check_children(self.home, name, [i % DISTINCT for i in range(n)], task="bench.cached")
        return {**latencies(took), "checked": f"{checked}; {n} hits"}

    def keys(self, which: str) -> dict[str, Any]:
        """Of one notebook in a process of its own; the same figures serve three measures."""
        from checks import expect

        if not self.key_facts:
            script = str(Path(__file__).with_name("notebook_keys.py"))
            command = [sys.executable, script, str(self.report.size(300, 60))]
            done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
            self.key_facts = json.loads(done.stdout.strip().splitlines()[-1])
        facts = self.key_facts
        expect(facts["is_right"], "an edit did not change the key, or none did")
        took = facts[which]
        found = latencies(took if isinstance(took, list) else [took])
        return {**found, "checked": f"{facts['reached']} functions in the key"}

    def tree(self) -> dict[str, Any]:
        from checks import check_tree, expect

        depth = self.report.size(5, 3)
        expected = (4 ** (depth + 1) - 1) // 3
        start = clock()
        count, name = call(node, depth=depth, path=0)
        took = clock() - start
        expect(count == expected, f"{count} nodes returned instead of {expected}")
        return {"value": took, "n": expected, "checked": check_tree(self.home, name, depth)}

    def mixed(self) -> dict[str, Any]:
        from checks import actions_of, expect
        from idle import idle_share

        n = self.report.size(400, 40)
        ((start,), *spans), name = call(mixed, n=n)
        rows = actions_of(self.home, name)
        expect(len(rows) == n + 1 == len(spans) + 1, f"{len(rows)} rows on disk instead of {n + 1}")
        return {**idle_share(start, spans), "checked": f"{len(rows)} rows"}

    def trace(self) -> dict[str, Any]:
        from checks import expect, traces_of

        n = self.report.size(1_000, 100)
        took, name = call(traces, n=n)
        outputs = traces_of(self.home, name)
        expect(sorted(outputs) == list(range(n)), f"{len(outputs)} traces on disk instead of {n}, or other outputs")
        return {**latencies(took, 1e6), "checked": f"{n} traces, outputs"}

    def listing(self) -> dict[str, Any]:
        from checks import expect

        import flytenb.remote

        n = self.report.size(10_000, 500)
        _, name = call(fanout, n=n)
        took = []
        for _ in range(5):
            start = clock()
            actions = list(flytenb.remote.Action.listall(for_run_name=name))
            took.append(clock() - start)
        expect(len({action.name for action in actions}) == n + 1, f"{len(actions)} actions listed instead of {n + 1}")
        expect(all(str(action.phase) == "succeeded" for action in actions), "a listed action has not succeeded")
        return {**latencies(took), "checked": f"{n + 1} names, phases"}

    def memory(self) -> dict[str, Any]:
        """Bytes that the engine keeps per finished action, after its first runs have set up what stays anyway."""
        from checks import check_children

        n = self.report.size(10_000, 1_000)
        for _ in range(2):
            call(fanout, n=n)
        before = self.engine_bytes()
        names = [call(fanout, n=n)[1] for _ in range(2)]
        after = self.engine_bytes()
        for name in names:
            check_children(self.home, name, range(n))
        growth = (after - before) / (2 * n)
        return {"value": growth / 1024, "n": 2 * n, "engine_mb": after / 1e6, "checked": f"{2 * n + 2} rows"}

    def engine_bytes(self) -> int:
        import psutil

        engine = psutil.Process(engine_status()["pid"])
        samples = []
        for _ in range(5):
            time.sleep(0.4)
            samples.append(engine.memory_full_info().uss)
        return int(statistics.median(samples))


def engine_command(*words: str) -> subprocess.CompletedProcess[str]:
    """`flytenb engine …` by this interpreter."""
    program = "import sys; from flytenb.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "engine", *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)


def engine_status() -> dict[str, Any]:
    """What the engine tells of itself."""
    return dict(json.loads(engine_command("status", "-o", "json").stdout))


def main() -> None:
    """Run the measures asked for; FLYTENB_HOME must name a home of the benchmark's own."""
    import importlib.metadata

    home = Path(os.environ["FLYTENB_HOME"])
    report = Report("flytenb", importlib.metadata.version("flytenb"))
    measures = Measures(home, report)
    measures.check_processes()
    report.measure("sequential", measures.sequential)
    report.measure("fanout_1000", lambda: measures.fanout(report.size(1_000, 200)))
    report.measure("fanout_10000", lambda: measures.fanout(report.size(10_000, 500)))
    report.measure("tree", measures.tree)
    report.measure("mixed", measures.mixed)
    report.measure("trace", measures.trace)
    report.measure("hit", measures.hit)
    report.measure("key_cold", lambda: measures.keys("cold"))
    report.measure("key_same", lambda: measures.keys("same"))
    report.measure("key_cell", lambda: measures.keys("cells"))
    report.measure("listing", measures.listing)
    report.measure("memory", measures.memory)
    report.end()


if __name__ == "__main__":
    main()
