"""Workers that outlive a connection or the engine itself: who is awaited, what they hold, and when all goes on.

A new engine with unfinished runs waits for the processes that live (`wire.alive`) before it lets anything of these
runs begin, so that nothing runs beside itself. One that does not come in time is ended, if it is certain which process
it is.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from flytenb.model.events import (
    Comeback,
    LaneFacts,
    LaneLost,
    Recovered,
    Rejoined,
    Resume,
    ReturnedLane,
    StoredAction,
)
from flytenb.model.tags import HELD_BEGUN
from flytenb.store import Reader
from flytenb.wire import alive

if TYPE_CHECKING:
    from flytenb.engine.core import Engine
    from flytenb.engine.link import Link

_log = logging.getLogger(__name__)

#: Seconds that living workers have for coming back to a new engine: one whose loop is blocked by a body comes late.
RETURN_S = 30.0
#: Seconds between looks at who has ended meanwhile.
_LOOK_S = 0.05
_decode_facts = msgspec.msgpack.Decoder(LaneFacts).decode


class Returning:
    """The engine's desk for workers that come back."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._runs: list[Recovered] = []
        #: Workers of an engine before this one that live and have not come: their processes, 0 in containers.
        self._awaited: dict[str, int] = {}
        self._claims: dict[str, tuple[Link, Resume]] = {}
        self._later: list[Callable[[], None]] = []
        self._deadline = 0.0
        #: Unfinished runs wait for workers.
        self.is_open = self._is_settling = False

    def open(self, runs: list[Recovered], living: dict[str, int]) -> None:
        """Wait for these workers before the runs go on. Before the loop serves anything else."""
        self.is_open, self._runs, self._awaited = True, runs, dict(living)
        self._deadline = self._engine.loop.time() + RETURN_S
        self._engine.loop.call_soon(self._look)

    def when_settled(self, call: Callable[[], None]) -> bool:
        """Call later, if unfinished runs are still being waited for; whether they are."""
        is_waiting = self.is_open or self._is_settling
        if is_waiting:
            self._later.append(call)
        return is_waiting

    async def settled(self) -> None:
        """Until the rules have all unfinished runs."""
        done: asyncio.Future[None] = self._engine.loop.create_future()
        if self.when_settled(lambda: done.set_result(None)):
            await done

    def is_welcome(self, link: Link, ident: str, events: list[Any]) -> bool:
        """Whether this greeting is of a worker that comes back, and somebody who may."""
        if not any(type(event) is Resume for event in events):
            return False
        lane = self._engine.state.lanes.get(ident)
        if lane is not None:
            return lane.link is not None and not lane.pin
        return self.is_open and ident in self._awaited

    def hear(self, link: Link, event: Resume) -> None:
        """A worker tells what it holds."""
        if link.ident in self._engine.state.lanes:
            self._engine.spawn(self._rejoin(link, event))
        elif self.is_open:
            self._claims[link.ident] = (link, event)
            self._awaited.pop(link.ident, None)
            self._look_once()

    def on_closed(self, link: Link) -> None:
        """A link that had told what it holds closed before all had come."""
        claim = self._claims.get(link.ident)
        if claim is not None and claim[0] is link:
            del self._claims[link.ident]
            pid = alive.is_alive(self._engine.home, link.ident)
            if self.is_open and (pid or link.ident in alive.contained(self._engine.home)):
                self._awaited[link.ident] = pid

    # ---- all have come --------------------------------------------------------------------------------------------
    def _look(self) -> None:
        if self.is_open:
            self._look_once()
        if self.is_open:
            self._engine.loop.call_later(_LOOK_S, self._look)

    def _look_once(self) -> None:
        home = self._engine.home
        contained = alive.contained(home) if 0 in self._awaited.values() else {}
        for ident in [ident for ident in self._awaited if ident not in contained and not alive.is_alive(home, ident)]:
            del self._awaited[ident]
        is_late = self._engine.loop.time() > self._deadline
        if self._awaited and not is_late:
            return
        for ident in self._awaited:
            end_process(home, ident)
        self.is_open, self._is_settling = False, True
        self._engine.spawn(self._settle())

    async def _settle(self) -> None:
        claims, self._claims = self._claims, {}
        lanes = [
            ReturnedLane(ident, link, pid_of(link), _decode_facts(event.facts), event.held)
            for ident, (link, event) in claims.items()
        ]
        numbers = [number for lane in lanes for number, *_ in lane.held]
        parents = {number for lane in lanes for number in may_have_called(lane.held)}
        stored = await asyncio.to_thread(stored_actions, self._engine.reader, numbers, parents)
        self._engine.happen(Comeback(self._runs, lanes, stored))
        self._engine.turn_now()
        self._engine.executor.settle()
        for ident, (link, _) in claims.items():
            if link.is_closed:
                self._engine.happen(LaneLost(ident, "link", "its connection closed"))
        self._is_settling = False
        later, self._later = self._later, []
        for call in later:
            self._engine.loop.call_soon(call)

    # ---- the same engine, another connection ------------------------------------------------------------------------
    async def _rejoin(self, link: Link, event: Resume) -> None:
        self._engine.turn_now()  # what came over the connection before counts
        await self._engine.committed()
        parents = may_have_called(event.held)
        stored = await asyncio.to_thread(stored_actions, self._engine.reader, parents, parents, is_alone=True)
        self._engine.happen(Rejoined(link.ident, pid_of(link), event.held, stored), link)


def may_have_called(held: list[tuple[int, int, int, float]]) -> set[int]:
    """Of what a worker holds, what may have children by now: in this attempt, or in one before."""
    return {number for number, attempt, state, _ in held if state == HELD_BEGUN or attempt > 1}


def stored_actions(reader: Reader, numbers: Any, parents: set[int], *, is_alone: bool = False) -> list[StoredAction]:
    """What the store knows of these actions and, unless `is_alone`, of those above them. Blocking."""
    wanted = set(numbers)
    found = []
    for row in reader.unfinished(wanted):
        number, parent, task, key, n, inputs, group, cache_key, accepted_at, attempts, retries, losses, logged = row
        if is_alone and number not in wanted:
            continue
        children = reader.children(number) if number in parents else []
        found.append(
            StoredAction(
                number, parent, task, key, n, inputs, group, cache_key, accepted_at,
                attempts, retries, losses, children, logged,
            )
        )  # fmt: skip
    return found


def pid_of(link: Link) -> int:
    """The process at the other end, from the kernel where it tells; in a container processes count otherwise."""
    end = link.socket
    if end is not None and not link.is_confined and hasattr(socket, "SO_PEERCRED"):
        with contextlib.suppress(OSError):
            return int(struct.unpack("3i", end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])
    return link.pid


def end_process(home: Any, ident: str) -> None:
    """SIGKILL to a worker of an engine before this one, if it is certain which process that is."""
    pid = alive.is_alive(home, ident)
    if pid:
        _log.warning("worker %s (process %d) did not come back within %.0f s and is ended", ident, pid, RETURN_S)
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(OSError):
                kill(pid, signal.SIGKILL)
