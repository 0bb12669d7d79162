"""Programs beside actions: in containers that run, in kept ones, and next to processes."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.docker.conftest import DockerHome
from tests.integration.conftest import Home, until
from tests.integration.telling import script, told_by_cells

TASKS = """
    import asyncio, os, pathlib
    env = flyte.TaskEnvironment(
        name="box", image="flytenb-test/python:3.11", keep_on_failure=True, env_vars={"MODE": "deep"}
    )
    plain = flyte.TaskEnvironment(name="plain", env_vars={"MODE": "shallow"})

    @env.task
    async def leaves_a_trace(fails: bool, folder: str) -> int:
        pathlib.Path("/tmp/trace").write_text("what happened")
        if fails:
            raise ValueError("look at /tmp/trace")
        (pathlib.Path(folder) / "begun-inside").touch()
        while not (pathlib.Path(folder) / "enough").exists():
            await asyncio.sleep(0.05)
        return 1

    @env.task
    async def dies() -> int:
        os.kill(os.getpid(), 9)
        return 1

    @plain.task
    async def waits(folder: str) -> int:
        (pathlib.Path(folder) / "begun-outside").touch()
        while not (pathlib.Path(folder) / "enough").exists():
            await asyncio.sleep(0.05)
        return 1
"""


def begin(home: Home, task: str, *words: str, text: str = TASKS) -> str:
    """Start a run and leave it; its name. What started it ends with the run."""
    path = script(home, "tasks.py", text)
    process = home.popen("-m", "flytenb.cli", "run", str(path), task, *words)
    assert process.stdout is not None
    name = process.stdout.readline().strip()
    home.followers = [*getattr(home, "followers", ()), process]  # type: ignore[attr-defined]
    return name


def rows(home: Home) -> list[dict]:
    return json.loads(home.cli("get", "containers", "-o", "json").stdout)


def test_in_a_kept_container(docker_home: DockerHome) -> None:
    run = begin(docker_home, "leaves_a_trace", "--fails", "true", "--folder", "/tmp")
    until(lambda: docker_home.rows("select 1 from run where ended_at is not null"), "the run to end")
    inside = f"its container stays: look inside with `%%flyte_exec {run}/a0` in a cell, or `flytenb exec {run}/a0 -- "
    assert inside in docker_home.followers[0].communicate()[1]
    assert f"its container stays: flytenb exec {run}/a0 -- COMMAND" in docker_home.cli("get", "run", run).stdout

    looked = docker_home.cli("exec", f"{run}/a0", "--", "cat", "/tmp/trace")
    assert looked.stdout == "what happened"
    assert docker_home.cli("exec", run, "a0", "--", "sh", "-c", "exit 7", check=False).returncode == 7
    missing = docker_home.cli("exec", run, "--", "no-such-program", check=False)
    assert (missing.returncode, missing.stderr.strip()) == (127, "no-such-program: No such file or directory")
    hidden = docker_home.cli("exec", run, "--", "env").stdout
    assert "MODE=deep" in hidden
    assert "token" not in hidden.lower()

    docker_home.cli("engine", "stop")
    assert docker_home.cli("exec", run, "--", "echo", "still there").stdout == "still there\n"
    listed = docker_home.cli("get", "containers").stdout
    assert f"{run}/a0" in listed
    assert "docker exec -it flytenb-kept-" in listed
    assert "is removed" in docker_home.cli("delete", "container", f"{run}/a0").stdout
    assert [row for row in rows(docker_home) if row["state"] == "kept"] == []
    gone = docker_home.cli("exec", run, "--", "true", check=False)
    assert "has ended (failed) and nothing of it runs" in gone.stderr
    assert list((docker_home.path / "containers").glob("*/failed")) == []


def test_a_worker_that_was_killed_is_kept_for_its_action(docker_home: DockerHome) -> None:
    run = begin(docker_home, "dies")
    until(lambda: not docker_home.rows("select 1 from action where phase < 5"), "the run to end")
    until(
        lambda: [row["state"] for row in rows(docker_home) if row.get("run") == run] == ["kept"] * 3, "three kept ones"
    )
    assert docker_home.cli("exec", f"{run}/a0", "--", "echo", "here").stdout == "here\n"
    assert "is removed" in docker_home.cli("delete", "container", "--kept").stdout


def test_only_the_last_ones_are_kept(docker_home: DockerHome) -> None:
    docker_home.env["FLYTENB_KEEP_CONTAINERS"] = "2"
    runs = []
    for n in range(4):
        runs.append(begin(docker_home, "leaves_a_trace", "--fails", "true", "--folder", str(n)))
        until(lambda: any(row.get("run") == runs[-1] and row["state"] == "kept" for row in rows(docker_home)), "it")
        if n == 0:  # somebody is in it
            inside = docker_home.popen("-m", "flytenb.cli", "exec", runs[0], "--", "sh", "-c", "echo in; sleep 600")
            assert inside.stdout.readline() == "in\n"

    def kept() -> list[str]:
        return sorted(row["run"] for row in rows(docker_home) if row["state"] == "kept")

    until(lambda: kept() == sorted([runs[0], runs[2], runs[3]]), "the oldest to go, but that with a person")
    assert len(list((docker_home.path / "containers").glob("*/failed"))) == 3
    inside.send_signal(2)
    inside.communicate()
    assert docker_home.cli("delete", "container", "--kept").stdout.count("is removed") == 3
    assert kept() == []


def test_a_program_that_fails_leaves_its_container(docker_home: DockerHome) -> None:
    text = """
        from flytenb.extras import ContainerTask
        from flytenb.extras.shell import create

        IMAGE = "flytenb-test/python:3.11"
        broken = ContainerTask(
            "broken", IMAGE, ["sh", "-c", "echo half > /tmp/trace; echo out > /var/outputs/n; exit 3"],
            inputs={"word": str}, outputs={"n": str}, keep_on_failure=True,
            secrets=flyte.Secret("KEY", mount="/etc/flyte/secrets"),
        )
        script = create("script", image=IMAGE, script="echo shell > /tmp/trace; exit 4", keep_on_failure=True)
        env = flyte.TaskEnvironment.from_task("tools", broken)
        other = flyte.TaskEnvironment.from_task("scripts", script)
    """
    docker_home.env["KEY"] = "hunter2"
    run = begin(docker_home, "broken", "--word", "in", text=text)
    said = docker_home.followers[0].communicate()[1]
    name = next(row["name"] for row in rows(docker_home) if row.get("run") == run)
    assert f"its container stays: copy files out of it with `docker cp {name}:/PATH .`, or look around" in said
    assert [row["state"] for row in rows(docker_home)] == ["stopped"]
    for path, words in (("/tmp/trace", b"half"), ("/var/outputs/n", b"out"), ("/var/inputs/word", b"in")):
        archive = b"".join(docker_home.docker.api.get_archive(name, path)[0])
        assert words in archive
    assert b"hunter2" not in b"".join(docker_home.docker.api.get_archive(name, "/etc/flyte")[0])
    refused = docker_home.cli("exec", run, "--", "true", check=False)
    assert "has stopped, so nothing can be run in it; copy files out of it with `docker cp" in refused.stderr

    docker_home.cli("engine", "stop")
    second = begin(docker_home, "script", text=text)
    ended = [(run, "stopped"), (second, "stopped")]
    until(lambda: [(row.get("run"), row["state"]) for row in rows(docker_home)] == ended, "the second one")
    assert "is removed" in docker_home.cli("delete", "container", f"{run}/a0").stdout
    assert "is removed" in docker_home.cli("delete", "container", f"{second}/a0").stdout
    assert list((docker_home.path / "tasks").iterdir()) == []


def test_cells_where_an_action_runs(docker_home: DockerHome, tmp_path: Path) -> None:
    folder = docker_home.path / "objects"
    folder.mkdir(parents=True)
    run = begin(docker_home, "leaves_a_trace", "--fails", "false", "--folder", str(folder))
    beside = begin(docker_home, "waits", "--folder", str(folder))
    until(lambda: [row["state"] for row in rows(docker_home) if row.get("run") == run] == ["busy"], "the action")
    busy = [row for row in rows(docker_home) if row.get("run") == run]
    until(lambda: len(list(folder.glob("begun-*"))) == 2, "both actions")
    refused = docker_home.cli("delete", "container", f"{run}/a0", check=False)
    assert "abort its action instead" in refused.stderr, busy

    begun = time.monotonic()
    told = told_by_cells(
        docker_home,
        f"%%flyte_exec {run}/a0\nimport socket\nprint('TOLD', '{{\"host\": \"' + socket.gethostname() + '\"}}')\n"
        "open('/tmp/trace').read()",
        f'%%flyte_exec {run} --shell\necho "TOLD {{\\"mode\\": \\"$MODE\\"}}"',
        f"%%flyte_exec {beside}/a0\nimport os\nprint('TOLD', '{{\"mode\": \"' + os.environ['MODE'] + '\"}}')",
        "tell(lambda: _exit_code)",
        f"%%flyte_exec {run}\ndef fails():\n    raise LookupError('nothing here')\nfails()",
        "tell(lambda: _exit_code)",
    )
    assert told[0]["host"] == busy[0]["id"][:12]
    assert told[1] == {"mode": "deep"}
    assert told[2] == {"mode": "shallow"}
    assert [told[3]["value"], told[4]["value"]] == ["0", "1"]
    assert time.monotonic() - begun < 30

    # What is not wanted any more does not go on in the container.
    process = docker_home.popen("-m", "flytenb.cli", "exec", run, "--", "sleep", "4321")
    api = docker_home.docker.api
    until(lambda: b"4321" in json.dumps(api.top(busy[0]["id"])).encode(), "the command to begin")
    process.send_signal(2)
    process.communicate()
    until(lambda: b"4321" not in json.dumps(api.top(busy[0]["id"])).encode(), "the command to end")

    (folder / "enough").touch()
    until(lambda: not docker_home.rows("select 1 from action where phase < 5"), "the runs to end")
    ended = docker_home.cli("exec", f"{beside}/a0", "--", "true", check=False)
    assert "keep_on_failure=True) keeps the container of an action that fails" in ended.stderr
