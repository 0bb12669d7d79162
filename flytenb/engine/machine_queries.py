"""Answers about the engine and what it holds: workers, machine, builds, containers."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from typing import TYPE_CHECKING, Any

from flytenb.engine import resources
from flytenb.engine.asked import Asked
from flytenb.engine.builds import BuildRefused
from flytenb.engine.pools import pool_rows, worker_state
from flytenb.engine.refused import QueryError
from flytenb.model.build import BuildLog, BuildNews, BuildRow, Built
from flytenb.model.containers import ContainerRow
from flytenb.model.pools import PoolRow
from flytenb.model.resources import MachineUse, ResourcesView
from flytenb.model.tags import PROTOCOL
from flytenb.model.version import VERSION

if TYPE_CHECKING:
    from flytenb.engine.core import Engine
    from flytenb.executors.machine import Machine


_log = logging.getLogger(__name__)
#: Seconds that a question waits for a look at the machine.
PATIENCE_S = 2.0


class MachineQueries:
    """What is known of the engine's house."""

    _machine: Machine | None = None
    _use: MachineUse | None = None
    _looking: asyncio.Future[None] | None = None

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def web(self, asked: Asked) -> dict[str, Any]:
        """Where the HTTP API listens; it begins to when it is asked for."""
        self._engine.has_ended_a_run.set()
        await self._engine.is_served.wait()
        return {"http_socket": str(self._engine.http_socket), "port": self._engine.port}

    async def status(self, asked: Asked) -> dict[str, Any]:
        """Who the engine is and what it does now."""
        from flytenb.containers.address import docker_words  # not before somebody asks

        engine, state = self._engine, self._engine.state
        return {
            "pid": os.getpid(),
            "version": VERSION,
            "protocol": PROTOCOL,
            "socket": str(engine.socket),
            "http_socket": str(engine.http_socket),
            "port": engine.port,
            "home": str(engine.home),
            "docker": docker_words(),
            "started_at": engine.started_at,
            "runs_active": len(state.runs),
            "actions_live": len(state.live),
            "clients": sum(link.role == "client" for link in engine.links),
            "workers": [
                {
                    "id": lane.id,
                    "pid": lane.pid,
                    "state": worker_state(lane),
                    "busy": lane.busy,
                    "parked": lane.parked,
                    "python": lane.shape.launch.python if lane.shape is not None else "",
                }
                for lane in state.lanes.values()
                if not lane.is_closing
            ],
            "cpu": state.capacity.cpu,
            "cpu_used": state.capacity.used_cpu,
            "memory_bytes": state.capacity.memory_bytes,
            "memory_used_bytes": state.capacity.used_memory_bytes,
            "gpus": [
                {
                    "id": gpu.id,
                    "kind": gpu.kind,
                    "holders": [each.id for each in state.capacity.gpus.holders.get(gpu.id, ())],
                }
                for gpu in state.capacity.gpus.devices.values()
            ],
            "gpus_words": await self._engine.gpus.words(),
            "trouble": engine.trouble,
            "notes": [*engine.notes, *([engine.trouble] if engine.trouble else [])],
        }

    async def resources(self, asked: Asked) -> ResourcesView:
        """CPUs, memory and GPUs with who holds and who awaits them; looks for GPUs when nobody has."""
        engine = self._engine
        await engine.gpus.know()
        looks = await engine.gpus.measure(engine.state.capacity.gpus.devices)
        return resources.view(engine.state, await self._machine_use(), looks)

    async def _machine_use(self) -> MachineUse | None:
        """What the machine does now; a disk that does not answer keeps nobody waiting."""
        lanes = self._engine.state.lanes.values()
        pids = frozenset(lane.pid for lane in lanes if lane.pid and not lane.pin and lane.executor == "process")
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(asyncio.to_thread(self._look, pids))
        await asyncio.wait([self._looking], timeout=PATIENCE_S)
        return self._use

    def _look(self, pids: frozenset[int]) -> None:
        from flytenb.executors.machine import Machine  # who looks pays for it

        self._machine = self._machine or Machine(self._engine.home)
        try:
            self._use = self._machine.use(pids)
        except Exception:  # what a system does not tell is not shown
            _log.exception("what the machine does cannot be looked at")
            self._use = None

    async def builds(self, asked: Asked) -> list[BuildRow]:
        """Builds of images, newest first, or the one with the number `build`."""
        found = await asyncio.to_thread(self._engine.builds.rows, asked.limit, asked.build)
        if asked.build and not found:
            raise QueryError("BuildNotFound", f"there is no build {asked.build}; 'flytenb get build' lists them")
        return found

    async def build_logs(self, asked: Asked) -> list[BuildLog]:
        """What the layers of a build wrote."""
        found = await asyncio.to_thread(self._engine.builds.logs, asked.build)
        if not found and not await self.builds(asked):
            return []
        return found

    async def build(self, asked: Asked) -> Built:
        """Build an image, or find it; answers when it is there."""
        try:
            return await self._engine.builds.build(asked.spec, force=asked.force)
        except BuildRefused as error:
            raise QueryError(error.code, str(error)) from error

    async def build_news(self, asked: Asked) -> BuildNews:
        """What changed in a build since `version` and `seen` lines; waits some seconds for it."""
        return await self._engine.builds.news(asked.spec, asked.version, asked.seen, asked.since)

    async def pools(self, asked: Asked) -> list[PoolRow]:
        """Workers by kind: who is warm, busy, parked, starting."""
        return pool_rows(self._engine.state, time.time())

    async def containers(self, asked: Asked) -> list[ContainerRow]:
        """Containers of this home: what they run or are kept for."""
        return await self._engine.containers.rows()

    async def remove_containers(self, asked: Asked) -> list[str]:
        """Remove the kept container `name`, or all that are kept; the names of those that are gone."""
        return await self._engine.containers.remove(asked.name)
