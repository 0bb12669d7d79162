"""Declared GPUs in containers: the ids that containers see are those assigned, none twice at a time."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import time
from pathlib import Path

import pytest
from docker.errors import APIError, NotFound

from flytenb.containers.client import connect
from flytenb.containers.gpus import amd_options
from flytenb.containers.labels import WORKER
from flytenb.containers.run import run_to_end
from tests.docker.conftest import DockerHome
from tests.docker.engine import DockerEngine
from tests.integration.conftest import until
from tests.integration.test_gpus import _all_free, _check_exclusive, _resources, _seen

FAN = """
    import asyncio, json, os, sys, time
    import flytenb as flyte

    IMAGE = "flytenb-test/python:3.11"
    one = flyte.TaskEnvironment(name="one", image=IMAGE, resources=flyte.Resources(cpu=0.2, gpu=1))
    two = flyte.TaskEnvironment(name="two", image=IMAGE, resources=flyte.Resources(cpu=0.2, gpu="A100:2"))
    fan = flyte.TaskEnvironment(
        name="fan", image=IMAGE, resources=flyte.Resources(cpu=0.2), depends_on=[one, two], executor="docker"
    )

    def seen(i, began):
        gpus = os.environ["NVIDIA_VISIBLE_DEVICES"]
        return {"i": i, "gpus": gpus, "host": os.uname().nodename, "began": began, "ended": time.monotonic()}

    @one.task(retries=3)
    async def small(i: int, nap: float) -> dict[str, object]:
        began = time.monotonic()
        await asyncio.sleep(nap)
        return seen(i, began)

    @two.task(retries=3)
    async def large(i: int, nap: float) -> dict[str, object]:
        began = time.monotonic()
        await asyncio.sleep(nap)
        return seen(i, began)

    @fan.task
    async def spread(n: int, nap: float) -> list[dict[str, object]]:
        assert os.environ.get("NVIDIA_VISIBLE_DEVICES", "void") == "void", "asked for no GPU and sees some"
        return list(await asyncio.gather(*(small(i, nap) if i % 3 else large(i, nap) for i in range(n))))

    if __name__ == "__main__":
        with open(sys.argv[2], "a") as log:
            for one in flyte.run(spread, n=int(sys.argv[1]), nap=float(sys.argv[3])).outputs()[0]:
                log.write(json.dumps(one) + "\\n")
        print("done")
"""


BUILT = """
    import os, sys
    import flytenb as flyte

    IMAGE = "flytenb-test/python:3.11"
    #: Ends when the test closes its connection: builds are on the host's network.
    WAIT = "python3 -c \\"import socket; socket.create_connection(('127.0.0.1', %s)).recv(1)\\"" % sys.argv[-1]
    one_gpu = flyte.Resources(cpu=0.2, gpu=1)
    image = flyte.Image.from_base(IMAGE).clone(name="gpuwait", extendable=True).with_commands([WAIT])
    built = flyte.TaskEnvironment(name="built", image=image, resources=one_gpu)
    ready = flyte.TaskEnvironment(name="ready", image=IMAGE, resources=one_gpu)

    @built.task
    async def late() -> str:
        return os.environ["NVIDIA_VISIBLE_DEVICES"]

    @ready.task
    async def soon() -> str:
        return os.environ["NVIDIA_VISIBLE_DEVICES"]

    if __name__ == "__main__":
        print("got", flyte.run(globals()[sys.argv[1]]).outputs()[0])
"""


AMD = 'one_gpu = flyte.Resources(cpu=0.2, gpu=flyte.AMD_GPU("MI300X"))'


@pytest.fixture
def gpu_home(docker_home: DockerHome) -> DockerHome:
    docker_home.env |= {"FLYTENB_GPUS": "A100:4", "FLYTENB_CPUS": "4"}
    return docker_home


def _containers(home: DockerHome) -> list[dict]:
    """What the container engine says of those that are still there when it is asked."""
    found = []
    for one in home.containers():
        with contextlib.suppress(NotFound):
            found.append(home.docker.api.inspect_container(one["Id"]))
    return found


def _assigned(home: DockerHome) -> dict[str, list[str]]:
    """What the container engine was asked for: host name of a container → device ids."""
    found = {}
    for facts in _containers(home):
        requests = facts["HostConfig"]["DeviceRequests"] or []
        found[facts["Config"]["Hostname"]] = [ident for each in requests for ident in each["DeviceIDs"]]
    return found


def test_forty_actions_of_two_clients_in_containers(gpu_home: DockerHome) -> None:
    script, log = gpu_home.script("fan.py", FAN), gpu_home.path.parent / "seen"
    clients = [gpu_home.popen(str(script), "20", str(log), "0.1") for _ in range(2)]
    assigned: dict[str, list[str]] = {}
    while any(client.poll() is None for client in clients):
        assigned |= _assigned(gpu_home)
        time.sleep(1)  # a look costs what a start costs
    for client in clients:
        out, err = client.communicate(timeout=600)
        assert out.strip() == "done", f"{out}\n{err}\n{gpu_home.engine_log()}"
    seen = _seen(log)
    assert len(seen) == 40
    assert all(len(one["gpus"].split(",")) == (1 if one["i"] % 3 else 2) for one in seen)
    _check_exclusive(seen, 4)
    compared = [(one["gpus"].split(","), assigned[one["host"]]) for one in seen if one["host"] in assigned]
    assert compared
    assert all(inside == outside for inside, outside in compared)
    until(lambda: _all_free(gpu_home), "all GPUs to be free")


def test_killed_containers_give_their_gpus_back(gpu_home: DockerHome) -> None:
    script, log = gpu_home.script("fan.py", FAN), gpu_home.path.parent / "seen"
    client = gpu_home.popen(str(script), "12", str(log), "3")
    killed: set[str] = set()
    while client.poll() is None and len(killed) < 3:
        busy = {user["worker"] for gpu in _resources(gpu_home)["gpus"] for user in gpu["users"]}
        for one in gpu_home.containers():
            if one["Labels"].get(WORKER) in busy and one["Id"] not in killed:
                with contextlib.suppress(APIError):  # it ended by itself
                    gpu_home.docker.api.kill(one["Id"])
                    killed.add(one["Id"])
                break
    out, err = client.communicate(timeout=600)
    assert out.strip() == "done", f"{out}\n{err}\n{gpu_home.engine_log()}"
    _check_exclusive(_seen(log), 4)
    assert len(killed) == 3
    until(lambda: _all_free(gpu_home), "all GPUs to be free")


def test_nobody_holds_a_gpu_while_an_image_is_built(gpu_home: DockerHome) -> None:
    gpu_home.env["FLYTENB_GPUS"] = "A100:1"
    script = str(gpu_home.script("built.py", BUILT))
    with socket.create_server(("127.0.0.1", 0)) as gate:
        gate.settimeout(120)
        port = str(gate.getsockname()[1])
        late = gpu_home.popen(script, "late", port)
        building, _ = gate.accept()
        with building:
            assert [gpu["users"] for gpu in _resources(gpu_home)["gpus"]] == [[]]
            assert gpu_home.python(script, "soon", port).stdout == "got 0\n"
            assert late.poll() is None
    out, err = late.communicate(timeout=120)
    assert out == "got 0\n", f"{out}\n{err}\n{gpu_home.engine_log()}"
    until(lambda: _all_free(gpu_home), "all GPUs to be free")


def test_amd_gpus_are_device_files_and_groups(docker_engine: DockerEngine, tmp_path: Path) -> None:
    """Made up ones: the engine takes the request, and a user without rights may open them."""
    if os.geteuid() != 0:
        pytest.skip("needs root to make device files")
    (tmp_path / "dri").mkdir()
    for name, group in (("kfd", 4711), ("dri/renderD136", 4712)):
        os.mknod(tmp_path / name, 0o660 | stat.S_IFCHR, os.makedev(1, 3))
        os.chown(tmp_path / name, 0, group)
        os.chmod(tmp_path / name, 0o660)
    (tmp_path / "nodes/1").mkdir(parents=True)
    (tmp_path / "nodes/1/properties").write_text("drm_render_minor 136\n")
    options = amd_options(["0"], devices=tmp_path, topology=tmp_path / "nodes")
    told = run_to_end(
        connect(docker_engine.host),
        docker_engine.image,
        ["-c", "stat -c %t:%T /dev/kfd /dev/dri/renderD136; ls /dev/dri; id -G; : > /dev/kfd; : > /dev/dri/renderD136"],
        entrypoint=["/bin/sh"],
        labels={},
        user="1234:1234",
        host={**options, "cap_drop": ["ALL"], "security_opt": ["no-new-privileges"]},
    )
    assert told.output.split() == ["1:3", "1:3", "renderD136", "1234", "4711", "4712"]
    assert told.status == 0


def test_an_amd_gpu_without_its_driver_is_said(docker_home: DockerHome) -> None:
    if Path("/dev/kfd").exists():
        pytest.skip("AMD's driver is here")
    docker_home.env["FLYTENB_GPUS"] = "MI300X:1"
    script = docker_home.script("built.py", BUILT.replace("one_gpu = flyte.Resources(cpu=0.2, gpu=1)", AMD))
    done = docker_home.python(str(script), "soon", "0", check=False)
    assert "an AMD GPU was asked for and /dev/kfd is not on this machine; install AMD's driver" in done.stderr
    assert docker_home.containers() == []


def test_a_gpu_that_is_not_there_is_refused_before_any_container(docker_home: DockerHome) -> None:
    docker_home.env["FLYTENB_GPUS"] = "T4:1"
    script = docker_home.script("fan.py", FAN)
    done = docker_home.python(str(script), "1", str(Path("seen")), "0", check=False)
    assert done.returncode != 0
    assert "'two.large' asks for GPU A100:2; this machine has 1 T4 (GPU 0)" in done.stderr
    assert not [one for one in _assigned(docker_home).values() if one]
    assert json.loads(docker_home.cli("get", "resources", "-o", "json").stdout)["gpus"][0]["users"] == []
