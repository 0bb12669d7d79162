"""One world: an engine's turns, its journal, its workers, and whatever goes wrong, in an order that a seed decides.

It holds to the same order as the engine: events, rules, messages that say nothing durable; rows; after the commit the
results. What must never happen is asserted where it would happen.
"""

from __future__ import annotations

import random
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
    LaneCut,
    LaneFacts,
    LaneLost,
    LanePlaced,
    LaneReady,
    Loaded,
    Recovered,
    Rejoined,
    Resume,
    ReturnedLane,
    RunOptions,
    RunRequest,
    Tick,
)
from flytenb.model.phases import FIRST_TERMINAL, RECOVERED, RUNNING, SUCCEEDED
from flytenb.model.tags import ACK, ENDED, EXECUTE, RESOLVE
from flytenb.rules import Capacity, Out, State, step
from flytenb.rules.state import Task
from tests.simulation.disk import Disk, DiskFull
from tests.simulation.worker import Link, Worker

_OPTIONS = msgspec.msgpack.encode(RunOptions())
_decode_facts = msgspec.msgpack.Decoder(LaneFacts).decode
_GPUS = (Gpu(id="g0", kind="A"), Gpu(id="g1", kind="A"))
_declared: dict[str, tuple[bytes, bytes]] = {}


class Broken(AssertionError):
    """Something happened that must never happen."""


def must(claim: object, words: str) -> None:
    """A promise that holds in every world."""
    if not claim:
        raise Broken(words)


class World:
    """All that one seed decides."""

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
        declaration = TaskDeclaration(
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
        )
        self.kind = kind
        if kind not in _declared:
            _declared[kind] = encode_declaration(declaration)
        self.digest, self.body = _declared[kind]
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

    # ---- what must hold ---------------------------------------------------------------------------------------------
    def on_execute(self, worker: Worker, number: int, attempt: int) -> None:
        must(number not in self.observed, f"{number} was observed and is sent out again")
        must(
            attempt not in self.sent.setdefault(number, set()) or number in self.excused,
            f"attempt {attempt} of {number} is sent out twice",
        )
        self.sent[number].add(attempt)

    def on_taken_back(self, worker: Worker, number: int, attempt: int) -> None:
        self.sent[number].discard(attempt)

    def on_ran(self, number: int) -> None:
        must(number not in self.observed, f"{number} was observed and ran to its end again")
        self.ran[number] = self.ran.get(number, 0) + 1
        must(self.ran[number] == 1 or number in self.excused, f"{number} ran to its end twice, and nobody had died")

    def on_traced(self, number: int) -> None:
        row = self.disk.one("SELECT 1 FROM trace WHERE action = ?", number)
        must(row is None or number in self.excused, f"a traced call of {number} that is on disk runs again")

    def on_observed(self, parent: int, key: bytes, n: int, child: int, phase: int, payload: bytes) -> None:
        row = self.disk.one("SELECT phase, outputs FROM action WHERE id = ?", child)
        must(row is not None and row[0] == phase, f"{child} is told to its parent and is not on disk like that")
        if self.is_success(phase):
            must(bytes(row[1]) == payload, f"{child} is told with another value than that on disk")
            before = self.observed.setdefault(child, (phase, payload))
            must(before == (phase, payload), f"{child} is told twice, and differently")
            same = self.observed_calls.setdefault((parent, key, n), child)
            must(same == child, f"a parent saw {same} and now sees {child} for the same call")

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
        row = self.disk.one("SELECT phase FROM run WHERE ended_at IS NOT NULL")
        if row is not None:
            outputs = self.disk.one("SELECT outputs FROM action WHERE id = ?", 1 << 32)
            self.result = (row[0], bytes(outputs[0]))
            return
        request = RunRequest(1, "run", self.digest, b"root", bytes([self.depth]), b"", 0, _OPTIONS)
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
            elif chore[0] == "kill":
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

    def _must_be_on_disk(self, message: tuple[Any, ...]) -> None:
        if message[0] == RESOLVE:
            row = self.disk.one("SELECT phase FROM action WHERE id = ?", message[5])
            must(row is not None and row[0] == message[3], f"the end of {message[5]} is told before it is on disk")
        else:
            row = self.disk.one("SELECT phase FROM run WHERE name = ? AND ended_at IS NOT NULL", message[1])
            must(row is not None and row[0] == message[2], "the end of the run is told before it is on disk")

    # ---- processes --------------------------------------------------------------------------------------------------
    def start_worker(self) -> None:
        """A worker process comes up, or does not."""
        ident, gpus = self.starting.pop(0)
        self.inbox.append((None, LanePlaced(ident, b"p", b"", self.kind == "strict", "process")))
        if self.faults["start"] and self.random.random() < 0.5:
            self.faults["start"] -= 1
            self.inbox.append((None, LaneLost(ident, "exit", "died")))
            return
        worker = self.workers[ident] = Worker(self, ident)
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
            if message[0] == ENDED:
                self.result = (message[2], bytes(message[3]))
        elif worker.link is link:
            worker.hear(message)
            if link.saved > link.told and worker.link is link and self.random.random() < 0.5:
                link.told = link.saved
                link.to_worker.append((ACK, link.saved))

    def _check(self) -> None:
        state, held = self.state, 0.0
        for lane in state.lanes.values():
            busy = sum(not action.is_parked for action in lane.actions.values())
            must(busy == lane.busy and lane.parked == len(lane.actions) - busy, "the accounts of a lane are wrong")
            must(lane.has_slot == (busy > 0), "a slot without work, or work without a slot")
            held += lane.shape.cpu if lane.has_slot and lane.shape is not None else 0
            for action in lane.actions.values():
                must(action.phase == RUNNING and state.live.get(action.id) is action, "a lane has what does not run")
            for ident in lane.gpus:
                must(lane in state.capacity.gpus.holders.get(ident, ()), "a GPU is held by nobody's leave")
        must(abs(held - state.capacity.used_cpu) < 1e-6, "slots leak")
        computing = [ident for worker in self.workers.values() if worker.computes() for ident in worker.gpus]
        must(len(computing) == len(set(computing)), "two workers compute on one GPU")
        for action in state.live.values():
            must(action.phase < FIRST_TERMINAL, "an action that ended is live")
            must(action.phase != RUNNING or action.lane is not None, "an action runs nowhere")

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

    def _ended(self) -> tuple[int, bytes]:
        assert self.result is not None
        row = self.disk.one("SELECT r.phase, a.outputs FROM run r JOIN action a ON a.id = r.id << 32")
        must((row[0], bytes(row[1])) == self.result, "the client has another result than the disk")
        must(self.result == (SUCCEEDED, self.expected), f"the result is {self.result}, not {self.expected!r}")
        for child, (phase, payload) in self.observed.items():
            row = self.disk.one("SELECT phase, outputs FROM action WHERE id = ?", child)
            must((row[0], bytes(row[1])) == (phase, payload), f"{child} was observed and is not like that on disk")
        return self.result

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
