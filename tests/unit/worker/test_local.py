"""A worker in a thread of this process."""

from __future__ import annotations

import asyncio
import sys
import threading

import pytest

from flytenb.codec.objects import ObjectStore
from flytenb.context import current_action
from flytenb.wire import tags
from flytenb.worker.local import LocalWorker
from tests.unit.worker.fake_engine import FakeEngine, PlainTask


async def where(x: int) -> int:
    print("here")
    return threading.get_ident()


WHERE = PlainTask(where, True)


def blocking(x: int) -> bool:
    return current_action.get().port.call_blocking(WHERE, (x,), {}, "") != threading.get_ident()


BLOCKING = PlainTask(blocking, False)


def test_runs_live_tasks_and_shows_output_here_too(tmp_path, capsys):
    async def main():
        objects = ObjectStore(tmp_path / "o", is_durable=False)
        engine = FakeEngine(str(tmp_path / "s"), objects)
        await engine.start()
        worker = LocalWorker(engine.path, "t", "local-1", {BLOCKING.name: BLOCKING, WHERE.name: WHERE}, objects)
        await asyncio.to_thread(worker.start)
        assert (await engine.hello)[3:5] == ["local", "local-1"]
        assert await engine.run(WHERE, 1) != threading.get_ident()
        assert await engine.run(BLOCKING, 1) is True
        await asyncio.to_thread(worker.stop)
        assert not worker.is_alive
        assert worker.reason == "stopped"
        await engine.gone
        assert [message[5] for message in engine.all(tags.LOG)] == ["here\n", "here\n"]
        await engine.stop()

    stdout = sys.stdout
    asyncio.run(main())
    assert sys.stdout is stdout
    assert capsys.readouterr().out == "here\nhere\n"


def test_an_absent_engine_is_told_to_the_caller(tmp_path):
    worker = LocalWorker(str(tmp_path / "none"), "t", "local-1", {}, None)
    with pytest.raises(OSError):
        worker.start()
