"""Containers, forks and virtual environments: `contained.py [MEASURE …] [--quick]`, each figure checked.

Starts a Docker engine of its own where it may (as root, on Linux: see `tests/docker/engine.py`), or uses the one that
`FLYTENB_TEST_DOCKER_HOST` names. `docker run` of the same image is measured in the same loop, in turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hello
from timing import CONTAINED, Report, clock, latencies, rate

import flytenb as flyte

HERE = Path(__file__).resolve().parent
IMAGE = "flytenb-test/python:3.11"
#: The column of a bare container.
BARE = "docker run"
#: Seconds in which a started spare is there for sure, and the machine is quiet again.
CALM_S = 1.2
#: The same of a forked process.
FORK_CALM_S = 0.1

env = flyte.TaskEnvironment(name="bench")
box = flyte.TaskEnvironment(name="box", image=IMAGE, executor="docker")
pool = flyte.TaskEnvironment(
    name="pool", image=IMAGE, executor="docker", reusable=flyte.ReusePolicy(replicas=2, idle_ttl=60)
)
fork = flyte.TaskEnvironment(name="fork", isolation="strict")
packages = flyte.Image.from_debian_base(python_version=(3, 11)).with_pip_packages("six==1.16.0")
virtual = flyte.TaskEnvironment(
    name="virtual", image=packages, executor="process", reusable=flyte.ReusePolicy(replicas=2, idle_ttl=60)
)


@box.task
async def in_box(x: int) -> tuple[int, str]:
    return x, socket.gethostname()


@pool.task
async def in_pool(x: int) -> tuple[int, str]:
    return x, socket.gethostname()


@fork.task
async def in_fork(x: int) -> tuple[int, str]:
    return x, str(os.getpid())


@virtual.task
async def in_virtual(x: int) -> tuple[int, str]:
    import six

    return x, f"{sys.prefix} {six.__version__} {os.getpid()}"


def bare() -> float:
    """A container of the same image that starts the same Python and goes."""
    start = clock()
    command = ["docker", "run", "--rm", IMAGE, "python3", "-c", "print(1)"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=True)
    took = clock() - start
    assert done.stdout == b"1\n"
    return took


@env.task
async def cold(n: int) -> list[list[float]]:
    """Each in an environment that nobody has used: no worker, no spare."""
    ours, theirs, hosts = [], [], []
    for i in range(n + 1):
        fresh = in_box.override(env_vars={"BENCH": f"{i} {time.time()}"})
        start = clock()
        value, host = await fresh(i)
        ours.append(clock() - start)
        assert value == i
        hosts.append(host)
        await asyncio.sleep(CALM_S)
        theirs.append(await asyncio.to_thread(bare))
        await asyncio.sleep(CALM_S / 6)
    assert len(set(hosts)) == n + 1, f"{n + 1} actions in {len(set(hosts))} containers"
    return [ours[1:], theirs[1:]]  # the first pays for what is made once per machine


@env.task
async def spare(n: int) -> list[float]:
    """One after the other with a pause, as a person or a slow parent calls them: a started container waits."""
    took, hosts = [], []
    for i in range(n + 1):
        start = clock()
        value, host = await in_box(i)
        took.append(clock() - start)
        assert value == i
        hosts.append(host)
        await asyncio.sleep(CALM_S)
    assert len(set(hosts)) == n + 1, f"{n + 1} actions in {len(set(hosts))} containers"
    return took[1:]


@env.task
async def one_by_one(kind: str, n: int, warm_up: int, calm_s: float = 0.0) -> tuple[list[float], list[str]]:
    child = {"pool": in_pool, "fork": in_fork, "virtual": in_virtual}[kind]
    took, places = [], []
    for i in range(-warm_up, n):
        start = clock()
        value, place = await child(i)
        took.append(clock() - start)
        assert value == i
        places.append(place)
        if calm_s:
            await asyncio.sleep(calm_s)
    return took[warm_up:], places[warm_up:]


@env.task
async def all_at_once(n: int) -> tuple[float, list[str]]:
    await asyncio.gather(*[in_pool(-i - 1) for i in range(20)])
    start = clock()
    values = await asyncio.gather(*[in_pool(i) for i in range(n)])
    took = clock() - start
    assert [value for value, _ in values] == list(range(n))
    return took, [place for _, place in values]


def call(task: Any, **inputs: Any) -> Any:
    """What a run returned; it begins when the workers of the run before have gone."""
    time.sleep(2 * CALM_S)
    found = flyte.run(task, **inputs).outputs()
    return found[0] if len(found) == 1 else found


class Measures:
    """The measures of one home and one Docker engine."""

    def __init__(self, home: Path, docker: Any, report: Report) -> None:
        self.home, self.docker, self.report = home, docker, report

    def cold(self) -> dict[str, Any]:
        n = self.report.size(10, 2)
        ours, theirs = call(cold, n=n)
        self.report.beside(BARE, "container_cold", latencies(theirs))
        return {**latencies(ours), "checked": f"values, {n} containers"}

    def spare(self) -> dict[str, Any]:
        n = self.report.size(15, 3)
        return {**latencies(call(spare, n=n)), "checked": f"values, {n} containers"}

    def pool(self) -> dict[str, Any]:
        from checks import expect

        n = self.report.size(500, 50)
        took, places = call(one_by_one, kind="pool", n=n, warm_up=50)
        expect(1 <= len(set(places)) <= 2, f"{len(set(places))} containers instead of 2")
        return {**latencies(took), "checked": f"values, {len(set(places))} containers"}

    def pool_rate(self) -> dict[str, Any]:
        from checks import expect

        n = self.report.size(1_000, 200)
        found = []
        for _ in range(self.report.size(5, 2)):
            took, places = call(all_at_once, n=n)
            expect(len(set(places)) <= 2, f"{len(set(places))} containers instead of 2")
            found.append(took)
        return {**rate(n, sorted(found)[len(found) // 2]), "checked": f"values, {len(set(places))} containers"}

    def fork(self) -> dict[str, Any]:
        from checks import expect

        n = self.report.size(50, 10)
        took, places = call(one_by_one, kind="fork", n=n, warm_up=5, calm_s=FORK_CALM_S)
        expect(len(set(places)) == n, f"{len(set(places))} processes instead of {n}")
        return {**latencies(took), "checked": f"values, {n} processes"}

    def virtual(self) -> dict[str, Any]:
        from checks import expect

        n = self.report.size(500, 50)
        took, places = call(one_by_one, kind="virtual", n=n, warm_up=50)
        prefix, version, _ = places[0].split()
        expect(str(self.home) in prefix and version == "1.16.0", f"ran in {prefix} with six {version}")
        return {**latencies(took), "checked": "values, prefix, package"}

    def rebuild(self) -> dict[str, Any]:
        from checks import expect

        image = self._image()
        first = flyte.build(image, force=True).uri
        ident = self.docker.api.inspect_image(first)["Id"]
        took = []
        for _ in range(self.report.size(7, 2)):
            start = clock()
            again = flyte.build(image, force=True).uri
            took.append(clock() - start)
            expect(again == first, f"rebuilt as {again} instead of {first}")
            expect(self.docker.api.inspect_image(again)["Id"] == ident, "the rebuilt image has another id")
        return {**latencies(took, 1.0), "checked": f"image id {ident[7:15]}"}

    def image_hash(self) -> dict[str, Any]:
        from checks import expect

        from flytenb.model.image import image_digest

        took, digests = [], set()
        for _ in range(200):
            start = clock()
            digests.add(image_digest(self._image().spec()))
            took.append(clock() - start)
        other = self._image().with_env_vars({"ONE": "more"}).spec()
        expect(len(digests) == 1 and image_digest(other) not in digests, "the hash does not follow the layers")
        return {**latencies(took), "checked": "equal, and not for another"}

    def _image(self) -> flyte.Image:
        base = flyte.Image.from_base(IMAGE).clone(name="bench", extendable=True).with_env_vars({"MODE": "bench"})
        return base.with_commands([f"echo {i} > /layer-{i}" for i in range(4)]).with_workdir("/srv")


@contextlib.contextmanager
def docker_engine() -> Iterator[Any]:
    """The tests' Docker engine.

    Raises:
        NoEngine: none can run here.
    """
    no_engine()
    from tests.docker.engine import running_engine

    with running_engine() as docker:
        yield docker


def no_engine() -> type[Exception]:
    """What `docker_engine` raises where none can run."""
    sys.path.insert(0, str(HERE.parent))
    from tests.docker.engine import NoEngine

    return NoEngine


def main() -> int:
    report = Report("flytenb", flyte.__version__, known=CONTAINED)
    with contextlib.ExitStack() as stack:
        docker = stack.enter_context(docker_engine())
        os.environ.update(docker.env)
        home = Path(os.environ.get("FLYTENB_HOME") or stack.enter_context(hello.own_home(HERE / "out")))
        os.environ["FLYTENB_HOME"] = str(home)
        flyte.init()
        measures = Measures(home, docker, report)
        try:
            report.measure("container_cold", measures.cold)
            report.measure("container_spare", measures.spare)
            report.measure("pool_p50", measures.pool)
            report.measure("pool_rate", measures.pool_rate)
            report.measure("fork", measures.fork)
            report.measure("venv_pool", measures.virtual)
            report.measure("image_cached", measures.rebuild)
            report.measure("image_hash", measures.image_hash)
        finally:
            hello.stop_engine(home)
        left = [one["Names"] for one in docker.containers(flytenb="1") if str(home) in str(one["Mounts"])]
        assert not left, f"containers are left: {left}"
    report.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
