"""Runs whose image is being built, as a person goes through them: abort, a kernel or an engine that dies meanwhile."""

from __future__ import annotations

import json
import re
import time

from tests.docker.conftest import DockerHome
from tests.docker.test_exec import begin, rows
from tests.integration.conftest import until


def tasks(seconds: float) -> str:
    """A script with an image that nobody has built yet."""
    return f"""
    base = flyte.Image.from_base("flytenb-test/python:3.11").clone(name="flow", extendable=True)
    image = base.with_commands(["echo {time.time()}", "sleep {seconds}"])
    env = flyte.TaskEnvironment(name="box", image=image)

    @env.task
    async def double(x: int) -> int:
        return 2 * x
    """


def states(home: DockerHome) -> list[str]:
    return [row["state"] for row in rows(home)]


def test_abort_while_its_image_is_built(docker_home: DockerHome) -> None:
    run = begin(docker_home, "double", "--x", "21", text=tasks(60))
    until(lambda: "building" in states(docker_home), "the build to begin")
    shown = docker_home.cli("get", "run", run).stdout
    assert re.search(r"image +building, step 1 of 1", shown), shown
    begun = time.monotonic()
    docker_home.cli("abort", "run", run)
    until(lambda: states(docker_home) == [], "the build to be given up")
    assert time.monotonic() - begun < 50  # its step takes 60 s
    assert "Aborted" in docker_home.cli("get", "run", run).stdout
    assert "given up" in docker_home.cli("get", "build").stdout


def test_engine_stopped_while_an_image_is_built(docker_home: DockerHome) -> None:
    begin(docker_home, "double", "--x", "21", text=tasks(60))
    until(lambda: "building" in states(docker_home), "the build to begin")
    docker_home.followers[-1].kill()  # type: ignore[attr-defined]  it would start the engine again
    begun = time.monotonic()
    docker_home.cli("engine", "stop", "--force")
    assert time.monotonic() - begun < 50
    assert docker_home.containers() == []
    assert "ERROR" not in docker_home.engine_log()


def test_engine_killed_while_an_image_is_built(docker_home: DockerHome) -> None:
    run = begin(docker_home, "double", "--x", "21", text=tasks(3))
    until(lambda: "building" in states(docker_home), "the build to begin")
    (first,) = [row["id"] for row in rows(docker_home)]
    assert docker_home.kill_engine()
    until(lambda: docker_home.rows("select 1 from run where ended_at is not null"), "the run to end")
    assert json.loads(docker_home.cli("get", "io", run, "-o", "json").stdout)["outputs"] == {"o0": 42}
    assert first not in [one["Id"] for one in docker_home.containers()]
    assert "building" not in states(docker_home)
    listed = docker_home.cli("get", "build").stdout
    assert [line.split()[1] for line in listed.splitlines()] == ["done", "given"], listed


def test_kernel_killed_while_an_image_is_built(docker_home: DockerHome) -> None:
    run = begin(docker_home, "double", "--x", "21", text=tasks(2))
    until(lambda: "building" in states(docker_home), "the build to begin")
    docker_home.followers[-1].kill()  # type: ignore[attr-defined]
    until(lambda: docker_home.rows("select 1 from run where ended_at is not null"), "the run to end")
    shown = docker_home.cli("get", "run", run).stdout
    assert "Succeeded" in shown
    assert "env box      container of flytenb/flow (" in shown
    placed = json.loads(docker_home.cli("get", "action", run, "a0", "-o", "json").stdout)["placement"]
    image = docker_home.docker.api.inspect_image(placed["image"])
    assert placed["image_id"] == image["Id"]
    assert placed["executor"] == "docker"
