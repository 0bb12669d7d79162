"""Processes of a simulated world: workers that start, end, are cut off and come back; an engine that is killed."""

from __future__ import annotations

import random
from typing import Any

from flytenb.engine.returning import may_have_called, stored_actions
from flytenb.model.events import LaneCut, LaneLost, LanePlaced, LaneReady, Rejoined, Resume
from flytenb.model.tags import EXECUTE
from flytenb.rules import Out, State
from tests.simulation.disk import Disk
from tests.simulation.worker import Link, Worker


class Processes:
    """The part of a world that starts and ends them."""

    random: random.Random
    disk: Disk
    state: State
    kind: str
    faults: dict[str, int]
    inbox: list[tuple[Any, Any]]
    uncommitted: list[Out]
    links: list[Link]
    workers: dict[str, Worker]
    starting: list[tuple[str, tuple[str, ...]]]
    claims: dict[str, tuple[Link, Resume]]
    is_returning: bool
    excused: set[int]
    late: set[int]

    def start_worker(self) -> None:
        """A worker process comes up, or does not."""
        ident, gpus = self.starting.pop(0)
        self.inbox.append((None, LanePlaced(ident, b"p", b"", self.kind == "strict", "process")))
        if self.faults["start"] and self.random.random() < 0.5:
            self.faults["start"] -= 1
            self.inbox.append((None, LaneLost(ident, "exit", "died")))
            return
        worker = self.workers[ident] = self.worker_class(self, ident)
        worker.gpus = gpus
        worker.link = self._connect(worker)
        self.inbox.append((worker.link, LaneReady(ident, 1)))

    def _connect(self, worker: Worker) -> Link:
        link = Link(worker)
        self.links.append(link)
        return link

    def return_worker(self, worker: Worker) -> None:
        """A worker finds an engine again."""
        link = self._connect(worker)
        event = worker.come_back(link)
        link.frames = 1
        if self.is_returning:
            self.claims[worker.ident] = (link, event)
        elif worker.ident in self.state.lanes:
            if self.inbox:  # the engine waits until all that happened so far is on disk
                self.turn()
            if self.uncommitted:
                self._commit_and_tell()
            parents = may_have_called(event.held)
            stored = stored_actions(self.disk.reader, parents, parents, is_alone=True)
            self.inbox.append((link, Rejoined(worker.ident, 1, event.held, stored)))
        else:
            link.is_open = False
            self.end_worker(worker)

    def end_worker(self, worker: Worker, *, is_seen: bool = True) -> None:
        """The process is gone, and the executor of this engine says so."""
        worker.is_alive = False
        self.workers.pop(worker.ident, None)
        self.excused |= set(worker.bodies) | {number for number, *_ in worker.held()}
        worker.bodies.clear()
        self.late |= worker.unacknowledged()
        link = worker.link
        if link is not None:
            link.to_worker.clear()
        lost = LaneLost(worker.ident, "exit", "ended")
        if link is not None and link.to_engine and link.is_open:
            link.last = lost
            return
        if link is not None:
            link.is_open = False
        if worker.ident in self.claims and self.is_returning:
            del self.claims[worker.ident]
        elif not self.is_returning:
            self.inbox.append((None, lost))

    def _kill(self, ident: str) -> None:
        coming = [one for one in self.starting if one[0] == ident]
        if coming:
            self.starting.remove(coming[0])
            self.inbox.append((None, LaneLost(ident, "killed", "killed")))
        elif ident in self.workers:
            self.end_worker(self.workers[ident])

    def kill_engine(self) -> None:
        """kill -9: whatever was on its way is gone."""
        for out in self.uncommitted:  # not accepted on disk: nobody can know later that it ran
            self.excused |= {row[0] for row in out.accepted}
            self.excused |= {row[0] for row in out.attempts}
        self.excused |= self.late
        for link in self.links:
            link.is_open = False
        for worker in list(self.workers.values()):
            self.excused |= (
                {message[1] for message in worker.link.to_worker if message[0] == EXECUTE} if worker.link else set()
            )
        losers = list(self.workers.values())
        self._boot_after(losers)

    def _boot_after(self, losers: list[Worker]) -> None:
        self.is_returning = True
        self.claims = {}
        for worker in losers:
            worker.lose_link()
        self._boot()

    def cut(self, worker: Worker) -> None:
        """The connection breaks, both sides live."""
        link = worker.link
        if link is None or worker.ident in self.claims or worker.is_held or worker.ident not in self.state.lanes:
            return
        link.is_open = False
        self.excused |= {message[1] for message in link.to_worker if message[0] == EXECUTE}
        link.to_engine.clear()
        link.to_worker.clear()
        self.inbox.append((link, LaneCut(worker.ident)))
        worker.lose_link()
