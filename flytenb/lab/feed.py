"""What one browser tab is told over its WebSocket: protocol 1, JSON texts (`labextension/src/protocol.ts`).

Works in the loop of whoever serves it; the session's own thread brings changes of runs, which are handed over there.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from flytenb.client.session import Session, session
from flytenb.client.start import is_there
from flytenb.errors import BaseRuntimeError, FlytenbError
from flytenb.model.snapshot import LogLine, RunRow, RunSnapshot
from flytenb.model.version import VERSION
from flytenb.wire.paths import home_mark

#: Raised when a message changes its meaning.
PROTOCOL = 1
#: Seconds between two looks at the list of runs, while it is watched; at the soonest, when a watched run has news.
RUNS_EVERY_S, RUNS_SOONEST_S = 2.0, 0.5
#: Runs that the list holds.
MOST_RUNS = 200
#: Bytes of log that one message carries, so that ten a second stay below 100 kB; the rest is asked for.
MOST_LOG = 6_000
_LINE_BYTES = 64  # what stands around a line's text
#: Messages a second, over all runs of a tab and their list.
MOST_CHANGES = 10
#: Characters of a tab's message that are read.
MOST_ASKED = 4_096
_json = msgspec.json.Encoder().encode


class Feed:
    """One tab: the runs that it watches, and what it has not been told yet."""

    def __init__(self, home: Path, send: Callable[[str], None], close: Callable[[], None]) -> None:
        self._home, self._send, self._close = home, send, close
        self._loop = asyncio.get_running_loop()
        self._watched: dict[str, Callable[[], None]] = {}
        #: What is to be told of a run: merged until its turn.
        self._waiting: dict[str, RunSnapshot] = {}
        #: Ended runs, told after their last change.
        self._over: set[str] = set()
        self._turn: asyncio.TimerHandle | None = None
        self._told_at = 0.0
        self._looking: asyncio.Task[None] | None = None
        #: A watched run stands otherwise than the list may say, and how each stood last.
        self._is_news = asyncio.Event()
        self._phases: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False
        self._engine = ""

    # ---- what the tab says ----------------------------------------------------------------------------------
    def on_message(self, text: str | bytes) -> None:
        """A message of the tab; what is none is answered with one sentence."""
        if len(text) > MOST_ASKED:
            self._say(op="error", code="BadMessage", message="the message is too long")
            return
        try:
            message = json.loads(text)
            op = message["op"]
        except (ValueError, TypeError, KeyError, RecursionError):
            self._say(op="error", code="BadMessage", message="a message is a JSON object with an op")
            return
        run = message.get("run")
        if op == "hello":
            self._say(op="hello", protocol=PROTOCOL, version=VERSION, home=home_mark(self._home))
        elif op == "watch" and isinstance(run, str):
            if run not in self._watched:
                self._watched[run] = _nothing
                self._do(self._watch(run))
        elif op == "unwatch" and isinstance(run, str):
            self._unwatch(run)
        elif op == "watch-runs":
            if self._looking is None:
                self._looking = self._do(self._look())
        else:
            self._say(op="error", code="BadMessage", message=f"there is no op {str(op)[:40]!r}")

    def close(self) -> None:
        """The tab is gone."""
        self._is_closed = True
        for run in list(self._watched):
            self._unwatch(run)
        for task in list(self._tasks):
            task.cancel()
        if self._turn is not None:
            self._turn.cancel()

    # ---- one run --------------------------------------------------------------------------------------------
    async def _watch(self, run: str) -> None:
        try:
            link: Session = session(self._home)
            snapshot = await asyncio.wrap_future(link.ask("snapshot", RunSnapshot, run=run))
        except (FlytenbError, BaseRuntimeError) as error:
            self._watched.pop(run, None)
            self._say(op="error", code=str(getattr(error, "code", "EngineError")), message=str(error), run=run)
            return
        if run not in self._watched or self._is_closed:
            return
        self._engine_is("up")
        self._tell("snapshot", run, snapshot)
        self._note(run, snapshot.run.phase)
        if snapshot.run.ended_at:
            return
        name = snapshot.run.name

        def heard(changed: RunSnapshot | None) -> None:
            if not self._is_closed:
                self._loop.call_soon_threadsafe(self._heard, run, changed)

        self._watched[run] = link.watch(name, heard)

    def _unwatch(self, run: str) -> None:
        undo = self._watched.pop(run, None)
        self._waiting.pop(run, None)
        self._over.discard(run)
        self._phases.pop(run, None)
        if undo is not None:
            undo()

    def _heard(self, run: str, changed: RunSnapshot | None) -> None:
        if run not in self._watched:
            return
        self._note(run, "" if changed is None else changed.run.phase)
        if changed is None:
            self._over.add(run)
        else:
            known = self._waiting.get(run)
            self._waiting[run] = changed if known is None else merged(known, changed)
        self._arm()

    def _arm(self) -> None:
        if self._turn is None and not self._is_closed:
            self._turn = self._loop.call_later(self._until_turn_s(), self._next)

    def _until_turn_s(self) -> float:
        return max(0.0, self._told_at + 1 / MOST_CHANGES - self._loop.time())

    def _next(self) -> None:
        """Tell of one run: the one that waits longest."""
        self._turn = None
        self._told_at = self._loop.time()
        run = next(iter(self._waiting), None)
        if run is not None:
            self._tell("change", run, self._waiting.pop(run))
        for over in [over for over in self._over if over not in self._waiting]:
            self._over.discard(over)
            self._say(op="ended", run=over)
        if self._waiting or self._over:
            self._arm()

    # ---- the list of runs -----------------------------------------------------------------------------------
    def _note(self, run: str, phase: str) -> None:
        """What the list says of a run is not to be older than what its view says."""
        if self._phases.get(run) != phase:
            self._phases[run] = phase
            self._is_news.set()

    async def _look(self) -> None:
        """Tell the list of runs whenever it is another one. Starts no engine: a sidebar is no reason to."""
        before = b""
        while not self._is_closed:
            soonest_at = self._loop.time() + RUNS_SOONEST_S
            self._is_news.clear()
            if await asyncio.to_thread(is_there, self._home):
                self._engine_is("up")
                try:
                    asked = session(self._home).ask("runs", list[RunRow], limit=MOST_RUNS)
                    rows = await asyncio.wrap_future(asked)
                except (FlytenbError, BaseRuntimeError) as error:
                    self._engine_is("down", str(error))
                else:
                    now = _json(rows)
                    if now != before:
                        before = now
                        await asyncio.sleep(self._until_turn_s())
                        self._told_at = self._loop.time()
                        self._send(f'{{"op":"runs","data":{now.decode()}}}')
            else:
                self._engine_is("down", "The engine is not running. It starts with the next run")
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._is_news.wait(), RUNS_EVERY_S)
            await asyncio.sleep(max(0.0, soonest_at - self._loop.time()))

    # ---- saying ---------------------------------------------------------------------------------------------
    def _engine_is(self, state: str, message: str = "") -> None:
        if state + message != self._engine:
            self._engine = state + message
            self._say(op="engine", state=state, **({"message": message} if message else {}))

    def _tell(self, op: str, run: str, snapshot: RunSnapshot) -> None:
        data = _json(trimmed(snapshot)).decode()
        self._send(f'{{"op":"{op}","run":{json.dumps(run)},"data":{data}}}')

    def _say(self, **message: Any) -> None:
        if not self._is_closed:
            self._send(json.dumps(message))

    def _do(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _nothing() -> None:
    """Until a watch is begun there is nothing to undo."""


def merged(before: RunSnapshot, after: RunSnapshot) -> RunSnapshot:
    """Two changes of a run as one."""
    actions = {row.id: row for row in before.actions} | {row.id: row for row in after.actions}
    builds = {row.id: row for row in before.builds} | {row.id: row for row in after.builds}
    return msgspec.structs.replace(
        after,
        actions=tuple(actions.values()),
        traces=(*before.traces, *after.traces),
        logs=(*before.logs, *after.logs),
        placements={**before.placements, **after.placements},
        builds=tuple(builds.values()),
        reports={**before.reports, **after.reports},
        usages={**before.usages, **after.usages},
    )


def trimmed(snapshot: RunSnapshot) -> RunSnapshot:
    """The same with the end of its output only, so that a loud task does not fill the line."""
    room = MOST_LOG
    kept: list[LogLine] = []
    for line in reversed(snapshot.logs):
        room -= _LINE_BYTES
        if room <= 0:
            break
        size = len(line.text.encode("utf-8", "replace"))
        kept.append(line if size <= room else msgspec.structs.replace(line, text=f"…{_end(line.text, room)}"))
        room -= size
    if len(kept) == len(snapshot.logs) and room >= 0:
        return snapshot
    return msgspec.structs.replace(snapshot, logs=tuple(reversed(kept)))


def _end(text: str, size: int) -> str:
    return text.encode("utf-8", "replace")[-size:].decode("utf-8", "ignore")
