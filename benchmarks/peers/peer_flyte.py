"""flyte 2's local mode: `peer_flyte.py plain|persist [MEASURE …] [--quick]`.

`persist` is `flyte.init(local_persistence=True)`: a SQLite record beside the run, the nearest thing to durability
there. Children run in the parent's process in both modes.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from timing import Report, clock, latencies, rate

IS_PERSISTENT = "persist" in sys.argv
HOME = tempfile.mkdtemp(prefix="bench-flyte-")
os.environ.update(HOME=HOME, FLYTE_INTERNAL_LOG_LEVEL="40")
os.chdir(HOME)

import flyte  # noqa: E402  reads HOME on import

env = flyte.TaskEnvironment(name="bench")


@env.task
async def child(x: int) -> int:
    return x


@env.task
async def sequential(n: int) -> list[float]:
    for i in range(20):
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
        value = await cached(i % 20)
        took.append(clock() - start)
        assert value == i % 20
    return took


@env.task
async def fanout(n: int) -> float:
    start = clock()
    values = await asyncio.gather(*[child(i) for i in range(n)])
    took = clock() - start
    assert values == list(range(n))
    return took


@env.task
async def node(depth: int, path: int) -> int:
    if depth == 0:
        return 1
    return 1 + sum(await asyncio.gather(*[node(depth - 1, path * 4 + i) for i in range(4)]))


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


def value_of(task: Any, *args: Any) -> Any:
    return flyte.with_runcontext(mode="local").run(task, *args).outputs()[0]


def hit(n: int) -> dict[str, float]:
    value_of(hits, 20)
    return latencies(value_of(hits, n))


def tree(depth: int) -> dict[str, float]:
    expected = (4 ** (depth + 1) - 1) // 3
    start = clock()
    count = value_of(node, depth, 0)
    took = clock() - start
    assert count == expected, f"{count} nodes instead of {expected}"
    return {"value": took, "n": expected}


def listing(n: int) -> dict[str, float]:
    """Its own store's listing of the largest run; the public `listall` does not know local runs."""
    from flyte._persistence._run_store import RunStore

    list_actions = RunStore.list_actions_for_run_sync
    runs = {run.run_name: len(list_actions(run.run_name)) for run in RunStore.list_runs_sync()}
    if max(runs.values(), default=0) < n:
        value_of(fanout, n)
        runs = {run.run_name: len(list_actions(run.run_name)) for run in RunStore.list_runs_sync()}
    name = max(runs, key=lambda run: runs[run])
    took = []
    for _ in range(5):
        start = clock()
        rows = list_actions(name)
        took.append(clock() - start)
    assert len(rows) >= n, f"{len(rows)} rows instead of {n}"
    return latencies(took)


def main() -> None:
    flyte.init(local_persistence=IS_PERSISTENT)
    report = Report("flyte-persist" if IS_PERSISTENT else "flyte", version("flyte"))
    report.measure("sequential", lambda: latencies(value_of(sequential, report.size(200, 50))))
    small, large = report.size(1_000, 200), report.size(10_000, 500)
    report.measure("fanout_1000", lambda: rate(small, value_of(fanout, small)))
    report.measure("fanout_10000", lambda: rate(large, value_of(fanout, large)))
    if IS_PERSISTENT:
        report.measure("listing", lambda: listing(large))
    report.measure("hit", lambda: hit(report.size(1_000, 100)))
    report.measure("tree", lambda: tree(report.size(5, 3)))
    report.measure("trace", lambda: latencies(value_of(traces, report.size(1_000, 100)), 1e6))
    report.end()
    shutil.rmtree(HOME, ignore_errors=True)


if __name__ == "__main__":
    main()
