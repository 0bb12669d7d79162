"""One world: an engine's turns, its journal, its workers, and whatever goes wrong, in an order that a seed decides.

It holds to the same order as the engine: events, rules, messages that say nothing durable; rows; after the commit the
results. What must never happen is asserted where it would happen.
"""

from __future__ import annotations

import random
from functools import cache
from typing import Any

import msgspec

from flytenb.engine.returning import may_have_called, stored_actions
from flytenb.model.declaration import (
    Launch,
    ResourceRequest,
    Reuse,
    TaskDeclaration,
    decode_declaration,
    encode_declaration,
)
from flytenb.model.devices import Gpu, GpusFound, GpusSeen
from flytenb.model.events import (
    Comeback,
    Declare,
    LaneFacts,
    LaneLost,
    Loaded,
    Recovered,
    Resume,
    ReturnedLane,
    RunOptions,
    RunRequest,
    Tick,
)
from flytenb.model.phases import RECOVERED, SUCCEEDED
from flytenb.model.tags import ACK, ENDED, RESOLVE
from flytenb.rules import Capacity, Out, State, step
from flytenb.rules.state import Task
from tests.simulation.disk import Disk, DiskFull
from tests.simulation.processes import Processes
from tests.simulation.promises import Broken, Promises
from tests.simulation.worker import Link, Worker

_decode_facts = msgspec.msgpack.Decoder(LaneFacts).decode
_GPUS = (Gpu(id="g0", kind="A"), Gpu(id="g1", kind="A"))


@cache
def declaration_of(kind: str, code: str) -> tuple[bytes, bytes]:
    """Digest and body of the only task."""
    return encode_declaration(
        TaskDeclaration(
            name="env.node",
            short_name="node",
            environment="env",
            program="p",
            entry="node",
            launch=Launch(
                python="python",
                cwd="/",
                isolation="strict" if kind == "strict" else "shared",
                reuse=Reuse(min_replicas=1, max_replicas=2, concurrency=2) if kind == "pool" else None,
            ),
            resources=ResourceRequest(gpu=1) if kind == "gpu" else ResourceRequest(),
            retries=1,
            code=code,
        )
    )


class World(Processes, Promises):
    """All that one seed decides."""

    worker_class = Worker
    #: The run that the client asks for, how, and the key of its task's code.
    run_name, options, code = "run", msgspec.msgpack.encode(RunOptions()), ""

    def __init__(self, seed: int, *, tell: Any = None) -> None:
        self.seed, self.tell = seed, tell
        chance = self.random = random.Random(seed)
        self.now = 1000.0
        self.stages = chance.choice(([range(2)], [range(3)], [range(1), range(1, 3)], [range(8)]))
        self.depth = 1 if len(self.stages[0]) == 8 else chance.choice((1, 2))
        self.is_cached = chance.random() < 0.15
        self.has_traces, self.forgets = chance.random() < 0.2, chance.random() < 0.1
        flaky = chance.choice((0, 0, 0.3))
        self._flaky = {leaf: chance.random() < flaky for leaf in range(16)}
        self.cpus = chance.choice((1, 2, 4))
        kind = chance.choice(("plain", "plain", "plain", "plain", "strict", "pool", "gpu"))
        self.kind = kind
        self.digest, self.body = declaration_of(kind, self.code)
        #: What goes wrong, how often at most, and how likely it is at each step.
        self.faults = {
            name: chance.choice((0, 0, 1, 2)) for name in ("engine", "worker", "disk", "cut", "half commit", "start")
        }
        self.faults["cut"] = min(self.faults["cut"], 2 - self.faults["worker"])  # three losses are an end
        self.likely = chance.choice((0.01, 0.03, 0.08))
        self.disk = Disk()
        self.workers: dict[str, Worker] = {}
        self.replays: dict[int, dict[tuple[bytes, int], bytes]] = {}
        #: What parents saw, by child; by (parent, key, n); and the attempts that were sent out.
        self.observed: dict[int, tuple[int, bytes]] = {}
        self.observed_calls: dict[tuple[int, bytes, int], int] = {}
        self.sent: dict[int, set[int]] = {}
        self.ran: dict[int, int] = {}
        #: Actions of which somebody that had them ended, so that they may run again.
        self.excused: set[int] = set()
        #: What the engine may have heard from somebody who ended since: run again if the engine dies before its commit.
        self.late: set[int] = set()
        self.result: tuple[int, bytes] | None = None
        self.engines = 0
        self._boot()

    # ---- what bodies ask --------------------------------------------------------------------------------------------
    def is_flaky(self, inputs: bytes) -> bool:
        return self._flaky[inputs[-1] & 15]

    @staticmethod
    def is_success(phase: int) -> bool:
        return phase in (SUCCEEDED, RECOVERED)

    @staticmethod
    def decode_facts(body: bytes) -> LaneFacts:
        return _decode_facts(body)

    @property
    def expected(self) -> bytes:
        width = sum(len(stage) for stage in self.stages)
        return str(width**self.depth).encode()

    # ---- the engine -------------------------------------------------------------------------------------------------
    def _boot(self) -> None:
        self.engines += 1
        reader = self.disk.reader
        self.state = State(Capacity(self.cpus, 1 << 34), reader.cached)
        self.client = Link(None)
        self.links: list[Link] = [self.client]
        self.inbox: list[tuple[Any, Any]] = []
        self.uncommitted: list[Out] = []
        self.heard: dict[Link, int] = {}
        self.starting: list[tuple[str, tuple[str, ...]]] = []
        self.claims: dict[str, tuple[Link, Resume]] = {}
        self.later: list[Any] = []
        for number, digest, body in reader.tasks():
            declaration = decode_declaration(body)
            task = Task(number, digest, body, declaration, self.state.shape_of(declaration))
            self.state.tasks[digest] = self.state.tasks_by_id[number] = task
            self.state.next_task = number + 1
        for number, digest, _ in reader.placements():
            self.state.placements[digest] = number
        self.state.next_run = reader.next_run()
        self.state.lane_prefix = f"w{self.engines}-"
        self.runs = [Recovered(*row[:10], 1 if row[9] else 0) for row in reader.unfinished_runs()]
        self.is_returning = bool(self.workers)
        if not self.is_returning:
            self.inbox += [(None, run) for run in self.runs]
        self._ask()

    def _ask(self) -> None:
        """The client asks for its run, as it does with every engine."""
        self.result = self.stored_result()
        if self.result is not None:
            return
        request = RunRequest(1, self.run_name, self.digest, b"root", bytes([self.depth]), b"", 0, self.options)
        asked = [(self.client, Declare(self.digest, self.body)), (self.client, request)]
        if self.is_returning:
            self.later += asked
        else:
            self.inbox += asked

    def settle_return(self) -> None:
        """All that live have come back: everything goes on at once."""
        self.is_returning = False
        lanes = [
            ReturnedLane(ident, link, 1, link.worker.facts, event.held)  # type: ignore[union-attr, arg-type]
            for ident, (link, event) in self.claims.items()
        ]
        numbers = [number for lane in lanes for number, *_ in lane.held]
        parents = {number for lane in lanes for number in may_have_called(lane.held)}
        stored = stored_actions(self.disk.reader, numbers, parents)
        self.inbox.append((None, Comeback(self.runs, lanes, stored)))
        self.inbox += [(None, LaneLost(ident, "link")) for ident, (link, _) in self.claims.items() if not link.is_open]
        self.inbox += self.later
        known = {action.id for action in stored}
        for lane in lanes:  # what is dropped may run again
            self.excused |= {number for number, *_ in lane.held if number not in known}

    def turn(self) -> None:
        """One batch of events through the rules."""
        events, self.inbox = self.inbox, []
        out = step(self.state, events, self.now)
        for link, message in out.before:
            self._post(link, message)
        is_late = False
        for chore in out.chores:
            if chore[0] == "spawn":
                self.starting.append((chore[1], chore[3].gpus))
            elif chore[0] in ("kill", "end"):
                self._kill(chore[1])
            elif chore[0] == "gpus":
                self.inbox.append((None, GpusFound(devices=_GPUS)))
            elif chore[0] == "watch gpus":
                self.inbox.append((None, GpusSeen()))
            elif chore[0] != "adopt":
                is_late = True
        if is_late or out.after or out.has_rows:
            out.heard, self.heard = self.heard, out.heard
            self.uncommitted.append(out)
        self._check()

    def commit(self, *, fails: bool = False) -> bool:
        """One group commit; False when the disk refused, and all that waits goes on waiting."""
        batch = self.uncommitted
        try:
            self.disk.write(batch, self.random if fails else None)
        except DiskFull:
            return False
        self.uncommitted = []
        self._batch = batch
        return True

    def release(self) -> None:
        """What the last commit made true is told."""
        for out in self._batch:
            for link, message in out.after:
                self._post(link, message)
            for link, frames in out.heard.items():
                link.saved = frames
            for chore in out.chores:
                if chore[0] == "load":
                    reader = self.disk.reader
                    self.inbox.append((None, _loaded(reader, chore[1])))
                elif chore[0] == "release" and self.state.in_flight.get(chore[1]) is chore[2]:
                    del self.state.in_flight[chore[1]]

    def _post(self, link: Link, message: tuple[Any, ...]) -> None:
        if message[0] in (RESOLVE, ENDED):
            self._must_be_on_disk(message)
        if link.is_open:
            link.to_worker.append(message)

    # ---- time -------------------------------------------------------------------------------------------------------
    def deliver_to_engine(self, link: Link) -> None:
        events = link.to_engine.pop(0)
        link.frames += 1
        if not link.is_open:
            return
        self.heard[link] = link.frames
        self.inbox += [(link, event) for event in events]
        if link.last is not None and not link.to_engine:
            link.is_open = False
            self.inbox.append((None, link.last))

    def deliver_to_worker(self, link: Link) -> None:
        message = link.to_worker.pop(0)
        worker = link.worker
        if worker is None:
            if message[0] == ENDED and message[1] == self.run_name:
                self.result = (message[2], bytes(message[3]))
        elif worker.link is link:
            worker.hear(message)
            if link.saved > link.told and worker.link is link and self.random.random() < 0.5:
                link.told = link.saved
                link.to_worker.append((ACK, link.saved))

    def _fault(self) -> None:
        name = self.random.choice(list(self.faults))
        if not self.faults[name]:
            return
        workers = list(self.workers.values())
        if name == "engine":
            self.kill_engine()
        elif name == "worker" and workers:
            self.end_worker(self.random.choice(workers))
        elif name == "cut" and workers and not self.is_returning:
            self.cut(self.random.choice(workers))
        elif name == "disk" and self.uncommitted:
            if self.commit(fails=True):
                self.release()
        elif name == "half commit" and self.uncommitted:
            self.commit()  # on disk, and nobody was told
            self.kill_engine()
        else:
            return
        if self.tell:
            self.tell(f"fault: {name}")
        self.faults[name] -= 1

    def run(self, limit: int = 4_000) -> tuple[int, bytes]:
        """Until the client has its result.

        Raises:
            Broken: a promise was not held, or it takes for ever.
        """
        self.chance = self.random.random
        for count in range(limit):
            if self.result is not None:
                return self._ended()
            self.now += 0.001
            if self.chance() < self.likely:
                self._fault()
            self._step()
            if count % 32 == 31:
                self.now += 0.5
                if not self.is_returning:
                    self.inbox.append((None, Tick()))
        raise Broken(f"it hangs: {[(a.id, a.phase, a.is_parked) for a in self.state.live.values()]}")

    def _step(self) -> None:
        moves: list[Any] = []
        if self.inbox and not self.is_returning:
            moves += [self.turn] * 2
        if self.uncommitted:
            moves.append(self._commit_and_tell)
        if self.starting:
            moves.append(self.start_worker)
        for link in self.links:
            if link.to_engine:
                moves.append((self.deliver_to_engine, link))
            if link.to_worker:
                moves.append((self.deliver_to_worker, link))
        for worker in self.workers.values():
            if worker.link is None:
                moves.append((self.return_worker, worker))
            ready = worker.ready()
            if ready:
                moves.append((worker.step, ready[0]))
            if worker._out and not worker.is_held:
                moves.append((self._flush, worker))
        if self.is_returning and all(ident in self.claims for ident in self.workers):
            moves.append(self.settle_return)
        if not moves:
            self.now += 1.0
            self.inbox.append((None, Tick()))
            return
        move = self.random.choice(moves)
        if self.tell:
            self.tell(_words(move))
        if type(move) is tuple:
            move[0](move[1])
        else:
            move()
        self.links = [link for link in self.links if link.is_open or link.to_engine or link.to_worker]

    def _commit_and_tell(self) -> None:
        self.commit()
        self.release()

    def _flush(self, worker: Worker) -> None:
        worker.flush()

    def close(self) -> None:
        self.disk.close()


def broken_in(kind: type[World], most: int) -> str:
    """The first promise that is not held in so many worlds of a kind; "" when all are."""
    for seed in range(most):
        world = kind(seed)
        try:
            world.run()
        except Broken as error:
            return str(error)
        finally:
            world.close()
    return ""


def _words(move: Any) -> str:
    if type(move) is not tuple:
        return str(move.__name__)
    what = move[1]
    named = what.ident if isinstance(what, Worker) else getattr(getattr(what, "worker", None), "ident", "")
    detail = ""
    if isinstance(what, Link):
        waiting = what.to_engine if move[0].__name__ == "deliver_to_engine" else what.to_worker
        detail = repr(waiting[0])
    elif hasattr(what, "number"):
        detail = f"{what.number & 0xFFFFFFFF} attempt {what.attempt} stage {what.stage}"
    return f"{move[0].__name__} {named} {detail}"


def _loaded(reader: Any, action: int) -> Loaded:
    return Loaded(action, reader.children(action), reader.traces(action), reader.past_of(action))
