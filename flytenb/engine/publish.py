"""Changes of runs for those who watch: coalesced, at most four a second per run, and never before the commit."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec

from flytenb.engine import rows
from flytenb.engine.below import Below, Graft
from flytenb.engine.refused import QueryError
from flytenb.model.events import RunRequest, Watch
from flytenb.model.ids import action_name, run_of
from flytenb.model.phases import QUEUED
from flytenb.model.snapshot import RunRow, RunSnapshot
from flytenb.model.tags import CHANGED, ENDED, REPLY
from flytenb.rules import Out
from flytenb.rules.reasons import Reasons
from flytenb.rules.runs import refusal

if TYPE_CHECKING:
    from flytenb.engine.core import Engine
    from flytenb.engine.link import Link
    from flytenb.rules.state import Run

#: Seconds between two messages about one run.
INTERVAL_S = 0.25
#: Seconds between two looks at why actions wait, and how many of a queue's first ones are told of a new reason.
WAIT_S = 0.4
WAITERS = 100
#: Log lines that a change carries along at most.
LOG_LINES = 50

_encode = msgspec.msgpack.Encoder().encode


class Publisher:
    """Who watches which run, and what changed since they were last told."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        #: run id → links
        self._watchers: dict[int, set[Any]] = {}
        self._names: dict[int, str] = {}
        self._logs: dict[int, list[tuple[Any, ...]]] = {}
        #: Runs below one that is watched → that one and what actions are called there; and what changed of them.
        self._above: dict[int, Graft] = {}
        self._lifted: dict[int, dict[int, Any]] = {}
        #: Runs whose builds changed.
        self._builds: set[int] = set()
        self._reports: dict[int, dict[str, str]] = {}
        self._armed: set[int] = set()
        #: run id → action → the reason of its wait that was told last.
        self._reasons: dict[int, dict[int, str]] = {}
        self._is_looking = False
        self._version = 0

    async def watch(self, link: Any, event: Watch) -> None:
        """Begin or end to watch; the first CHANGED is the whole snapshot."""
        try:
            snapshot, number = await self._engine.queries.snapshot_of(event.run_name)
        except QueryError as error:
            link.send((REPLY, event.request, False, refusal(error.code, str(error))))
            return
        if not event.is_on:
            self._watchers.get(number, set()).discard(link)
            self._drop_if_alone(number)
            link.send((REPLY, event.request, True, b"\x80"))
            return
        name = snapshot.run.name
        link.send((REPLY, event.request, True, b"\x80"))
        link.send((CHANGED, name, _encode(snapshot)))
        run = self._engine.state.runs.get(name)
        if run is None:
            await self._engine.committed()  # its end may be on the way to the disk
            row = self._engine.reader.run(name)
            if row is not None:
                link.send(self._ended(row))
            return
        self._watchers.setdefault(number, set()).add(link)
        self._names[number] = name
        self._engine.state.watched.setdefault(number, {})
        if link not in run.waiters:
            run.waiters.append(link)
        for each in list(self._engine.state.runs.values()):
            self._look_above(each)

    def forget(self, link: Any) -> None:
        """The link is gone."""
        for number in [number for number, links in self._watchers.items() if link in links]:
            self._watchers[number].discard(link)
            self._drop_if_alone(number)
        for run in self._engine.state.runs.values():
            if link in run.waiters:
                run.waiters.remove(link)

    def _drop_if_alone(self, number: int) -> None:
        if not self._watchers.get(number):
            self._builds.discard(number)
            self._engine.usage.news.pop(number, None)
            watched = self._engine.state.watched
            for table in (self._watchers, self._names, self._logs, self._reports, self._reasons, self._lifted):
                table.pop(number, None)
            if number not in self._above:
                watched.pop(number, None)
            for below in [one for one, graft in self._above.items() if graft.top == number]:
                del self._above[below]
                if below not in self._watchers:
                    watched.pop(below, None)

    def collect(self, out: Out) -> None:
        """Arm a message for every watched run that a step changed; add the last one of an ended run."""
        if not self._watchers:
            return
        for row in out.below:
            run = next((each for each in self._engine.state.runs.values() if each.id == row[0]), None)
            if run is not None:
                self._look_above(run)
        if self._above:
            self._lift()
        for log in out.logs:
            number = log[0] >> 32
            if number in self._watchers:
                self._logs.setdefault(number, []).append(log)
        for digest, action in out.reports:
            if action >> 32 in self._watchers:
                self._reports.setdefault(action >> 32, {})[action_name(action)] = digest
        for row in out.run_ends:
            if row[-1] in self._watchers:
                self._flush_into(row[-1], out, row)
            if row[-1] in self._above:  # its last change is lifted already
                self._engine.state.watched.pop(row[-1], None)
        for number, changed in self._engine.state.watched.items():
            if changed or number in self._logs or number in self._reports or number in self._engine.usage.news:
                self._arm(number)
        if not self._is_looking and self._engine.state.waiting:
            self._is_looking = True
            self._engine.loop.call_later(WAIT_S, self._look)

    def _look_above(self, run: Run) -> None:
        """Follow a run that is below one that is watched."""
        above = run_of(run.below) if run.below else 0
        graft = self._above.get(above)
        top = graft.top if graft is not None else above
        if not above or run.id in self._above or top not in self._watchers:
            return
        known = graft.runs.values() if graft is not None else ()
        self._above[run.id] = Graft(top, (*known, Below(run.id, run.name, run.below)))
        changed = self._engine.state.watched.setdefault(run.id, {})
        root = self._engine.state.live.get(run.id << 32)
        if root is not None:
            changed[root.id] = root

    def _lift(self) -> None:
        """What changed of runs below goes to those above."""
        watched = self._engine.state.watched
        for number, graft in self._above.items():
            if changed := watched.get(number):
                self._lifted.setdefault(graft.top, {}).update(changed)
                self._arm(graft.top)
                if number not in self._watchers:
                    watched[number] = {}

    def tell_builds(self, number: int) -> None:
        """What a run waits for is being built, and is further now."""
        if number in self._watchers:
            self._builds.add(number)
            self._arm(number)

    def tell_usage(self, numbers: Iterable[int]) -> None:
        """There is more known of what actions of these runs use."""
        for number in numbers:
            if number in self._watchers:
                self._arm(number)

    def _arm(self, number: int) -> None:
        if number not in self._armed:
            self._armed.add(number)
            self._engine.loop.call_later(INTERVAL_S, self._due, number)

    def _look(self) -> None:
        """Tell why actions wait that have waited for a moment, or wait for something else now."""
        self._is_looking = False
        state = self._engine.state
        reasons = Reasons(state)
        for shape in state.waiting.values():
            for action in islice(shape.queue, WAITERS):
                changed = state.watched.get(action.run.id)
                if changed is None or action.phase != QUEUED:
                    continue
                number = action.run.id
                if number in self._above and number not in self._watchers:
                    number = self._above[number].top
                if self._reasons.get(number, {}).get(action.id, "") != reasons.of(action):
                    changed[action.id] = action
        self.collect(Out())

    def _due(self, number: int) -> None:
        self._armed.discard(number)
        is_told = (
            self._logs.get(number) or self._reports.get(number) or number in self._builds or self._lifted.get(number)
        )
        if self._engine.state.watched.get(number) or is_told or self._engine.usage.news.get(number):
            out = Out()
            self._flush_into(number, out, None)
            self._engine.journal.append(out, urgent=True)

    def _flush_into(self, number: int, out: Out, ended: tuple[Any, ...] | None) -> None:
        state = self._engine.state
        changed = state.watched.get(number, {})
        name = self._names[number]
        run = state.runs.get(name)
        root = state.live.get(number << 32) or changed.get(number << 32)
        reasons = Reasons(state)
        actions = tuple(rows.live_row(action, state, reasons) for action in changed.values())
        actions += tuple(
            self._above[one >> 32].action(rows.live_row(action, state, reasons))
            for one, action in self._lifted.pop(number, {}).items()
            if one >> 32 in self._above
        )
        told = self._reasons.setdefault(number, {})
        for row in actions:
            if row.reason:
                told[row.id] = row.reason
            else:
                told.pop(row.id, None)
        if number in state.watched:
            state.watched[number] = {}
        if root is None:
            return
        counted = run or root.run
        logs = self._logs.pop(number, [])[-LOG_LINES:]
        builds = self._engine.builds.live_of(number) if number in self._builds else {}
        self._builds.discard(number)
        self._version += 1
        snapshot = RunSnapshot(
            run=RunRow(
                name=name,
                task=root.task.declaration.name,
                phase=rows.live_row(root, state, reasons).phase,
                created_at=counted.created_at,
                ended_at=ended[1] if ended else 0.0,
                action_count=counted.action_count,
                failed_count=counted.failed_count,
                cached_count=counted.cached_count,
                paused_count=sum(one >> 32 == number for one in state.paused),
                origin=rows.origin(counted.options),
            ),
            actions=actions,
            logs=tuple(rows.log_line((0, *log)) for log in logs),
            placements=rows.placements(actions, self._engine.placements),
            builds=tuple(builds.values()),
            reports=self._reports.pop(number, {}),
            usages=self._engine.usage.news.pop(number, {}),
            version=self._version,
            taken_at=time.time(),
        )
        message = (CHANGED, name, _encode(snapshot))
        # Before the ENDED of the same step, so that whoever waits has the last picture.
        out.after[:0] = [(link, message) for link in self._watchers.get(number, ())]
        if ended is not None:
            self._drop(number)

    def _drop(self, number: int) -> None:
        self._watchers.pop(number, None)
        self._drop_if_alone(number)

    def _ended(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        action = self._engine.reader.action(row[0] << 32)
        return (ENDED, row[1], row[4], (action[-1] if action else b"") or b"")

    def answer_ended(self, link: Link, event: RunRequest, row: tuple[Any, ...]) -> None:
        """A run of that name is over: the same request gets its result again, another one is refused."""
        if self._engine.reader.root_key(row[0]) == event.key:
            link.send((REPLY, event.request, True, _encode({"name": event.run_name})))
            link.send(self._ended(row))
            return
        message = f"a run named {event.run_name!r} exists already; choose another name"
        link.send((REPLY, event.request, False, refusal("RunAlreadyExistsError", message)))
