"""Images that are pulled: rows like those of builds, live, in all views; given up with who waited for them."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import pytest
from docker.errors import APIError

from tests.docker.conftest import DockerHome
from tests.docker.registry import Registry
from tests.docker.test_exec import begin
from tests.integration.conftest import until


@pytest.fixture
def registry(docker_home: DockerHome) -> Iterator[Registry]:
    made = Registry()
    yield made
    made.close()
    with contextlib.suppress(APIError):
        docker_home.docker.api.remove_image(made.image, force=True)


def tasks(image: str) -> str:
    return f"""
        from flytenb.extras import ContainerTask

        noise = ContainerTask("noise", "{image}", ["/init", "--version"])
        tools = flyte.TaskEnvironment.from_task("tools", noise)
        env = flyte.TaskEnvironment("env", image="{image}")

        @env.task
        async def never() -> int:
            return 1
    """


def pulling(home: DockerHome) -> dict:
    found = json.loads(home.cli("get", "build", "-o", "json").stdout)
    return found[0] if found else {"layers": []}


def is_half_way(home: DockerHome) -> bool:
    """The program is there, of the others some are half loaded."""
    said = [layer.get("said", "") for layer in pulling(home)["layers"]]
    return sum(one in ("1 of 3 MB", "2 of 3 MB") for one in said) == 3 and said[0].startswith("1 of 4 layers, ")


def test_layers_and_megabytes_are_shown_live(docker_home: DockerHome, registry: Registry) -> None:
    run = begin(docker_home, "noise", text=tasks(registry.image))
    until(lambda: is_half_way(docker_home), "half of all layers")
    row = pulling(docker_home)
    assert row["layers"][0]["title"] == f"pull {registry.image}"
    assert [layer["phase"] for layer in row["layers"]].count("building") == 4  # the image and three layers
    text = docker_home.cli("get", "run", run).stdout
    assert f"1/5 pulling: pull {registry.image}" in text
    assert "1 of 4 layers, " in text
    assert " of 3 MB" in text
    told = f"pulls {registry.image}: 1 of 4 layers, "  # those who wait hear of it every moment or so
    until(lambda: told in docker_home.cli("get", "action", run, "a0").stdout, "it to be told to who waits")
    live = docker_home.cli("get", "build", "1").stdout
    assert f"pull {registry.image}  1 of 4 layers, " in live

    registry.gate.set()
    until(lambda: docker_home.rows("select 1 from run where ended_at is not null"), "the run to end")
    assert docker_home.followers[0].communicate()[1] == ""
    row = pulling(docker_home)
    assert {layer["phase"] for layer in row["layers"]} <= {"done", "cached"}


def test_a_pull_ends_with_who_waits_for_it(docker_home: DockerHome, registry: Registry) -> None:
    run = begin(docker_home, "never", text=tasks(registry.image))
    until(lambda: is_half_way(docker_home), "half of all layers")
    docker_home.cli("abort", "run", run)
    until(lambda: docker_home.rows("select 1 from run where ended_at is not null"), "the run to end")
    registry.gate.set()
    until(lambda: pulling(docker_home)["phase"] == "given up", "the pull to be given up")
