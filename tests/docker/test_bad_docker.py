"""What people meet where Docker, an image or the machine is not as a run needs it: the text that they read, and nothing
left behind."""

from __future__ import annotations

import io
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flytenb.containers.labels import home_id
from tests.docker.conftest import DockerHome
from tests.docker.engine import DockerEngine, NoEngine, _make_bridge, _ready, _unmount
from tests.integration.conftest import Home, _is_alive, until
from tests.integration.telling import script, told_in

OTHER_USER = 54321
HEAD = """
    IMAGE = "flytenb-test/python:3.11"
    base = flyte.Image.from_base(IMAGE).clone(name="bad", extendable=True)
"""
TASK = """
    @env.task
    async def answer() -> int:
        return 42

    if __name__ == "__main__":
        flyte.init()
        tell(lambda: outputs(answer)[0])
"""


def tell(home: Home, settings: str, **options: Any) -> dict[str, Any]:
    """What became of a run of a task in an environment with these settings."""
    path = script(home, "bad.py", HEAD + f"    env = flyte.TaskEnvironment(name='bad', {settings})\n" + TASK)
    (told,) = told_in(home.python(str(path), **options).stdout)
    return told


def sentence(told: dict[str, Any], error: str, *parts: str) -> None:
    """The error is of this class, and one sentence with its cause, its object and the fix."""
    assert error in told.get("bases", ()), told
    message = told["message"]
    first = message.splitlines()[0]
    assert "Traceback" not in message
    assert "Error:" not in first, first
    assert 40 < len(first) < 420, first
    for part in parts:
        assert part in message, f"{part!r} is not in: {message}"


def left(docker: DockerEngine) -> tuple[int, int, int]:
    """Containers of any home, networks, and images without a name."""
    api = docker.api
    return (
        len(api.containers(all=True, filters={"label": "flytenb"})),
        len(api.networks()),
        len(api.images(filters={"dangling": True, "label": ["flytenb.step"]})),
    )


@pytest.fixture
def nothing_left(docker_home: DockerHome) -> Iterator[None]:
    """The engine has after the test what it had before."""
    before = left(docker_home.docker)
    yield
    docker_home.cli("engine", "stop", "--force")
    until(lambda: left(docker_home.docker) == before, f"{before} again, not {left(docker_home.docker)}")


# ---- no engine -------------------------------------------------------------------------------------------------------
@pytest.fixture
def deaf_socket(tmp_path: Path) -> Iterator[str]:
    """A socket that nobody listens at, as a dockerd that was killed leaves it."""
    folder = Path(tempfile.mkdtemp(prefix="fnb-", dir="/tmp"))
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(folder / "d.sock"))
    yield f"unix://{folder}/d.sock"
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("host", "parts"),
    [
        ("unix:///nowhere/d.sock", ["no socket /nowhere/d.sock", "start Docker", "DOCKER_HOST"]),
        ("tcp://127.0.0.1:9", ["no Docker engine listens at tcp://127.0.0.1:9 (from DOCKER_HOST)", "start it"]),
        ("deaf", ["no Docker engine listens at unix:///tmp/fnb-", "sudo systemctl start docker"]),
        ("http//nonsense", ["http//nonsense (from DOCKER_HOST)", "check the address"]),
    ],
)
def test_no_engine_at_this_address(home: Home, deaf_socket: str, host: str, parts: list[str]) -> None:
    home.env |= {"DOCKER_HOST": deaf_socket if host == "deaf" else host, "DOCKER_CONTEXT": ""}
    told = tell(home, 'image=IMAGE, executor="docker"')
    sentence(told, "ContainerEngineError", *parts, 'run without containers: executor="process"')


def test_a_context_that_does_not_exist(home: Home) -> None:
    home.env.pop("DOCKER_HOST", None)
    home.env |= {"DOCKER_CONTEXT": "gone"}
    told = tell(home, 'image=IMAGE, executor="docker"')
    sentence(told, "ContainerEngineError", 'context "gone" does not exist', "docker context ls")


def test_without_an_engine_a_run_says_loudly_what_it_lacks(home: Home) -> None:
    home.env |= {"DOCKER_HOST": "unix:///nowhere/d.sock"}
    assert tell(home, 'image=base.with_commands(["true"])')["value"] == "42"
    shown = re.sub(r"\s+", " ", home.cli("get", "run", "last").stdout)
    assert '! note bad: it runs in the caller\'s environment: the base image "flytenb-test/python:3.11"' in shown
    assert "no Docker engine answers" in shown
    home.env |= {"FLYTENB_IMAGES": "strict"}
    sentence(tell(home, 'image=base.with_commands(["true"])'), "ImageBuildError", "start Docker", 'images="auto"')


#: Another user, who may read what is needed to run this Python wherever it lies, and nothing else.
_AS_OTHER = [
    *("setpriv", f"--reuid={OTHER_USER}", f"--regid={OTHER_USER}", "--clear-groups"),
    *(f"--{kind}=-all,+dac_read_search" for kind in ("bounding-set", "inh-caps", "ambient-caps")),
    sys.executable,
]


def test_no_permission(docker_engine: DockerEngine) -> None:
    if not docker_engine.is_own or subprocess.run([*_AS_OTHER, "-c", "import flytenb.client"], cwd="/tmp").returncode:
        pytest.skip("needs a Docker engine of its own, and a Python that another user may run")
    folder = Path(tempfile.mkdtemp(prefix="fnb-", dir="/tmp"))
    home = Home(folder / "home")
    home.env |= {**docker_engine.env, "HOME": str(folder), "USER": "other"}
    text = HEAD + "    env = flyte.TaskEnvironment(name='bad', image=IMAGE, executor='docker')\n" + TASK
    path = script(home, "bad.py", text)
    for one in (folder, *folder.rglob("*")):
        os.chown(one, OTHER_USER, OTHER_USER)
    options: dict[str, Any] = {"env": home.env, "cwd": folder, "text": True, "capture_output": True, "timeout": 60}
    engine_folder = Path(docker_engine.host.removeprefix("unix://")).parent
    try:
        engine_folder.chmod(0o755)  # the socket itself is root's and its group's
        done = subprocess.run([*_AS_OTHER, str(path)], **options)
        (told,) = told_in(done.stdout) or [{"message": done.stderr}]
        sentence(told, "ContainerEngineError", "this user may not use the Docker engine", "group docker", "rootless")
    finally:
        engine_folder.chmod(0o700)
        subprocess.run([*_AS_OTHER, "-m", "flytenb.cli", "engine", "stop"], **options)
        shutil.rmtree(folder)


# ---- images ----------------------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("nothing_left")
def test_an_image_that_cannot_be_pulled(docker_home: DockerHome) -> None:
    told = tell(docker_home, 'image="nowhere.invalid/none:1"')
    sentence(told, "ImagePullBackOffError", '"nowhere.invalid/none:1"', "cannot be pulled", "docker login")


@pytest.mark.usefixtures("nothing_left")
def test_a_build_that_fails_shows_its_line_and_its_last_words(docker_home: DockerHome) -> None:
    told = tell(docker_home, 'image=base.with_commands(["echo fine", "echo almost; ls /no/such/folder"])')
    sentence(told, "ImageBuildError", "step 1 of 1 failed", "`echo almost; ls /no/such/folder` ended with status 2")
    last = told["message"].partition("Last lines:")[2]
    assert [line.strip() for line in last.strip().splitlines()] == [
        "fine",
        "almost",
        "ls: cannot access '/no/such/folder': No such file or directory",
    ]


@pytest.mark.usefixtures("nothing_left")
def test_an_image_without_python(docker_home: DockerHome) -> None:
    api = docker_home.docker.api
    if not api.images(name="flytenb-test/nothing"):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            tar.addfile(tarfile.TarInfo("empty"))
        api.import_image_from_data(buffer.getvalue(), repository="flytenb-test/nothing")
    told = tell(docker_home, 'image="flytenb-test/nothing"')
    sentence(told, "ContainerStartError", '"flytenb-test/nothing"', "no python3 on its PATH", "CPython 3.10 or newer")


# ---- the machine -----------------------------------------------------------------------------------------------------
@pytest.mark.usefixtures("nothing_left")
def test_a_gpu_that_nobody_has(docker_home: DockerHome) -> None:
    docker_home.env.pop("FLYTENB_GPUS", None)
    told = tell(docker_home, 'image=IMAGE, resources=flyte.Resources(gpu="A100:2")')
    sentence(told, "RuntimeUserError", "asks for GPU A100:2", "this machine has no GPU", 'FLYTENB_GPUS="A100:2"')


@pytest.mark.usefixtures("nothing_left")
def test_more_than_the_machine_has(docker_home: DockerHome) -> None:
    told = tell(docker_home, 'image=IMAGE, resources=flyte.Resources(memory="900Gi", cpu=400)')
    assert told["value"] == "42"
    shown = re.sub(r"\s+", " ", docker_home.cli("get", "run", "last").stdout)
    assert "its task asks for 400 CPUs and this machine has" in shown
    assert "asks for 900 GiB of memory and this machine has" in shown
    assert "use a larger machine" in shown
    assert "env bad container of flytenb-test/python:3.11" in shown


@pytest.fixture(scope="module")
def small_engine() -> Iterator[DockerEngine]:
    """An engine whose disk is nearly full."""
    if os.geteuid() != 0:
        pytest.skip("needs root to make a small disk")
    folder = Path(tempfile.mkdtemp(prefix="fnb-small-", dir="/tmp"))
    data = folder / "data"
    data.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=700m", "tmpfs", str(data)], capture_output=True)
    engine = DockerEngine(f"unix://{folder}/d.sock", is_own=True, folder=folder, bridge=_make_bridge())
    try:
        if mounted.returncode:
            pytest.skip(f"no small disk can be made here: {mounted.stderr.decode().strip()}")
        engine.start()
        yield _ready(engine)
    except NoEngine as error:
        pytest.skip(str(error))
    finally:
        if engine.api is not None:
            engine.api.close()
        engine.stop()
        _unmount(folder)
        shutil.rmtree(folder, ignore_errors=True)


def test_a_disk_that_is_full_in_the_build(home: Home, small_engine: DockerEngine) -> None:
    home.env |= small_engine.env
    before = left(small_engine)
    layer = 'image=base.with_commands(["dd if=/dev/zero of=/big bs=1M count=2000"])'
    told = tell(home, layer)
    sentence(told, "ImageBuildError", "the disk of the Docker engine is full", "docker system prune")
    pid = home.engine_pid()
    home.cli("engine", "stop")
    until(lambda: pid is not None and not _is_alive(pid), "the engine to end")
    assert left(small_engine) == before
    assert not small_engine.containers(flytenb_home=home_id(home.path))
    assert tell(home, "image=IMAGE")["value"] == "42", "there is room again"
