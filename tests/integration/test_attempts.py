"""Retries, timeouts and failures as a parent and a person meet them, on real engines.

| promise | test |
|---|---|
| retries with a backoff; attempts with logs of their own | test_attempts_are_counted_and_have_their_own_logs |
| a final error is not tried again; its code in the parent | test_final_errors_are_not_tried_again |
| a lost worker costs no retry | test_a_lost_worker_costs_no_retry |
| max_runtime, max_queued_time, deadline: their classes, per attempt and altogether | test_timeouts |
| out of memory, then more of it | test_more_memory_after_an_out_of_memory |
| every class of an error can be caught, with message and traceback | test_errors_can_be_caught_as_what_they_were |
| gather with failures; map with and without return_exceptions | test_gather_and_map_with_partial_failures |
| what nobody awaits any more is cancelled | test_siblings_and_orphans_are_cancelled |
"""

from __future__ import annotations

import json

import pytest

from tests.integration.conftest import Home
from tests.integration.telling import check_sentence, told_by_script

pytestmark = pytest.mark.engine

_PRELUDE = """
    import asyncio, os, pathlib, signal, sys, time
    from datetime import timedelta
    HERE = pathlib.Path(__file__).parent
    env = flyte.TaskEnvironment(name="tries")

    def ran(what):
        with open(HERE / "ran", "a") as f:
            f.write(f"{what}\\n")

    def executed():
        lines = (HERE / "ran").read_text().splitlines() if (HERE / "ran").exists() else []
        (HERE / "ran").unlink(missing_ok=True)
        return lines
"""


def test_attempts_are_counted_and_have_their_own_logs(home: Home) -> None:
    told = told_by_script(
        home,
        "flaky.py",
        _PRELUDE
        + """
    BACKOFF = flyte.Backoff(timedelta(seconds=0.1), factor=3, cap=timedelta(seconds=0.2))

    @env.task(retries=flyte.RetryStrategy(2, backoff=BACKOFF))
    async def flaky(good: int) -> int:
        number = flyte.ctx().attempt_number
        print(f"this is try {number}")
        ran(time.time())
        if number < good:
            raise ValueError(f"try {number}")
        return number

    if __name__ == "__main__":
        run = flyte.run(flaky, 2)
        tell(run.value)
        tell(executed)
        tell(lambda: [(one.number, one.ended, one.error) for one in run.action.all_attempts()])
        tell(lambda: [list(run.action.get_logs(attempt=n)) for n in (1, 2, 3)])
        tell(lambda: run.action.attempts)
        tell(flyte.run(flaky, 9).value)
    """,
    )
    assert told[0]["value"] == "2"
    first, second, third = (float(line) for line in eval(told[1]["value"]))
    assert second - first >= 0.1
    assert third - second >= 0.2
    assert eval(told[2]["value"]) == [
        (1, "failed", "ValueError: try 0"),
        (2, "failed", "ValueError: try 1"),
        (3, "succeeded", ""),
    ]
    assert eval(told[3]["value"]) == [["this is try 0"], ["this is try 1"], ["this is try 2"]]
    assert told[4]["value"] == "3"
    assert told[5]["code"] == "ValueError"
    assert told[5]["message"] == "try 2"
    assert {"ValueError", "RetriesExhaustedError", "RuntimeUserError"} <= set(told[5]["bases"])
    lines = home.cli("get", "action", "last", "a0", "--attempts").stdout.splitlines()
    assert [line.split()[:3] for line in lines] == [["attempt", n, "failed"] for n in "123"]
    assert lines[2].endswith("ValueError: try 2")
    data = json.loads(home.cli("get", "action", "last", "a0", "--attempts", "-o", "json").stdout)
    assert [one["number"] for one in data] == [1, 2, 3]
    assert home.cli("get", "logs", "last", "a0", "-a", "2").stdout.strip() == "this is try 1"
    assert "attempt 3" in home.cli("get", "run", "last").stdout


def test_final_errors_are_not_tried_again(home: Home) -> None:
    told = told_by_script(
        home,
        "final.py",
        _PRELUDE
        + """
    class Never(flyte.errors.NonRecoverableError):
        pass

    @env.task(retries=3)
    async def final(x: int) -> int:
        ran("final")
        raise flyte.errors.NonRecoverableError("there is no such file", code="NoFile")

    @env.task(retries=3)
    def own(x: int) -> int:
        ran("own")
        raise Never("never")

    @env.task
    async def parent(x: int) -> list[str]:
        told = []
        for call in (final, own.aio):
            try:
                await call(x)
            except flyte.errors.NonRecoverableError as error:
                told.append(f"{error.code} {error} {isinstance(error, flyte.errors.RetriesExhaustedError)}")
        return told

    if __name__ == "__main__":
        tell(flyte.run(parent, 1).value)
        tell(executed)
    """,
    )
    assert eval(told[0]["value"]) == ["NoFile there is no such file False", "NonRecoverableError never False"]
    assert eval(told[1]["value"]) == ["final", "own"]


def test_a_lost_worker_costs_no_retry(home: Home) -> None:
    told = told_by_script(
        home,
        "lost.py",
        _PRELUDE
        + """
    @env.task(retries=1)
    async def fragile(deaths: int) -> int:
        ran("fragile")
        count = len((HERE / "ran").read_text().splitlines())
        if count <= deaths:
            os.kill(os.getpid(), signal.SIGKILL)
        if count == deaths + 1:
            raise ValueError("the user's own failure")
        return flyte.ctx().attempt_number

    if __name__ == "__main__":
        run = flyte.run(fragile, 2)
        tell(run.value)
        tell(executed)
        tell(lambda: [(one.number, one.ended) for one in run.action.all_attempts()])
        tell(flyte.run(fragile, 5).value)
        tell(executed)
    """,
    )
    assert told[0]["value"] == "3"
    assert len(eval(told[1]["value"])) == 4
    assert eval(told[2]["value"]) == [(1, "lost"), (2, "lost"), (3, "failed"), (4, "succeeded")]
    assert (told[3]["code"], told[3]["kind"]) == ("WorkerLost", "system")
    assert "RuntimeSystemError" in told[3]["bases"]
    check_sentence(told[3]["message"], "task 'tries.fragile'", "3 times", "run again")
    assert len(eval(told[4]["value"])) == 3


def test_timeouts(home: Home) -> None:
    told = told_by_script(
        home,
        "timeouts.py",
        _PRELUDE
        + """
    @env.task
    async def sleeper(seconds: float) -> int:
        ran("sleeper")
        await asyncio.sleep(seconds)
        return 1

    @env.task
    def blocked(seconds: float) -> int:
        ran("blocked")
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(0.01)
        return 1

    wide = flyte.TaskEnvironment(name="wide", resources=flyte.Resources(cpu=os.cpu_count()))

    @wide.task
    async def wide_sleeper(seconds: float) -> int:
        await asyncio.sleep(seconds)
        return 1

    @env.task
    async def parent(how: str) -> str:
        call = {
            "runtime": lambda: sleeper.override(timeout=0.2)(30),
            "again": lambda: sleeper.override(timeout=timedelta(seconds=0.2), retries=2)(30),
            "sync": lambda: blocked.override(timeout=flyte.Timeout(max_runtime=0.2)).aio(30),
            "deadline": lambda: sleeper.override(timeout=flyte.Timeout(max_runtime=0.3, deadline=0.5), retries=9)(30),
            "fine": lambda: sleeper.override(timeout=flyte.Timeout(max_runtime=20, max_queued_time=20, deadline=30))(0),
        }[how]
        try:
            return str(await call())
        except flyte.errors.TaskTimeoutError as error:
            return f"{type(error).__name__} {isinstance(error, flyte.errors.RetriesExhaustedError)} {error}"

    @env.task
    async def queued(x: int) -> str:
        first = asyncio.ensure_future(wide_sleeper(3))
        await asyncio.sleep(1)
        try:
            await wide_sleeper.override(timeout=flyte.Timeout(max_queued_time=0.3))(0)
        except flyte.errors.MaxQueuedTimeExceededError as error:
            return str(error)
        finally:
            first.cancel()
        return "it did not wait"

    if __name__ == "__main__":
        for how in ("runtime", "again", "sync", "deadline", "fine"):
            tell(flyte.run(parent, how).value)
            tell(executed)
        tell(flyte.run(queued, 1).value)
    """,
    )
    values, counts = [one["value"] for one in told[:-1:2]], [len(eval(one["value"])) for one in told[1::2]]
    assert values[0] == "\"MaxRuntimeExceededError False task 'tries.sleeper' ran longer than its timeout of 0.2 s\""
    assert values[1].startswith('"MaxRuntimeExceededError True')
    assert values[2].startswith("\"MaxRuntimeExceededError False task 'tries.blocked'")
    assert values[3].startswith("\"DeadlineExceededError False task 'tries.sleeper' was not done 0.5 s after")
    assert values[4] == "'1'"
    assert counts[:3] == [1, 3, 1]
    assert counts[3] == 2
    assert "waited longer than 0.3 s for a worker" in told[-1]["value"], told[-1]


def test_more_memory_after_an_out_of_memory(home: Home) -> None:
    told = told_by_script(
        home,
        "memory.py",
        _PRELUDE
        + """
    small = flyte.TaskEnvironment(name="small", resources=flyte.Resources(memory="200Mi"))

    @small.task
    async def hungry(mb: int) -> int:
        return len(bytearray(mb * 1024 * 1024)) // 1024 // 1024

    @env.task
    async def parent(mb: int) -> list[str]:
        told = []
        for memory in ("200Mi", "250Mi", "1Gi"):
            try:
                told.append(str(await hungry.override(resources=flyte.Resources(memory=memory))(mb)))
            except flyte.errors.OOMError as error:
                told.append(f"{error.code} {error.kind}")
        return told

    if __name__ == "__main__":
        tell(flyte.run(parent, 400).value)
        tell(flyte.run(hungry, 400).value)
    """,
    )
    assert eval(told[0]["value"]) == ["OOMError user", "OOMError user", "400"]
    assert told[1]["code"] == "OOMError"
    check_sentence(told[1]["message"].partition("\n")[0], "memory")


def test_errors_can_be_caught_as_what_they_were(home: Home) -> None:
    told = told_by_script(
        home,
        "classes.py",
        _PRELUDE
        + """
    class Own(LookupError):
        def __init__(self, what, number):
            super().__init__(f"{what} {number}")
            self.what, self.number = what, number

    @env.task
    async def fails(how: str) -> int:
        if how == "own":
            raise Own("row", 7)
        if how == "value":
            raise ValueError("bad value")
        if how == "cause":
            try:
                {}["key"]
            except KeyError as error:
                raise RuntimeError("outer") from error
        if how == "exit":
            sys.exit(3)
        if how == "system":
            raise flyte.errors.RuntimeSystemError("Quota", "no quota")
        if how == "custom":
            raise flyte.errors.CustomError.from_exception(OSError(2, "gone"))
        raise BaseException("odd")

    @env.task
    async def parent(x: int) -> dict[str, str]:
        told = {}
        try:
            await fails("own")
        except Own as error:
            told["own"] = f"{error.what} {error.number} {isinstance(error, flyte.errors.RuntimeUserError)} {error.code}"
        try:
            await fails("value")
        except ValueError as error:
            told["value"] = f"{error} {error.kind} " + ("in fails" in error.__cause__.flytenb_traceback and "traced")
        for how in ("cause", "exit", "custom", "odd"):
            try:
                await fails(how)
            except flyte.errors.RuntimeUserError as error:
                told[how] = f"{error.code}: {error}"
        try:
            await fails("system")
        except flyte.errors.RuntimeSystemError as error:
            told["system"] = f"{error.code} {error.kind} {error}"
        return told

    @env.task
    async def through(x: int) -> int:
        return await fails("value")

    if __name__ == "__main__":
        tell(flyte.run(parent, 1).value)
        tell(flyte.run(through, 1).value)
    """,
    )
    found = eval(told[0]["value"])
    assert found["own"] == "row 7 True Own"
    assert found["value"] == "bad value user traced"
    assert found["cause"] == "RuntimeError: outer"
    assert found["exit"] == "SystemExit: the task called sys.exit(3); return a value or raise an error instead"
    assert found["custom"] == "FileNotFoundError: [Errno 2] gone"
    assert found["odd"] == "BaseException: odd"
    assert found["system"] == "Quota system no quota"
    assert told[1]["message"] == "bad value"
    assert "in through" in told[1]["traceback"]
    assert 'raise ValueError("bad value")' in told[1]["traceback"]


def test_gather_and_map_with_partial_failures(home: Home) -> None:
    told = told_by_script(
        home,
        "partial.py",
        _PRELUDE
        + """
    @env.task
    async def half(x: int) -> int:
        if x % 2:
            raise ValueError(f"{x} is odd")
        return x // 2

    @env.task
    async def gathered(n: int) -> list[str]:
        found = await asyncio.gather(*(half(x) for x in range(n)), return_exceptions=True)
        return [f"{type(x).__name__} {x}" for x in found]

    @env.task
    async def mapped(n: int) -> list[str]:
        return [f"{type(x).__name__} {x}" async for x in flyte.map.aio(half, range(n))]

    @env.task
    def mapped_sync(n: int) -> list[str]:
        return [f"{type(x).__name__} {x}" for x in flyte.map(half, range(n), return_exceptions=True)]

    @env.task
    async def strict(n: int) -> list[str]:
        found = []
        try:
            async for x in flyte.map.aio(half, range(n), return_exceptions=False):
                found.append(str(x))
        except ValueError as error:
            found.append(f"caught {error}")
        return found

    @env.task
    async def summed(n: int) -> int:
        total = 0
        async for x in flyte.map.aio(half, range(n)):
            total = total + x   # arithmetic on an error raises it again
        return total

    if __name__ == "__main__":
        for task in (gathered, mapped, mapped_sync, strict, summed):
            tell(flyte.run(task, 4).value)
    """,
    )
    each = ["int 0", "ValueError 1 is odd", "int 1", "ValueError 3 is odd"]
    assert [eval(one["value"]) for one in told[:3]] == [each, each, each]
    assert eval(told[3]["value"]) == ["0", "caught 1 is odd"]
    assert told[4]["message"] == "1 is odd"
    assert "ValueError" in told[4]["bases"]


def test_siblings_and_orphans_are_cancelled(home: Home) -> None:
    told = told_by_script(
        home,
        "siblings.py",
        _PRELUDE
        + """
    env = flyte.TaskEnvironment(name="small", resources=flyte.Resources(cpu=0.2))  # all at once on any machine

    @env.task
    async def slow(x: int) -> int:
        ran(f"began {x}")
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            ran(f"cancelled {x}")
            raise
        return x

    @env.task
    async def fails(x: int) -> int:
        while len((HERE / "ran").read_text().splitlines() if (HERE / "ran").exists() else []) < 2:
            await asyncio.sleep(0.01)
        raise ValueError("first")

    @env.task
    async def gathered(x: int) -> int:
        await asyncio.gather(slow(1), slow(2), fails(0))   # the error comes at once, then the parent ends
        return 0

    @env.task
    async def caught(x: int) -> int:
        waiting = [asyncio.ensure_future(slow(n)) for n in (1, 2)]
        try:
            await fails(0)
        except ValueError:
            waiting[0].cancel()      # what is cancelled is stopped, what is awaited goes on
            try:
                await asyncio.wait_for(waiting[1], 0.2)
            except asyncio.TimeoutError:
                return 5
        return 0

    @env.task
    async def forgets(x: int) -> int:
        asyncio.ensure_future(slow(1))
        asyncio.ensure_future(slow(2))
        while len((HERE / "ran").read_text().splitlines() if (HERE / "ran").exists() else []) < 2:
            await asyncio.sleep(0.01)
        return 7

    def settled(run):
        deadline = time.monotonic() + 20
        while sum("cancelled" in line for line in (HERE / "ran").read_text().splitlines()) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        return sorted(executed()), sorted(str(a.phase) for a in run.actions[1:])

    if __name__ == "__main__":
        for task in (gathered, caught, forgets):
            run = flyte.run(task, 1)
            tell(run.value)
            tell(lambda: settled(run))
    """,
    )
    lines = ["began 1", "began 2", "cancelled 1", "cancelled 2"]
    assert told[0]["message"] == "first"
    assert eval(told[1]["value"]) == (lines, ["aborted", "aborted", "failed"])
    assert told[2]["value"] == "5"
    assert eval(told[3]["value"]) == (lines, ["aborted", "aborted", "failed"])
    assert told[4]["value"] == "7"
    assert eval(told[5]["value"]) == (lines, ["aborted", "aborted"])
    assert all(one["seconds"] < 20 for one in told)
