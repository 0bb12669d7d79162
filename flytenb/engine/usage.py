"""One look a second at what workers use, while actions run: their CPU, memory and GPUs over time.

Short actions cost nothing: the look goes over workers, of which there are few, and an action's numbers are kept only if
it runs longer than a second. They are written with the end of the attempt, in the same transaction.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

from flytenb.executors.usage import Look
from flytenb.model.ids import action_name
from flytenb.model.phases import RUNNING
from flytenb.model.usage import Usage, decode_usage, encode_usage
from flytenb.rules import Out
from flytenb.rules.state import Action, Lane
from flytenb.rules.usage import STEP_S, GpuLook, Series, share

if TYPE_CHECKING:
    from flytenb.engine.core import Engine

_log = logging.getLogger(__name__)

#: Attempts that took less time are not kept.
LEAST_S = 1.0
#: Actions of one worker, and of all, that are looked at.
_OF_LANE, _MOST = 64, 512
#: Series that one message about a run carries, and a snapshot of those that are over.
NEWS, STORED = 40, 100


class _Attempt:
    """An attempt that is looked at."""

    __slots__ = ("action", "attempt", "began_at", "lane", "series", "shared_by", "source", "told_s")

    def __init__(self, action: Action, lane: Lane, began_at: float) -> None:
        self.action, self.attempt, self.lane = action, action.attempt, lane.id
        #: Steady time.
        self.began_at = began_at
        self.series = Series()
        self.shared_by, self.source, self.told_s = 1, "process", 0.0

    def usage(self, *, is_over: bool = False) -> Usage:
        """As it is read."""
        asked = self.action.task.declaration.resources
        return self.series.usage(
            action=action_name(self.action.id),
            attempt=self.attempt,
            started_at=self.action.started_at,
            shared_by=self.shared_by,
            source=self.source,
            cpu_asked=asked.cpu or 0.0,
            memory_asked_bytes=asked.memory_bytes or 0,
            is_over=is_over,
        )


class UsageWatch:
    """Looks while there are actions."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._cores = float(os.cpu_count() or 1)
        #: A look is planned or going on.
        self.is_on = False
        #: By action.
        self.attempts: dict[int, _Attempt] = {}
        self._looks: dict[str, Look] = {}
        #: What those who watch a run have not been told: run → action's name → usage.
        self.news: dict[int, dict[str, Usage]] = {}

    def begin(self) -> None:
        """There are actions: look in a second."""
        self.is_on = True
        self._engine.loop.call_later(STEP_S, lambda: self._engine.spawn(self._look()))

    async def _look(self) -> None:
        try:
            lanes = [(lane, begun) for lane in self._lanes() if (begun := list(_begun(lane)))]
            if lanes:
                looks = await self._engine.executor.measure([lane.id for lane, _ in lanes])
                held = {ident for lane, _ in lanes for ident in lane.gpus}
                gpus = await self._engine.gpus.measure(held) if held else {}
                for lane, begun in lanes:
                    if (look := looks.get(lane.id)) is not None:
                        self._take(lane, begun, look, {each: gpus[each] for each in lane.gpus if each in gpus})
            state = self._engine.state
            self._looks = {lane: look for lane, look in self._looks.items() if lane in state.lanes}
            self.attempts = {number: found for number, found in self.attempts.items() if number in state.live}
        except Exception:
            _log.exception("what actions use of the machine cannot be looked at")
        if self._engine.state.live:
            self.begin()
        else:
            self.is_on = False

    def _lanes(self) -> Iterator[Lane]:
        """Workers with actions, up to a number of these."""
        left = _MOST
        for lane in self._engine.state.lanes.values():
            if lane.actions and lane.pid and not lane.pin:
                left -= min(len(lane.actions), _OF_LANE)
                yield lane
                if left <= 0:
                    return

    def _take(self, lane: Lane, begun: list[Action], look: Look, gpus: dict[str, GpuLook]) -> None:
        """One look at a worker, for each of the actions that it has begun."""
        before = self._looks.get(lane.id)
        self._looks[lane.id] = look
        told: set[int] = set()
        for action in begun:
            if action.lane is not lane or action.phase != RUNNING or action.id not in self._engine.state.live:
                continue
            found = self.attempts.get(action.id)
            if found is None or found.lane != lane.id or found.attempt != action.attempt:
                ran_s = max(0.0, time.time() - action.started_at) if action.started_at else 0.0
                found = self.attempts[action.id] = _Attempt(action, lane, look.at - ran_s)
            found.shared_by, found.source = max(found.shared_by, len(begun)), look.source
            _add(found, before, look, gpus, self._cores)
            if self._note(found):
                told.add(action.run.id)
        if told:
            self._engine.publisher.tell_usage(told)

    def _note(self, found: _Attempt, *, is_over: bool = False) -> bool:
        """Keep the news for those who watch its run, not more often than it has a new step."""
        run, at_s = found.action.run.id, found.series.at_s
        if run not in self._engine.state.watched or at_s < LEAST_S:
            return False
        news = self.news.setdefault(run, {})
        if not is_over and (at_s - found.told_s < 0.9 * found.series.step_s or len(news) >= NEWS):
            return False
        found.told_s = at_s
        news[action_name(found.action.id)] = found.usage(is_over=is_over)
        return True

    def close(self, out: Out) -> None:
        """Attempts of a step that have ended: their last look, and their rows."""
        for row in out.attempts:
            self._end(row[0], row[1], out)
        for row in out.ended:
            self._end(row[-1], row[4], out)

    def _end(self, number: int, attempt: int, out: Out) -> None:
        found = self.attempts.get(number)
        if found is None or found.attempt != attempt:
            return
        del self.attempts[number]
        look = self._engine.executor.measure_now(found.lane)
        if look is not None and look.at:
            _add(found, self._looks.get(found.lane), look, {}, self._cores)
            self._looks[found.lane] = look
        elif look is not None:  # killed for its memory
            found.series.add(found.series.at_s, 0.0, look.memory_bytes)
        if found.series.at_s < LEAST_S:
            return
        out.usage.append((number, attempt, encode_usage(found.usage(is_over=True))))
        self._note(found, is_over=True)

    # ---- reading --------------------------------------------------------------------------------------------------

    def live(self, run: int, action: int | None = None) -> list[Usage]:
        """Attempts of a run, or of one action, that go on."""
        return [
            found.usage()
            for number, found in self.attempts.items()
            if number >> 32 == run and action in (None, number) and found.series.at_s >= LEAST_S
        ]

    async def of(self, run: int, action: int | None = None, limit: int = 1_000) -> list[Usage]:
        """Attempts of a run, or of one action, in order; those that go on come last."""
        first, last = (run << 32, ((run + 1) << 32) - 1) if action is None else (action, action)
        going = self.live(run, action)
        stored = await asyncio.to_thread(self._engine.reader.usage, first, last, limit)
        known = {(row[0], row[1]): decode_usage(row[2]) for row in stored}
        return [*known.values(), *going]

    async def of_snapshot(self, run: int, wanted: Iterable[int]) -> dict[str, Usage]:
        """The last attempts of the first actions of a run, of those wanted, and of all that go on, by action."""
        found = await self.of(run, limit=STORED)
        if len(found) >= STORED:
            found = [each for number in wanted for each in await self.of(run, number)] + found
        return {each.action: each for each in found}


def _begun(lane: Lane) -> Iterator[Action]:
    """Actions of a worker that have begun, as far as is known: of those fed ahead only the first has."""
    is_one = lane.shape is None or lane.shape.concurrency == 1
    has_first = False
    for action in islice(lane.actions.values(), _OF_LANE):
        if action.phase != RUNNING:
            continue
        if is_one and not action.is_parked:
            if has_first:
                continue
            has_first = True
        yield action


def _add(found: _Attempt, before: Look | None, look: Look, gpus: dict[str, GpuLook], cores: float) -> None:
    """One more look of its worker, as far as that counts for the attempt."""
    at_s = look.at - found.began_at
    since_s = look.at - before.at if before is not None else 0.0
    used_s = look.cpu_s - (before.cpu_s if before is not None else 0.0)
    cpu_s = share(used_s, since_s, at_s, cores) if found.series.at_s == 0 else used_s
    is_higher = before is not None and look.most_bytes > before.most_bytes
    found.series.add(at_s, cpu_s, look.memory_bytes, peak_bytes=look.most_bytes if is_higher else 0, gpus=gpus)
