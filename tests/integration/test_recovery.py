"""Recovering a run: what still holds is taken, the rest runs with today's code; reruns and forks of recorded runs."""

from __future__ import annotations

import json

import pytest

from tests.integration.conftest import Home
from tests.integration.telling import check_sentence, told_by_script

pytestmark = pytest.mark.engine

#: A map of 40 items, one of which fails until a file says that it is mended; every execution leaves a line.
FAN = """
    import asyncio, os, pathlib, sys

    env = flyte.TaskEnvironment(name="rec")
    HERE = pathlib.Path(__file__).parent

    def ran(what):
        with open(HERE / "ran", "a") as f:
            f.write(f"{what}\\n")

    @env.task
    async def item(i: int) -> int:
        ran(f"item {i}")
        if i == 17 and not (HERE / "mended").exists():
            raise ValueError(f"item {i} is bad")
        return i * 2

    @env.task
    async def total(xs: list[int]) -> int:
        ran("total")
        return sum(xs)

    @env.task
    async def main(n: int) -> int:
        ran("main")
        done = [x async for x in flyte.map.aio(item, range(n))]
        bad = [x for x in done if isinstance(x, Exception)]
        if bad:
            raise bad[0]
        return await total(done)

    def executed():
        lines = (HERE / "ran").read_text().splitlines()
        (HERE / "ran").unlink()
        return sorted(lines)

    def phases(run):
        found = {}
        for a in run.actions:
            found.setdefault(" ".join((a.row.short_name, a.phase, a.row.recovery)).strip(), []).append(a)
        return {key: len(value) for key, value in sorted(found.items())}
"""


def test_only_what_failed_and_depends_on_it_runs(home: Home) -> None:
    told = told_by_script(
        home,
        "fan.py",
        FAN
        + """
    if __name__ == "__main__":
        run = flyte.run(main, n=40)
        tell(run.wait)
        executed()
        (HERE / "mended").touch()
        again = run.recover()
        tell(again.value)
        tell(executed)
        tell(lambda: phases(again))
        tell(lambda: {a.row.recovery_source.partition("/")[0] == run.name for a in again.actions})
        third = again.recover()      # of a recovered run
        tell(third.value)
        tell(executed)
        tell(lambda: phases(third))
        # what was recovered twice still names the action that ran
        tell(lambda: {a.row.recovery_source.partition("/")[0] == run.name for a in third.actions if a.row.inputs != 17})
        forced = third.recover(force_rerun_actions=["total"])
        tell(forced.value)
        tell(executed)
        tell(lambda: phases(forced))
    """,
    )
    assert told[0]["code"] == "ValueError"
    assert told[1]["value"] == str(2 * sum(range(40)))
    assert eval(told[2]["value"]) == ["item 17", "main", "total"]
    assert eval(told[3]["value"]) == {
        "item recovered": 39,
        "item succeeded failed": 1,
        "main succeeded failed": 1,
        "total succeeded new": 1,
    }
    assert told[4]["value"] == "{True}"
    assert told[5]["value"] == told[1]["value"]
    assert eval(told[6]["value"]) == ["main"]
    assert eval(told[7]["value"]) == {"item recovered": 40, "main succeeded root": 1, "total recovered": 1}
    assert told[9]["value"] == told[1]["value"]
    assert eval(told[10]["value"]) == ["main", "total"]
    assert eval(told[11]["value"]) == {"item recovered": 40, "main succeeded root": 1, "total succeeded forced": 1}
    shown = home.cli("get", "run", "last").stdout
    assert "40 recovered from" in shown, shown
    assert "it was to run again" in shown, shown
    (integrity,) = home.rows("PRAGMA integrity_check")
    assert integrity == ("ok",)


def test_an_engine_that_dies_goes_on_recovering(home: Home) -> None:
    told = told_by_script(
        home,
        "fan.py",
        FAN
        + """
    @env.task
    async def slow(xs: list[int]) -> int:
        ran("slow")
        if not (HERE / "killed").exists():
            (HERE / "killed").touch()
            import json, signal
            os.kill(json.loads((pathlib.Path(os.environ["FLYTENB_HOME"]) / "engine.json").read_text())["pid"], 9)
            await asyncio.sleep(1)
        return sum(xs)

    @env.task
    async def outer(n: int) -> int:
        done = await asyncio.gather(*(item(i) for i in range(n)), return_exceptions=True)
        if any(isinstance(x, Exception) for x in done):
            raise ValueError("not all")
        return await slow(list(done))

    if __name__ == "__main__":
        run = flyte.run(outer, n=20)
        tell(run.wait)
        executed()
        (HERE / "mended").touch()
        again = run.recover()
        tell(again.value)
        tell(lambda: [line for line in executed() if line != "slow"])
        tell(lambda: phases(again))
    """,
    )
    assert told[0]["code"] == "ValueError"
    assert told[1]["value"] == str(2 * sum(range(20))), told[1]
    assert eval(told[2]["value"]) == ["item 17"]
    assert eval(told[3]["value"])["item recovered"] == 19


def test_the_errors_of_rerun_and_recover(home: Home) -> None:
    told = told_by_script(
        home,
        "fan.py",
        FAN
        + """
    @env.task
    async def big(n: int) -> bytes:
        return os.urandom(n)

    @env.task
    async def uses(n: int) -> int:
        data = await big(n)
        if not (HERE / "mended").exists():
            raise ValueError("later")
        return len(data)

    @env.task
    async def takes(data: bytes) -> int:
        return len(data)

    @env.task
    async def waits(n: int) -> int:
        await asyncio.sleep(60)
        return n

    if __name__ == "__main__":
        import shutil
        run = flyte.run(main, n=3)
        tell(run.value)
        tell(lambda: flyte.rerun(run, "a1", recover=True))
        tell(lambda: flyte.rerun(run, force_rerun_actions=["a1"]))
        tell(lambda: flyte.rerun(run, m=3))
        tell(lambda: flyte.rerun("nosuchrun"))
        tell(lambda: flyte.rerun(run, "a99"))
        tell(lambda: run.recover(m=3))
        going = flyte.run(waits, n=1)
        tell(going.recover)
        going.abort()
        tell(going.wait)
        local = flyte.with_runcontext(mode="local").run(main, n=2)
        tell(local.value)
        tell(lambda: flyte.rerun(local))
        tell(lambda: local.recover().value())
        large = flyte.run(takes, os.urandom(3_000_000))
        tell(large.value)
        lost = flyte.run(uses, n=3_000_000)
        tell(lost.wait)
        (HERE / "mended").touch()
        shutil.rmtree(pathlib.Path(os.environ["FLYTENB_HOME"]) / "objects")
        tell(lambda: lost.recover().value())
        tell(lambda: lost.recover(allow_missing_source_outputs=True).value())
        tell(lambda: flyte.rerun(large))
        tell(lambda: large.recover())
        tell(lambda: flyte.rerun(large, data=b"123").value())
        tell(lambda: large.recover(data=b"1234").value())
    """,
    )
    by_position = iter(told)

    def error(*parts: str, bases: tuple[str, ...] = (), code: str = "") -> None:
        found = next(by_position)
        check_sentence(found["message"], *parts)
        assert set(bases) <= set(found["bases"]), found
        assert code in ("", found["code"]), found

    next(by_position)
    error("only whole runs are recovered", "action_name", bases=("ValueError",))
    error("force_rerun_actions", "add recover=True", bases=("ValueError",))
    error('has no input "m"', "it has n", bases=("ValueError",))
    error("no run named 'nosuchrun'", code="RunNotFound")
    error("a99", code="ActionNotFound")
    error('has no input "m"', bases=("ValueError",))
    error("goes on", "flytenb abort run", code="RunNotDoneError")
    error("was aborted")
    assert next(by_position)["value"] == "2"
    error('ran with mode="local"', "flyte.run", code="CodeNotStored")
    assert next(by_position)["value"] == "2"
    assert next(by_position)["value"] == "3000000"
    assert next(by_position)["code"] == "ValueError"
    error("outputs of", "are gone", "allow_missing_source_outputs=True", code="SourceRunOutputsUnavailableError")
    assert next(by_position)["value"] == "3000000"
    for _ in ("rerun", "recover"):
        error("the inputs of", "cannot be read any more", "give them all anew", code="SourceRunInputsUnavailableError")
    assert [one["value"] for one in by_position] == ["3", "4"]


def test_a_rerun_takes_the_stored_code_and_a_fork_begins_at_an_action(home: Home) -> None:
    told = told_by_script(
        home,
        "forks.py",
        """
    env = flyte.TaskEnvironment(name="forks")

    @env.task
    async def leaf(x: int, factor: int = 10) -> int:
        return x * factor

    @env.task
    async def root(x: int) -> int:
        return 1 + await leaf(x)

    if __name__ == "__main__":
        run = flyte.run(root, x=2)
        tell(run.value)
        first = root
        @env.task(short_name="root")
        async def other(x: int) -> int:
            return -1
        tell(lambda: flyte.rerun(run).value())
        tell(lambda: flyte.rerun(run.name, x=5).value())
        tell(lambda: flyte.rerun(run, "a1").value())
        tell(lambda: flyte.rerun(run, "a1", factor=3).value())
        tell(lambda: flyte.with_runcontext(name="fork-1", labels={"k": "v"}).rerun(run, action_name="a1", x=7).name)
        tell(lambda: dict(flyte.remote.Run.get("fork-1").labels))
        tell(lambda: run.recover(x=4).value())
    """,
    )
    assert [one["value"] for one in told] == ["21", "21", "51", "20", "6", "'fork-1'", "{'k': 'v'}", "41"]


def test_the_command_line_recovers_with_the_code_of_the_file(home: Home) -> None:
    script = home.script(
        "lines.py",
        """
        import flytenb as flyte

        env = flyte.TaskEnvironment(name="lines")

        @env.task
        async def half(n: int) -> float:
            return n / 2

        @env.task
        async def main(n: int) -> float:
            assert await half(n) > 2, "too small"
            return await half(n)
        """,
    )
    failed = home.cli("run", str(script), "main", "--n", "3", check=False)
    assert failed.returncode == 1
    assert "too small" in failed.stderr
    again = home.cli("recover", "last", check=False)
    assert again.returncode == 1, again
    script.write_text(script.read_text().replace("> 2", "> 1"))
    mended = home.cli("recover", "last")
    assert "o0: 1.5" in mended.stdout
    shown = home.cli("get", "run", "last").stdout
    assert "2 recovered from" in shown or "1 recovered from" in shown, shown
    assert "o0: 2.5" in home.cli("rerun", "last", "--n", "5").stdout
    assert '"o0": 3.5' in home.cli("recover", "last", "--n=7", "-o", "json").stdout
    assert home.cli("rerun", "last", "--recover").stdout.endswith("o0: 3.5\n")
    refused = home.cli("rerun", "last", "--m", "5", check=False)
    assert refused.returncode == 2
    check_sentence(refused.stderr.strip(), "--m is no input of last/a0", "it has --n")
    check_sentence(home.cli("recover", "last", "--file", "gone.py", check=False).stderr.strip(), "no file gone.py")
    script.unlink()
    stored = home.cli("recover", "last")
    assert "o0: 3.5" in stored.stdout
    check_sentence(stored.stderr.strip(), "is gone", "the code that it had", "--file")


def test_a_nested_parent_finds_its_children_after_engine_and_workers_died(home: Home) -> None:
    told = told_by_script(
        home,
        "nested.py",
        """
    import asyncio, json, os, pathlib, signal, time

    HERE = pathlib.Path(__file__).parent
    env = flyte.TaskEnvironment(name="nested")

    def ran(what):
        with open(HERE / "ran", "a") as f:
            f.write(f"{what}\\n")

    @env.task
    async def leaf(i: int) -> int:
        ran(f"leaf {i}")
        return i

    @env.task
    async def inner(n: int) -> int:
        done = await asyncio.gather(*(leaf(i) for i in range(n)))
        ran(f"attempt {flyte.ctx().attempt_number}")
        if not (HERE / "died").exists():
            (HERE / "died").write_text(str(os.getpid()))
            await asyncio.sleep(30)
        return sum(done)

    @env.task
    async def outer(n: int) -> int:
        return await inner(n)

    if __name__ == "__main__":
        run = flyte.run(outer, 30)
        while not (HERE / "died").exists():
            time.sleep(0.02)
        time.sleep(0.3)   # the children are on disk
        home = pathlib.Path(os.environ["FLYTENB_HOME"])
        engine = json.loads((home / "engine.json").read_text())["pid"]
        os.kill(engine, signal.SIGKILL)
        os.kill(int((HERE / "died").read_text()), signal.SIGKILL)
        tell(run.value)
        tell(lambda: sorted((HERE / "ran").read_text().splitlines()))
    """,
    )
    assert told[0]["value"] == str(sum(range(30))), told[0]
    lines = eval(told[1]["value"])
    assert [line for line in lines if line.startswith("leaf")] == sorted(f"leaf {i}" for i in range(30)), lines
    assert sum(line.startswith("attempt") for line in lines) == 2


def test_looking_at_failures_in_a_shell(home: Home) -> None:
    script = home.script(
        "looked.py",
        """
        import os
        import flytenb as flyte

        env = flyte.TaskEnvironment(name="looked")

        @env.task
        async def share(part: int, whole: int) -> float:
            token = "<b>hunter22</b>"
            words = "<script>alert(1)</script>" * 3
            return part / whole

        @env.task
        async def main(parts: list[int]) -> list[float]:
            shares = []
            for part in parts:
                shares.append(await share(part, part - 2))
            return shares
        """,
    )
    assert home.cli("run", str(script), "main", "--parts", "[3, 2]", check=False).returncode == 1
    frames = home.cli("get", "action", "last", "--frames").stdout
    assert "> " in frames
    assert "line 11, in share" in frames
    assert "token            ***" in frames
    assert "whole            0" in frames
    data = json.loads(home.cli("get", "action", "last", "a2", "--frames", "-o", "json").stdout)
    assert data["frames"][-1]["locals"]["part"] == "2"
    assert "hunter22" not in json.dumps(data)
    root = home.cli("get", "action", "last", "a0", "--frames").stdout
    assert "in main" in root
    assert "parts            [3, 2]" in root
    assert "shares           [3.0]" in root
    refused = home.cli("get", "action", "last", "a1", "--frames", check=False)
    check_sentence(refused.stderr.strip(), "/a1 did not fail", "flytenb get action")
    spun = home.cli("spin", "last", "a2", "--whole", "4", check=False)
    assert "o0: 0.5" in spun.stdout, spun
    script.write_text(script.read_text().replace("part / whole", "part / whole if whole else -1.0"))
    failed = json.loads(home.cli("get", "run", "-o", "json").stdout)[1]["name"]
    assert "o0: -1.0" in home.cli("spin", failed, "a2").stdout
    assert '"o0": [\n' in home.cli("recover", failed, "--trust", "share", "-o", "json").stdout
    fine = home.cli("get", "action", "last", "--frames", check=False)
    check_sentence(fine.stderr.strip(), "nothing failed in run", "flytenb get run")
    gone = home.cli("spin", failed, "a77", check=False)
    check_sentence(gone.stderr.strip(), "a77")
