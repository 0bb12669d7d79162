"""A run of a task that ran before: rows and time to come while it goes on, and at its end what changed."""

from __future__ import annotations

import pytest

from tests.notebooks.test_live import is_over, kernel, run, updates  # noqa: F401  # a fixture

pytestmark = [pytest.mark.notebook, pytest.mark.engine]

TASKS = """
@env.task(cache="auto")
async def part(x: int) -> int:
    await asyncio.sleep(1.2)
    return scaled(x)

@env.task
async def whole(n: int) -> int:
    total = 0
    for i in range(n):
        total += await part(i)
    return total
"""


def shown_by(client, code: str) -> list[str]:
    reply, seen = run(client, code)
    assert reply["status"] == "ok", reply
    (shown,) = [m["content"] for m in seen if m["msg_type"] == "display_data"]
    return updates(client, shown["transient"]["display_id"], is_over)


def test_a_second_run_is_foreseen_and_says_what_changed(kernel):  # noqa: F811
    _, client = kernel
    run(client, "def scaled(x: int) -> int:\n    return x * 2")
    run(client, TASKS)
    first = shown_by(client, "flyte.run(whole, n=3)")
    assert not any("left" in text or "expected" in text for text in first)
    run(client, "def scaled(x: int) -> int:\n    return x * 3")
    second = shown_by(client, "flyte.run(whole, n=3)")
    going, final = second[:-1], second[-1]
    assert any("≈" in text.splitlines()[0] and "left" in text.splitlines()[0] for text in going), second
    assert any("part" in line and "Not started" in line for text in going for line in text.splitlines()), second
    assert "left" not in final
    assert "expected" not in final
    assert "scaled changed" in final.splitlines()[0]
