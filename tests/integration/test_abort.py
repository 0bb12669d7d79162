"""Aborts of runs, actions and groups on a real engine: bodies of every kind, what they started, and what goes on."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import Home, _is_alive, until

_SCRIPT = """
    import asyncio, os, signal, subprocess, sys, time
    from datetime import timedelta
    import flytenb as flyte
    from flytenb.errors import ActionAbortedError

    env = flyte.TaskEnvironment("stop", resources=flyte.Resources(cpu=0.1))
    MARKS = MARKS_FOLDER

    def mark(name, text=""):
        with open(os.path.join(MARKS, name), "w") as file:
            file.write(str(text))

    @env.task
    async def quick(n: int) -> int:
        return n

    @env.task
    async def sleeps(name: str) -> str:
        mark(name)
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            mark(name + "-cancelled")
            raise
        return "woke"

    @env.task
    def spins(name: str) -> str:
        mark(name)
        try:
            while True:
                time.sleep(0.01)
        except ActionAbortedError as error:
            mark(name + "-cancelled", error)
            raise

    @env.task
    def deaf(name: str) -> str:
        mark(name, os.getpid())
        while True:
            try:
                time.sleep(0.01)
            except Exception:
                pass

    @env.task
    def shells(name: str) -> str:
        child = subprocess.Popen(["sh", "-c", "trap 'echo bye > %s; exit' TERM; while :; do sleep 0.05; done"
                                  % os.path.join(MARKS, name + "-bye")])
        mark(name, child.pid)
        child.wait()
        time.sleep(1000)
        return ""

    @env.task
    async def leaves(name: str) -> str:
        child = await asyncio.create_subprocess_exec("sh", "-c", "trap '' TERM; while :; do sleep 0.05; done")
        mark(name, child.pid)
        await child.wait()
        return ""

    @env.task
    async def both(kind: str) -> str:
        body = globals()[kind]
        with flyte.group("doomed"):
            first = asyncio.create_task(body.aio("first"))
        with flyte.group("kept"):
            second = asyncio.create_task(sleeps.aio("second"))
        try:
            await first
        except ActionAbortedError as error:
            mark("parent", error)
        second.cancel()
        return f"goes on {await quick(7)}"

    @env.task
    async def grid() -> str:
        with flyte.group("coarse"):
            coarse = [asyncio.create_task(nested.aio(f"c{n}")) for n in range(3)]
        with flyte.group("fine"):
            fine = [asyncio.create_task(quick.aio(n)) for n in range(3)]
        found = await asyncio.gather(*coarse, return_exceptions=True)
        return f"{[type(one).__name__ for one in found]} {await asyncio.gather(*fine)}"

    @env.task
    async def nested(name: str) -> str:
        return await sleeps(name)

    @env.task(retries=flyte.RetryStrategy(count=3, backoff=flyte.Backoff(base=timedelta(minutes=10))))
    async def flaky() -> str:
        mark("flaky")
        raise ValueError("once more")

    hungry = flyte.TaskEnvironment("hungry", resources=flyte.Resources(cpu=10_000))

    @hungry.task
    async def whole(name: str) -> str:
        mark(name)
        await asyncio.sleep(1000)
        return ""

    if __name__ == "__main__":
        run = flyte.run(globals()[sys.argv[1]], *sys.argv[2:])
        print(run.name, flush=True)
        try:
            print(run.outputs()[0], flush=True)
        except Exception as error:
            print(type(error).__name__, error, flush=True)
"""


class Stopping:
    """A script whose runs are aborted."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.marks = home.path.parent / "marks"
        self.marks.mkdir()
        self.script = home.script("stop.py", _SCRIPT.replace("MARKS_FOLDER", repr(str(self.marks))))

    def start(self, *words: str) -> tuple[subprocess.Popen[str], str]:
        process = self.home.popen(str(self.script), *words)
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        assert name, process.communicate()[1]
        return process, name

    def marked(self, name: str, seconds: float = 30) -> str:
        path: Path = self.marks / name
        until(path.exists, f"the mark {name}", seconds)
        until(path.read_text, f"the text of {name}", 1) if name.endswith("-pid") else None
        return path.read_text()

    def actions(self, run: str) -> dict[str, dict[str, Any]]:
        rows = json.loads(self.home.cli("get", "action", run, "-o", "json").stdout)
        return {row["name"]: row for row in rows}

    def named(self, run: str, task: str, phase: str = "running") -> str:
        def found() -> list[str]:
            return [
                name for name, row in self.actions(run).items() if row["task"].endswith(task) and row["phase"] == phase
            ]

        until(found, f"{task} to be {phase}")
        return found()[0]

    def free(self) -> bool:
        return json.loads(self.home.cli("engine", "status", "-o", "json").stdout)["cpu_used"] < 1e-6


@pytest.fixture
def stopping(home: Home) -> Stopping:
    return Stopping(home)


def test_a_run_ends_with_all_its_actions(stopping: Stopping) -> None:
    process, run = stopping.start("grid")
    for name in ("c0", "c1", "c2"):
        stopping.marked(name)
    said = stopping.home.cli("abort", "run", run, "--reason", "enough").stdout
    assert said == f"run {run} is being stopped; results that it has are kept\n"
    assert process.communicate(timeout=60)[0] == "ActionAbortedError task 'stop.grid' was aborted: enough\n"
    for name in ("c0", "c1", "c2"):
        stopping.marked(f"{name}-cancelled")
    phases = {row["phase"] for row in stopping.actions(run).values() if row["task"] != "stop.quick"}
    assert phases == {"aborted"}
    until(stopping.free, "the slots to be free")
    again = stopping.home.cli("abort", "run", run).stdout
    assert again == f"run {run} has ended already (aborted)\n"
    unknown = stopping.home.cli("abort", "run", "nobody", check=False)
    assert "there is no run named 'nobody'" in unknown.stderr
    unknown = stopping.home.cli("abort", "action", run, "a99", check=False)
    assert f"run '{run}' has no action 'a99'" in unknown.stderr


@pytest.mark.parametrize("kind", ["sleeps", "spins"])
def test_an_action_is_an_error_of_its_parent_and_its_siblings_go_on(stopping: Stopping, kind: str) -> None:
    process, run = stopping.start("both", kind)
    stopping.marked("first")
    stopping.marked("second")
    action = stopping.named(run, kind)
    said = stopping.home.cli("abort", "action", run, action, "--reason", "wrong data").stdout
    assert said == f"action {run}/{action} is being stopped; results that it has are kept\n"
    assert process.communicate(timeout=60)[0] == "goes on 7\n"
    assert stopping.marked("parent") == f"task 'stop.{kind}' was aborted: wrong data"
    stopping.marked("first-cancelled")
    stopping.marked("second-cancelled")  # by its parent, after that
    again = stopping.home.cli("abort", "action", run, action).stdout
    assert again == f"action {run}/{action} has ended already (aborted)\n"
    until(stopping.free, "the slots to be free")


def test_a_group_ends_and_another_one_does_not(stopping: Stopping) -> None:
    process, run = stopping.start("grid")
    for name in ("c0", "c1", "c2"):
        stopping.marked(name)
    unknown = stopping.home.cli("abort", "group", run, "nothing", check=False)
    assert f"run '{run}' has no group 'nothing'; it has: 'coarse', 'fine'" in unknown.stderr
    said = stopping.home.cli("abort", "group", run, "coarse").stdout
    assert said == f"3 actions of group 'coarse' of run {run} are being stopped\n"
    assert process.communicate(timeout=60)[0] == f"{['ActionAbortedError'] * 3} [0, 1, 2]\n"
    for name in ("c0", "c1", "c2"):
        stopping.marked(f"{name}-cancelled")
    again = stopping.home.cli("abort", "group", run, "coarse").stdout
    assert again == f"group 'coarse' of run {run} has ended already\n"


def test_a_body_that_does_not_listen_is_ended(stopping: Stopping) -> None:
    process, run = stopping.start("both", "deaf")
    pid = int(stopping.marked("first"))
    stopping.marked("second")
    stopping.home.cli("abort", "action", run, stopping.named(run, "deaf"))
    assert process.communicate(timeout=60)[0] == "goes on 7\n"  # its parent does not wait for the body's end
    until(lambda: not _is_alive(pid), "the worker to be ended", 60)
    until(stopping.free, "the slots to be free")


def test_what_a_body_started_ends_with_it(stopping: Stopping) -> None:
    process, run = stopping.start("both", "shells")
    child = int(stopping.marked("first"))
    stopping.home.cli("abort", "action", run, stopping.named(run, "shells"))
    assert process.communicate(timeout=60)[0] == "goes on 7\n"
    assert stopping.marked("first-bye", 5) == "bye\n"  # it was asked first
    until(lambda: not _is_alive(child), "the shell to end", 60)


def test_what_a_body_left_behind_ends_after_it(stopping: Stopping) -> None:
    process, run = stopping.start("both", "leaves")
    child = int(stopping.marked("first"))
    stopping.home.cli("abort", "run", run)
    process.communicate(timeout=60)
    until(lambda: not _is_alive(child), "what ignores SIGTERM to be killed", 8)


def test_queued_and_between_attempts(stopping: Stopping) -> None:
    process, run = stopping.start("flaky")
    stopping.marked("flaky")
    until(lambda: "waiting 600 s before attempt 2" in stopping.home.cli("get", "action", run, "a0").stdout, "the wait")
    stopping.home.cli("abort", "run", run)
    assert (
        process.communicate(timeout=60)[0]
        == "ActionAbortedError task 'stop.flaky' was aborted: stopped from the command line\n"
    )
    first, one = stopping.start("whole", "one")
    stopping.marked("one")
    second, two = stopping.start("whole", "two")
    stopping.named(two, "whole", "waiting_for_resources")
    stopping.home.cli("abort", "run", two)
    assert second.communicate(timeout=60)[0].startswith("ActionAbortedError")
    assert not (stopping.marks / "two").exists()
    stopping.home.cli("abort", "run", one)
    first.communicate(timeout=60)
    until(stopping.free, "the slots to be free")


@pytest.mark.parametrize("what", ["run", "action"])
def test_an_abort_while_the_engine_is_away(stopping: Stopping, what: str) -> None:
    process, run = stopping.start("both", "sleeps")
    stopping.marked("first")
    stopping.marked("second")
    action = stopping.named(run, "sleeps")
    assert stopping.home.kill_engine()
    said = stopping.home.cli("abort", what, run, *([action] if what == "action" else [])).stdout
    assert "is being stopped" in said
    told = process.communicate(timeout=60)[0]
    if what == "run":
        assert told == "ActionAbortedError task 'stop.both' was aborted: stopped from the command line\n"
    else:
        assert told == "goes on 7\n"
    until(stopping.free, "the slots to be free")
    assert not [row for row in stopping.home.rows("SELECT phase FROM action") if row[0] < 5]


def test_an_aborted_action_stays_so_when_its_parent_is_repeated(stopping: Stopping) -> None:
    process, run = stopping.start("grid")
    for name in ("c0", "c1", "c2"):
        stopping.marked(name)
    first = stopping.named(run, "nested")
    stopping.home.cli("abort", "action", run, first)
    status = json.loads(stopping.home.cli("engine", "status", "-o", "json").stdout)
    until(lambda: len(list(stopping.marks.glob("*-cancelled"))) == 1, "the body to stop")
    (aborted,) = [path.name.removesuffix("-cancelled") for path in stopping.marks.glob("*-cancelled")]
    others = {"c0", "c1", "c2"} - {aborted}
    for name in others:
        (stopping.marks / name).unlink()
    for worker in status["workers"]:
        os.kill(worker["pid"], 9)
    for name in others:
        stopping.marked(name)
    stopping.home.cli("abort", "group", run, "coarse")
    assert process.communicate(timeout=60)[0] == f"{['ActionAbortedError'] * 3} [0, 1, 2]\n"
    assert len(stopping.home.rows("SELECT * FROM action WHERE phase = 7")) == 6  # three and what they called
