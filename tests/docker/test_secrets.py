"""Secrets of tasks in real containers: seen inside, and nowhere that others may look."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from typing import Any

from docker.errors import NotFound

from tests.docker.conftest import DockerHome
from tests.integration.conftest import until

#: In the vault, in the submitter's environment.
FILED, GIVEN = "f1led-in-the-vault", "g1ven-by-the-shell"

SCRIPT = """
    import hashlib, json, os, time
    import flytenb as flyte

    image = flyte.Image.from_base("flytenb-test/python:3.11").clone(name="safe", extendable=True)
    env = flyte.TaskEnvironment(
        "safe", image=image.with_env_vars({"PLAIN": "plain"}),
        secrets=[flyte.Secret("given", as_env_var="GIVEN"), flyte.Secret("filed", mount="/etc/flyte/secrets")],
    )

    @env.task
    def look() -> list[str]:
        mode = oct(os.stat("/etc/flyte/secrets/filed").st_mode & 0o777)
        print("looks", flush=True)
        time.sleep(3)
        mounts = [line.split()[2] for line in open("/proc/mounts") if line.split()[1] == "/etc/flyte/secrets"]
        try:
            import msgspec
        except ModuleNotFoundError as error:
            missing = str(error)
        filed = open("/etc/flyte/secrets/filed").read()
        known = [hashlib.sha256(one.encode()).hexdigest() for one in (os.environ["GIVEN"], filed)]  # results are kept
        return [*known, mode, *mounts, os.environ["PLAIN"], missing]

    if __name__ == "__main__":
        print(json.dumps(flyte.run(look).outputs()[0]))
"""


def everything_seen_outside(home: DockerHome) -> str:
    """What an onlooker with Docker's rights can read of containers and images without going inside."""
    api = home.docker.api
    told: list[Any] = []
    for container in home.containers():
        with contextlib.suppress(NotFound):  # it has ended meanwhile
            told += [api.inspect_container(container["Id"]), api.logs(container["Id"]).decode(errors="replace")]
            told.append(api.diff(container["Id"]))
    for image in api.images(filters={"label": ["flytenb.image"]}):
        told += [api.inspect_image(image["Id"]), api.history(image["Id"])]
    return json.dumps(told, default=str)


def test_secrets_are_seen_inside_and_nowhere_else(docker_home: DockerHome) -> None:
    docker_home.env["GIVEN"] = GIVEN
    docker_home.python("-c", f"import flytenb.remote as r; r.Secret.create('filed', {FILED!r})")
    seen_outside: list[str] = []

    def onlooker() -> None:
        until(lambda: _workers(docker_home), "the action", 120)
        for _ in range(6):  # before the action, and while it runs
            seen_outside.append(everything_seen_outside(docker_home))
            time.sleep(0.4)

    looking = threading.Thread(target=onlooker)
    looking.start()
    told = json.loads(docker_home.run(SCRIPT).strip().splitlines()[-1])
    looking.join()
    given, filed, mode, *mounts, plain, missing = told
    assert [given, filed] == [hashlib.sha256(one.encode()).hexdigest() for one in (GIVEN, FILED)]
    assert plain == "plain"
    assert mode in ("0o400", "0o600")
    assert mounts == ["tmpfs"]  # in memory: no layer of the container has it
    assert missing == "No module named 'msgspec'"  # the worker's own is for the worker
    outside = "".join((*seen_outside, everything_seen_outside(docker_home), docker_home.engine_log()))
    assert "flytenb.worker" in seen_outside[0]
    assert "safe" in outside
    for secret in (GIVEN, FILED):
        assert secret not in outside
    kept = [path for path in docker_home.path.rglob("*") if path.is_file() and "secrets" not in path.parts]
    where = [str(path) for path in kept for secret in (GIVEN, FILED) if secret.encode() in path.read_bytes()]
    assert not where, f"values lie in {where}"


def _workers(home: DockerHome) -> bool:
    """Whether a worker's container runs: an action sleeps there soon, for as long as this takes."""
    return any(one["State"] == "running" and one["Labels"]["flytenb.kind"] == "worker" for one in home.containers())
