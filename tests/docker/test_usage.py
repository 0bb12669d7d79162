"""What containers used: of workers that run in one, and of tasks that are one."""

from __future__ import annotations

import json

from flytenb.containers.address import Address
from flytenb.containers.client import Docker
from flytenb.executors import usage
from tests.docker.conftest import DockerHome
from tests.docker.engine import IMAGE, DockerEngine

_BURN = f"""
    import time

    import flytenb as flyte
    from flytenb.extras import ContainerTask

    env = flyte.TaskEnvironment("inside", image="{IMAGE}", resources=flyte.Resources(cpu=1, memory="1Gi"))
    alone = ContainerTask(
        name="alone", image="{IMAGE}",
        command=["python3", "-c", "held = b'x' * (150 << 20)\\nimport time\\n"
                 "end = time.process_time() + 2.5\\nwhile time.process_time() < end: pass"],
    )

    @env.task
    def burn() -> int:
        held = b"x" * (200 << 20)
        end = time.process_time() + 2.5
        while time.process_time() < end:
            pass
        return len(held)

    if __name__ == "__main__":
        first, second = flyte.run(burn), flyte.run(alone)
        first.wait()
        second.wait()
        print(first.name, second.name)
"""


def _used(home: DockerHome, run: str) -> dict:
    [row] = json.loads(home.cli("get", "action", run, "-o", "json").stdout)
    return row["usage"]


def test_what_containers_used_is_recorded(docker_home: DockerHome) -> None:
    burn, alone = docker_home.run(_BURN, timeout=300).split()[-2:]
    used = _used(docker_home, burn)
    assert used["source"] == "container"
    assert used["memory_asked_bytes"] == 1 << 30
    assert 200 << 20 <= used["memory_peak_bytes"] <= 400 << 20
    assert 1.0 <= used["cpu_s"] <= 4.5  # the start is the container's, too
    used = _used(docker_home, alone)
    assert used["source"] == "container"
    assert used["memory_peak_bytes"] >= 150 << 20
    assert used["cpu_s"] >= 0.5


def test_groups_and_the_engines_own_numbers_agree(docker_engine: DockerEngine) -> None:
    """One way where the engine's machine is this one, the other elsewhere."""
    from flytenb.executors.docker.measure import measure

    api = docker_engine.api
    words = "held = b'x' * (100 << 20)\nimport time\ntime.sleep(60)"
    ident = api.create_container(IMAGE, ["python3", "-c", words])["Id"]
    api.start(ident)
    try:
        docker = Docker(Address(docker_engine.host, "test"), api)
        for _ in range(60):  # it gives no event when it has its memory
            near, told = measure(docker, ident), usage._of_stats(0.0, api.stats(ident, stream=False))
            if near is not None and told is not None and near.memory_bytes > 100 << 20:
                break
        assert near is not None
        assert told is not None
        assert abs(near.memory_bytes - told.memory_bytes) < 20 << 20
        assert told.memory_bytes > 100 << 20
        assert abs(near.cpu_s - told.cpu_s) < 0.5
    finally:
        api.remove_container(ident, force=True)
    assert measure(docker, ident) is None
