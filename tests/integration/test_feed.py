"""What a tab's list of runs says does not lag behind what its views say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from flytenb.client.session import session
from flytenb.lab import feed
from tests.integration.conftest import Home

pytestmark = pytest.mark.engine
SCRIPT = """
    import asyncio, os, sys
    import flytenb as flyte

    env = flyte.TaskEnvironment(name="list")

    @env.task
    async def gated(gate: str) -> int:
        while not os.path.exists(gate):
            await asyncio.sleep(0.02)
        return 1

    if __name__ == "__main__":
        flyte.with_runcontext(name="listed").run(gated, gate=sys.argv[1]).wait()
"""


def test_the_list_tells_a_watched_run_when_it_begins_and_ends(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "RUNS_EVERY_S", 3600.0)  # it would be told by and by
    gate = home.path.parent / "gate"
    home.cli("engine", "start")

    async def follow() -> None:
        told: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        tab = feed.Feed(home.path, lambda text: told.put_nowait(json.loads(text)), lambda: None)

        async def until(is_it: Callable[[dict[str, Any]], bool]) -> None:
            while not is_it(await asyncio.wait_for(told.get(), 60)):
                pass

        tab.on_message('{"op": "watch-runs"}')
        await until(lambda one: one["op"] == "runs" and one["data"] == [])
        process = home.popen(str(home.script("listed.py", SCRIPT)), str(gate))
        link = session(home.path)
        while not [row for row in await asyncio.wrap_future(link.ask("runs", list[Any], limit=5)) if row]:
            assert process.poll() is None
        tab.on_message('{"op": "watch", "run": "listed"}')
        await until(lambda one: one["op"] == "runs" and [row["name"] for row in one["data"]] == ["listed"])
        gate.touch()
        await until(lambda one: one["op"] == "runs" and one["data"][0]["phase"] == "succeeded")
        tab.close()
        await asyncio.to_thread(process.wait, 30)

    asyncio.run(follow())
