"""What a container's worker may not, and what cannot start: seen from inside, from outside, and told in words."""

from __future__ import annotations

import io
import json
import os
import tarfile

import pytest

from flytenb.containers.labels import WORKER
from tests.docker.conftest import DockerHome
from tests.docker.scripts import HEAD, run_beside


def test_hardening_seen_from_inside_and_from_outside(docker_home: DockerHome) -> None:
    text = """
    env = flyte.TaskEnvironment(
        name="hard", image=IMAGE, network="none", env_vars={"PRIVATE_VALUE": "open-sesame-17"},
        resources=flyte.Resources(cpu=1, memory="256Mi", shm="32Mi"),
    )

    def tried(call) -> str:
        try:
            call()
        except OSError as error:
            return type(error).__name__
        return "done"

    @env.task
    async def look(folder: str) -> dict[str, str]:
        status = dict(line.split(":", 1) for line in open("/proc/self/status"))
        stat = os.statvfs("/dev/shm")
        seen = {
            "uid": str(os.getuid()), "caps": status["CapEff"].strip(), "privs": status["NoNewPrivs"].strip(),
            "root": tried(lambda: open("/etc/new", "w")), "tmp": tried(lambda: open("/tmp/new", "w")),
            "runtime": tried(lambda: open("/run/flytenb/runtime/new", "w")),
            "socket": tried(lambda: open("/run/flytenb/socket/new", "w")),
            "boot": tried(lambda: open("/run/flytenb/worker/boot.json")),
            "token": tried(lambda: open(os.path.join(os.environ["FLYTENB_HOME"], "token"))),
            "store": tried(lambda: open(os.path.join(os.environ["FLYTENB_HOME"], "store.db"))),
            "interfaces": ",".join(sorted(os.listdir("/sys/class/net"))),
            "shm": str(stat.f_blocks * stat.f_frsize), "private": os.environ["PRIVATE_VALUE"],
            "home": os.path.expanduser("~"), "cwd": os.getcwd(),
        }
        (pathlib.Path(folder) / "begun").touch()
        while not (pathlib.Path(folder) / "looked").exists():
            await asyncio.sleep(0.02)
        return seen

    if __name__ == "__main__":
        flyte.init()
        run = flyte.run(look, folder=sys.argv[1])
        run.wait()
        print(json.dumps(run.outputs()[0]))
    """
    thread, printed = run_beside(docker_home, text)
    inspected = [docker_home.docker.api.inspect_container(one["Id"]) for one in docker_home.containers()]
    (docker_home.path / "objects" / "looked").touch()
    thread.join(120)
    seen = json.loads(printed[0])
    assert seen == {
        "uid": str(os.getuid()),
        "caps": "0000000000000000",
        "privs": "1",
        "root": "OSError",
        "tmp": "done",
        "runtime": "OSError",
        "socket": "OSError",
        "boot": "FileNotFoundError",
        "token": "FileNotFoundError",
        "store": "FileNotFoundError",
        "interfaces": "lo",
        "shm": str(32 << 20),
        "private": "open-sesame-17",
        "home": "/tmp",
        # Made by the mounts below it; elsewhere a folder of the caller's is not there.
        "cwd": str(docker_home.path.parent),
    }
    assert inspected
    for one in inspected:
        host = one["HostConfig"]
        assert host["CapDrop"] == ["ALL"]
        assert host["SecurityOpt"] == ["no-new-privileges"]
        assert host["ReadonlyRootfs"] is True
        assert host["NetworkMode"] == "none"
        assert (host["Memory"], host["MemorySwap"], host["NanoCpus"]) == (256 << 20, 256 << 20, 10**9)
        assert one["Config"]["User"] == f"{os.getuid()}:{os.getgid()}"
        assert one["Config"]["Labels"][WORKER].startswith("w")
        text = json.dumps(one)
        assert (docker_home.path / "token").read_text().strip() not in text
        assert "open-sesame-17" not in text


def test_code_of_another_minor_is_refused_not_crashed_on(docker_home: DockerHome, other_python: str) -> None:
    said = docker_home.run(
        HEAD
        + """
    env = flyte.TaskEnvironment(name="newer", image=sys.argv[1] if len(sys.argv) > 1 else IMAGE)

    @env.task
    async def calls(f: object) -> int:
        return f(1)

    if __name__ == "__main__":
        flyte.init()
        names = {}
        exec("def without_source(x): return x + 1", names)
        run = flyte.run(calls, f=names["without_source"])
        try:
            run.wait()
        except Exception as error:
            print(type(error).__name__, error)
    """,
        other_python,
    )
    assert said.startswith("CaptureError this value holds code that Python ")
    assert "an image with Python" in said


def test_runs_are_not_started_from_inside(docker_home: DockerHome) -> None:
    said = docker_home.run(
        HEAD
        + """
    env = flyte.TaskEnvironment(name="box", image=IMAGE)

    @env.task
    async def inner() -> int:
        return 1

    @env.task
    async def outer() -> str:
        try:
            flyte.run(inner)
        except errors.EngineError as error:
            return str(error)
        return "ran"

    if __name__ == "__main__":
        flyte.init()
        run = flyte.run(outer)
        run.wait()
        print(run.outputs()[0])
    """
    )
    assert said.startswith("a task in a container cannot start runs")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ('image="flytenb-test/nothing"', ["has no python3", "CPython 3.10 or newer"]),
        ('image="flytenb-test/absent:1"', ["flytenb-test/absent:1", "cannot be pulled"]),
        ('image=IMAGE, network="nowhere"', ['no Docker network "nowhere"', "docker network create nowhere"]),
    ],
)
def test_what_cannot_start_is_told_at_once(docker_home: DockerHome, settings: str, words: list[str]) -> None:
    api = docker_home.docker.api
    if not api.images(name="flytenb-test/nothing"):
        api.import_image_from_data(_empty_tar(), repository="flytenb-test/nothing")
    said = docker_home.run(
        HEAD
        + f"""
    env = flyte.TaskEnvironment(name="bad", image=IMAGE)
    bad = flyte.TaskEnvironment(name="bad", {settings})

    @bad.task
    async def never() -> int:
        return 1

    if __name__ == "__main__":
        flyte.init()
        run = flyte.run(never)
        try:
            run.wait()
            run.outputs()
        except Exception as error:
            print(type(error).__name__, error)
    """
    )
    for word in words:
        assert word in said, said


def _empty_tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("empty"))
    return buffer.getvalue()
