"""What a worker does in a pool: several async actions at a time, secrets before work, code loaded ahead."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from flytenb.model.declaration import Launch, Reuse, TaskDeclaration, encode_declaration
from flytenb.wire import tags
from flytenb.worker.lane import Lane
from flytenb.worker.secrets import install

POOL = Launch(python="", cwd="/", reuse=Reuse(max_replicas=1, concurrency=3))


class Definition:
    def __init__(self, is_sync: bool = False) -> None:
        self.is_sync, self.mean_s = is_sync, 1.0


class Action:
    """As much of an action as a lane looks at."""

    def __init__(self, is_sync: bool = False) -> None:
        self.definition = Definition(is_sync)
        self.is_running, self.outstanding, self.active_s, self.resumed_at = False, 0, 0.0, 0.0
        self.is_over = asyncio.Event()


@pytest.mark.parametrize(("limit", "most"), [(1, 1), (3, 3), (100, 8)])
def test_a_lane_runs_as_many_async_actions_as_it_may(limit: int, most: int) -> None:
    async def main() -> None:
        running: list[Any] = []
        seen = 0

        async def run(action: Any) -> None:
            nonlocal seen
            action.is_running = True
            running.append(action)
            seen = max(seen, len(running))
            await action.is_over.wait()
            running.remove(action)
            lane.end(action)
            lane.pump()

        from contextvars import Context

        lane = Lane(asyncio.get_running_loop(), Context(), run, lambda thread, action: None)
        lane.limit = limit
        actions = [Action() for _ in range(8)]
        for action in actions:
            lane.add(action)  # type: ignore[arg-type]
        lane.pump()
        for _ in range(100):
            await asyncio.sleep(0)
            if len(running) >= most:
                running[0].is_over.set()
        while running:
            running[0].is_over.set()
            await asyncio.sleep(0)
        assert seen == most
        assert lane.queued == 0

    asyncio.run(main())


def test_a_pools_definition_sets_the_limit_and_code_is_loaded_ahead(tmp_path: Path) -> None:
    from flytenb.worker.runtime import Runtime

    class Programs:
        loaded: list[str] = []

        def body(self, declaration: TaskDeclaration) -> Any:
            self.loaded.append(declaration.entry)
            raise SystemExit("a module may do anything")

    async def main() -> None:
        runtime = Runtime(Programs(), None, ident="w1", token="", on_end=lambda reason: None)  # type: ignore[arg-type]
        declaration = TaskDeclaration(
            name="e.f", short_name="f", environment="e", launch=POOL, program="p", entry="f", interface={}
        )
        runtime._on_messages([[tags.DEFINE, 1, encode_declaration(declaration)[1]], [tags.PREPARE, 1]])
        assert runtime.lane.limit == 3
        assert Programs.loaded == ["f"]

    asyncio.run(main())


def test_secrets_become_variables_and_private_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTENB_HOME", str(tmp_path))
    monkeypatch.setenv("API_KEY", "")
    monkeypatch.setenv("FLYTE_SECRETS_DIR", "")
    mount = "/etc/flyte/secrets"
    for value in (b"one", b"two \xff"):
        install([("api-key", "API_KEY", "", value), ("cert", "", mount, value)], "w7", is_container=False)
        assert os.environb[b"API_KEY"] == value
        folder = Path(os.environ["FLYTE_SECRETS_DIR"])
        assert folder == tmp_path / "mounted" / "w7"
        assert (folder / "cert").read_bytes() == value
        assert [oct(path.stat().st_mode & 0o777) for path in (folder, folder.parent, folder / "cert")] == [
            "0o700",
            "0o700",
            "0o400",
        ]
    assert not Path(mount).exists()
