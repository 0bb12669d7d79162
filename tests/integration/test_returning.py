"""Workers outlive their engine: what runs goes on where it is, what is ended is handed over, nothing runs twice."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from flytenb.wire import alive
from tests.integration.conftest import Home, _is_alive, until

pytestmark = pytest.mark.engine


@pytest.fixture(autouse=True)
def _room(home: Home) -> None:
    home.env["FLYTENB_CPUS"] = "8"


FAN = """
    import asyncio, os, sys, time
    import flytenb as flyte

    env = flyte.TaskEnvironment(name="back")
    strict = flyte.TaskEnvironment(name="strict", reusable=None)

    def note(folder, name, what):
        with open(f"{folder}/{name}", "a") as f:
            f.write(f"{what}\\n")

    def wait_for(folder, name):
        while not os.path.exists(f"{folder}/{name}"):
            time.sleep(0.01)

    @env.task
    async def child(i: int, folder: str) -> int:
        note(folder, "ran", i)
        print("child", i, "begins")
        while not os.path.exists(f"{folder}/go"):
            await asyncio.sleep(0.01)
        print("child", i, "ends")
        return i

    @env.task
    def plain(i: int, folder: str) -> int:
        note(folder, "ran", i)
        note(folder, "pid", os.getpid())
        wait_for(folder, "go")
        return i

    @env.task
    async def fan(n: int, folder: str) -> int:
        note(folder, "fan", os.getpid())
        got = await asyncio.gather(*(child(i, folder) for i in range(n)), plain.aio(100, folder))
        return sum(got)

    if __name__ == "__main__":
        run = flyte.run(fan, n=int(sys.argv[1]), folder=sys.argv[2])
        print(run.name, flush=True)
        if sys.argv[3:] != ["leave"]:
            print(run.outputs()[0], flush=True)
"""


def _lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def _known(home: Home, count: int) -> bool:
    """Whether the store knows so many actions. An engine that dies before, in the first milliseconds, forgets them."""
    return bool(home.rows("SELECT count(*) FROM action")[0][0] >= count)


def _ended(home: Home, name: str) -> bool:
    return bool(home.rows("SELECT 1 FROM run WHERE name = ? AND ended_at IS NOT NULL", name))


@pytest.mark.timeout(120)
@pytest.mark.parametrize("is_left", [False, True], ids=["a client waits", "nobody waits"])
def test_what_runs_goes_on_when_the_engine_is_killed(home: Home, is_left: bool) -> None:
    """Three engines in a row; with no client the worker process starter begins the next one."""
    script = home.script("fan.py", FAN)
    folder = home.path.parent
    process = home.popen(str(script), "4", str(folder), *(["leave"] if is_left else []))
    assert process.stdout is not None
    name = process.stdout.readline().strip()
    assert name, process.communicate()[1]
    if is_left:
        process.wait(60)
    for _ in range(3):
        until(lambda: len(_lines(folder / "ran")) == 5 and _known(home, 6), "all to run")
        before = home.engine_pid()
        assert home.kill_engine()
        until(lambda before=before: home.engine_pid() != before, "another engine")
    (folder / "go").touch()
    if is_left:
        until(lambda: _ended(home, name), "the run's end")
    else:
        out, err = process.communicate(timeout=60)
        assert out.strip() == str(sum(range(4)) + 100), f"{err}\n{home.engine_log()}"
    assert sorted(map(int, _lines(folder / "ran"))) == [0, 1, 2, 3, 100], "nothing ran twice"
    assert len(_lines(folder / "fan")) == 1
    assert home.rows("SELECT phase, attempt, count(*) FROM action GROUP BY 1, 2") == [(5, 1, 6)]
    texts = "".join(text for (text,) in home.rows("SELECT text FROM log ORDER BY id"))
    for i in range(4):
        assert texts.count(f"child {i} begins") == texts.count(f"child {i} ends") == 1


@pytest.mark.timeout(120)
def test_results_made_without_an_engine_are_handed_over(home: Home) -> None:
    """The engine is stopped (SIGSTOP) while children end, then killed: their results are in its socket, unread."""
    script = home.script("fan.py", FAN)
    folder = home.path.parent
    process = home.popen(str(script), "4", str(folder))
    until(lambda: len(_lines(folder / "ran")) == 5 and _known(home, 6), "all to run")
    pid = home.engine_pid()
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    (folder / "go").touch()
    until(lambda: _unread(pid) > 0, "results to be sent")
    os.kill(pid, signal.SIGKILL)
    out, err = process.communicate(timeout=60)
    assert out.split()[-1] == "106", f"{err}\n{home.engine_log()}"
    assert sorted(map(int, _lines(folder / "ran"))) == [0, 1, 2, 3, 100]


def _unread(pid: int) -> int:
    """Bytes that wait in a process's Unix sockets, as far as `ss` tells; else that enough time has passed."""
    import subprocess
    import time

    try:
        told = subprocess.run(["ss", "-xpH"], capture_output=True, text=True).stdout
    except FileNotFoundError:
        time.sleep(1.0)
        return 1
    return sum(int(line.split()[2]) for line in told.splitlines() if f"pid={pid}," in line)


@pytest.mark.timeout(120)
def test_a_worker_that_dies_with_its_engine_is_run_again(home: Home) -> None:
    script = home.script("fan.py", FAN)
    folder = home.path.parent
    process = home.popen(str(script), "1", str(folder))
    until(lambda: len(_lines(folder / "pid")) == 1 and "0" in _lines(folder / "ran"), "both children")
    until(lambda: _known(home, 3), "their rows")
    os.kill(home.engine_pid() or 0, signal.SIGSTOP)  # it must not see the worker's end
    os.kill(int(_lines(folder / "pid")[0]), signal.SIGKILL)
    home.kill_engine()
    until(lambda: _lines(folder / "ran").count("100") == 2, "the second attempt")
    (folder / "go").touch()
    out, err = process.communicate(timeout=60)
    assert out.split()[-1] == "100", f"{err}\n{home.engine_log()}"
    assert _lines(folder / "ran").count("0") == 1, "the one whose worker lived ran once"


@pytest.mark.timeout(120)
def test_nothing_is_left_when_no_engine_comes_back(home: Home) -> None:
    """The home is gone, so that no engine can start: workers and their starter end by themselves."""
    script = home.script("fan.py", FAN)
    folder = home.path.parent
    process = home.popen(str(script), "2", str(folder), "leave")
    process.wait(60)
    until(lambda: len(_lines(folder / "ran")) == 3, "all to run")
    living = alive.living(home.path)
    assert living
    home.path.rename(home.path.with_name("moved"))
    pid = int(__import__("json").loads((home.path.with_name("moved") / "engine.json").read_text())["pid"])
    os.kill(pid, signal.SIGKILL)
    until(lambda: not any(map(_is_alive, living.values())), "the workers to end", 45)


LENT = """
    import asyncio, os, sys, time
    import flytenb as flyte

    env = flyte.TaskEnvironment(name="lent", resources=flyte.Resources(cpu=0.1, gpu=1))

    def note(folder, name):
        with open(f"{folder}/{name}", "a") as f:
            f.write(f"{os.getpid()}:{os.environ['CUDA_VISIBLE_DEVICES']}\\n")

    @env.task
    async def child(i: int, folder: str) -> int:
        note(folder, f"child{i}")
        while not os.path.exists(f"{folder}/go"):
            await asyncio.sleep(0.01)
        return i

    @env.task
    async def parent(folder: str) -> int:
        note(folder, "parent")
        return await child(1, folder) + await child(2, folder)

    if __name__ == "__main__":
        print(flyte.run(parent, folder=sys.argv[1]).outputs()[0])
"""


@pytest.mark.timeout(120)
def test_a_gpu_and_who_borrowed_it_outlive_the_engine(home: Home) -> None:
    """One GPU: the parent waits and lends it to its child; later children get it from the same parent again."""
    home.env["FLYTENB_GPUS"] = "A100:1"
    script = home.script("lent.py", LENT)
    folder = home.path.parent
    process = home.popen(str(script), str(folder))
    until(lambda: (folder / "child1").exists() and _known(home, 2), "the child to begin")
    assert home.kill_engine()
    until(lambda: home.engine_pid() is not None and _is_alive(home.engine_pid() or 0), "another engine")
    (folder / "go").touch()
    out, err = process.communicate(timeout=60)
    assert out.strip() == "3", f"{err}\n{home.engine_log()}"
    for name in ("parent", "child1", "child2"):
        assert [line.partition(":")[2] for line in _lines(folder / name)] == ["0"], f"{name} ran once, with the GPU"


BLOCKED = """
    import os, sys, time
    import flytenb as flyte

    env = flyte.TaskEnvironment(name="blocked")

    @flyte.trace
    def once(folder: str) -> int:
        with open(f"{folder}/traced", "a") as f:
            f.write("x\\n")
        return 5

    @env.task
    def child(i: int, folder: str) -> int:
        with open(f"{folder}/ran", "a") as f:
            f.write(f"{i}\\n")
        while not os.path.exists(f"{folder}/go{i}"):
            time.sleep(0.01)
        if i == 2:
            raise ValueError("bad two")
        return i

    @env.task
    def outer(folder: str) -> int:
        with open(f"{folder}/outer", "a") as f:
            f.write("x\\n")
        total = once(folder) + child(1, folder)
        try:
            child(2, folder)
        except ValueError as error:
            total += len(str(error))
        return total + child(3, folder)

    if __name__ == "__main__":
        print(flyte.run(outer, folder=sys.argv[1]).outputs()[0])
"""


@pytest.mark.timeout(120)
def test_a_thread_that_waits_for_its_call_gets_the_answer_of_another_engine(home: Home) -> None:
    """A sync parent, a traced call, and a child that fails: each call is answered by an engine that did not take it."""
    script = home.script("blocked.py", BLOCKED)
    folder = home.path.parent
    process = home.popen(str(script), str(folder))
    for i in (1, 2, 3):
        until(lambda i=i: str(i) in _lines(folder / "ran"), f"child {i}")
        until(lambda i=i: _known(home, i + 1), "its row")
        before = home.engine_pid()
        assert home.kill_engine()
        until(lambda before=before: home.engine_pid() != before, "another engine")
        (folder / f"go{i}").touch()
    out, err = process.communicate(timeout=60)
    assert out.strip() == str(5 + 1 + len("bad two") + 3), f"{err}\n{home.engine_log()}"
    assert _lines(folder / "ran") == ["1", "2", "3"]
    assert _lines(folder / "outer") == ["x"]
    assert _lines(folder / "traced") == ["x"]
