"""dask.distributed, two worker processes of one thread: `peer_dask.py [MEASURE …] [--quick]`. State is in memory."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = str(Path(__file__).resolve().parent.parent)
sys.path.insert(0, HERE)
os.environ["PYTHONPATH"] = HERE
import distributed  # noqa: E402  the workers are to inherit the path
from distributed import Client, LocalCluster, worker_client  # noqa: E402
from idle import idle_share  # noqa: E402
from timing import Report, clock, latencies, rate  # noqa: E402


def child(x: int) -> int:
    return x


def sequential(n: int) -> list[float]:
    took = []
    with worker_client() as client:
        for i in range(20):
            client.submit(child, i, pure=False).result()
        for i in range(n):
            start = clock()
            value = client.submit(child, i, pure=False).result()
            took.append(clock() - start)
            assert value == i
    return took


def fanout(n: int) -> float:
    with worker_client() as client:
        start = clock()
        values = client.gather(client.map(child, range(n), pure=False))
        took = clock() - start
    assert values == list(range(n))
    return took


def node(depth: int, path: int) -> int:
    if depth == 0:
        return 1
    with worker_client() as client:
        return 1 + sum(client.gather([client.submit(node, depth - 1, path * 4 + i, pure=False) for i in range(4)]))


def work(pause_s: float, _: int) -> tuple[int, float, float]:
    start = time.monotonic()
    time.sleep(pause_s)
    return os.getpid(), start, time.monotonic()


def mixed(n: int) -> tuple[float, list[tuple[int, float, float]]]:
    with worker_client() as client:
        start = time.monotonic()
        return start, client.gather(client.map(work, [0.05 * (i % 2) for i in range(n)], range(n), pure=False))


def main() -> None:
    report = Report("dask", distributed.__version__)
    with (
        tempfile.TemporaryDirectory(prefix="bench-dask-") as folder,
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, local_directory=folder
        ) as cluster,
        Client(cluster) as client,
    ):

        def call(function: Any, *args: Any) -> Any:
            return client.submit(function, *args, pure=False).result()

        def tree(depth: int) -> dict[str, float]:
            expected = (4 ** (depth + 1) - 1) // 3
            start = clock()
            count = call(node, depth, 0)
            took = clock() - start
            assert count == expected, f"{count} nodes instead of {expected}"
            return {"value": took, "n": expected}

        small, large = report.size(1_000, 200), report.size(10_000, 500)
        report.measure("sequential", lambda: latencies(call(sequential, report.size(200, 50))))
        report.measure("fanout_1000", lambda: rate(small, call(fanout, small)))
        report.measure("fanout_10000", lambda: rate(large, call(fanout, large)))
        report.measure("tree", lambda: tree(report.size(5, 3)))
        report.measure("mixed", lambda: idle_share(*call(mixed, report.size(400, 40))))
        report.end()


if __name__ == "__main__":
    main()
