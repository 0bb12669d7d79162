"""Any program of any image as a task, on a real Docker engine."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Iterator

import pytest

from flytenb.containers.labels import WORKER
from tests.docker.conftest import DockerHome
from tests.integration.conftest import until

HEAD = """
    import asyncio, dataclasses, datetime as dt, json, os, pathlib, sys, time
    import flytenb as flyte
    from flytenb import errors
    from flytenb.extras import ContainerTask, shell
    from flytenb.io import Dir, File

    IMAGE = "flytenb-test/python:3.11"

    def sh(name, script, **settings):
        return ContainerTask(name, settings.pop("image", IMAGE), ["sh", "-ec", script], **settings)

    def outcome(task, **inputs):
        try:
            run = flyte.run(task, **inputs)
            run.wait()
            return run.outputs()
        except Exception as error:
            return error

    def tell(value):
        print(json.dumps(value, default=str), flush=True)
"""


def result(output: str) -> object:
    """The last line that a script printed, as data."""
    return json.loads(output.strip().splitlines()[-1])


def test_values_and_files_in_and_out(docker_home: DockerHome) -> None:
    got = result(
        docker_home.run(
            HEAD
            + """
    every = sh(
        "every",
        '''
        cd /var/inputs
        echo "{{.inputs.word}}|$(cat word)|{{.inputs.yes}}|$(cat many)|$(cat inputs.json | wc -c)" > /var/outputs/seen
        cat notes folder/a/b.txt files/0 files/1 > /var/outputs/joined
        cat {{.inputs.notes}} > /var/outputs/again
        ls -R . > /var/outputs/listing
        mkdir -p /var/outputs/tree/deep && echo leaf > /var/outputs/tree/deep/leaf
        echo {{.inputs.number}} > /var/outputs/number
        echo 2.5 > /var/outputs/half
        echo TRUE > /var/outputs/yes
        echo 2026-01-31T09:30:00Z > /var/outputs/at
        echo '1 day, 2:03:04.5' > /var/outputs/took
        echo '[1, 2]' > /var/outputs/many
        (touch notes 2> /dev/null && echo writable || echo read-only) > /var/outputs/mode
        echo "to the log"; echo "to the other" >&2
        ''',
        inputs={"word": str, "yes": bool, "number": int, "many": list[int], "notes": File, "folder": Dir,
                "files": list[File]},
        outputs={"seen": str, "joined": File, "again": str, "listing": str, "tree": Dir, "number": int, "half": float,
                 "yes": bool, "at": dt.datetime, "took": dt.timedelta, "many": list[int], "nothing": int | None,
                 "mode": str},
    )
    env = flyte.TaskEnvironment("caller")

    @env.task
    async def main(notes: File, folder: Dir) -> list[str]:
        got = await every(word="a b", yes=True, number=7, many=[3, 4], notes=notes, folder=folder,
                          files=[notes, notes])
        joined = pathlib.Path(await got.joined.download()).read_text()
        leaf = (pathlib.Path(await got.tree.download()) / "deep" / "leaf").read_text()
        return [str(one) for one in (got.seen, joined, got.again, leaf, got.number, got.half, got.yes, got.at,
                                     got.took, got.many, got.nothing, got.mode)]

    if __name__ == "__main__":
        pathlib.Path("tree/a").mkdir(parents=True)
        pathlib.Path("tree/a/b.txt").write_text("B")
        pathlib.Path("notes.txt").write_text("N")
        run = flyte.run(main, notes=File.from_local_sync("notes.txt"), folder=Dir.from_local_sync("tree"))
        run.wait()
        tell(run.outputs()[0])
    """
        )
    )
    seen, joined, again, leaf, number, half, yes, at, took, many, nothing, mode = got
    assert seen.startswith("a b|a b|true|[3, 4]|")
    assert (joined, again, leaf, number, half, yes) == ("NBNN", "N", "leaf\n", "7", "2.5", "True")
    assert (at, took, many, nothing) == ("2026-01-31 09:30:00+00:00", "1 day, 2:03:04.500000", "[1, 2]", "None")
    assert mode == "read-only\n"
    assert docker_home.rows("select stream from log where text like 'to the log%'") == [("stdout",)]
    assert docker_home.rows("select stream from log where text like 'to the other%'") == [("stderr",)]
    placed = b"".join(row[0] for row in docker_home.rows("select body from placement"))
    assert b"flytenb-test/python:3.11" in placed
    assert b"sha256:" in placed
    assert not list((docker_home.path / "tasks").iterdir())


def test_what_goes_wrong_is_said(docker_home: DockerHome) -> None:
    got = result(
        docker_home.run(
            HEAD
            + """
    wrong = {
        "status": sh("status", "echo first; sleep 0.2; echo trouble >&2; exit 3"),
        "missing": sh("missing", "touch /var/outputs/other", outputs={"count": int}),
        "unread": sh("unread", "echo many > /var/outputs/count", outputs={"count": int}),
        "away": sh("away", "ln -s /etc/hostname /var/outputs/name", outputs={"name": File}),
        "program": ContainerTask("program", IMAGE, ["no-such-program"]),
        "image": ContainerTask("image", "localhost:1/no/such:image", ["true"]),
        "network": ContainerTask("network", IMAGE, ["true"], network="no-such-network"),
        "memory": ContainerTask(
            "memory", IMAGE, ["python3", "-c", "x = bytearray(200 << 20)"], resources=flyte.Resources(memory="32Mi")
        ),
    }

    if __name__ == "__main__":
        told = {}
        for name, task in wrong.items():
            error = outcome(task)
            told[name] = [type(error).__name__, getattr(error, "code", ""), str(error), getattr(error, "status", 0)]
        tell(told)
    """
        )
    )
    kinds = {name: (code or kind) for name, (kind, code, _, _) in got.items()}
    assert kinds == {
        "status": "ContainerExitError",
        "missing": "OutputTypeError",
        "unread": "OutputTypeError",
        "away": "OutputTypeError",
        "program": "ContainerStartError",
        "image": "ImagePullBackOff",
        "network": "ContainerStartError",
        "memory": "OOMError",
    }
    words = {name: text for name, (_, _, text, _) in got.items()}
    assert got["status"][3] == 3
    assert 'task "status": its container ended with status 3; the last it wrote:\nfirst\ntrouble' in words["status"]
    assert 'task "missing", output "count"' in words["missing"]
    assert "/var/outputs/count (it wrote other)" in words["missing"]
    assert '/var/outputs/count holds "many"; write a int (3) there' in words["unread"]
    assert "link that leads elsewhere" in words["away"]
    assert 'cannot run "no-such-program"' in words["program"]
    assert "no-such-network" in words["network"]
    assert "its task asks for 32Mi; give it more with Resources(memory=…)" in words["memory"]


def test_secrets_are_seen_inside_and_never_by_inspect(docker_home: DockerHome) -> None:
    docker_home.env["API_KEY"] = "s3cret word's"
    text = (
        HEAD
        + """
    task = sh(
        "tell", 'printf %s "$API_KEY|$(cat /etc/flyte/secrets/token)|$PLAIN" > /var/outputs/seen; sleep 1',
        outputs={"seen": str}, env_vars={"PLAIN": "plain"},
        secrets=[flyte.Secret("api_key", as_env_var="API_KEY"), flyte.Secret("token", mount="/etc/flyte/secrets")],
    )

    if __name__ == "__main__":
        tell(outcome(task)[0])
    """
    )
    docker_home.python("-c", "import flytenb.remote as r; r.Secret.create('token', 't0ken')")
    inspected: list[str] = []

    def inspect() -> None:
        until(lambda: _running(docker_home), "the container")
        inspected.append(json.dumps(docker_home.docker.api.inspect_container(_running(docker_home)[0]["Id"])))

    looking = threading.Thread(target=inspect)
    looking.start()
    seen = result(docker_home.run(text))
    looking.join()
    assert seen == "s3cret word's|t0ken|plain"
    assert "PLAIN=plain" in inspected[0]
    assert "s3cret" not in inspected[0]
    assert "t0ken" not in inspected[0]


def _running(home: DockerHome) -> list[dict]:
    return [one for one in home.containers() if one["State"] == "running"]


SLEEP = """
    task = sh("sleeper", "echo begun; sleep 600", timeout={timeout})

    if __name__ == "__main__":
        run = flyte.run(task, )
        print(run.name, flush=True)
        try:
            run.wait()
            run.outputs()
        except Exception as error:
            tell([type(error).__name__, str(error)])
"""


def test_a_timeout_ends_the_container(docker_home: DockerHome) -> None:
    kind, words = result(docker_home.run(HEAD + SLEEP.format(timeout=1)))
    assert "Timeout" in kind or "MaxRuntime" in kind, words
    until(lambda: not docker_home.containers(), "the container's end")


def test_an_abort_ends_the_container_and_a_killed_worker_leaves_none(docker_home: DockerHome) -> None:
    script = docker_home.script("sleeper.py", HEAD + SLEEP.format(timeout=0))
    process = docker_home.popen(str(script))
    name = process.stdout.readline().strip()
    until(lambda: _running(docker_home), "the container")
    (first,) = _running(docker_home)
    assert first["Labels"]["flytenb.run"] == name
    assert first["Labels"]["flytenb.task"] == "sleeper"
    assert first["Labels"]["flytenb.kind"] == "task"
    (worker,) = _processes(docker_home, first["Labels"][WORKER])
    os.kill(worker, signal.SIGKILL)

    def is_again() -> bool:
        return {one["Id"] for one in docker_home.containers()}.isdisjoint({first["Id"]}) and bool(_running(docker_home))

    until(is_again, "the next attempt, and no container of the first")
    docker_home.cli("run", "abort", name, check=False)
    docker_home.python("-c", f"import flytenb.remote as r; r.Run.get({name!r}).abort()")
    process.wait(60)
    until(lambda: not docker_home.containers(), "the container's end")
    assert not list((docker_home.path / "tasks").iterdir())


def _processes(home: DockerHome, worker: str) -> list[int]:
    """Pids of the process that owns the folders of running tasks."""
    return [int((folder / "owner").read_text().split()[0]) for folder in (home.path / "tasks").iterdir()]


def test_an_engine_that_stops_leaves_no_container(docker_home: DockerHome) -> None:
    process = docker_home.popen(str(docker_home.script("sleeper.py", HEAD + SLEEP.format(timeout=0))))
    until(lambda: _running(docker_home), "the container")
    docker_home.cli("engine", "stop", "--force")
    assert not docker_home.containers()
    process.kill()
    process.wait()


def test_results_are_cached_by_what_is_run(docker_home: DockerHome) -> None:
    text = (
        HEAD
        + """
    count = sh("count", "wc -c < /var/inputs/notes > /var/outputs/n; date +%N > /var/outputs/at; true WORD",
               inputs={"notes": File}, outputs={"n": int, "at": str}, cache="auto")
    env = flyte.TaskEnvironment("caller")

    @env.task(cache="auto")
    async def main(notes: File) -> str:
        return (await count(notes=notes)).at

    if __name__ == "__main__":
        told = []
        for content in ("abc", "abc", "abcd"):
            pathlib.Path("notes.txt").write_text(content)
            told.append(list(outcome(count, notes=File.from_local_sync("notes.txt"))))
        told.append(outcome(main, notes=File.from_local_sync("notes.txt"))[0])
        tell(told)
    """
    )
    first, second, other, inside = result(docker_home.run(text))
    assert first == second
    assert other[0] == 4
    assert inside == other[1], "a call in another task hits as well"
    changed = result(docker_home.run(text.replace("WORD", "OTHER")))
    assert changed[0] != first
    assert changed[3] == changed[2][1] != inside, "and a caller's key knows what its container runs"


def test_mode_local_overrides_and_the_command_line(docker_home: DockerHome) -> None:
    text = (
        HEAD
        + """
    limits = sh(
        "limits", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2> /dev/null "
        "> /var/outputs/bytes || true", outputs={"bytes": int}, resources=flyte.Resources(memory="64Mi"),
    )
    hello = sh("hello", "echo hello {{.inputs.who}}; echo {{.inputs.who}} > /var/outputs/who", inputs={"who": str},
               outputs={"who": str})
    env = flyte.TaskEnvironment("caller")

    @env.task
    async def main() -> list[int]:
        return [await limits(), await limits.override(resources=flyte.Resources(memory="96Mi"))()]

    if __name__ == "__main__":
        here = flyte.with_runcontext(mode="local").run(hello, who="here")
        here.wait()
        tell([here.outputs()[0], outcome(main)[0]])
    """
    )
    output = docker_home.run(text)
    assert "hello here" in output
    assert result(output) == ["here\n", [64 << 20, 96 << 20]]
    script = docker_home.path.parent / "work" / "tasks.py"
    told = docker_home.cli("run", str(script), "hello", "--who", "you").stdout
    assert "who: you" in told


def test_users_and_gpus_and_built_images(docker_home: DockerHome) -> None:
    docker_home.env["FLYTENB_GPUS"] = "T4:2"
    got = result(
        docker_home.run(
            HEAD
            + """
    built = flyte.Image.from_base(IMAGE).clone(name="tool", extendable=True).with_commands(["echo made > /made"])
    made = sh("made", "cat /made > /var/outputs/text", image=built, outputs={"text": str})
    who = "id -u > /var/outputs/uid; mkdir -m 700 /var/outputs/private; echo x > /var/outputs/private/x"
    users = {
        user: sh(f"user-{user}".replace(":", "-"), who, outputs={"uid": int, "private": Dir}, user=user)
        for user in ("caller", "image", "1234:1234")
    }
    gpu = sh("gpu", "printf %s $NVIDIA_VISIBLE_DEVICES > /var/outputs/ids; sleep 0.3", outputs={"ids": str},
             resources=flyte.Resources(gpu=1))
    env = flyte.TaskEnvironment("caller")

    @env.task
    async def both() -> list[str]:
        return list(await asyncio.gather(gpu(), gpu()))

    if __name__ == "__main__":
        tell([outcome(made)[0], {user: outcome(task)[0] for user, task in users.items()}, outcome(both)[0]])
    """,
            timeout=120,
        )
    )
    text, users, ids = got
    assert text == "made\n"
    assert users == {"caller": os.getuid(), "image": 0, "1234:1234": 1234}
    assert sorted(ids) == ["0", "1"]


@pytest.fixture
def far_engine(docker_home: DockerHome) -> Iterator[str]:
    """The engine by a network address: it cannot be known that it sees this machine's files."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=_relay, args=(server, docker_home.docker.host), daemon=True).start()
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"


def _relay(server: socket.socket, host: str) -> None:
    while True:
        try:
            near, _ = server.accept()
        except OSError:
            return
        far = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        far.connect(host.removeprefix("unix://"))
        for source, target in ((near, far), (far, near)):
            threading.Thread(target=_pump, args=(source, target), daemon=True).start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        source.close()
        target.close()


def test_an_engine_far_away_gets_copies(docker_home: DockerHome, far_engine: str) -> None:
    docker_home.env["DOCKER_HOST"] = far_engine
    got = result(
        docker_home.run(
            HEAD
            + """
    double = sh("double", "cat /var/inputs/notes /var/inputs/tree/a.txt > /var/outputs/both; id -u > /var/outputs/uid; "
                "mkdir /var/outputs/more; echo 1 > /var/outputs/more/one",
                inputs={"notes": File, "tree": Dir}, outputs={"both": str, "uid": int, "more": Dir})

    if __name__ == "__main__":
        pathlib.Path("tree").mkdir()
        pathlib.Path("tree/a.txt").write_text("A")
        pathlib.Path("notes.txt").write_text("N")
        both, uid, more = outcome(double, notes=File.from_local_sync("notes.txt"), tree=Dir.from_local_sync("tree"))
        tell([both, uid, sorted(os.listdir(more.download_sync()))])
    """
        )
    )
    assert got == ["NA", os.getuid(), ["one"]]


def test_no_docker_is_said(docker_home: DockerHome) -> None:
    docker_home.env["DOCKER_HOST"] = "unix:///nowhere/docker.sock"
    kind, words = result(
        docker_home.run(
            HEAD
            + """
    task = sh("task", "true")

    if __name__ == "__main__":
        error = outcome(task)
        tell([error.code, str(error)])
    """
        )
    )
    assert kind == "ContainerEngineError"
    assert "no Docker engine at unix:///nowhere/docker.sock" in words


def test_shell_tasks(docker_home: DockerHome) -> None:
    got = result(
        docker_home.run(
            HEAD
            + """
    Glob, Stdout, Stderr = shell.Glob, shell.Stdout, shell.Stderr
    tool = shell.create(
        "tool",
        image=IMAGE,
        inputs={"a": File, "more": list[File], "text": str, "wide": bool, "level": int | None, "extra": dict[str, str]},
        outputs={"parts": Glob("*.txt"), "count": int, "said": Stdout(str), "errors": Stderr()},
        script='''
        for one in {inputs.a} {flags.more}; do echo "[$one]"; done
        printf '%s;' {inputs.text} {flags.wide} {flags.level} {inputs.extra}
        cat {inputs.more} | wc -l > {outputs.count}
        echo one > {outputs.parts}/1.txt; echo two > {outputs.parts}/2.txt; echo no > {outputs.parts}/3.csv
        echo warned >&2
        ''',
        flag_aliases={"more": ("-b", "repeat"), "wide": "--wide", "level": shell.FlagSpec("--level", separator="=")},
        defaults={"text": "x"},
        cache="disable",
    )
    fails = shell.create("fails", image=IMAGE, outputs={"n": Stdout(int)}, script="echo 1; false | true")
    env = flyte.TaskEnvironment("caller", depends_on=[tool.env])

    @env.task
    async def main(a: File, b: File) -> list[str]:
        nasty = "it's $(touch /tmp/x) `id` * "
        got = await tool(a=a, more=[b, b], text=nasty, wide=True, level=3, extra={"K": "v w"})
        errors = pathlib.Path(await got.errors.download()).read_text()
        parts = [pathlib.Path(await part.download()).read_text() for part in got.parts]
        least = await tool(a=a, more=[], wide=False, extra={})
        return [got.said, str(got.count), errors, *parts, least.said, nasty]

    if __name__ == "__main__":
        pathlib.Path("a 1.bed").write_text("1\\n2\\n")
        pathlib.Path("b.bed").write_text("3\\n")
        run = flyte.run(main, a=File.from_local_sync("a 1.bed"), b=File.from_local_sync("b.bed"))
        run.wait()
        failed = outcome(fails)
        wire = flyte.run(tool.as_task(), a=File.from_local_sync("b.bed"), more=[], wide=False, extra={})
        wire.wait()
        tell([run.outputs()[0], str(failed), type(wire.outputs()[0]).__name__])
    """
        )
    )
    (said, count, errors, *parts, least, nasty), failed, wire = got
    words = "/var/inputs/more/b.bed", "/var/inputs/more/1_b.bed"
    assert said == f"[/var/inputs/a/a 1.bed]\n[-b]\n[{words[0]}]\n[-b]\n[{words[1]}]\n{nasty};--wide;--level=3;K;v w;"
    assert (count, errors, parts, wire) == ("2", "warned\n", ["one\n", "two\n"], "Dir")
    assert least == "[/var/inputs/a/a 1.bed]\nx;"
    assert "status 1" in failed
    assert docker_home.rows("select stream from log where text like 'warned%'")[0] == ("stderr",)


def test_a_docker_that_is_stopped_and_started_is_said(docker_home: DockerHome) -> None:
    if not docker_home.docker.is_own:
        pytest.skip("somebody else's Docker engine is not stopped")
    process = docker_home.popen(str(docker_home.script("sleeper.py", HEAD + SLEEP.format(timeout=0))))
    until(lambda: _running(docker_home), "the container")
    docker_home.docker.restart()
    output, _ = process.communicate(timeout=100)
    kind, words = json.loads(output.splitlines()[-1])
    assert kind == "ContainerExitError"
    assert "killed from outside (docker kill, or the Docker engine stopped)" in words
    assert "begun" in words


def test_the_entry_point_of_an_image_is_kept(docker_home: DockerHome) -> None:
    docker_home.env["WORD"] = "secret"
    name = "flytenb-test/entry:1"
    made = docker_home.docker.api.create_container(docker_home.docker.image, ["true"])["Id"]
    changes = ['ENTRYPOINT ["printf", "%s,"]', 'CMD ["default"]']
    docker_home.docker.api.commit(made, *name.split(":"), changes="\n".join(changes))
    docker_home.docker.api.remove_container(made)
    got = result(
        docker_home.run(
            HEAD
            + f"""
    IMAGE = {name!r}
"""
            + """
    secret = flyte.Secret("word", as_env_var="WORD")
    tasks = [
        ContainerTask("given", IMAGE, ["a", "{{.inputs.x}}"], inputs={"x": int}),
        ContainerTask("plain", IMAGE, []),
        ContainerTask("secret", IMAGE, ["a", "{{.inputs.x}}"], inputs={"x": int}, secrets=[secret]),
        ContainerTask("secretly", IMAGE, [], secrets=[secret]),
        shell.create("script", image=IMAGE, script="printf %s $WORD", secrets=[secret]),
    ]

    if __name__ == "__main__":
        told = []
        for task in tasks:
            run = flyte.run(task, **({"x": 1} if task.inputs else {}))
            run.wait()
            told.append(run.logs)
        tell(told)
    """
        )
    )
    assert [one.strip() for one in got] == ["a,1,", "default,", "a,1,", "default,", "***"]  # hidden in logs
