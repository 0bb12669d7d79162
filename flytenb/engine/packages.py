"""What plain processes had to import: the caller's distributions, read when nobody waits, kept with every action.

An environment without an image costs nothing before its first action: where it runs is recorded at once, with the
moment, and its distributions follow when the engine idles. While the folders that were read stay as they are, later
workers are recorded whole at once; when they change, records begin anew, also for workers that go on.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from flytenb.model.events import LanePlaced, PlacementRead
from flytenb.model.placement import Placement, decode_placement, encode_placement

if TYPE_CHECKING:
    from flytenb.engine.core import Engine
    from flytenb.images.interpreter import Interpreter

_log = logging.getLogger(__name__)

#: Seconds after which an interpreter is asked although runs go on, and between two looks at its folders.
_PATIENCE_S = 60.0
_LOOK_S = 0.1


class PackageDesk:
    """Completes placements of plain processes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        #: What interpreters have, as long as their folders do not change.
        self._known: dict[str, Interpreter] = {}
        #: Since when placements of an interpreter wait for its distributions.
        self._since: dict[str, float] = {}
        #: Those placements by digest.
        self._open: dict[bytes, Placement] = {}
        self._looked_at = 0.0
        self._is_reading = False

    def complete(self, placement: Placement) -> Placement:
        """A placement with its distributions, or with the moment from which on they are not known yet."""
        if placement.executor != "process" or placement.distributions or placement.environment or not placement.python:
            return placement
        found = self._known.get(placement.python)
        if found is not None:
            if not _has_changed(found):
                return replace(placement, distributions=found.lock)
            del self._known[placement.python]
        since = self._since.setdefault(placement.python, time.time())
        opened = replace(placement, since=since)
        self._open[encode_placement(opened)[0]] = opened
        return opened

    def take_up(self, stored: Iterable[tuple[int, bytes, bytes]]) -> None:
        """(number, digest, body) of an earlier engine's placements: those that it did not complete."""
        for _, digest, body in stored:
            if b"\xa5since" in body:
                self._open[digest] = decode_placement(body)

    def look(self) -> None:
        """A run begins: have packages been installed since? Then workers that go on get another record."""
        now = time.monotonic()
        if now - self._looked_at < _LOOK_S:
            return
        self._looked_at = now
        for python, found in list(self._known.items()):
            if _has_changed(found):
                del self._known[python]
                self._place_anew(python)

    def _place_anew(self, python: str) -> None:
        engine = self._engine
        for lane in engine.state.lanes.values():
            body = engine.placements.get(lane.placement)
            before = decode_placement(body) if body is not None else None
            if before is not None and before.python == python and not before.environment and not before.image:
                placement = self.complete(replace(before, distributions=(), changed_at=0.0, since=0.0))
                engine.happen(LanePlaced(lane.id, *encode_placement(placement), lane.is_single, lane.executor))

    def read_soon(self) -> None:
        """Ask interpreters, when there is something to ask and nobody is disturbed."""
        if not self._open or self._is_reading:
            return
        waits_s = time.time() - min(placement.since for placement in self._open.values())
        if not self._engine.state.runs or waits_s > _PATIENCE_S:
            self._is_reading = True
            task = self._engine.loop.create_task(self._read())
            task.add_done_callback(lambda _: setattr(self, "_is_reading", False))

    async def _read(self) -> None:
        for python in {placement.python for placement in self._open.values()}:
            found: Interpreter | None = None
            try:
                found = self._known[python] = await asyncio.to_thread(_look_at, python)
            except Exception as error:  # it is gone, or broken: there is nothing to tell
                _log.info("the packages of %s are not known: %s", python, error)
            self._since.pop(python, None)
            for digest, placement in [(d, p) for d, p in self._open.items() if p.python == python]:
                del self._open[digest]
                if found is not None:
                    newest = max((moment for _, moment in found.seen), default=0) / 1e9
                    changed_at = newest if newest > placement.since else 0.0
                    whole = replace(placement, since=0.0, distributions=found.lock, changed_at=changed_at)
                    self._engine.happen(PlacementRead(digest, *encode_placement(whole)))


def _look_at(python: str) -> Interpreter:
    from flytenb.images.interpreter import look_at  # not before somebody asks

    return look_at(python)


def _has_changed(found: Interpreter) -> bool:
    for path, moment in found.seen:
        try:
            if os.stat(path).st_mtime_ns != moment:
                return True
        except OSError:
            if moment:
                return True
    return False


def python_of(pid: int) -> str:
    """The interpreter of a process as it was started, "" when that cannot be seen."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            name = os.fsdecode(file.read().split(b"\0")[0])
    except OSError:
        return ""
    return name if os.path.isabs(name) else ""
