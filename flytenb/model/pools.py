"""Workers as they are read: what the command line and the HTTP API show of pools."""

from __future__ import annotations

import msgspec


class WorkerRow(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One worker."""

    id: str
    #: Its process, as its own machine or container numbers it; 0 before it said hello.
    pid: int = 0
    #: "starting", "warm" (waits for work), "busy", or "parked" (all that it runs waits for children).
    state: str
    #: Actions that run or lie ready in it, and those that wait for children.
    busy: int = 0
    parked: int = 0
    #: What it waits for before it starts, in words.
    news: str = ""
    #: Seconds since it had work; 0 while it has.
    idle_s: float = 0.0


class PoolRow(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Workers of one kind: they serve every task that needs the same."""

    #: The environment that named it first; a reusable pool is of this environment alone.
    environment: str
    #: "reusable" (a `ReusePolicy`), "single" (one action each, with a spare) or "shared".
    kind: str
    #: "process" or "docker", "" before the first worker was placed.
    executor: str = ""
    python: str = ""
    image: str = ""
    #: Replicas and actions per worker that its policy allows; 0 where there is no policy.
    min_replicas: int = 0
    max_replicas: int = 0
    concurrency: int = 1
    #: The run that it serves alone, "" for all.
    run: str = ""
    #: Actions that wait for one of its workers.
    queued: int = 0
    workers: tuple[WorkerRow, ...] = ()

    def count(self, state: str) -> int:
        """How many workers are in this state."""
        return sum(worker.state == state for worker in self.workers)
