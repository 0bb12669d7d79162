"""Which executor gives a worker: asked for, or the one that fits what its environment needs."""

from __future__ import annotations

from flytenb.executors.base import Owner
from flytenb.executors.process import ProcessExecutor
from flytenb.model import Grant, Launch, Placement


class Router:
    """All executors of this machine as one.

    Args:
        socket_path: where workers meet the engine.
        token: what they show there.
        owner: hears of every worker, in the loop.
    """

    def __init__(self, socket_path: str, token: str, owner: Owner) -> None:
        self._owner = owner
        self._process = ProcessExecutor(socket_path, token, owner)

    async def start(self) -> None:
        """Prepare the process executor; others begin with their first worker."""
        await self._process.start()

    def spawn(self, worker: str, launch: Launch, grant: Grant) -> None:
        """Start a worker where it belongs."""
        reason = "processes were asked for" if launch.executor == "process" else "its environment names no image"
        placement = Placement(executor="process", reason=reason, python=launch.python)
        self._owner.on_worker_placed(worker, placement, launch.isolation == "strict")
        self._process.spawn(worker, launch, grant)

    def kill(self, worker: str) -> None:
        """End a worker's process at once."""
        self._process.kill(worker)

    async def stop(self) -> None:
        """End everything that was started."""
        await self._process.stop()
