"""The process executor with real zygotes; the workers meet a fake engine."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import sys
from typing import Any

import pytest

from flytenb.codec.objects import ObjectStore
from flytenb.executors.process import ProcessExecutor
from flytenb.model import Grant, Launch, Placement
from flytenb.wire import encode_frame, tags
from flytenb.wire.tokens import worker_token
from tests.unit.worker.fake_engine import FakeEngine

LAUNCH = Launch(python=sys.executable, cwd="/", env_vars={"FLYTENB_TEST": "yes"})


class Owner:
    """Keeps what an executor reports."""

    def __init__(self, exits: asyncio.Queue[tuple[Any, ...]]) -> None:
        self._exits = exits

    def on_worker_exit(self, *report: Any) -> None:
        self._exits.put_nowait(report)

    def on_worker_placed(self, worker: str, placement: Placement, is_single: bool = False) -> None: ...

    def on_worker_news(self, worker: str, words: str) -> None: ...


def run(scenario: Any, tmp_path: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("FLYTENB_HOME", str(tmp_path))

    async def main() -> None:
        engine = FakeEngine(str(tmp_path / "s"), ObjectStore(tmp_path / "objects", is_durable=False))
        await engine.start()
        exits: asyncio.Queue[tuple[Any, ...]] = asyncio.Queue()
        executor = ProcessExecutor(engine.path, b"secret", Owner(exits))
        await executor.start()
        try:
            await asyncio.wait_for(scenario(engine, executor, exits), 30)
        finally:
            await executor.stop()
            await engine.stop()

    asyncio.run(main())


def test_a_worker_says_hello_and_leaves_on_shutdown(tmp_path, monkeypatch):
    async def scenario(engine, executor, exits):
        executor.spawn("w1", LAUNCH, Grant())
        hello = await engine.hello
        assert hello[3:5] == ["worker", "w1"]
        assert hello[6] == worker_token(b"secret", "w1")
        assert os.getpgid(hello[5]) == hello[5]
        engine.send((tags.SHUTDOWN, "idle"))
        assert await exits.get() == ("w1", 0, "exit", "")

    run(scenario, tmp_path, monkeypatch)


@pytest.mark.parametrize("by", ["executor", "stranger", "engine"])
def test_every_end_is_reported(tmp_path, monkeypatch, by):
    async def scenario(engine, executor, exits):
        executor.spawn("w1", LAUNCH, Grant())
        pid = (await engine.hello)[5]
        if by == "executor":
            executor.kill("w1")
            assert await exits.get() == ("w1", -signal.SIGKILL, "killed", "")
        elif by == "stranger":
            os.kill(pid, signal.SIGSEGV)
            assert await exits.get() == ("w1", -signal.SIGSEGV, "exit", "")
        else:
            engine.transport.close()
            assert await exits.get() == ("w1", 0, "exit", "")

    run(scenario, tmp_path, monkeypatch)


def test_a_kill_before_the_fork_is_not_lost(tmp_path, monkeypatch):
    async def scenario(engine, executor, exits):
        executor.spawn("w1", LAUNCH, Grant())
        executor.kill("w1")
        assert (await exits.get())[::2] == ("w1", "killed")

    run(scenario, tmp_path, monkeypatch)


def test_a_worker_over_its_memory_is_killed_and_says_so(tmp_path, monkeypatch):
    async def scenario(engine, executor, exits):
        executor.spawn("w1", LAUNCH, Grant(memory_bytes=1 << 20))
        worker, status, cause, detail = await exits.get()
        assert (worker, status, cause) == ("w1", -signal.SIGKILL, "oom")
        assert "asks for 1 MiB" in detail
        assert "Resources(memory=" in detail

    run(scenario, tmp_path, monkeypatch)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="another process's limits can be set on Linux only")
def test_no_more_files_for_a_fork(tmp_path, monkeypatch):
    async def scenario(engine, executor, exits):
        executor.spawn("w1", LAUNCH, Grant())
        await engine.hello
        zygote = executor._zygotes[sys.executable].process.pid
        before = resource.prlimit(zygote, resource.RLIMIT_NOFILE)
        resource.prlimit(zygote, resource.RLIMIT_NOFILE, (3, before[1]))
        executor.spawn("w2", LAUNCH, Grant())
        worker, status, _, detail = await exits.get()
        assert (worker, status) == ("w2", -1)
        assert detail.startswith("no process can be made: Too many open files; raise the limit (ulimit -n)")
        resource.prlimit(zygote, resource.RLIMIT_NOFILE, before)
        engine.hello = asyncio.get_running_loop().create_future()
        executor.spawn("w3", LAUNCH, Grant())
        assert (await engine.hello)[4] == "w3"

    run(scenario, tmp_path, monkeypatch)


def test_an_interpreter_that_is_not_there(tmp_path, monkeypatch):
    async def scenario(engine, executor, exits):
        executor.spawn("w1", Launch(python="/no/such/python", cwd="/"), Grant())
        worker, status, cause, detail = await exits.get()
        assert (worker, status, cause) == ("w1", -1, "start")
        assert "/no/such/python cannot be started" in detail

    run(scenario, tmp_path, monkeypatch)


def test_an_interpreter_that_ends_at_once(tmp_path, monkeypatch):
    async def scenario(engine, executor, exits):
        executor.spawn("w1", Launch(python="/bin/false", cwd="/"), Grant())
        worker, _, cause, detail = await exits.get()
        assert (worker, cause) == ("w1", "start")
        assert "/bin/false" in detail

    run(scenario, tmp_path, monkeypatch)


def test_workers_outlive_their_zygote_which_is_replaced(tmp_path, monkeypatch):
    async def scenario(engine, executor, exits):
        executor.spawn("w1", LAUNCH, Grant())
        await engine.hello
        first, transport = executor._zygotes[sys.executable].process.pid, engine.transport
        executor._zygotes[sys.executable].process.kill()
        engine.hello = asyncio.get_running_loop().create_future()
        while executor._zygotes.get(sys.executable) is not None:
            await asyncio.sleep(0.01)
        executor.spawn("w2", LAUNCH, Grant())
        assert (await engine.hello)[4] == "w2"
        assert executor._zygotes[sys.executable].process.pid != first
        assert exits.empty()
        transport.write(encode_frame([(tags.SHUTDOWN, "test")]))
        assert (await exits.get())[:3] == ("w1", -1, "exit")
        executor.kill("w2")
        assert (await exits.get())[:3] == ("w2", -signal.SIGKILL, "killed")

    run(scenario, tmp_path, monkeypatch)


def test_a_stopped_zygote_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr("flytenb.executors.process._FORK_S", 0.3)

    async def scenario(engine, executor, exits):
        executor.spawn("w1", LAUNCH, Grant())
        await engine.hello
        zygote = executor._zygotes[sys.executable].process.pid
        os.kill(zygote, signal.SIGSTOP)
        executor.spawn("w2", LAUNCH, Grant())
        worker, _, cause, detail = await exits.get()  # the rules ask for another one then
        assert (worker, cause) == ("w2", "start")
        assert "worker process starter" in detail
        engine.hello = asyncio.get_running_loop().create_future()
        executor.spawn("w3", LAUNCH, Grant())
        assert (await engine.hello)[4] == "w3"
        assert executor._zygotes[sys.executable].process.pid != zygote

    run(scenario, tmp_path, monkeypatch)


def test_stop_leaves_no_process(tmp_path, monkeypatch):
    pids: list[int] = []

    async def scenario(engine, executor, exits):
        executor.spawn("w1", LAUNCH, Grant())
        pids.append((await engine.hello)[5])
        pids.append(executor._zygotes[sys.executable].process.pid)

    run(scenario, tmp_path, monkeypatch)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
