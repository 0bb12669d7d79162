"""Workers on an engine of another machine: over TCP, and without a file or a socket that both sides see."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from flytenb.containers.client import connect
from flytenb.executors.docker.container import create
from flytenb.executors.docker.volumes import Volumes
from tests.batches.conftest import write
from tests.docker.conftest import DockerHome
from tests.docker.engine import DockerEngine
from tests.docker.scripts import HEAD, begun, in_thread, result, said
from tests.docker.test_secrets import FILED, GIVEN, SCRIPT
from tests.integration.conftest import until


def test_values_files_folders_and_children(far_home: DockerHome) -> None:
    got = result(
        far_home.run(
            HEAD
            + """
    env = flyte.TaskEnvironment(name="box", image=IMAGE, env_vars={"PRIVATE_VALUE": "open-sesame-17"})

    @env.task
    async def double(values: list[float], notes: File) -> tuple[list[float], File, str]:
        text = open(await notes.download()).read()
        print("reads", text)
        pathlib.Path("/tmp/answer.txt").write_text(text.upper())
        return [2 * one for one in values], await File.from_local("/tmp/answer.txt"), socket.gethostname()

    @env.task
    async def both(notes: File, folder: Dir, script: str) -> tuple[list[str], str, str, list[str], Dir]:
        got = await asyncio.gather(*(double([i, 0.5], notes) for i in range(2)))
        text = open(await got[0][1].download()).read()
        place = pathlib.Path(await folder.download())
        names = sorted(f"{one.name}={one.read_text()}" for one in place.rglob("*") if one.is_file())
        os.makedirs("/tmp/made/deep")
        pathlib.Path("/tmp/made/deep/x").write_text("down here")
        seen = [str(os.getuid()), str(os.path.exists(script)), os.environ["PRIVATE_VALUE"]]
        hosts = [*{one[2] for one in got}, socket.gethostname()]
        return hosts, text, ",".join(names), seen, await Dir.from_local("/tmp/made")

    if __name__ == "__main__":
        flyte.init()
        pathlib.Path("notes.txt").write_text("plain words")
        os.makedirs("given/sub", exist_ok=True)
        pathlib.Path("given/sub/a").write_text("1")
        pathlib.Path("given/b").write_text("2")
        notes, given = File.from_local_sync("notes.txt"), Dir.from_local_sync("given")
        run = flyte.run(both, notes=notes, folder=given, script=os.path.abspath(__file__))
        run.wait()
        hosts, text, names, seen, made = run.outputs()
        back = (pathlib.Path(made.download_sync()) / "deep/x").read_text()
        print(json.dumps([hosts, text, names, seen, back]))
    """
        )
    )
    hosts, text, names, seen, back = got
    assert len(set(hosts)) == 3, "one container each"
    assert (text, names, back) == ("PLAIN WORDS", "a=1,b=2", "down here")
    assert seen == [str(os.getuid()), "False", "open-sesame-17"]
    assert said(far_home, "reads plain words")


def test_a_large_file_both_ways_in_little_memory(far_home: DockerHome) -> None:
    size = 220 << 20
    got = result(
        far_home.run(
            HEAD
            + """
    import hashlib
    slim = flyte.Resources(memory="96Mi", disk="1Gi")
    env = flyte.TaskEnvironment(name="slim", image=IMAGE, resources=slim)
    quick = flyte.TaskEnvironment(name="quick", image=IMAGE, reusable=flyte.ReusePolicy(replicas=1, concurrency=1))

    def pieces(path):
        with open(path, "rb") as file:
            while piece := file.read(1 << 20):
                yield piece

    def digest(path) -> str:
        found = hashlib.sha256()
        for piece in pieces(path):
            found.update(piece)
        return found.hexdigest()

    @env.task
    async def turned(data: File) -> tuple[str, File]:
        path = await data.download()
        with open("/tmp/turned", "wb") as out:
            for piece in pieces(path):
                out.write(piece[::-1])
        return digest(path), await File.from_local("/tmp/turned")

    @quick.task
    async def tick(number: int) -> float:
        return time.time()

    if __name__ == "__main__":
        flyte.init()
        piece = os.urandom(1 << 20)
        with open("large", "wb") as file:
            for number in range(int(sys.argv[1]) >> 20):
                file.write(number.to_bytes(4, "big") + piece[4:])
        flyte.run(tick, number=0).wait()
        run = flyte.run(turned, data=File.from_local_sync("large"))
        slowest = 0.0
        while not run.done():
            began = time.time()
            flyte.run(tick, number=int(began * 1e6)).wait()
            slowest = max(slowest, time.time() - began)
            time.sleep(0.2)
        seen, made = run.outputs()
        path = made.download_sync()
        with open("turned", "wb") as out:
            for piece in pieces("large"):
                out.write(piece[::-1])
        print(json.dumps([seen == digest("large"), digest(path) == digest("turned"), os.path.getsize(path), slowest]))
    """,
            str(size),
            timeout=120,
        )
    )
    seen, again, length, slowest = got
    assert (seen, again, length) == (True, True, size)
    assert slowest < 2, "a short action waits for no file"
    peak = next(
        line for line in Path(f"/proc/{far_home.engine_pid()}/status").read_text().splitlines() if "VmHWM" in line
    )
    assert int(peak.split()[1]) < 150_000, "the engine holds no file in memory"


def test_pool_and_spare(far_home: DockerHome) -> None:
    hosts, was_ready = result(  # type: ignore[misc]
        far_home.run(
            HEAD
            + """
    env = flyte.TaskEnvironment(name="pool", image=IMAGE, reusable=flyte.ReusePolicy(replicas=1, concurrency=1))
    own = flyte.TaskEnvironment(name="own", image=IMAGE)

    @env.task
    async def step(number: int) -> str:
        return socket.gethostname()

    @own.task
    async def single(number: int) -> float:
        ticks = open("/proc/1/stat").read().rsplit(")", 1)[1].split()[19]  # since the machine's start, as the clock
        return int(ticks) / os.sysconf("SC_CLK_TCK")

    if __name__ == "__main__":
        flyte.init()
        hosts = [flyte.run(step, number=number).outputs()[0] for number in range(20)]
        flyte.run(single, number=0).wait()
        while not (pool := flyte.remote.Pool.get("own")) or not pool.warm:
            time.sleep(0.05)
        asked_at = time.clock_gettime(time.CLOCK_BOOTTIME)
        print(json.dumps([hosts, flyte.run(single, number=1).outputs()[0] < asked_at]))
    """
        )
    )
    assert len(set(hosts)) == 1
    assert was_ready, "its container ran before it was asked for"


def kill_containers(home: DockerHome) -> None:
    for one in home.containers():
        if one["State"] == "running":
            home.docker.api.kill(one["Id"])


def kill_engine(home: DockerHome) -> None:
    before = {one["Id"] for one in home.containers()}
    assert home.kill_engine()
    until(lambda: not before & {one["Id"] for one in home.containers()}, "the orphans to be removed")


@pytest.mark.parametrize("end", [kill_containers, kill_engine])
def test_what_is_killed_runs_again(far_home: DockerHome, end: Callable[[DockerHome], None]) -> None:
    thread, printed = begun(far_home)
    end(far_home)
    thread.join(120)
    assert printed == ["42\n"], far_home.engine_log()


def test_abort_and_out_of_memory(far_home: DockerHome) -> None:
    thread, printed = begun(far_home)
    (name,) = far_home.rows("select name from run order by rowid desc")[0]
    far_home.cli("abort", "run", name)
    thread.join(120)
    assert "abort" in printed[0].lower()
    message = far_home.run(
        HEAD
        + """
    small = flyte.TaskEnvironment(name="small", image=IMAGE, resources=flyte.Resources(memory="64Mi"))

    @small.task
    async def hungry() -> int:
        return len(bytearray(200 << 20))

    if __name__ == "__main__":
        flyte.init()
        try:
            flyte.run(hungry).wait()
        except errors.OOMError as error:
            print(error)
    """
    )
    assert "it used 64 MiB and its task asks for 64 MiB" in message


def test_secrets_are_inside_and_nowhere_else(far_home: DockerHome) -> None:
    far_home.env["GIVEN"] = GIVEN
    far_home.python("-c", f"import flytenb.remote as r; r.Secret.create('filed', {FILED!r})")
    text = SCRIPT.replace('.clone(name="safe", extendable=True)', "")
    text = text.replace('image.with_env_vars({"PLAIN": "plain"})', "image").replace('os.environ["PLAIN"]', '"plain"')
    thread, printed = in_thread(far_home, text, head="")
    until(lambda: said(far_home, "looks"), "the action to look")
    api = far_home.docker.api
    (busy, *_) = (one["Id"] for one in far_home.containers() if one["State"] == "running")
    inspected = api.inspect_container(busy)
    archive, _ = api.get_archive(busy, "/run/flytenb/state")
    seen = json.dumps([inspected, api.diff(busy)]).encode() + b"".join(archive)
    thread.join(120)
    known = [hashlib.sha256(one.encode()).hexdigest() for one in (GIVEN, FILED)]
    assert json.loads(printed[0]) == [*known, "0o400", "tmpfs", "plain", "No module named 'msgspec'"]
    assert {one["Type"] for one in inspected["Mounts"]} == {"volume"}
    assert inspected["HostConfig"]["LogConfig"]["Type"] == "none", "values pass by its output"
    assert [one for one in (GIVEN, FILED) if one.encode() in seen] == []


def test_look_into_a_kept_container(far_home: DockerHome) -> None:
    far_home.run(
        HEAD
        + """
    env = flyte.TaskEnvironment(name="box", image=IMAGE, keep_on_failure=True, env_vars={"MODE": "deep"})

    @env.task
    async def fails() -> int:
        pathlib.Path("/tmp/trace").write_text("what happened")
        raise ValueError("look")

    if __name__ == "__main__":
        flyte.init()
        try:
            flyte.run(fails).wait()
        except ValueError:
            pass
    """
    )
    (name,) = far_home.rows("select name from run")[0]
    kept = lambda: [one for one in far_home.containers() if one["Names"][0].startswith("/flytenb-kept-")]  # noqa: E731
    until(kept, "the container to be kept")
    far_home.cli("engine", "stop")
    assert far_home.cli("exec", name, "--", "sh", "-c", "cat /tmp/trace; echo $MODE").stdout == "what happeneddeep\n"
    assert "is removed" in far_home.cli("delete", "container", f"{name}/a0").stdout


def test_a_notebook_cannot_have_its_kernel_there_and_hears_why(far_home: DockerHome) -> None:
    (far_home.path.parent / "work").mkdir(exist_ok=True)
    source = write(far_home.path.parent / "work" / "a.ipynb", "1 + 1")
    place = far_home.script(
        "places.py",
        """
        import flytenb as flyte

        boxed = flyte.TaskEnvironment(name="boxed", image="flytenb-test/python:3.11")
        """,
    )
    done = far_home.cli("batch", source, "--env", f"{place}:boxed", "--name", "away", check=False, timeout=100)
    assert done.returncode == 1
    assert 'the kernel cannot run in environment "boxed": the Docker engine at' in done.stderr
    assert "does not see this machine's files" in done.stderr
    assert "Traceback" not in done.stderr
    until(lambda: not far_home.containers(), "the kernel's container to go")


TELLS = """
    env = flyte.TaskEnvironment(name="box", image=IMAGE, executor="docker")

    @env.task
    async def upper(notes: File) -> File:
        pathlib.Path("/tmp/made").write_text(open(await notes.download()).read().upper())
        return await File.from_local("/tmp/made")

    if __name__ == "__main__":
        flyte.init()
        pathlib.Path("notes.txt").write_text("plain words")
        run = flyte.run(upper, notes=File.from_local_sync("notes.txt"))
        run.wait()
        print(open(run.outputs()[0].download_sync()).read())
"""


def test_through_the_ssh_program(far_home: DockerHome, tmp_path: Path) -> None:
    """What ssh would run on the other machine runs here: only the encryption is missing."""
    if shutil.which("docker") is None:
        pytest.skip("the docker program, which answers at the other end of ssh, is not here")
    programs = tmp_path / "programs"
    programs.mkdir()
    ssh = programs / "ssh"
    host = far_home.docker.host
    ssh.write_text(f'#!/bin/sh\nfor last; do :; done\nDOCKER_HOST={host} DOCKER_CONTEXT= exec sh -c "$last"\n')
    ssh.chmod(0o755)
    far_home.env |= {"DOCKER_HOST": "ssh://me@far:2222", "PATH": f"{programs}:{far_home.env['PATH']}"}
    assert far_home.run(HEAD + TELLS) == "PLAIN WORDS\n"


def test_a_socket_of_this_machine_whose_engine_sees_nothing_of_it(far_home: DockerHome) -> None:
    """As in a container that was given the engine's socket."""
    assert far_home.docker.folder is not None
    far_home.env["DOCKER_HOST"] = f"unix://{far_home.docker.folder}/far.sock"
    assert far_home.run(HEAD + TELLS) == "PLAIN WORDS\n"


def test_a_volume_in_which_much_has_gathered_is_left(far: DockerEngine, runtime: Path) -> None:
    docker = connect(far.host)
    volumes = Volumes("0123456789ab", "engine", runtime, "1234:1234")
    volumes.most_bytes = 100

    def state() -> str:
        (code, found) = volumes.prepare(docker, lambda config: create(docker, config, far.image, "python3"))
        assert (code["Target"], code["ReadOnly"]) == ("/run/flytenb/runtime", True)
        return str(found["Source"])

    first = state()
    assert state() == first
    volumes.add_moved(101)
    assert state() != first
    volumes.clear(docker, is_end=True)
    assert far.api.volumes(filters={"label": "flytenb.home=0123456789ab"})["Volumes"] in (None, [])
    assert far.containers(flytenb_home="0123456789ab") == []
