"""ray on this machine, two CPUs: `peer_ray.py [MEASURE …] [--quick]`. Its state is in memory, children are isolated.

A parent that waits holds a worker process, so the tree has depth 3 (85 tasks) and the table does not compare it.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

HERE = str(Path(__file__).resolve().parent.parent)
sys.path.insert(0, HERE)
from timing import Report, clock, latencies, rate  # noqa: E402

os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_DEDUP_LOGS="0", RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO="0")

import ray  # noqa: E402  reads the environment on import


@ray.remote
def child(x: int) -> int:
    return x


@ray.remote
def sequential(n: int) -> list[float]:
    for i in range(20):
        ray.get(child.remote(i))
    took = []
    for i in range(n):
        start = clock()
        value = ray.get(child.remote(i))
        took.append(clock() - start)
        assert value == i
    return took


@ray.remote
def fanout(n: int) -> float:
    start = clock()
    values = ray.get([child.remote(i) for i in range(n)])
    took = clock() - start
    assert values == list(range(n))
    return took


@ray.remote
def work(pause_s: float) -> tuple[int, float, float]:
    start = time.monotonic()
    time.sleep(pause_s)
    return os.getpid(), start, time.monotonic()


@ray.remote
def mixed(n: int) -> tuple[float, list[tuple[int, float, float]]]:
    start = time.monotonic()
    return start, ray.get([work.remote(0.05 * (i % 2)) for i in range(n)])


def idle(n: int) -> dict[str, Any]:
    from idle import idle_share

    start, spans = ray.get(mixed.remote(n))
    return idle_share(start, spans)


def main() -> None:
    report = Report("ray", ray.__version__)
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=500_000_000,
        logging_level="ERROR",
        log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": HERE}},
    )
    ray.get([child.remote(i) for i in range(4)])
    small, large = report.size(1_000, 200), report.size(10_000, 500)
    report.measure("sequential", lambda: latencies(ray.get(sequential.remote(report.size(200, 50)))))
    report.measure("fanout_1000", lambda: rate(small, ray.get(fanout.remote(small))))
    report.measure("fanout_10000", lambda: rate(large, ray.get(fanout.remote(large))))
    report.measure("mixed", lambda: idle(report.size(400, 40)))
    report.end()
    ray.shutdown()


if __name__ == "__main__":
    main()
