"""A whole engine without processes: seeded scheduler of messages, commits, crashes of workers and of the engine.

The user's program is a tree: an action of depth d calls `width` children of depth d-1 and returns the sum of what they
returned; a leaf returns 1 (or fails its first attempt). Whatever dies, the root must return the number of leaves, no
finished action may run to its end twice, and nothing may be told before it is on disk.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

from flytenb.model.declaration import Launch, Reuse, TaskDeclaration, encode_declaration
from flytenb.model.events import (
    Declare,
    Finished,
    LaneLost,
    LaneNews,
    LanePlaced,
    LaneReady,
    Loaded,
    Recovered,
    Returned,
    RunOptions,
    RunRequest,
    Submit,
    Tick,
)
from flytenb.model.outcome import Failure, encode_failure
from flytenb.model.phases import FIRST_TERMINAL, RUNNING, SUCCEEDED
from flytenb.model.tags import CANCEL, ENDED, EXECUTE, RECALL, RESOLVE, SHUTDOWN
from flytenb.rules import Capacity, Out, State, step
from flytenb.rules.state import Task

encode_options = msgspec.msgpack.encode


@dataclass
class Link:
    """A worker (or the client) as the engine sees it."""

    world: World
    ident: str
    lane: Any = None
    alive: bool = True
    bodies: dict[int, dict[str, Any]] = field(default_factory=dict)

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


@dataclass
class Disk:
    tasks: list[tuple] = field(default_factory=list)
    runs: dict[int, tuple] = field(default_factory=dict)
    ended_runs: dict[int, int] = field(default_factory=dict)
    actions: dict[int, dict[str, Any]] = field(default_factory=dict)
    cache: dict[bytes, tuple] = field(default_factory=dict)


class World:
    def __init__(
        self,
        seed: int,
        *,
        width: int = 3,
        depth: int = 2,
        cpus: int = 2,
        fail_leaves: float = 0.0,
        retries: int = 0,
        worker_deaths: int = 0,
        engine_deaths: int = 0,
        cached: bool = False,
        isolation: str = "shared",
        reuse: Reuse | None = None,
        is_container: bool = False,
        start_deaths: int = 0,
        refusals: int = 0,
        slow_starts: bool = False,
    ) -> None:
        self.random = random.Random(seed)
        self.width, self.depth, self.cpus = width, depth, cpus
        self.fail_leaves, self.worker_deaths, self.engine_deaths = fail_leaves, worker_deaths, engine_deaths
        self.cached = cached
        #: Workers that end before hello, that the executor refuses to make, and that it takes its time to make.
        self.start_deaths, self.refusals, self.slow_starts = start_deaths, refusals, slow_starts
        self.is_container = is_container
        self.reuse = reuse
        self.is_single = isolation == "strict" or (is_container and reuse is None)
        #: Worker → how many actions it was given.
        self.counts: dict[str, int] = {}
        self.name = "run"
        self.always_dies = False
        self.most_spares = 0
        self.now = 1000.0
        self.disk = Disk()
        self.finished_bodies: dict[int, int] = {}
        self.result: tuple[int, bytes] | None = None
        declaration = TaskDeclaration(
            name="env.node",
            short_name="node",
            environment="env",
            program="p",
            entry="node",
            launch=Launch(python="python", cwd="/", isolation=isolation, reuse=reuse),
            retries=retries,
        )
        self.digest, self.body = encode_declaration(declaration)
        self.failed_once: set[bytes] = set()
        self.boot()

    # ---- engine ----
    def boot(self) -> None:
        self.state = State(Capacity(self.cpus, 1 << 34), self.disk.cache.get)
        self.links: dict[str, Link] = {}
        self.client = Link(self, "client")
        self.inbox: list[tuple[Any, Any]] = []
        self.uncommitted: list[Out] = []
        self.mail: list[tuple[Link, tuple]] = []
        for number, digest, body in self.disk.tasks:
            from flytenb.model.declaration import decode_declaration

            declaration = decode_declaration(body)
            task = Task(number, digest, body, declaration, self.state.shape_of(declaration))
            self.state.tasks[digest] = self.state.tasks_by_id[number] = task
            self.state.next_task = number + 1
        self.state.next_run = max(self.disk.runs, default=0) + 1
        for number, (name, _, options) in self.disk.runs.items():
            if number in self.disk.ended_runs:
                continue
            root = self.disk.actions[number << 32]
            last = max(a for a in self.disk.actions if a >> 32 == number) & 0xFFFFFFFF
            self.inbox.append(
                (
                    None,
                    Recovered(
                        number, name, last + 1, options, root["task"], root["key"], root["inputs"], 1, self.now, b"", 0
                    ),
                )
            )

    def again(self) -> None:
        """Another run of the same program."""
        self.name, self.result = "another", None

    def settle(self) -> None:
        """Until nothing is on its way."""
        while self.inbox or self.mail or self.uncommitted:
            if self.inbox:
                self.turn()
            if self.uncommitted:
                self.commit()
            while self.mail:
                self.deliver()

    def wait(self, seconds: float) -> None:
        """Time passes, and nothing else happens."""
        self.now += seconds
        self.inbox.append((None, Tick()))
        self.settle()

    def submit(self) -> None:
        """The client asks for the run (again after every engine death: idempotent)."""
        ended = self.disk.ended_runs.get(1) if self.name == "run" else None
        if ended is not None:
            self.result = (ended, self.disk.actions[1 << 32]["outputs"])
            return
        self.inbox.append((self.client, Declare(self.digest, self.body)))
        self.inbox.append(
            (
                self.client,
                RunRequest(
                    1, self.name, self.digest, b"root", bytes([self.depth]), b"", 0, encode_options(RunOptions())
                ),
            )
        )

    def turn(self) -> None:
        events, self.inbox = self.inbox, []
        out = step(self.state, events, self.now)
        self.mail += out.before
        for chore in out.chores:
            if chore[0] == "spawn":
                self.inbox_later_ready(chore[1])
            elif chore[0] in ("kill", "end"):
                self.kill_worker(chore[1], "killed")
        self.uncommitted.append(out)
        self.check()

    def inbox_later_ready(self, lane: str) -> None:
        link = self.links[lane] = Link(self, lane)
        self.mail.append((link, ("making",)))

    def commit(self) -> None:
        batch, self.uncommitted = self.uncommitted, []
        disk = self.disk
        for out in batch:
            disk.tasks += out.tasks
            for number, name, task, options, _ in out.runs:
                disk.runs[number] = (name, task, options)
            for number, parent, task, key, n, inputs, *_ in out.accepted:
                assert number not in disk.actions
                disk.actions[number] = {
                    "parent": parent,
                    "task": task,
                    "key": key,
                    "n": n,
                    "inputs": inputs,
                    "phase": 0,
                    "outputs": b"",
                }
            for phase, outputs, *_, number in out.ended:
                assert disk.actions[number]["phase"] < FIRST_TERMINAL, "ended twice"
                disk.actions[number].update(phase=phase, outputs=bytes(outputs))
            for key, action, outputs, duration, created_at in out.cached:
                disk.cache[key] = (action, outputs, duration, created_at)
            for phase, *_, number in out.run_ends:
                disk.ended_runs[number] = phase
        for out in batch:
            self.mail += out.after
            for chore in out.chores:
                if chore[0] == "load":
                    children = [
                        (number, row["key"], row["n"], row["phase"], row["outputs"])
                        for number, row in disk.actions.items()
                        if row["parent"] == chore[1] and number & 0xFFFFFFFF
                    ]
                    self.inbox.append((None, Loaded(chore[1], children, [])))
                elif chore[0] == "release" and self.state.in_flight.get(chore[1]) is chore[2]:
                    del self.state.in_flight[chore[1]]

    # ---- workers ----
    def deliver(self) -> None:
        link, message = self.mail.pop(0)
        if not link.alive:
            return
        if link is self.client:
            if message[0] == ENDED:
                number = next(number for number, run in self.disk.runs.items() if run[0] == message[1])
                assert self.disk.ended_runs.get(number) == message[2], "told before it was on disk"
                self.result = (message[2], message[3])
            return
        if message[0] == "making":
            self.make_worker(link)
        elif message[0] == "hello":
            self.inbox.append((link, LaneReady(link.ident, 1)))
        elif message[0] == EXECUTE:
            self.counts[link.ident] = self.counts.get(link.ident, 0) + 1
            link.bodies[message[1]] = {"attempt": message[2], "depth": message[4][0], "called": False, "got": []}
        elif message[0] == RESOLVE:
            _, parent, _, phase, payload, child = message
            body = link.bodies.get(parent)
            if phase == SUCCEEDED:
                row = self.disk.actions[child]
                assert row["phase"] == SUCCEEDED, "told before it was on disk"
            if body is not None:
                body["got"].append((phase, payload))
        elif message[0] == CANCEL:
            if link.bodies.pop(message[1], None) is not None:
                failure = encode_failure(Failure(code="Aborted", message="stopped"))
                self.inbox.append((link, Finished(message[1], message[2], False, failure, 0.001)))
        elif message[0] == RECALL:
            waiting = [n for n, body in link.bodies.items() if not body["called"]][-message[1] :]
            waiting = [n for n in waiting if self.random.random() < 0.7]
            for number in waiting:
                del link.bodies[number]
            self.inbox.append((link, Returned(waiting)))
        elif message[0] == SHUTDOWN:
            self.kill_worker(link.ident)

    def make_worker(self, link: Link) -> None:
        """What an executor does before a worker says hello."""
        if self.slow_starts and self.random.random() < 0.7:
            self.inbox.append((None, LaneNews(link.ident, "builds its image")))
            self.mail.append((link, ("making",)))
        elif self.refusals and self.random.random() < 0.5:
            self.refusals -= 1
            self.links.pop(link.ident).alive = False
            self.inbox.append((None, LaneLost(link.ident, "refused", "no image", "ImageBuildError")))
        else:
            executor = "docker" if self.is_container else "process"
            self.inbox.append((None, LanePlaced(link.ident, b"p", b"", self.is_single, executor)))
            if self.start_deaths and (self.always_dies or self.random.random() < 0.5):
                self.start_deaths -= 1
                self.kill_worker(link.ident)
            else:
                self.mail.append((link, ("hello",)))

    def run_body(self) -> None:
        ready = [
            (link, number)
            for link in self.links.values()
            if link.alive
            for number, body in link.bodies.items()
            if not body["called"] or len(body["got"]) == self.width
        ]
        if not ready:
            return
        link, number = self.random.choice(ready)
        body = link.bodies[number]
        if body["depth"] and not body["called"]:
            body["called"] = True
            for call in range(self.width):
                key = bytes([body["depth"], call])
                cache_key, mode = (bytes([body["depth"]]), 1) if self.cached else (b"", 0)
                self.inbox.append(
                    (link, Submit(number, call, self.digest, key, 1, bytes([body["depth"] - 1]), cache_key, mode, ""))
                )
            return
        del link.bodies[number]
        ok, payload = True, b"1"
        if body["depth"]:
            bad = [got for phase, got in body["got"] if phase != SUCCEEDED]
            ok, payload = (False, bad[0]) if bad else (True, str(sum(int(got) for _, got in body["got"])).encode())
        elif self.random.random() < self.fail_leaves:
            ok, payload = False, encode_failure(Failure(code="ValueError", message="bad leaf"))
        if ok:
            row = self.disk.actions.get(number)
            assert row is None or row["phase"] != SUCCEEDED, "a finished action ran to its end again"
        self.inbox.append(
            (link, Finished(number, body["attempt"], ok, payload, self.random.choice([0.0001, 0.002, 0.05])))
        )

    def kill_worker(self, lane: str, cause: str = "exit") -> None:
        link = self.links.pop(lane, None)
        if link is not None:
            link.alive = False
            link.bodies.clear()
        self.inbox.append((None, LaneLost(lane, cause, "killed")))

    def kill_engine(self) -> None:
        for link in [*self.links.values(), self.client]:
            link.alive = False
        self.boot()
        self.submit()

    # ---- the run ----
    def check(self) -> None:
        state = self.state
        held = 0.0
        for lane in state.lanes.values():
            busy = sum(not action.is_parked for action in lane.actions.values())
            assert busy == lane.busy, "busy count"
            assert lane.parked == len(lane.actions) - busy, "parked count"
            assert lane.has_slot == (lane.busy > 0), "a slot without work, or work without a slot"
            held += lane.shape.cpu if lane.has_slot and lane.shape is not None else 0
            for action in lane.actions.values():
                assert action.phase == RUNNING
                assert not (action.is_parked and lane.has_slot and busy == 0), "a waiting action holds a slot"
                if self.reuse is None:
                    assert action.parent is None or action.parent.lane is not lane, "a child in its parent's process"
            if self.is_single:
                assert len(lane.actions) <= 1, "two actions in a worker that is made for one"
            elif self.reuse is None:
                continue
            elif lane.busy > self.reuse.concurrency:
                assert all(a.task.is_known for a in lane.actions.values()), "over its concurrency"
        if self.reuse is not None:
            replicas = Counter(id(lane.shape) for lane in state.lanes.values() if not lane.is_closing)
            most = max(replicas.values(), default=0)
            assert most <= self.reuse.max_replicas, "more replicas than it may have"
        spares = sum(lane.is_ready and not lane.is_used for lane in state.lanes.values() if lane.is_single)
        self.most_spares = max(self.most_spares, spares)
        assert abs(held - state.capacity.used_cpu) < 1e-6, "slots leak"
        for action in state.live.values():
            assert action.phase < FIRST_TERMINAL

    def run(self, limit: int = 20_000) -> tuple[int, bytes]:
        self.submit()
        for _ in range(limit):
            self.now += self.random.choice([0.0001, 0.001, 0.01])
            moves = [self.run_body]
            if self.inbox:
                moves += [self.turn] * 3
            if self.uncommitted:
                moves += [self.commit] * 2
            if self.mail:
                moves += [self.deliver] * 4
            self.random.choice(moves)()
            if self.random.random() < 0.01:
                self.inbox.append((None, Tick()))
            if self.worker_deaths and self.links and self.random.random() < 0.01:
                self.worker_deaths -= 1
                self.kill_worker(self.random.choice(list(self.links)))
            if self.engine_deaths and self.random.random() < 0.01:
                self.engine_deaths -= 1
                self.kill_engine()
            if self.result is not None:
                return self.result
        raise AssertionError(f"hangs: live {[(a.id, a.phase, a.is_parked) for a in self.state.live.values()]}")
