"""Workers as local processes: one zygote per interpreter forks them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flytenb.executors import early, usage
from flytenb.executors.base import Owner
from flytenb.executors.gpus.visible import gpu_variables
from flytenb.executors.memory import resident_bytes
from flytenb.executors.usage import Look
from flytenb.executors.watching import watch_end
from flytenb.model import Grant, Launch
from flytenb.model.sizes import size_words
from flytenb.wire import alive
from flytenb.wire.paths import home
from flytenb.wire.tokens import worker_token

_log = logging.getLogger(__name__)

#: Seconds between two looks at the memory of workers that have a limit.
_MEMORY_POLL_S = 0.05
#: Seconds between asking a worker to end and killing it.
TERM_S = 2.0
#: Seconds that killed workers and closed zygotes have for ending.
_STOP_S = 1.0
#: Seconds between looks at a zygote that has not answered, and how many it has: it may import large libraries.
_FORK_S, _MOST_LOOKS = 5.0, 12


@dataclass(slots=True)
class _Worker:
    ident: str
    #: None: another one's, or one that is gone; its end is watched from here.
    zygote: _Zygote | None
    memory_bytes: int
    #: 0 until the zygote has reported it.
    pid: int = 0
    peak_bytes: int = 0
    cause: str = "exit"
    detail: str = ""
    is_killed: bool = False


class _Zygote(asyncio.Protocol):
    """The engine's end of one zygote's control socket."""

    def __init__(self, owner: ProcessExecutor, python: str, runtime: tuple[str, str]) -> None:
        self.owner, self.python, self._runtime = owner, python, runtime
        self.process: early.Process | None = None
        self.workers: dict[str, _Worker] = {}
        #: It has told that it forks.
        self.is_ready = False
        self._transport: asyncio.Transport | None = None
        self._unsent: list[bytes] = []
        self._buffer = b""

    async def start(self) -> None:
        """Start the interpreter and take its end of the socket.

        Raises:
            OSError: the interpreter cannot be started.
        """
        self.process, ours = await asyncio.to_thread(early.take, self.python, self._runtime)
        ours.setblocking(False)
        await asyncio.get_running_loop().connect_accepted_socket(lambda: self, ours)

    def request(self, **fields: Any) -> None:
        """Send a request now, or when the zygote is there."""
        line = json.dumps(fields).encode() + b"\n"
        if self._transport is None:
            self._unsent.append(line)
        else:
            self._transport.write(line)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        for line in self._unsent:
            self._transport.write(line)  # type: ignore[union-attr]
        self._unsent.clear()

    def data_received(self, data: bytes) -> None:
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self.owner.on_report(self, json.loads(line))

    def connection_lost(self, exc: Exception | None) -> None:
        self.owner.on_zygote_lost(self)

    def close(self) -> None:
        """Let it end, whatever is left of its workers."""
        if self._transport is not None:
            self.request(op="end")
            self._transport.close()


class ProcessExecutor:
    """Forked workers on this machine.

    Args:
        socket_path: where workers meet the engine.
        secret: what the tokens that they show there are made with.
        owner: hears of every worker's end, in the loop.
    """

    def __init__(self, socket_path: str, secret: bytes, owner: Owner) -> None:
        self._socket_path, self._secret, self._owner = socket_path, secret, owner
        self._home = str(home())
        self._zygotes: dict[str, _Zygote] = {}
        self._workers: dict[str, _Worker] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        #: GPU locks of workers that were adopted: others may borrow from them.
        self._allies: set[str] = set()
        #: The most memory of workers that were killed for it, until somebody asks.
        self._gone: dict[str, int] = {}
        self._watch: asyncio.TimerHandle | None = None
        self._is_stopping = False
        self._none_left: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Boot the zygote of this interpreter; it gets ready while the caller goes on."""
        self._zygote(sys.executable)

    def preload(self, modules: list[str], python: str = sys.executable) -> None:
        """Have the workers of an interpreter begin with these modules imported."""
        self._zygote(python).request(op="preload", modules=modules)

    def spawn(self, worker: str, launch: Launch, grant: Grant, runtime: tuple[str, str] = ("", "")) -> None:
        """Fork a worker; `runtime` names folders that have flytenb where its interpreter has not."""
        zygote = self._zygote(launch.python or sys.executable, runtime)
        limit = 0 if launch.is_contained else grant.memory_bytes  # else the container has it
        entry = _Worker(worker, zygote, limit)
        self._workers[worker] = zygote.workers[worker] = entry
        zygote.request(
            op="fork",
            worker=worker,
            socket=self._socket_path,
            token=worker_token(self._secret, worker),
            home=self._home,
            cwd=launch.cwd,
            env={**launch.env_vars, **gpu_variables(grant, launch.env_vars)},
            gpus=grant.gpus,
            engine=str(os.getpid()),
            allies=sorted(self._allies),
            has_secrets=bool(launch.secrets),
            restart={"python": sys.executable, "path": os.environ.get("PYTHONPATH", "")},
        )
        asyncio.get_running_loop().call_later(_FORK_S, self._look_at_fork, entry)
        if limit:
            self._watch_memory()

    def _look_at_fork(self, entry: _Worker, looks: int = 1) -> None:
        """A zygote that was stopped, or that hangs, forks nobody: another one takes its place."""
        zygote = entry.zygote
        if entry.pid or self._workers.get(entry.ident) is not entry or zygote is None or zygote.process is None:
            return
        if looks < _MOST_LOOKS and not alive.is_stopped(zygote.process.pid):
            asyncio.get_running_loop().call_later(_FORK_S, self._look_at_fork, entry, looks + 1)
            return
        _log.warning(
            "the worker process starter of %s (process %d) has not answered for %.0f s and is replaced",
            zygote.python, zygote.process.pid, _FORK_S * looks,
        )  # fmt: skip
        with contextlib.suppress(OSError):
            zygote.process.kill()

    def adopt(self, worker: str, launch: Launch, grant: Grant, pid: int) -> None:
        """Go on with a worker whose zygote is not ours."""
        for gpu in grant.gpus:
            self._allies |= {path.name for path in (Path(self._home) / "gpus").glob(f"{gpu}.*")}
        limit = 0 if launch.is_contained else grant.memory_bytes
        entry = self._workers[worker] = _Worker(worker, None, limit)
        self._watch_end(entry, pid)
        if limit:
            self._watch_memory()

    def _watch_end(self, entry: _Worker, pid: int) -> None:
        def ended() -> None:
            if self._workers.get(entry.ident) is entry:
                entry.pid = 0
                self._ended(entry, -1, "its process ended; how, nobody saw: its own starter was gone")

        entry.pid = watch_end(Path(self._home), entry.ident, pid, ended)
        if entry.is_killed and entry.pid:
            _kill_group(entry.pid)

    def is_stopped(self, worker: str) -> bool:
        """Whether a worker's process is stopped (SIGSTOP)."""
        entry = self._workers.get(worker)
        return entry is not None and bool(entry.pid) and alive.is_stopped(entry.pid)

    def pids(self, workers: Iterable[str]) -> dict[str, int]:
        """Processes of those workers that have one here."""
        found = {worker: self._workers[worker].pid for worker in workers if worker in self._workers}
        return {worker: pid for worker, pid in found.items() if pid}

    def measure_now(self, worker: str) -> Look | None:
        """What a worker uses now; of one that was killed what was seen last, at moment 0."""
        entry = self._workers.get(worker)
        if entry is None:
            most_bytes = self._gone.pop(worker, 0)
            return Look(0.0, 0.0, most_bytes, most_bytes) if most_bytes else None
        return usage.of_process(entry.pid) if entry.pid else None

    def kill(self, worker: str, why: str = "") -> None:
        """SIGKILL to the worker and the processes it started."""
        entry = self._workers.get(worker)
        if entry is None:
            return
        entry.is_killed = True
        if entry.cause == "exit":
            entry.cause = "killed"
        entry.detail = entry.detail or why
        if entry.pid:
            _kill_group(entry.pid)

    def end(self, worker: str, why: str = "") -> None:
        """SIGTERM to the worker and the processes it started, SIGKILL to those that are there a moment later."""
        entry = self._workers.get(worker)
        if entry is None or not entry.pid:
            self.kill(worker, why)
            return
        entry.is_killed = True
        if entry.cause == "exit":
            entry.cause = "killed"
        entry.detail = entry.detail or why
        pid = entry.pid
        _signal_group(pid, signal.SIGTERM)
        asyncio.get_running_loop().call_later(TERM_S, _signal_group, pid, signal.SIGKILL)

    async def stop(self) -> None:
        """Kill all workers, close all zygotes."""
        self._is_stopping = True
        if self._watch is not None:
            self._watch.cancel()
        for task in self._tasks:
            task.cancel()
        for worker in list(self._workers):
            self.kill(worker)
        if self._workers:  # their zygote reaps them before it goes
            self._none_left = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._none_left], timeout=_STOP_S)
        processes = [zygote.process for zygote in self._zygotes.values() if zygote.process is not None]
        for zygote in self._zygotes.values():
            zygote.close()
        await asyncio.gather(*(asyncio.to_thread(_end, process) for process in processes))
        self._zygotes.clear()

    # ---- zygotes ---------------------------------------------------------------------------------------------------
    def _zygote(self, python: str, runtime: tuple[str, str] = ("", "")) -> _Zygote:
        zygote = self._zygotes.get(python)
        if zygote is None:
            zygote = self._zygotes[python] = _Zygote(self, python, runtime)
            task = asyncio.get_running_loop().create_task(self._boot(zygote))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return zygote

    async def _boot(self, zygote: _Zygote) -> None:
        try:
            await zygote.start()
        except OSError as error:
            self._lose(zygote, f"the interpreter {zygote.python} cannot be started: {error}")

    def on_report(self, zygote: _Zygote, report: dict[str, Any]) -> None:
        """A line of a zygote."""
        operation = report["op"]
        zygote.is_ready = True
        if operation == "forked":
            entry = zygote.workers.get(report["worker"])
            if entry is not None:
                entry.pid = report["pid"]
                if entry.is_killed:
                    _kill_group(entry.pid)
        elif operation == "exit":
            entry = zygote.workers.pop(report["worker"], None)
            if entry is not None:
                self._ended(entry, report["status"], report.get("detail", ""))
        elif operation == "preloaded" and report["failed"]:
            _log.warning("modules could not be imported before the fork: %s", report["failed"])

    def on_zygote_lost(self, zygote: _Zygote) -> None:
        """Its control socket closed: it ended, or never began."""
        if self._is_stopping:
            return
        status = zygote.process.poll() if zygote.process is not None else None
        ended = f"ended with status {status}" if status is not None else "closed its control socket"
        self._lose(zygote, f"the worker process starter of {zygote.python} {ended}; see engine.log in {self._home}")

    def _lose(self, zygote: _Zygote, detail: str) -> None:
        _log.error("%s", detail)
        if self._zygotes.get(zygote.python) is zygote:
            del self._zygotes[zygote.python]
        if zygote.process is not None:
            zygote.process.poll()
        for entry in list(zygote.workers.values()):
            if entry.pid:  # it goes on, and nobody else would report its end any more
                entry.zygote = None
                self._watch_end(entry, entry.pid)
                continue
            entry.cause = "start"
            self._ended(entry, -1, detail)
        zygote.workers.clear()

    def _ended(self, entry: _Worker, status: int, detail: str) -> None:
        self._workers.pop(entry.ident, None)
        if entry.cause == "oom":
            self._gone[entry.ident] = entry.peak_bytes
        if self._none_left is not None and not self._workers and not self._none_left.done():
            self._none_left.set_result(None)
        if not self._is_stopping:
            self._owner.on_worker_exit(entry.ident, status, entry.cause, entry.detail or detail)

    # ---- memory ----------------------------------------------------------------------------------------------------
    def _watch_memory(self) -> None:
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(_MEMORY_POLL_S, self._look_at_memory)

    def _look_at_memory(self) -> None:
        self._watch = None
        limited = [entry for entry in self._workers.values() if entry.memory_bytes]
        for entry in limited:
            if not entry.pid or entry.is_killed:
                continue
            entry.peak_bytes = max(entry.peak_bytes, resident_bytes(entry.pid))
            if entry.peak_bytes > entry.memory_bytes:
                entry.cause = "oom"
                entry.detail = (
                    f"it used {size_words(entry.peak_bytes)} and its task asks for {size_words(entry.memory_bytes)}; "
                    "give the task more with Resources(memory=…)"
                )
                self.kill(entry.ident)
        if limited:
            self._watch_memory()


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(pid, number)


def _kill_group(pid: int) -> None:
    """The worker leads a group of its own, so that processes it started end with it."""
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(OSError):  # between the fork and its setpgid
        os.kill(pid, signal.SIGKILL)


def _end(process: early.Process) -> None:
    """A zygote ends when its control socket closes; help it after a second."""
    try:
        process.wait(_STOP_S)
    except TimeoutError:
        process.kill()
        process.wait()
