"""Actions in containers of a real Docker engine."""

from __future__ import annotations

import json
import os
import signal
import threading

import pytest

from tests.docker.conftest import DockerHome
from tests.docker.scripts import HEAD, result, run_beside
from tests.integration.conftest import _is_alive, until


def test_hello_values_files_and_children(docker_home: DockerHome) -> None:
    got = result(
        docker_home.run(
            HEAD
            + """
    env = flyte.TaskEnvironment(name="box", image=IMAGE)

    @dataclasses.dataclass
    class Reading:
        name: str
        values: list[float]

    @env.task
    async def double(reading: Reading, notes: File) -> tuple[Reading, File, str]:
        text = open(await notes.download()).read()
        print("reads", reading.name)
        pathlib.Path("/tmp/answer.txt").write_text(text.upper())
        values = [2 * one for one in reading.values]
        answer = await File.from_local("/tmp/answer.txt")
        return Reading(reading.name, values), answer, socket.gethostname()

    @env.task
    async def both(notes: File) -> tuple[list[Reading], list[str], str, str]:
        got = await asyncio.gather(*(double(Reading(f"r{i}", [i, 0.5]), notes) for i in range(2)))
        text = open(await got[0][1].download()).read()
        return [one[0] for one in got], [one[2] for one in got], socket.gethostname(), text

    if __name__ == "__main__":
        flyte.init()
        pathlib.Path("notes.txt").write_text("plain words")
        run = flyte.run(both, notes=File.from_local_sync("notes.txt"))
        run.wait()
        readings, hosts, own, text = run.outputs()
        print(json.dumps([[dataclasses.asdict(one) for one in readings], hosts, own, text, run.name]))
    """
        )
    )
    readings, hosts, own, text, name = got
    assert readings == [{"name": "r0", "values": [0, 1.0]}, {"name": "r1", "values": [2, 1.0]}]
    assert text == "PLAIN WORDS"
    assert len({*hosts, own}) == 3, "one container each"
    placements = {json.dumps(row) for row in docker_home.rows("select placement from action where placement > 0")}
    assert placements, "where they ran is recorded"
    assert any("reads r1" in row[0] for row in docker_home.rows("select text from log")), name


def test_memory_limit_is_an_error_that_the_parent_catches(docker_home: DockerHome) -> None:
    message = docker_home.run(
        HEAD
        + """
    env = flyte.TaskEnvironment(name="box", image=IMAGE)
    small = flyte.TaskEnvironment(name="small", image=IMAGE, resources=flyte.Resources(memory="64Mi"))

    @small.task
    async def hungry() -> int:
        return len(bytearray(200 << 20))

    @env.task
    async def careful() -> str:
        try:
            await hungry()
        except errors.OOMError as error:
            return str(error)
        return "no error"

    if __name__ == "__main__":
        flyte.init()
        run = flyte.run(careful)
        run.wait()
        print(run.outputs()[0])
    """
    )
    assert "ran out of memory: it used 64 MiB and its task asks for 64 MiB" in message
    assert "Resources(memory=" in message


WAITS_ONCE = """
    env = flyte.TaskEnvironment(name="box", image=IMAGE)

    @env.task
    async def first_waits(folder: str) -> int:
        made = pathlib.Path(folder) / "begun"
        if made.exists():
            return 42
        made.touch()
        await asyncio.sleep(60)
        return 0

    if __name__ == "__main__":
        flyte.init()
        run = flyte.run(first_waits, folder=sys.argv[1])
        run.wait()
        print(run.outputs()[0])
"""


def _busy(home: DockerHome) -> list[dict]:
    """Containers whose worker has done something: spares wait beside."""
    return [one for one in home.containers() if one["State"] == "running"]


def test_docker_kill_repeats_the_action(docker_home: DockerHome) -> None:
    thread, printed = run_beside(docker_home, WAITS_ONCE)
    for one in _busy(docker_home):
        docker_home.docker.api.kill(one["Id"])
    thread.join(120)
    assert printed == ["42\n"]
    assert len(docker_home.rows("select * from attempt")) == 1


def test_killed_every_time_it_fails_in_words(docker_home: DockerHome) -> None:
    """A container that somebody kills again and again ends the action, not the patience."""
    printed: list[str] = []
    text = """
    env = flyte.TaskEnvironment(name="box", image=IMAGE)

    @env.task
    async def sleeps(folder: str) -> None:
        (pathlib.Path(folder) / socket.gethostname()).touch()
        await asyncio.sleep(60)

    if __name__ == "__main__":
        flyte.init()
        run = flyte.run(sleeps, folder=sys.argv[1])
        try:
            run.wait()
        except Exception as error:
            print(type(error).__name__, error)
    """
    shared = docker_home.path / "objects"
    thread = threading.Thread(target=lambda: printed.append(docker_home.run(HEAD + text, str(shared))))
    thread.start()
    seen: set[str] = set()

    def begun() -> set[str]:
        names = {one["Id"][:12] for one in docker_home.containers()} if shared.exists() else set()
        return {one for one in names - seen if (shared / one).exists()}

    while thread.is_alive():
        until(lambda: begun() or not thread.is_alive(), "the action to begin")
        for ident in begun():
            seen.add(ident)
            docker_home.docker.api.kill(ident)
    assert len(seen) >= 2
    assert "killed from outside (docker kill" in printed[0]


def test_the_image_may_be_deleted_during_a_run(docker_home: DockerHome) -> None:
    api = docker_home.docker.api
    api.tag(docker_home.docker.image, "flytenb-test/passing", "1")
    text = WAITS_ONCE.replace("image=IMAGE", 'image="flytenb-test/passing:1"').replace("sleep(60)", "sleep(2)")
    thread, printed = run_beside(docker_home, text)
    api.remove_image("flytenb-test/passing:1", force=True)
    thread.join(120)
    assert printed == ["0\n"]


GATED = """
    env = flyte.TaskEnvironment(name="gated", image=IMAGE)

    @env.task
    async def wait(folder: str) -> str:
        with open(f"{folder}/begun", "a") as file:
            file.write(socket.gethostname() + "\\n")
        while not os.path.exists(f"{folder}/go-on"):
            await asyncio.sleep(0.05)
        return socket.gethostname()

    if __name__ == "__main__":
        flyte.init()
        run = flyte.run(wait, folder=sys.argv[1])
        run.wait()
        print(json.dumps(run.outputs()[0]))
"""


def test_a_container_outlives_its_engine(docker_home: DockerHome) -> None:
    """The next engine goes on with it; nothing runs twice, and afterwards none is left."""
    shared = docker_home.path / "objects"
    thread, printed = run_beside(docker_home, GATED)
    before = {one["Id"] for one in docker_home.containers() if one["State"] == "running"}
    assert before
    assert docker_home.kill_engine()
    until(lambda: docker_home.engine_pid() and _is_alive(docker_home.engine_pid() or 0), "another engine")
    until(lambda: docker_home.cli("get", "pools", check=False).returncode == 0, "the engine to answer")
    (shared / "go-on").touch()
    thread.join(120)
    hosts = (shared / "begun").read_text().split()
    assert printed == [json.dumps(hosts[0]) + "\n"], docker_home.engine_log()
    assert len(hosts) == 1, "it ran once"
    try:
        until(lambda: not before & {one["Id"] for one in docker_home.containers()}, "its container to be removed")
    except AssertionError as error:
        raise AssertionError(f"{docker_home.containers()}\n{docker_home.engine_log()}") from error


def test_engine_and_container_killed_orphans_removed_run_ends_right(docker_home: DockerHome) -> None:
    thread, printed = run_beside(docker_home, WAITS_ONCE)
    before = [one["Id"] for one in docker_home.containers() if one["State"] == "running"]
    assert before
    os.kill(docker_home.engine_pid() or 0, signal.SIGSTOP)  # it must not see the container's end
    for ident in before:
        docker_home.docker.api.kill(ident)
    assert docker_home.kill_engine()
    thread.join(120)
    assert printed == ["42\n"]
    until(lambda: not set(before) & {one["Id"] for one in docker_home.containers()}, "the orphans to be removed")


def test_docker_restarted_during_a_run(docker_home: DockerHome) -> None:
    if not docker_home.docker.is_own:
        pytest.skip("a user's engine is not restarted")
    thread, printed = run_beside(docker_home, WAITS_ONCE)
    docker_home.docker.restart()
    thread.join(90)
    assert printed == ["42\n"]


def test_a_docker_that_does_not_answer_does_not_hold_the_end_of_the_engine(docker_home: DockerHome) -> None:
    dockerd = docker_home.docker.process
    if dockerd is None:
        pytest.skip("a user's engine is not frozen")
    thread, printed = run_beside(docker_home, WAITS_ONCE)
    os.kill(dockerd.pid, signal.SIGSTOP)
    try:
        docker_home.cli("engine", "restart")
    finally:
        os.kill(dockerd.pid, signal.SIGCONT)
    thread.join(120)
    assert printed == ["42\n"], docker_home.engine_log()


def test_assigned_gpus_are_those_inside(docker_home: DockerHome) -> None:
    if not docker_home.docker.is_own:
        pytest.skip("a user's engine has the GPUs it has")
    docker_home.env["FLYTENB_GPUS"] = "A100:3"
    seen = result(
        docker_home.run(
            HEAD
            + """
    env = flyte.TaskEnvironment(name="gpu", image=IMAGE, resources=flyte.Resources(gpu="A100:2"))

    @env.task
    async def ids() -> str:
        return os.environ["NVIDIA_VISIBLE_DEVICES"]

    if __name__ == "__main__":
        flyte.init()
        run = flyte.run(ids)
        run.wait()
        print(json.dumps(run.outputs()[0]))
    """
        )
    )
    assert seen in ("0,1", "0,2", "1,2")


def test_another_python_minor(docker_home: DockerHome, other_python: str) -> None:
    got = result(
        docker_home.run(
            HEAD
            + """
    env = flyte.TaskEnvironment(name="newer", image=sys.argv[1] if len(sys.argv) > 1 else IMAGE)

    @dataclasses.dataclass
    class Point:
        x: int
        label: str = "p"

    @env.task
    async def child(point: Point) -> Point:
        if point.x > 2:
            raise ValueError(f"too far: {point.x}")
        return Point(point.x + 1)

    @env.task
    async def where(point: Point) -> tuple[list[int], Point, str]:
        moved = await child(point)
        try:
            await child(Point(9))
        except ValueError as error:
            told = f"{type(error).__name__} {error}"
        return list(sys.version_info[:2]), moved, told

    if __name__ == "__main__":
        flyte.init()
        run = flyte.run(where, point=Point(1))
        run.wait()
        version, point, told = run.outputs()
        print(json.dumps([version, dataclasses.asdict(point), told]))
    """,
            other_python,
        )
    )
    assert got == [[3, 13], {"x": 2, "label": "p"}, "ValueError too far: 9"]


def test_a_failed_action_keeps_its_container_when_asked(docker_home: DockerHome) -> None:
    docker_home.run(
        HEAD
        + """
    env = flyte.TaskEnvironment(name="box", image=IMAGE, keep_on_failure=True)

    @env.task
    async def leaves_a_trace(fails: bool) -> int:
        pathlib.Path("/tmp/trace").write_text("what happened")
        if fails:
            raise ValueError("look at /tmp/trace")
        return 1

    if __name__ == "__main__":
        flyte.init()
        for fails in (False, True):
            run = flyte.run(leaves_a_trace, fails=fails)
            try:
                run.wait()
            except ValueError:
                pass
    """
    )
    until(lambda: _kept(docker_home), "the container to be kept")
    docker_home.cli("engine", "stop")
    (kept,) = docker_home.containers()
    assert kept["State"] == "running"
    api = docker_home.docker.api
    looked = api.exec_create(kept["Id"], ["cat", "/tmp/trace"])
    assert api.exec_start(looked["Id"]) == b"what happened"


def _kept(home: DockerHome) -> list[dict]:
    return [one for one in home.containers() if one["Names"][0].startswith("/flytenb-kept-")]
