"""Processes that start containers: the end of one is told when nothing of it runs any more."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flytenb.executors.base import Owner
from flytenb.model import Placement
from flytenb.wire.paths import tasks_folder

_log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from flytenb.images.progress import Progress


class ContainedWorkers(Owner):
    """Stands between the process executor and the owner of its workers.

    A container that outlives its killed worker still has GPUs, memory and files: its action must not begin again before
    it is gone.

    Args:
        owner: hears of every worker.
        home: the engine's home.
    """

    def __init__(self, owner: Owner, home: Path) -> None:
        self._owner, self._tasks_folder = owner, tasks_folder(home)
        self._workers: set[str] = set()
        self._clearing: set[asyncio.Task[None]] = set()

    def add(self, worker: str) -> None:
        """A process that will start containers."""
        self._workers.add(worker)

    def __contains__(self, worker: str) -> bool:
        return worker in self._workers

    @property
    def has_leftovers(self) -> bool:
        """Whether a container of a task may be there, of a living worker or a dead one."""
        return self._tasks_folder.is_dir() and any(self._tasks_folder.iterdir())

    async def clear(self) -> None:
        """Remove the containers of workers that are gone."""
        if self.has_leftovers:
            await asyncio.to_thread(_clear, self._tasks_folder)

    def clear_soon(self) -> None:
        """The same, while the caller goes on."""
        if self.has_leftovers:
            self._spawn(self.clear())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._clearing.add(task)
        task.add_done_callback(self._clearing.discard)

    # ---- Owner ----------------------------------------------------------------------------------------------------

    def on_worker_exit(self, worker: str, status: int, cause: str, detail: str = "", code: str = "") -> None:
        is_contained = worker in self._workers
        self._workers.discard(worker)
        if is_contained and self.has_leftovers:
            self._spawn(self._tell_later(worker, status, cause, detail, code))
        else:
            self._owner.on_worker_exit(worker, status, cause, detail, code)

    async def _tell_later(self, worker: str, status: int, cause: str, detail: str, code: str) -> None:
        try:
            await self.clear()
        finally:
            self._owner.on_worker_exit(worker, status, cause, detail, code)

    def on_worker_placed(self, worker: str, placement: Placement, is_single: bool = False) -> None:
        self._owner.on_worker_placed(worker, placement, is_single)

    def on_worker_news(self, worker: str, words: str) -> None:
        self._owner.on_worker_news(worker, words)

    def on_worker_build(self, worker: str, build: Progress) -> None:
        self._owner.on_worker_build(worker, build)

    async def listen_for_workers(self, path: Path) -> bytes:
        return await self._owner.listen_for_workers(path)


def _clear(folder: Path) -> None:
    from flytenb.containers.leftovers import clear  # with it comes all that knows containers

    try:
        clear(folder)
    except Exception as error:  # docker and requests share no class; tried again with the next end, and the next engine
        _log.warning("containers of tasks whose workers are gone could not be removed: %s", error)
