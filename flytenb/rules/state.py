"""The engine's live memory: what has not ended yet. Owned by the rules and changed only by them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from flytenb.model.declaration import Grant, Launch, ResourceRequest, TaskDeclaration
from flytenb.model.events import Progress, RunOptions
from flytenb.model.phases import QUEUED
from flytenb.model.sizes import size_words
from flytenb.rules.gpus import Gpus
from flytenb.rules.source import Source

#: An action's result as the cache knows it: (action, outputs, duration_s, created_at).
CacheHit = tuple[int, bytes, float, float]
#: What a worker is told of secrets: (key, variable, mount, value).
SecretBundle = tuple[tuple[str, str, str, bytes], ...]
_encode = msgspec.msgpack.Encoder(order="sorted").encode
#: Call number of a child whose parent runs again and has not called it yet.
ORPHAN = -1
#: Times in a row that software is made ready for workers with GPUs before they hold theirs meanwhile.
MAX_PREPARATIONS = 3


class Capacity:
    """What the machine has, and what lanes hold of it now."""

    __slots__ = ("cpu", "gpus", "memory_bytes", "used_cpu", "used_memory_bytes")

    def __init__(self, cpu: float, memory_bytes: int) -> None:
        self.cpu, self.memory_bytes = cpu, memory_bytes
        self.used_cpu, self.used_memory_bytes = 0.0, 0
        self.gpus = Gpus()

    def fits(self, cpu: float, memory_bytes: int) -> bool:
        """Whether this much is free now."""
        return self.used_cpu + cpu <= self.cpu + 1e-9 and self.used_memory_bytes + memory_bytes <= self.memory_bytes

    def room(self, cpu: float, memory_bytes: int) -> int:
        """How many times this much is free now."""
        by_cpu = (self.cpu - self.used_cpu + 1e-9) / cpu if cpu else self.cpu
        by_memory = (self.memory_bytes - self.used_memory_bytes) / memory_bytes if memory_bytes else by_cpu
        return max(0, int(min(by_cpu, by_memory)))

    def take(self, cpu: float, memory_bytes: int) -> None:
        self.used_cpu += cpu
        self.used_memory_bytes += memory_bytes

    def give(self, cpu: float, memory_bytes: int) -> None:
        self.used_cpu -= cpu
        self.used_memory_bytes -= memory_bytes


class Shape:
    """A kind of worker: equal launch and equal resources. Its queue waits for its lanes."""

    __slots__ = (
        "concurrency",
        "cpu",
        "environment",
        "example",
        "failures",
        "family",
        "gpus",
        "hosts",
        "is_per_run",
        "is_plain",
        "is_prepared",
        "is_single",
        "is_trusted",
        "lanes",
        "launch",
        "memory_bytes",
        "preparations",
        "queue",
        "resources",
        "reuse",
        "run_name",
        "secrets",
        "spawning",
        "used_at",
    )

    def __init__(self, launch: Launch, resources: ResourceRequest, capacity: Capacity, environment: str = "") -> None:
        self.launch, self.resources, self.environment = launch, resources, environment
        # More than the machine has can never be admitted: such a task gets the whole machine, and the run says so.
        self.cpu = min(resources.cpu if resources.cpu is not None else 1.0, capacity.cpu)
        self.memory_bytes = min(resources.memory_bytes or 0, capacity.memory_bytes)
        self.gpus = resources.gpu
        #: Whether its software was there the last time: GPUs are held by no worker that waits for an image.
        self.is_prepared = not resources.gpu or launch.image is None
        #: How often it was made ready since a worker got so far as to be placed.
        self.preparations = 0
        #: Serves descendants of this action only, a holder of GPUs that may lend them.
        self.family: Action | None = None
        #: Serves a run that was started in these lanes, which may wait for it and then lend theirs.
        self.hosts: frozenset[str] = frozenset()
        self.queue: deque[Action] = deque()
        self.lanes: dict[str, Lane] = {}
        self.spawning = 0
        #: Workers in a row that ended before they said hello.
        self.failures = 0
        self.reuse, self.secrets = launch.reuse, launch.secrets
        #: Async actions that one lane runs at a time.
        self.concurrency = launch.reuse.concurrency if launch.reuse is not None else 1
        #: A template: every run has workers of its own; `run_name` is theirs.
        self.is_per_run = launch.reuse is not None and launch.reuse.scope == "run"
        self.run_name = ""
        #: Its lanes are made for one action each; for images this is known with the first placement.
        self.is_single = False
        #: Neither a pool nor single: lanes are shared and fed ahead.
        self.is_plain = launch.reuse is None
        self.set_single(launch.isolation == "strict" and launch.reuse is None)
        #: When an action of it began last, and whether the last worker that was started came.
        self.used_at, self.is_trusted = 0.0, True
        #: The task that a worker started ahead gets ready for, and the secrets of its run.
        self.example: tuple[Task, SecretBundle] | None = None

    def set_single(self, is_single: bool) -> None:
        """Whether a lane runs one action and goes."""
        self.is_single = is_single
        self.is_plain = self.reuse is None and not is_single

    def of_run(self, run: Run) -> Shape:
        """The same kind of worker for one run alone."""
        shape = self.copy()
        shape.is_per_run, shape.run_name = False, run.name
        return shape

    def copy(self) -> Shape:
        """The same kind of worker with lanes and a queue of its own."""
        shape = Shape.__new__(Shape)
        for name in self.__slots__:
            setattr(shape, name, getattr(self, name))
        shape.queue, shape.lanes, shape.spawning, shape.failures = deque(), {}, 0, 0
        return shape

    @property
    def keeps_gpus(self) -> bool:
        """Whether making the software ready has not helped: what makes it anew each time must do so with GPUs."""
        return self.preparations >= MAX_PREPARATIONS

    def grant(self, gpus: tuple[str, ...] = (), vendor: str = "nvidia") -> Grant:
        """What one more worker of this kind gets; `vendor` made the GPUs."""
        asked = self.resources
        lacking = []
        if (asked.cpu or 0) > self.cpu:
            lacking.append(f"its task asks for {asked.cpu:g} CPUs and this machine has {self.cpu:g}: it runs with all")
        if (asked.memory_bytes or 0) > self.memory_bytes:
            lacking.append(
                f"its task asks for {size_words(asked.memory_bytes or 0)} of memory and this machine has "
                f"{size_words(self.memory_bytes)}: it runs with all, which may not be enough; ask for less with "
                "Resources(memory=…) or use a larger machine"
            )
        return Grant(
            cpu=self.cpu,
            memory_bytes=asked.memory_bytes or 0,
            shm_bytes=asked.shm_bytes or 0,
            disk_bytes=asked.disk_bytes or 0,
            gpus=gpus,
            gpu_vendor=vendor,
            gpus_later=0 if gpus else self.gpus,
            keeps_gpus=self.keeps_gpus,
            notes=tuple(lacking),
        )


class Task:
    """A declared task and what was learned of its run time."""

    __slots__ = ("body", "declaration", "digest", "id", "is_known", "is_parent", "shape", "slow_s")

    def __init__(self, number: int, digest: bytes, body: bytes, declaration: TaskDeclaration, shape: Shape) -> None:
        self.id, self.digest, self.body, self.declaration, self.shape = number, digest, body, declaration, shape
        #: Decaying maximum of active seconds: what feeding ahead must reckon with.
        self.slow_s = 0.0
        self.is_known = False
        #: Has called children before: may live among parked parents.
        self.is_parent = False


class Run:
    """A run that has not ended."""

    __slots__ = (
        "action_count",
        "avoid",
        "below",
        "bundles",
        "cached_count",
        "created_at",
        "failed_count",
        "families",
        "id",
        "info",
        "is_recovered",
        "name",
        "next_index",
        "offered",
        "options",
        "pools",
        "source",
        "waiters",
    )

    def __init__(self, number: int, name: str, options: RunOptions, info: bytes, created_at: float) -> None:
        self.id, self.name, self.options, self.info, self.created_at = number, name, options, info, created_at
        self.next_index = 0
        self.action_count = self.failed_count = self.cached_count = 0
        #: Links that are told when it ends.
        self.waiters: list[Any] = []
        self.is_recovered = False
        #: The action of another run that its root is a child of; 0 = none.
        self.below = 0
        #: What is known of the run that this one recovers.
        self.source: Source | None = None
        #: Lanes that may be blocked until this run ends, because it was started there.
        self.avoid: frozenset[str] = frozenset()
        #: Workers of this run alone, by the template they were made from.
        self.pools: dict[Shape, Shape] = {}
        #: Workers of the descendants of one holder of GPUs, by what they were made from and that action.
        self.families: dict[tuple[Shape, int], Shape] = {}
        #: Values of secrets from the process that started it, by (key, group); in memory only.
        self.offered: dict[tuple[str, str], bytes] = {}
        #: What its actions' workers are told of secrets, by shape.
        self.bundles: dict[Shape, SecretBundle] = {}

    def shape_of(self, task: Task) -> Shape:
        """The kind of worker that a task needs in this run."""
        shape = task.shape
        if not shape.is_per_run:
            return shape
        own = self.pools.get(shape)
        if own is None:
            own = self.pools[shape] = shape.of_run(self)
        return own


class Action:
    """An action that has not ended."""

    __slots__ = (
        "accepted_at",
        "attempt",
        "cache_key",
        "cache_mode",
        "call",
        "children",
        "ended_at",
        "failure",
        "followers",
        "found",
        "group",
        "had_children",
        "id",
        "inputs",
        "is_adopted",
        "is_parked",
        "is_solo",
        "key",
        "known",
        "lane",
        "losses",
        "n",
        "not_before",
        "orphans",
        "parent",
        "phase",
        "progress",
        "recovery",
        "replay",
        "run",
        "saved_s",
        "shape",
        "started_at",
        "task",
        "tries",
    )

    def __init__(
        self, number: int, run: Run, task: Task, parent: Action | None, call: int, key: bytes, n: int, inputs: bytes
    ) -> None:
        self.id, self.run, self.task, self.parent, self.call = number, run, task, parent, call
        self.key, self.n, self.inputs = key, n, inputs
        self.shape = task.shape if not task.shape.is_per_run else run.shape_of(task)
        self.phase = QUEUED
        #: Number of the attempt that runs or will run; of those, `tries` count against the user's retries.
        self.attempt, self.tries, self.losses = 1, 1, 0
        self.accepted_at = self.started_at = self.ended_at = self.not_before = 0.0
        #: Seconds a cached result once took, and the encoded failure: for those who watch the end.
        self.saved_s, self.failure = 0.0, b""
        self.lane: Lane | None = None
        self.is_parked = False
        #: Its first attempt goes on though the engine is another one: what its calls came to is told as it was.
        self.is_adopted = False
        #: Its worker died under it once: runs alone from then on, so that a killer is found.
        self.is_solo = False
        self.had_children = False
        self.children: dict[int, Action] | None = None
        #: Children of an earlier attempt that still live, by (key, n).
        self.orphans: dict[tuple[bytes, int], Action] | None = None
        #: (key, n) → (id, phase, outputs) of the store, for a parent that runs again.
        self.known: dict[tuple[bytes, int], tuple[int, int, bytes]] | None = None
        self.replay: list[tuple[bytes, int, bool, bytes]] | None = None
        self.cache_key, self.cache_mode = b"", 0
        self.group = ""
        #: In a run that recovers another: the action there that it stands for (0 = none), in words, and why it runs.
        self.recovery: tuple[int, str, str] | None = None
        #: What its body said last of how far it is, and when.
        self.progress: tuple[Progress, float] | None = None
        #: Equal cached calls that wait for this one.
        self.followers: list[Action] | None = None
        #: Its result, for equal calls that come before that is on disk.
        self.found: CacheHit | None = None


class Answer(NamedTuple):
    """What somebody said to a question."""

    #: "" and "time-out" when nobody did.
    who: str
    origin: str
    at: float
    payload: bytes


class Question(Action):
    """An action that is a condition: it waits for a person, no worker runs it."""

    __slots__ = ("answer",)

    answer: Answer | None


class Lane:
    """One worker process with one loop. The slot belongs to it, not to an action."""

    __slots__ = (
        "actions",
        "busy",
        "defined",
        "executor",
        "gpus",
        "has_slot",
        "id",
        "idle_since",
        "informed",
        "is_closing",
        "is_cut",
        "is_recalled",
        "is_single",
        "is_used",
        "keeps_gpus",
        "link",
        "news",
        "parked",
        "pid",
        "pin",
        "placement",
        "progress_at",
        "secrets",
        "shape",
        "zombies",
    )

    def __init__(self, name: str, shape: Shape | None, link: Any = None, pin: str = "") -> None:
        self.id, self.shape, self.link, self.pin = name, shape, link, pin
        self.pid = 0
        #: Number of its `Placement`, 0 until that is settled; before, what it waits for in words.
        self.placement, self.news = 0, ""
        #: Ids of the GPUs that its process has.
        self.gpus: tuple[str, ...] = ()
        #: Also while its software is made.
        self.keeps_gpus = shape is not None and shape.keeps_gpus
        #: "process" or "docker", once that is settled.
        self.executor = "process"
        #: Made for one action; `is_used` when it had it.
        self.is_single, self.is_used = shape is not None and shape.is_single, False
        #: The secrets that it was told.
        self.secrets: SecretBundle = ()
        #: All that was sent to it and not ended; `busy` of them are not parked.
        self.actions: dict[int, Action] = {}
        self.busy = self.parked = 0
        self.has_slot = self.is_closing = self.is_recalled = False
        #: Its connection broke a moment ago: nothing reaches it.
        self.is_cut = False
        #: Ended by us (abort, time-out) but perhaps still running there: action → when to kill.
        self.zombies: dict[int, float] = {}
        self.defined: set[int] = set()
        self.informed: set[int] = set()
        self.idle_since = self.progress_at = 0.0

    @property
    def is_ready(self) -> bool:
        """Whether it said hello and may take work."""
        return self.link is not None and not self.is_closing and not self.is_cut


class State:
    """Everything the rules know."""

    def __init__(self, capacity: Capacity, find_cached: Callable[[bytes], CacheHit | None]) -> None:
        self.capacity = capacity
        #: Reads the store: a pure look-up by key.
        self.find_cached = find_cached
        self.shapes: dict[bytes, Shape] = {}
        self.waiting: dict[int, Shape] = {}
        self.tasks: dict[bytes, Task] = {}
        self.tasks_by_id: dict[int, Task] = {}
        self.runs: dict[str, Run] = {}
        self.live: dict[int, Action] = {}
        self.lanes: dict[str, Lane] = {}
        #: Cached calls that run now: the first one runs, equals follow it.
        self.in_flight: dict[bytes, Action] = {}
        #: Actions between attempts, and their moment.
        self.delayed: list[Action] = []
        #: (moment, action id, attempt, kind) of running time-outs, a heap.
        self.deadlines: list[tuple[float, int, int, str]] = []
        #: Numbers of placements by digest.
        self.placements: dict[bytes, int] = {}
        self.next_task = self.next_run = self.next_lane = 1
        #: What its workers are called begins with this: no two of those that live on have one name.
        self.lane_prefix = "w"
        #: Runs whose changes somebody watches: run id → {action id: Action}.
        self.watched: dict[int, dict[int, Action]] = {}
        #: Shortest idle time after which a worker of no use is let go.
        self.idle_worker_s = 60.0
        #: Pools and single shapes whose workers are looked after, by id.
        self.kept: dict[int, Shape] = {}
        #: Actions of recovered runs that wait for the value of a secret.
        self.unprovided: dict[int, Action] = {}
        #: What is known of runs that are to be recovered, by the names of those that do.
        self.sources: dict[str, Source] = {}
        #: Outputs of a stored action, and whether all that they name is there; None = no such action.
        self.find_outputs: Callable[[int], tuple[bytes, bool] | None] = lambda number: None
        #: Questions that wait for their answers.
        self.paused: dict[int, Question] = {}
        #: Questions of recovered runs that were not asked again yet, and when they were asked first.
        self.unasked: dict[int, float] = {}
        #: Other actions of recovered runs that were not called again yet, and when they were called first.
        self.uncalled: dict[int, float] = {}
        #: Ends that a person gave to actions which a recovered run has not called again yet: (phase, payload).
        self.early: dict[int, tuple[int, bytes]] = {}
        #: Values of secrets by key and group in the home's own store, and of the engine's variables by name.
        self.find_secret: Callable[[str, str], bytes | None] = lambda key, group: None
        self.find_variable: Callable[[str], bytes | None] = lambda name: None

    def shapes_in_use(self) -> list[Shape]:
        """Those that have workers."""
        return list({id(lane.shape): lane.shape for lane in self.lanes.values() if lane.shape is not None}.values())

    def shape_of(self, declaration: TaskDeclaration) -> Shape:
        """The kind of worker that a task needs."""
        launch, resources = declaration.launch, declaration.resources
        # A pool is one environment's; other workers serve all that need the same.
        environment = declaration.environment if launch.reuse is not None else ""
        key = _encode((launch, resources, environment))
        shape = self.shapes.get(key)
        if shape is None:
            shape = self.shapes[key] = Shape(launch, resources, self.capacity, declaration.environment)
        return shape
