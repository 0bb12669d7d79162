"""The engine's turn: events in, `rules.step`, messages out, rows to the journal, results out after the commit."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import os
import secrets
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flytenb.engine import admission, pulse
from flytenb.engine.aborting import AbortDesk
from flytenb.engine.builds import BuildDesk
from flytenb.engine.cached import CacheDesk
from flytenb.engine.clock import Clock
from flytenb.engine.conditions import ConditionDesk
from flytenb.engine.containers import ContainerDesk
from flytenb.engine.gpus import GpuWatch
from flytenb.engine.lifetime import new_token
from flytenb.engine.link import Link
from flytenb.engine.marking import MarkDesk
from flytenb.engine.packages import PackageDesk, python_of
from flytenb.engine.publish import Publisher
from flytenb.engine.queries import Queries
from flytenb.engine.refused import QueryError
from flytenb.engine.returning import Returning
from flytenb.engine.secrets import forget, without_values
from flytenb.engine.sources import SourceRefused, read_source
from flytenb.engine.tidying import Tidying
from flytenb.engine.usage import UsageWatch
from flytenb.executors.base import Executor
from flytenb.model.declaration import Grant, Launch, decode_declaration
from flytenb.model.events import (
    ClockJumped,
    Hello,
    LaneCut,
    LaneLost,
    LaneNews,
    LanePlaced,
    LaneReady,
    Loaded,
    Pong,
    Query,
    Recovered,
    Resume,
    RunOptions,
    RunRequest,
    SourceRead,
    Tick,
    Watch,
)
from flytenb.model.placement import Placement, encode_placement
from flytenb.model.tags import PROTOCOL, REPLY, WELCOME
from flytenb.model.version import VERSION
from flytenb.rules import Out, State, step
from flytenb.rules.placement import next_moment
from flytenb.rules.runs import decode_options, refusal
from flytenb.rules.state import Task
from flytenb.store import Journal, Reader
from flytenb.wire import alive
from flytenb.wire.paths import require_own
from flytenb.wire.tokens import worker_token

if TYPE_CHECKING:
    from flytenb.images.progress import Progress

_log = logging.getLogger(__name__)

#: Seconds between a worker's closed link and giving it up, if its process does not report its end first.
LINK_GRACE_S = 1.0
#: Seconds between looks at idle workers and at the engine's own idleness.
HOUSEKEEPING_S = 5.0
#: Seconds until workers are told what is on disk, if no other message takes that along.
ACK_S = 0.05
_OWN = "it ran in the process that started it"


class Engine:
    """All of a home's runs. Owned by one asyncio loop."""

    def __init__(self, state: State, reader: Reader, token: str, *, idle_exit_s: float, note: str = "") -> None:
        self.state, self.reader, self.token, self._idle_exit_s = state, reader, token, idle_exit_s
        self.loop = asyncio.get_running_loop()
        self.links: set[Link] = set()
        self.started_at = time.time()
        self.is_stopping = asyncio.Event()
        self.has_ended_a_run = asyncio.Event()
        #: The HTTP API listens.
        self.is_served = asyncio.Event()
        #: Why the store cannot be written now; "" when it can.
        self.trouble = ""
        #: Things a person should know: what was set aside at the start.
        self.notes = [note] if note else []
        #: Where it is; set by the program that wires it.
        self.home = self.socket = self.http_socket = Path()
        #: The HTTP API's loopback port, 0 until it listens.
        self.port = 0
        #: Bodies of placements by their numbers.
        self.placements: dict[int, bytes] = {}
        self.executor: Executor
        self.journal: Journal
        self.publisher = Publisher(self)
        self.queries = Queries(self)
        self.builds = BuildDesk(self)
        self.containers = ContainerDesk(self)
        self.cached = CacheDesk(state, lambda: self.home)
        self.marking = MarkDesk(lambda: self.home)
        self.aborting = AbortDesk(self)
        self.conditions = ConditionDesk(self)
        self.gpus = GpuWatch(self)
        self.packages = PackageDesk(self)
        self.tidying = Tidying()
        self.usage = UsageWatch(self)
        self._clock = Clock()
        self._events: list[tuple[Any, Any]] = []
        self._turn_is_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._busy_at = self._run_at = time.monotonic()
        self._tasks: set[asyncio.Task[Any]] = set()
        #: What tokens of workers are made with, and where those in containers come in.
        self.workers_secret = secrets.token_bytes(32)
        self.returning = Returning(self)
        #: Workers' links and how many of their frames the next rows include; links that wait to be told.
        self._heard: dict[Link, int] = {}
        self._to_tell: set[Link] = set()
        #: Workers whose process has ended and whose link has not.
        self._ended: dict[str, LaneLost] = {}
        self._doors: list[tuple[asyncio.Server, Path]] = []

    # ---- links ------------------------------------------------------------------------------------------------

    def new_link(self, *, is_confined: bool = False) -> Link:
        """A protocol for a connection that was just made."""
        link = Link(self._on_events, self._on_closed, is_confined=is_confined)
        self.links.add(link)
        return link

    async def listen_for_workers(self, path: Path) -> bytes:
        """Meet workers in containers at a socket of their own."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in (path.parent, path.parent.parent):
            if folder != self.home:
                require_own(folder)
        path.unlink(missing_ok=True)
        server = await self.loop.create_unix_server(partial(self.new_link, is_confined=True), str(path))
        path.chmod(0o600)
        self._doors.append((server, path))
        return self.workers_secret

    def rotate_token(self) -> None:
        """From now on clients show another token; links that are there stay."""
        self.token = new_token(self.home)

    def close_doors(self) -> None:
        """No worker comes in any more."""
        while self._doors:
            server, path = self._doors.pop()
            server.close()
            path.unlink(missing_ok=True)

    def _on_events(self, link: Link, events: list[Any]) -> None:
        if not link.role:
            first = events.pop(0) if events else None
            if not isinstance(first, Hello) or not self._welcome(link, first, events):
                if not isinstance(first, Hello):
                    link.refuse("say hello first")
                return
        if link.role == "worker":
            self._heard[link] = link.frames
        for event in events:
            kind = type(event)
            if said := admission.refusal(self.state, link, event):
                _log.warning("a link of %s %r is closed: %s", link.role, link.ident[:100], said)
                link.refuse(said)
                return
            if kind in admission.OWN_ONLY and admission.is_others(self.state, link, event.action):
                continue
            if kind is Query:
                self.spawn(self._answer(link, event))
            elif kind is Watch:
                self.spawn(self.publisher.watch(link, event))
            elif kind is RunRequest:
                self._admit_run(link, event)
            elif kind is Resume:
                self.returning.hear(link, event)
            elif kind is Pong:
                pass
            else:
                self.happen(event, link)

    def _welcome(self, link: Link, hello: Hello, events: list[Any]) -> bool:
        if said := admission.stranger(self.state, link, hello):
            link.refuse(said)
            return False
        token = worker_token(self.workers_secret, hello.ident) if hello.role == "worker" else self.token
        if not hmac.compare_digest(hello.token.encode(), token.encode()):
            link.refuse("the token is wrong: this engine belongs to another user or another FLYTENB_HOME")
            return False
        if hello.protocol != PROTOCOL or hello.version != VERSION:
            link.refuse(
                f"the running engine is flytenb {VERSION} (protocol {PROTOCOL}), you are {hello.version} "
                f"(protocol {hello.protocol}); run 'flytenb engine stop', then try again"
            )
            return False
        link.role, link.ident, link.pid = hello.role, hello.ident, hello.pid
        link.trust()
        link.send((WELCOME, PROTOCOL, VERSION, os.getpid()))
        if hello.role != "client":
            pin = hello.ident if hello.role == "local" else ""
            if self.returning.is_welcome(link, hello.ident, events):
                return True
            if not pin and (hello.ident not in self.state.lanes or any(type(event) is Resume for event in events)):
                link.refuse("this worker is not of this engine: its actions run elsewhere by now")
                return False
            self.happen(LaneReady(hello.ident, hello.pid, pin), link)
            if pin:
                own = Placement(executor="process", reason=_OWN, python=python_of(hello.pid))
                self.on_worker_placed(hello.ident, own)
        return True

    def _admit_run(self, link: Link, event: RunRequest) -> None:
        if self.trouble:
            link.send((REPLY, event.request, False, refusal("StoreError", self.trouble)))
            return
        if event.run_name not in self.state.runs:
            if self.returning.when_settled(partial(self._admit_run, link, event)):
                return
            row = self.reader.run(event.run_name)
            if row is not None and row[6] is None:  # its end is on the way to the disk
                self.spawn(self._admit_when_committed(link, event))
                return
            if row is not None:
                self.publisher.answer_ended(link, event, row)
                return
        self.packages.look()
        self._run_at = time.monotonic()
        if event.run_name not in self.state.runs and (options := decode_options(event.body)).recover_from:
            self.spawn(self._admit_recovery(link, event, options))
            return
        self.happen(event, link)

    async def _admit_recovery(self, link: Link, event: RunRequest, options: RunOptions) -> None:
        """A run that recovers another begins when that one was read."""
        try:
            source = await asyncio.to_thread(read_source, self.reader, options, self.state.tasks_by_id)
        except SourceRefused as error:
            link.send((REPLY, event.request, False, refusal(error.code, str(error))))
            return
        if event.run_name not in self.state.runs:
            self.happen(SourceRead(event.run_name, source))
        self.happen(event, link)

    async def _admit_when_committed(self, link: Link, event: RunRequest) -> None:
        await self.committed()
        self._admit_run(link, event)

    async def committed(self) -> None:
        """Until all that has happened so far is on disk."""
        done: asyncio.Future[None] = self.loop.create_future()
        out = Out()
        out.chores.append(("told", done))
        self.journal.append(out, urgent=True)
        await done

    def _on_closed(self, link: Link) -> None:
        self.links.discard(link)
        self._heard.pop(link, None)
        self._to_tell.discard(link)
        self.publisher.forget(link)
        self.returning.on_closed(link)
        lane = link.lane
        if lane is None:
            return
        event = LaneLost(lane.id, "link", "its connection closed")
        if lane.pin:
            forget(self.home, lane.id)
            self.happen(event)
        else:
            if lane.id in self._ended:
                self._bury(lane.id)
                return
            self.happen(LaneCut(lane.id), link)
            self.loop.call_later(LINK_GRACE_S, self._miss, event, link)

    def _miss(self, event: LaneLost, link: Link) -> None:
        lane = self.state.lanes.get(event.lane)
        if lane is not None and lane.link is link and not self.executor.look_after(event.lane):
            self.happen(event)

    def on_worker_exit(self, worker: str, status: int, cause: str, detail: str = "", code: str = "") -> None:
        """The executor reports the end of a worker's process."""
        forget(self.home, worker)
        lane = self.state.lanes.get(worker)
        if lane is not None and (lane.secrets or (lane.shape is not None and lane.shape.secrets)):
            detail = without_values(detail, lane.secrets)
        alive.forget(self.home, worker)
        lost = LaneLost(worker, cause, detail or _exit_words(status), code)
        if lane is not None and lane.link is not None and not lane.link.is_closed:
            # What it said before it ended may lie in its socket still: the end of that is the end of the worker.
            self._ended[worker] = lost
            self.loop.call_later(LINK_GRACE_S, self._bury, worker)
        else:
            self.happen(lost)

    def _bury(self, worker: str) -> None:
        lost = self._ended.pop(worker, None)
        if lost is not None:
            self.happen(lost)

    def on_worker_placed(self, worker: str, placement: Placement, is_single: bool = False) -> None:
        """The executor has settled where a worker runs."""
        placement = self.packages.complete(placement)
        self.happen(LanePlaced(worker, *encode_placement(placement), is_single, placement.executor))

    def on_worker_news(self, worker: str, words: str) -> None:
        """The executor tells what a worker waits for."""
        self.happen(LaneNews(worker, words))

    def on_worker_build(self, worker: str, build: Progress) -> None:
        """The executor tells what is built for a worker."""
        self.builds.follow(worker, build)

    async def _answer(self, link: Link, query: Query) -> None:
        try:
            body = await self.queries.answer(query.method, query.body)
        except QueryError as error:
            link.send((REPLY, query.request, False, refusal(error.code, str(error))))
        except Exception as error:
            _log.exception("query %s failed", query.method)
            link.send((REPLY, query.request, False, refusal(type(error).__name__, f"{query.method}: {error}")))
        else:
            link.send((REPLY, query.request, True, body))

    def spawn(self, work: Any) -> None:
        """Let a coroutine run beside the turns."""
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # ---- the turn ---------------------------------------------------------------------------------------------

    def happen(self, event: Any, source: Any = None) -> None:
        """Let an event take part in the next turn."""
        self._events.append((source, event))
        if not self._turn_is_due:
            self._turn_is_due = True
            self.loop.call_soon(self._turn)

    def turn_now(self) -> None:
        """Let all that has come happen at once."""
        if self._turn_is_due:
            self._turn()

    def _turn(self) -> None:
        self._turn_is_due = False
        events, self._events = self._events, []
        now, jump = self._clock.tell()
        if jump:
            _log.warning("the clock jumped by %.1f s: time-outs and waits go on as if it had not", jump)
            events.insert(0, (None, ClockJumped(jump)))
        try:
            out = step(self.state, events, now)
        except Exception:
            # The state may be torn and parents would wait for ever: end, and let the next engine recover from disk.
            _log.critical("the rules failed; the engine stops and the next one recovers", exc_info=True)
            os._exit(70)
        for number, _, body in out.placements:
            self.placements[number] = body
        for _, body, number in out.placements_read:
            self.placements[number] = body
        for link, message in out.before:
            link.send(message)
        is_late = False
        for chore in out.chores:
            if chore[0] == "spawn":
                self._start_worker(*chore[1:])
            elif chore[0] == "end":
                self.executor.end(chore[1], chore[2])
            elif chore[0] == "kill":
                self.executor.kill(chore[1])
            elif chore[0] == "adopt":
                self.executor.adopt(*chore[1:])
            elif chore[0] == "gpus":
                self.spawn(self.gpus.find())
            elif chore[0] == "watch gpus":
                self.spawn(self.gpus.look())
            else:
                is_late = True
        if self.usage.attempts and (out.ended or out.attempts):
            self.usage.close(out)
        if not self.usage.is_on and self.state.live:
            self.usage.begin()
        self.publisher.collect(out)
        if out.run_ends:
            self.has_ended_a_run.set()
        if is_late or out.after or out.has_rows:
            out.heard, self._heard = self._heard, out.heard
            self.journal.append(out, urgent=is_late or out.is_urgent)
        self._arm(now)

    def release(self, batch: list[Out]) -> None:
        """Tell the results of rows that are on disk now."""
        for out in batch:
            for link, message in out.after:
                link.send(message)
            for link, frames in out.heard.items():
                if link.acknowledge(frames):
                    if not self._to_tell:
                        self.loop.call_later(ACK_S, self._acknowledge)
                    self._to_tell.add(link)
            for chore in out.chores:
                if chore[0] == "load":
                    self.spawn(self._load(chore[1]))
                elif chore[0] == "ask":
                    self.spawn(self.conditions.asked(chore[1], is_new=chore[2]))
                elif chore[0] == "told":
                    chore[1].set_result(None)
                elif chore[0] == "release" and self.state.in_flight.get(chore[1]) is chore[2]:
                    del self.state.in_flight[chore[1]]

    def _acknowledge(self) -> None:
        """Tell of frames that are on disk, where no other message has taken that along."""
        links, self._to_tell = self._to_tell, set()
        for link in links:
            link.flush()

    def on_trouble(self, sentence: str) -> None:
        """The journal cannot write, or can again ("")."""
        if sentence:
            _log.error("%s", sentence)
        self.trouble = sentence

    async def _load(self, action: int) -> None:
        children, traces, past = await asyncio.gather(
            asyncio.to_thread(self.reader.children, action),
            asyncio.to_thread(self.reader.traces, action),
            asyncio.to_thread(self.reader.past_of, action),
        )
        self.happen(Loaded(action, children, traces, past))

    def _start_worker(self, lane: str, launch: Launch, grant: Grant) -> None:
        try:
            self.executor.spawn(lane, launch, grant)
        except Exception as error:
            _log.exception("worker %s could not be started", lane)
            self.happen(LaneLost(lane, "exit", f"could not be started: {error}"))

    def _arm(self, now: float) -> None:
        moment = next_moment(self.state, now)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if moment is not None:
            self._timer = self.loop.call_later(max(0.0, moment - now), self._tick)

    def _tick(self) -> None:
        self._timer = None
        self.happen(Tick())

    # ---- life -------------------------------------------------------------------------------------------------

    def recover(self, living: dict[str, int]) -> int:
        """Take up the runs that had not ended, with the workers that live on. Returns how many."""
        for number, digest, body in self.reader.tasks():
            declaration = decode_declaration(body)
            task = Task(number, digest, body, declaration, self.state.shape_of(declaration))
            self.state.tasks[digest] = self.state.tasks_by_id[number] = task
            self.state.next_task = number + 1
        placements = self.reader.placements()
        for number, digest, body in placements:
            self.state.placements[digest], self.placements[number] = number, body
        self.packages.take_up(placements)
        self.state.next_run = self.reader.next_run()
        self.conditions.take_up()
        rows = self.reader.unfinished_runs()
        for row in rows:
            told = decode_options(row[3])
            if told.recover_from:
                with contextlib.suppress(SourceRefused):  # pruned meanwhile: the rest runs
                    self.happen(SourceRead(row[1], read_source(self.reader, told, self.state.tasks_by_id)))
        runs = [
            Recovered(run, name, index, options, task, key, inputs, attempt, accepted_at, cached, 1 if cached else 0)
            for run, name, index, options, task, key, inputs, attempt, accepted_at, cached in rows
        ]
        if living:
            self.state.lane_prefix = _prefix_beside(living)
            self.returning.open(runs, living)
            return len(runs)
        for run in runs:
            self.happen(run)
        return len(runs)

    async def keep_house(self) -> None:
        """Let idle workers go; end the engine when nothing needs it."""
        while not self.is_stopping.is_set():
            await asyncio.sleep(HOUSEKEEPING_S)
            self.happen(Tick())
            pulse.feel(self)
            self.packages.read_soon()
            self.tidying.soon(self.home, 0.0 if self.state.runs else time.monotonic() - self._run_at)
            if self.state.runs or any(link.role == "client" for link in self.links):
                self._busy_at = time.monotonic()
            elif time.monotonic() - self._busy_at > self._idle_exit_s:
                _log.info("idle for %.0f s: the engine ends", self._idle_exit_s)
                self.is_stopping.set()


def _prefix_beside(living: dict[str, int]) -> str:
    """What names of new workers begin with, so that none is that of a living one: w1, then w2-1, w3-1 …"""
    taken = [int(name[1:].partition("-")[0]) if "-" in name else 1 for name in living if name[1:2].isdigit()]
    return f"w{max(taken, default=1) + 1}-"


def _exit_words(status: int) -> str:
    return f"killed by signal {-status}" if status < 0 else f"exit status {status}"
