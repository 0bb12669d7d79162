"""The engine's eyes for GPUs: finds them at first need and looks at their use while somebody waits for or holds one.

Both take long (a driver's library, a process): they happen in a thread, one at a time, and come back as events.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from typing import Any, Protocol

from flytenb.model.devices import GpusFound, GpusSeen, GpuUse
from flytenb.rules import State
from flytenb.rules.gpu_refusals import inventory_words
from flytenb.rules.usage import GpuLook

_log = logging.getLogger(__name__)

#: Seconds between two looks.
INTERVAL_S = 2.0
#: Seconds that a person's question waits for the driver.
PATIENCE_S = 3.0
#: A process's memory is told again when it differs by this much.
_STEP_BYTES = 1 << 28


class Turns(Protocol):
    """What is needed of the engine."""

    state: State

    def happen(self, event: Any) -> None:
        """Let an event take part in the next turn."""


class GpuWatch:
    """Looks when the rules ask for it."""

    def __init__(self, engine: Turns) -> None:
        self._engine = engine
        self._lock = asyncio.Lock()
        self._inventory: Any = None
        self._told: Any = None

    async def find(self) -> None:
        """Look for GPUs."""
        async with self._lock:
            try:
                found = await asyncio.to_thread(self._find, self._workers())
            except Exception as error:  # whoever waits for a GPU must hear something
                _log.exception("the GPUs of this machine cannot be looked for")
                found = GpusFound(words=f"they cannot be looked for: {error}")
            self._told = _rounded(found.uses)
            self._engine.happen(found)

    async def know(self) -> None:
        """Until the GPUs are known."""
        while not self._engine.state.capacity.gpus.is_known:
            await self.find()
            await asyncio.sleep(0)  # the turn that takes it over

    async def words(self) -> str:
        """The GPUs in one line; looks only where there may be some, "" elsewhere."""
        from flytenb.executors.gpus.visible import has_gpus

        gpus = self._engine.state.capacity.gpus
        if not gpus.is_known:
            if not has_gpus():
                return ""
            try:
                await asyncio.wait_for(self.know(), PATIENCE_S)
            except asyncio.TimeoutError:
                return "the driver has not answered yet"
        return inventory_words(list(gpus.devices.values())) or f"none: {gpus.words}"

    async def look(self) -> None:
        """Look at their use, after a while."""
        await asyncio.sleep(INTERVAL_S)
        async with self._lock:
            try:
                uses = await asyncio.to_thread(self._look, self._workers(), self._contained())
            except Exception:
                _log.exception("the use of the GPUs cannot be looked at")
                uses = ()
            rounded = _rounded(uses)
            is_new, self._told = rounded != self._told, rounded
            self._engine.happen(GpusSeen(uses=uses if is_new else None))

    async def measure(self, idents: Collection[str]) -> dict[str, GpuLook]:
        """What those GPUs do and hold for our workers now; nothing where nobody can tell at once."""
        if self._inventory is None:
            return {}
        async with self._lock:
            measured = await asyncio.to_thread(self._inventory.measure, idents)
        gpus = self._engine.state.capacity.gpus
        found = {}
        for ident, (busy, used_bytes, total_bytes) in measured.items():
            use, device = gpus.uses.get(ident), gpus.devices.get(ident)
            others_bytes = sum(each.bytes for each in use.outside) if use is not None else 0
            kind = device.kind if device is not None else ""
            found[ident] = GpuLook(busy, max(0, used_bytes - others_bytes), total_bytes, kind)
        return found

    def _find(self, workers: frozenset[int]) -> GpusFound:
        from flytenb.executors.gpus.inventory import Inventory  # only who needs a GPU pays for it

        self._inventory = self._inventory or Inventory()
        found: GpusFound = self._inventory.find(workers)
        return found

    def _look(self, workers: frozenset[int], contained: frozenset[str]) -> tuple[GpuUse, ...]:
        uses: tuple[GpuUse, ...] = self._inventory.look(workers, contained)
        return uses

    def _workers(self) -> frozenset[int]:
        lanes = self._engine.state.lanes.values()
        return frozenset(lane.pid for lane in lanes if lane.pid and lane.executor == "process")

    def _contained(self) -> frozenset[str]:
        """GPUs of containers: their processes have other numbers outside."""
        lanes = self._engine.state.lanes.values()
        return frozenset(ident for lane in lanes if lane.executor != "process" for ident in lane.gpus)


def _rounded(uses: tuple[GpuUse, ...]) -> Any:
    return [
        (use.id, use.free_bytes // _STEP_BYTES, [(each.words, each.bytes // _STEP_BYTES) for each in use.outside])
        for use in uses
    ]
