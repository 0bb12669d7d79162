"""prefect 3 with a server of its own on loopback: `peer_prefect.py [MEASURE …] [--quick]`.

Children run in the flow's process; their states reach the server's database some time after the flow went on.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from timing import Report, clock, latencies, rate

HOME = tempfile.mkdtemp(prefix="bench-prefect-")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


PORT = free_port()
os.environ.update(
    HOME=HOME,
    PREFECT_HOME=f"{HOME}/.prefect",
    PREFECT_API_URL=f"http://127.0.0.1:{PORT}/api",
    PREFECT_LOGGING_LEVEL="ERROR",
    PREFECT_LOGGING_TO_API_ENABLED="false",
    PREFECT_SERVER_ANALYTICS_ENABLED="false",
    PREFECT_SERVER_LOGGING_LEVEL="ERROR",
    DO_NOT_TRACK="1",
)

import prefect  # noqa: E402  reads the environment on import
from prefect import flow, task  # noqa: E402
from prefect.cache_policies import NO_CACHE  # noqa: E402


@task(cache_policy=NO_CACHE)
async def child(x: int) -> int:
    return x


@task(cache_policy=NO_CACHE)
async def node(depth: int) -> int:
    if depth == 0:
        return 1
    return 1 + sum(await asyncio.gather(*[node(depth - 1) for _ in range(4)]))


@flow
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


@flow
async def fanout(n: int) -> float:
    start = clock()
    values = await asyncio.gather(*[child(i) for i in range(n)])
    took = clock() - start
    assert values == list(range(n))
    return took


@flow
async def grow(depth: int) -> int:
    return await node(depth)


def tree(depth: int) -> dict[str, float]:
    expected = (4 ** (depth + 1) - 1) // 3
    start = clock()
    count = asyncio.run(grow(depth))
    took = clock() - start
    assert count == expected, f"{count} nodes instead of {expected}"
    return {"value": took, "n": expected}


def wait_for_server(limit_s: float = 90) -> None:
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{PORT}/api/health", timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)
    raise TimeoutError(f"prefect's server did not answer within {limit_s:g} s")


def main() -> None:
    report = Report("prefect", prefect.__version__)
    program = str(Path(sys.executable).parent / "prefect")
    with open(f"{HOME}/server.log", "w") as log:
        serve = [program, "server", "start", "--host", "127.0.0.1", "--port", str(PORT)]
        server = subprocess.Popen(serve, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for_server()
        small, large = report.size(1_000, 100), report.size(10_000, 200)
        report.measure("sequential", lambda: latencies(asyncio.run(sequential(report.size(200, 20)))))
        report.measure("fanout_1000", lambda: rate(small, asyncio.run(fanout(small))))
        report.measure("fanout_10000", lambda: rate(large, asyncio.run(fanout(large))))
        report.measure("tree", lambda: tree(report.size(5, 2)))
        report.end()
    finally:
        server.terminate()
        server.wait(20)
        shutil.rmtree(HOME, ignore_errors=True)


if __name__ == "__main__":
    main()
