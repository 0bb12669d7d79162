"""Conditions in every kind of body, as a script's author writes them, and as other code of it answers them."""

from __future__ import annotations

from tests.integration.conftest import Home
from tests.integration.telling import told_by_script

_HEAD = """
    import asyncio, threading, time
    from datetime import timedelta
    from flytenb.remote import Condition, Run

    env = flyte.TaskEnvironment("forms")

    def answers(**given):
        # somebody who answers whatever is asked, once each
        def work():
            left = dict(given)
            while left:
                for one in Condition.listall():
                    if one.name in left:
                        one.signal(left.pop(one.name))
                time.sleep(0.02)
        threading.Thread(target=work, daemon=True).start()
"""


def test_bodies(home: Home) -> None:
    text = (
        _HEAD
        + """
    @env.task
    async def several() -> list:
        first = flyte.new_condition("first", data_type=int)
        second = await flyte.new_condition.aio("second", data_type=str)
        both = await asyncio.gather(first.wait.aio(), second.wait.aio())
        return [*both, await first.wait.aio(), first.wait()]

    @env.task
    def plain() -> list:
        async def inside():
            return await flyte.new_condition("inside", data_type=float).wait.aio()
        return [flyte.new_condition("outside").wait(), asyncio.run(inside())]

    @env.task
    async def in_a_thread() -> bool:
        condition = flyte.new_condition("thread")
        return await asyncio.to_thread(condition.wait)

    @env.task
    async def blocks() -> bool:
        return flyte.new_condition("blocks").wait()

    @flyte.trace
    async def traced() -> bool:
        return await flyte.new_condition("traced").wait.aio()

    @env.task
    async def traces() -> bool:
        return await traced()

    @env.task
    async def gives_up() -> str:
        try:
            await asyncio.wait_for(flyte.new_condition("late").wait.aio(), 0.3)
        except asyncio.TimeoutError:
            return "gave up"

    @env.task
    async def default() -> float:
        return await flyte.new_condition(
            "default", data_type=float, timeout=timedelta(seconds=0.2), default=0.25).wait.aio()

    if __name__ == "__main__":
        answers(first=7, second="word", inside=0.5, outside=False, thread=True)
        tell(lambda: outputs(several)[0])
        tell(lambda: outputs(plain)[0])
        tell(lambda: outputs(in_a_thread)[0])
        tell(lambda: outputs(blocks)[0])
        tell(lambda: outputs(traces)[0])
        tell(lambda: outputs(gives_up)[0])
        tell(lambda: list(Condition.listall()))
        tell(lambda: outputs(default)[0])
        answers(first=8, second="local")
        tell(lambda: flyte.with_runcontext(mode="local").run(several).outputs()[0])
        tell(lambda: Condition.get("nothing", run_name="last"))
    """
    )
    told = told_by_script(home, "bodies.py", text)
    values = [one["value"] if not one["error"] else one["message"] for one in told]
    assert values == [
        "[7, 'word', 7, 7]",
        "[False, 0.5]",
        "True",
        'condition "blocks": .wait() would block the event loop; write "await condition.wait.aio()"',
        'condition "traced" was made inside a traced function; make it in the task itself, or take @flyte.trace off '
        "the function",
        "'gave up'",
        "[]",
        "0.25",
        "[8, 'local', 8, 8]",
        "None",
    ]


def test_handles(home: Home) -> None:
    text = (
        _HEAD
        + """
    @env.task
    async def asks(n: int) -> int:
        return n + await flyte.new_condition("n", prompt="How many?", data_type=int).wait.aio()

    def paused(run):
        while not (found := Condition.get("n", run_name=run.name)):
            time.sleep(0.02)
        return found

    if __name__ == "__main__":
        run = flyte.run(asks, 1)
        condition = paused(run)
        tell(lambda: (condition.name, condition.action_name, condition.parent_name, condition.run_name == run.name,
                      condition.phase, condition.prompt, condition.expected_type.__name__, condition.value))
        tell(lambda: [one.name == run.name for one in Run.listall(paused_actions_only=True)])
        tell(lambda: [one.name == run.name for one in Run.listall(in_phase="paused")])
        tell(lambda: [(one.name, str(one.phase)) for one in run.actions])
        tell(lambda: condition.signal("5"))
        tell(lambda: condition.signal(True))
        tell(lambda: condition.signal(None))
        tell(lambda: condition.signal(5))
        tell(lambda: (condition.value, condition.phase, condition.row.answered_from))
        tell(lambda: condition.signal(6))
        tell(lambda: run.outputs()[0])
        tell(lambda: [one.name for one in Run.listall(paused_actions_only=True)])
        tell(lambda: str(run.abort()) == f"run {run.name} has ended already (succeeded)")
        second = flyte.run(asks, 1)
        paused(second)
        tell(lambda: second.actions[1].abort("not today").count)
        tell(lambda: second.outputs())
        third = flyte.run(asks, 2)
        paused(third).signal(40)
        third.wait()
        again = third.recover()
        tell(lambda: again.outputs()[0])
    """
    )
    told = told_by_script(home, "handles.py", text)
    values = [one["value"] if not one["error"] else f"{one['error']}: {one['message']}" for one in told]
    assert values[:9] == [
        "('n', 'a1', 'a0', True, 'paused', 'How many?', 'int', None)",
        "[True]",
        "[True]",
        "[('a0', 'running'), ('a1', 'paused')]",
        "TypeError: condition \"n\" takes an int: '5' is none",
        'TypeError: condition "n" takes an int: True is none; give a whole number',
        'TypeError: condition "n" takes an int: None is none',
        "None",
        "(5, 'succeeded', 'python')",
    ]
    assert "was answered with 5 by " in values[9]
    assert told[9]["code"] == "ConditionAnswered"
    assert values[10:14] == ["6", "[]", "True", "1"]
    assert values[14].endswith("condition 'n' was aborted: not today")
    assert "ActionAbortedError" in told[14]["bases"]
    assert values[15] == "42"


def test_questions_and_logs_hold_no_secret(home: Home) -> None:
    text = (
        _HEAD
        + """
    import os
    vault = flyte.TaskEnvironment("vault", secrets="API_KEY")

    @vault.task
    async def asks() -> bool:
        key = os.environ["API_KEY"]
        asked = flyte.new_condition("ok", prompt=f"Use {key}?", description=key, timeout=0.5, default=True)
        return await asked.wait.aio()

    if __name__ == "__main__":
        os.environ["API_KEY"] = "s3cret-of-somebody"
        run = flyte.run(asks)
        tell(lambda: run.outputs()[0])
        tell(lambda: [one.prompt for one in Condition.listall(run_name=run.name)])
    """
    )
    told = told_by_script(home, "secret.py", text)
    assert told[0]["value"] == "True", told[0]
    assert "s3cret-of-somebody" not in told[1]["value"]
    assert told[1]["value"].startswith("['Use ")
    assert b"s3cret-of-somebody" not in (home.path / "store.db").read_bytes()
