"""Aborts and conditions of actions in containers: asked first, then ended; siblings go on; the answer comes in."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest

from tests.docker.conftest import DockerHome
from tests.integration.conftest import until

_SCRIPT = """
    import asyncio, subprocess, sys, time
    import flytenb as flyte
    from flytenb.errors import ActionAbortedError
    from flytenb.extras import ContainerTask

    IMAGE = "flytenb-test/python:3.11"
    env = flyte.TaskEnvironment("box", image=IMAGE)

    @env.task
    async def awaits() -> str:
        print("begun", flush=True)
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            print("cancelled", flush=True)
            raise

    @env.task
    def shells() -> str:
        child = subprocess.Popen(["sh", "-c", "trap 'echo asked; exit' TERM; while :; do sleep 0.05; done"])
        print("begun", flush=True)
        child.wait()
        time.sleep(1000)

    @env.task
    def deaf() -> str:
        print("begun", flush=True)
        while True:
            try:
                time.sleep(0.05)
            except Exception:
                pass

    program = ContainerTask(
        "program", IMAGE, ["sh", "-c", "trap 'echo asked; exit 3' TERM; echo begun; while :; do sleep 0.05; done"]
    )

    @env.task
    async def sibling() -> int:
        print("begun", flush=True)
        return int(await flyte.new_condition("go", data_type=int).wait.aio())

    @env.task
    async def both(kind: str) -> str:
        other = asyncio.create_task(sibling.aio())
        try:
            await globals()[kind].aio()
        except ActionAbortedError as error:
            return f"{await other} {error}"
        return "?"

    if __name__ == "__main__":
        run = flyte.run(both, sys.argv[1])
        print(run.name, flush=True)
        print(run.outputs()[0], flush=True)
"""


def _begun(home: DockerHome, kind: str) -> tuple[subprocess.Popen[str], str, str]:
    process = home.popen(str(home.script("stop.py", _SCRIPT)), kind)
    assert process.stdout is not None
    run = process.stdout.readline().strip()

    def rows() -> list[dict[str, Any]]:
        return json.loads(home.cli("get", "action", run, "-o", "json").stdout)

    def found() -> list[str]:
        return [row["name"] for row in rows() if row["task"].rpartition(".")[2] == kind and row["phase"] == "running"]

    until(found, f"{kind} to run", 120)
    (action,) = found()
    until(lambda: "begun" in home.cli("get", "logs", run, action).stdout, "its first word", 60)
    return process, run, action


@pytest.mark.parametrize(
    ("kind", "last"), [("awaits", "cancelled"), ("shells", "asked"), ("program", "asked"), ("deaf", "")]
)
def test_an_aborted_action_ends_and_its_sibling_goes_on(docker_home: DockerHome, kind: str, last: str) -> None:
    process, run, action = _begun(docker_home, kind)
    until(lambda: "paused" in docker_home.cli("get", "action", run).stdout.lower(), "the question", 60)
    docker_home.cli("abort", "action", run, action, "--reason", "wrong")
    if last:
        until(lambda: last in docker_home.cli("get", "logs", run, action).stdout, f"{last!r} in its log", 60)
    docker_home.cli("signal", "condition", run, "go", "7")
    told = process.communicate(timeout=60)
    name = "program" if kind == "program" else f"box.{kind}"
    assert told[0] == f"7 task {name!r} was aborted: wrong\n", told[1]
    until(lambda: not docker_home.containers() or kind in ("awaits", "shells"), "the containers' end", 90)
    until(lambda: all(one["State"] != "running" or kind != "deaf" for one in docker_home.containers()), "its end", 60)
