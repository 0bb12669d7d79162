"""The engine's live memory: what has not ended yet. Owned by the rules and changed only by them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from flytenb.model.declaration import Grant, Launch, ResourceRequest, TaskDeclaration
from flytenb.model.events import RunOptions
from flytenb.model.phases import QUEUED

#: An action's result as the cache knows it: (action, outputs, duration_s).
CacheHit = tuple[int, bytes, float]
_encode = msgspec.msgpack.Encoder(order="sorted").encode
#: Call number of a child whose parent runs again and has not called it yet.
ORPHAN = -1


class Capacity:
    """What the machine has, and what lanes hold of it now."""

    __slots__ = ("cpu", "memory_bytes", "used_cpu", "used_memory_bytes")

    def __init__(self, cpu: float, memory_bytes: int) -> None:
        self.cpu, self.memory_bytes = cpu, memory_bytes
        self.used_cpu, self.used_memory_bytes = 0.0, 0

    def fits(self, cpu: float, memory_bytes: int) -> bool:
        """Whether this much is free now."""
        return self.used_cpu + cpu <= self.cpu + 1e-9 and self.used_memory_bytes + memory_bytes <= self.memory_bytes

    def take(self, cpu: float, memory_bytes: int) -> None:
        self.used_cpu += cpu
        self.used_memory_bytes += memory_bytes

    def give(self, cpu: float, memory_bytes: int) -> None:
        self.used_cpu -= cpu
        self.used_memory_bytes -= memory_bytes


class Shape:
    """A kind of worker: equal launch and equal resources. Its queue waits for its lanes."""

    __slots__ = ("cpu", "failures", "lanes", "launch", "memory_bytes", "queue", "resources", "spawning")

    def __init__(self, launch: Launch, resources: ResourceRequest, capacity: Capacity) -> None:
        self.launch, self.resources = launch, resources
        # More than the machine has can never be admitted: such a task gets the whole machine, and the run says so.
        self.cpu = min(resources.cpu if resources.cpu is not None else 1.0, capacity.cpu)
        self.memory_bytes = min(resources.memory_bytes or 0, capacity.memory_bytes)
        self.queue: deque[Action] = deque()
        self.lanes: dict[str, Lane] = {}
        self.spawning = 0
        #: Workers in a row that ended before they said hello.
        self.failures = 0

    def grant(self) -> Grant:
        """What one more worker of this kind gets."""
        asked = self.resources
        return Grant(
            cpu=self.cpu,
            memory_bytes=asked.memory_bytes or 0,
            shm_bytes=asked.shm_bytes or 0,
            disk_bytes=asked.disk_bytes or 0,
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
        "cached_count",
        "created_at",
        "failed_count",
        "id",
        "info",
        "is_recovered",
        "name",
        "next_index",
        "options",
        "waiters",
    )

    def __init__(self, number: int, name: str, options: RunOptions, info: bytes, created_at: float) -> None:
        self.id, self.name, self.options, self.info, self.created_at = number, name, options, info, created_at
        self.next_index = 0
        self.action_count = self.failed_count = self.cached_count = 0
        #: Links that are told when it ends.
        self.waiters: list[Any] = []
        self.is_recovered = False


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
        "group",
        "had_children",
        "id",
        "inputs",
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
        "replay",
        "run",
        "saved_s",
        "started_at",
        "task",
        "tries",
    )

    def __init__(
        self, number: int, run: Run, task: Task, parent: Action | None, call: int, key: bytes, n: int, inputs: bytes
    ) -> None:
        self.id, self.run, self.task, self.parent, self.call = number, run, task, parent, call
        self.key, self.n, self.inputs = key, n, inputs
        self.phase = QUEUED
        #: Number of the attempt that runs or will run; of those, `tries` count against the user's retries.
        self.attempt, self.tries, self.losses = 1, 1, 0
        self.accepted_at = self.started_at = self.ended_at = self.not_before = 0.0
        #: Seconds a cached result once took, and the encoded failure: for those who watch the end.
        self.saved_s, self.failure = 0.0, b""
        self.lane: Lane | None = None
        self.is_parked = False
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
        #: Equal cached calls that wait for this one.
        self.followers: list[Action] | None = None


class Lane:
    """One worker process with one loop. The slot belongs to it, not to an action."""

    __slots__ = (
        "actions",
        "busy",
        "defined",
        "has_slot",
        "id",
        "idle_since",
        "informed",
        "is_closing",
        "is_recalled",
        "link",
        "news",
        "parked",
        "pid",
        "pin",
        "placement",
        "progress_at",
        "shape",
        "zombies",
    )

    def __init__(self, name: str, shape: Shape | None, link: Any = None, pin: str = "") -> None:
        self.id, self.shape, self.link, self.pin = name, shape, link, pin
        self.pid = 0
        #: Number of its `Placement`, 0 until that is settled; before, what it waits for in words.
        self.placement, self.news = 0, ""
        #: All that was sent to it and not ended; `busy` of them are not parked.
        self.actions: dict[int, Action] = {}
        self.busy = self.parked = 0
        self.has_slot = self.is_closing = self.is_recalled = False
        #: Ended by us (abort, time-out) but perhaps still running there: action → when to kill.
        self.zombies: dict[int, float] = {}
        self.defined: set[int] = set()
        self.informed: set[int] = set()
        self.idle_since = self.progress_at = 0.0

    @property
    def is_ready(self) -> bool:
        """Whether it said hello and may take work."""
        return self.link is not None and not self.is_closing


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
        #: Runs whose changes somebody watches: run id → {action id: Action}.
        self.watched: dict[int, dict[int, Action]] = {}
        #: Shortest idle time after which a worker of no use is let go.
        self.idle_worker_s = 60.0

    def shape_of(self, declaration: TaskDeclaration) -> Shape:
        """The kind of worker that a task needs."""
        launch, resources = declaration.launch, declaration.resources
        key = _encode((launch, resources))
        shape = self.shapes.get(key)
        if shape is None:
            shape = self.shapes[key] = Shape(launch, resources, self.capacity)
        return shape
