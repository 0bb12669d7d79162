"""Pools of workers, as a person sees them."""

from __future__ import annotations

from flytenb.client.session import session
from flytenb.client.twin import class_twin
from flytenb.model.pools import PoolRow, WorkerRow

#: Every state of a worker, in the order that tables show them.
STATES = ("warm", "busy", "parked", "starting")


class Pool:
    """Workers of one kind at the engine, as they were when this was read.

    Example:
        for pool in flytenb.remote.Pool.listall():
            print(pool.environment, pool.warm, pool.busy)
    """

    def __init__(self, row: PoolRow) -> None:
        self.row = row

    @class_twin
    def listall(cls, environment: str | None = None) -> list[Pool]:
        """All pools that have workers or work, or those of one environment."""
        rows = session().query("pools", list[PoolRow])
        return [Pool(row) for row in rows if environment in (None, row.environment)]

    @class_twin
    def get(cls, environment: str) -> Pool | None:
        """The first pool of an environment; None when it has no worker and no work."""
        return next(
            (Pool(row) for row in session().query("pools", list[PoolRow]) if row.environment == environment), None
        )

    @property
    def environment(self) -> str:
        """The environment whose tasks it runs."""
        return self.row.environment

    @property
    def kind(self) -> str:
        """ "reusable", "single" (one action per worker) or "shared"."""
        return self.row.kind

    @property
    def workers(self) -> tuple[WorkerRow, ...]:
        """Its workers."""
        return self.row.workers

    @property
    def warm(self) -> int:
        """Started workers that wait for work."""
        return self.row.count("warm")

    @property
    def busy(self) -> int:
        """Workers that run actions."""
        return self.row.count("busy")

    @property
    def parked(self) -> int:
        """Workers whose actions all wait for children."""
        return self.row.count("parked")

    @property
    def starting(self) -> int:
        """Workers that have not come yet."""
        return self.row.count("starting")

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} {state}" for state in STATES if (count := self.row.count(state)))
        return f"<{self.kind} pool of {self.environment}: {counts or 'no worker'}, {self.row.queued} queued>"


def pools_text(rows: list[PoolRow]) -> str:
    """Pools, one a line."""
    if not rows:
        return "no workers; they start with the first run"
    lines = [
        f"{'environment':<20} {'kind':<9} {'where':<8} " + " ".join(f"{state:>8}" for state in STATES) + "   queued"
    ]
    for row in rows:
        counts = " ".join(f"{row.count(state):>8}" for state in STATES)
        policy = ""
        if row.kind == "reusable":
            policy = f"  {row.min_replicas}-{row.max_replicas} replicas, {row.concurrency} at a time"
        alone = f"  of run {row.run}" if row.run else ""
        news = next((f"  {worker.news}" for worker in row.workers if worker.news), "")
        where = row.executor or "-"
        lines.append(f"{row.environment:<20} {row.kind:<9} {where:<8} {counts} {row.queued:>8}{policy}{alone}{news}")
    return "\n".join(lines)
