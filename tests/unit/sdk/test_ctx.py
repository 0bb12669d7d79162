import asyncio
from datetime import timezone

import pytest

from flytenb.context import current_action
from flytenb.sdk.ctx import ActionID, GroupData, TaskContext, ctx, custom_context, get_custom_context
from flytenb.sdk.environment import TaskEnvironment
from flytenb.sdk.group import group

env = TaskEnvironment("ctx")


@env.task
async def child(x: int) -> int:
    return x


def test_outside_it_is_falsy_and_empty():
    outside = ctx()
    assert not outside
    for name in dir(TaskContext):
        if not name.startswith("_") and name != "is_in_cluster":
            assert getattr(outside, name) is None, name
    assert outside.is_in_cluster() is False
    assert get_custom_context() == {}
    with pytest.raises(KeyError, match="only inside a task"):
        outside["x"]


def test_inside_it_tells_the_action(port):
    inside = ctx()
    assert inside
    assert inside.action == ActionID("a0", "run1", "flytenb", "development")
    assert inside.task_action == inside.action
    assert (inside.mode, inside.attempt_number, inside.is_in_cluster()) == ("remote", 0, True)
    assert inside.run_start_time.tzinfo is timezone.utc
    inside.data["k"] = 1
    assert ctx()["k"] == 1
    assert "env.main" in repr(inside)
    assert inside.report.tabs


def test_groups(port):
    async def body():
        with group("one"):
            await child(1)
            assert ctx().group_data == GroupData("one")
            with group("two"):
                await child(2)
            await child(3)
        await child(4)

    asyncio.run(body())
    assert [row[3] for row in port.calls] == ["one", "two", "one", ""]


def test_groups_of_parallel_code_do_not_mix(port):
    async def work(name):
        with group(name):
            await asyncio.sleep(0)
            await child(1)

    async def body():
        await asyncio.gather(*(work(name) for name in "abc"))

    asyncio.run(body())
    assert sorted(row[3] for row in port.calls) == ["a", "b", "c"]


def test_custom_contexts(port):
    with custom_context(a="1"), custom_context(b="2"):
        assert get_custom_context() == {"a": "1", "b": "2"}
        assert current_action.get().custom_context == {"a": "1", "b": "2"}
    assert get_custom_context() == {}
    with pytest.raises(TypeError, match="only text"):
        custom_context(a=1)


def test_outside_actions_they_do_nothing():
    with group("g"), custom_context(a="1"):
        assert not ctx()
    with pytest.raises(TypeError):
        group(3)


def test_after_an_error_the_scope_is_gone(port):
    with pytest.raises(ValueError), group("g"):
        raise ValueError
    assert current_action.get().group == ""
