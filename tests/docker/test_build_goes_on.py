"""Builds while something dies: who asked for them, or the Docker engine."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator

import pytest

from tests.docker.conftest import DockerHome
from tests.docker.engine import DockerEngine
from tests.integration.conftest import until

TASKS = """
    import sys
    import flytenb as flyte

    #: Begins, and ends when the test closes its connection: builds are on the host's network.
    wait = "python3 -c \\"import socket; socket.create_connection(('127.0.0.1', %s)).recv(1)\\"" % sys.argv[-1]
    base = flyte.Image.from_base("flytenb-test/python:3.11").clone(name="goeson", extendable=True)
    image = base.with_commands(["echo first"]).with_commands([wait])
    env = flyte.TaskEnvironment(name="goeson", image=image)

    @env.task
    async def answer() -> int:
        return 42

    if __name__ == "__main__":
        if sys.argv[1] == "build":
            print(flyte.build(image).uri)
        else:
            run = flyte.run(answer)
            print(run.name, flush=True)
            print(run.outputs()[0])
"""


@pytest.fixture
def gate() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        made.settimeout(60)
        yield made


def builds(home: DockerHome) -> list[dict]:
    return json.loads(home.cli("get", "build", "-o", "json").stdout)


@pytest.mark.parametrize("what", ["run", "build"])
def test_a_build_goes_on_without_its_client_and_the_next_one_joins(
    docker_home: DockerHome, gate: socket.socket, what: str
) -> None:
    path, port = str(docker_home.script("goeson.py", TASKS)), str(gate.getsockname()[1])
    first = docker_home.popen(path, what, port)
    building, _ = gate.accept()
    first.kill()
    first.communicate()
    second = docker_home.popen(path, what, port)
    other = docker_home.popen(path, "run", port)
    assert other.stdout.readline()  # it is submitted
    with building:
        assert [row.get("phase", "building") for row in builds(docker_home)] == ["building"]
    out, err = second.communicate(timeout=120)
    assert out.splitlines()[-1].startswith("42" if what == "run" else "flytenb/goeson:"), err
    assert other.communicate(timeout=120)[0] == "42\n"
    assert [row["phase"] for row in builds(docker_home)] == ["done"]
    gate.settimeout(0.1)
    with pytest.raises(TimeoutError):
        gate.accept()  # nobody has built it again
    until(lambda: not docker_home.rows("select 1 from run where ended_at is null"), "the run without a client to end")
    assert {row[0] for row in docker_home.rows("select phase from run")} == {5}


def _crash(engine: DockerEngine) -> None:
    """dockerd and its containerd are killed, and started again."""
    assert engine.folder is not None
    containerd = engine.folder / "exec/containerd/containerd.pid"
    engine.stop(signal.SIGKILL)
    os.kill(int(containerd.read_text()), signal.SIGKILL)
    containerd.unlink()  # nobody may bury it
    engine.start()


def test_a_docker_that_is_killed_in_a_build_is_said(docker_home: DockerHome, gate: socket.socket) -> None:
    engine = docker_home.docker
    if not engine.is_own:
        pytest.skip("only an engine of the tests' own may be killed")
    path, port = str(docker_home.script("goeson.py", TASKS)), str(gate.getsockname()[1])
    client = docker_home.popen(path, "run", port)
    building, _ = gate.accept()
    with building:
        begun = time.monotonic()
        _crash(engine)
    out, err = client.communicate(timeout=120)
    assert client.returncode != 0, out
    sentence = err.strip().splitlines()[-1]
    assert "goeson" in sentence, err
    assert "Docker engine" in sentence, err
    assert "again" in sentence or "check that" in sentence, sentence
    assert time.monotonic() - begun < 60
    until(lambda: not docker_home.containers(), "the build's container to go")
    again = docker_home.popen(path, "run", port)
    building, _ = gate.accept()
    building.close()
    assert again.communicate(timeout=120)[0].splitlines()[-1] == "42"
    (last, failed) = builds(docker_home)
    assert (last["phase"], failed["phase"]) == ("done", "failed")
    assert [layer["phase"] for layer in last["layers"]] == ["cached", "done"]
