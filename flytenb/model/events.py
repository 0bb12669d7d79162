"""What happened, as the engine's rules hear it: messages of workers and clients, and what the engine itself notices.

The first group is the wire's layout as typed structs (`tags` describes every field; a test holds both together).
Array-like structs: the frame *becomes* the typed event at no cost (docs/performance.md has the numbers).
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

#: A number that the store can hold: nothing larger comes in.
Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
#: Neither infinite nor "not a number", which the store would not take.
Moment = Annotated[float, msgspec.Meta(ge=-1e12, le=1e12)]


class Hello(msgspec.Struct, frozen=True, array_like=True, tag=1):
    protocol: Count
    version: str
    role: str
    ident: str
    pid: Count
    token: str


class Declare(msgspec.Struct, frozen=True, array_like=True, tag=2):
    digest: bytes
    body: bytes


class Submit(msgspec.Struct, frozen=True, array_like=True, tag=3, gc=False):
    parent: Count
    call: Count
    digest: bytes
    key: bytes
    n: Count
    inputs: bytes
    cache_key: bytes = b""
    cache_mode: Count = 0
    group: str = ""


class Finished(msgspec.Struct, frozen=True, array_like=True, tag=4, gc=False):
    action: Count
    attempt: Count
    ok: bool
    payload: bytes
    active_s: Moment


class Log(msgspec.Struct, frozen=True, array_like=True, tag=5, gc=False):
    action: Count
    attempt: Count
    stream: str
    time: Moment
    text: str


class Trace(msgspec.Struct, frozen=True, array_like=True, tag=6, gc=False):
    action: Count
    attempt: Count
    key: bytes
    n: Count
    name: str
    started_at: Moment
    duration_s: Moment
    ok: bool
    inputs: bytes
    outputs: bytes


class Forget(msgspec.Struct, frozen=True, array_like=True, tag=7):
    parent: Count
    call: Count


class RunRequest(msgspec.Struct, frozen=True, array_like=True, tag=8):
    request: Count
    run_name: str
    digest: bytes
    key: bytes
    inputs: bytes
    cache_key: bytes
    cache_mode: Count
    body: bytes
    #: (key, group, value)
    secrets: tuple[tuple[str, str, bytes], ...] = ()

    def __repr__(self) -> str:
        return f"RunRequest({self.run_name!r})"  # never the values


class Query(msgspec.Struct, frozen=True, array_like=True, tag=9):
    request: Count
    method: str
    body: bytes


class Watch(msgspec.Struct, frozen=True, array_like=True, tag=10):
    request: Count
    run_name: str
    is_on: bool


class Report(msgspec.Struct, frozen=True, array_like=True, tag=11):
    action: Count
    attempt: Count
    digest: str


class Returned(msgspec.Struct, frozen=True, array_like=True, tag=12):
    actions: list[Count]


class Started(msgspec.Struct, frozen=True, array_like=True, tag=13):
    action: Count
    attempt: Count
    time: Moment


class Offer(msgspec.Struct, frozen=True, array_like=True, tag=14):
    run_name: str
    #: (key, group, value)
    secrets: tuple[tuple[str, str, bytes], ...]

    def __repr__(self) -> str:
        return f"Offer({self.run_name!r})"  # never the values


class Progress(msgspec.Struct, frozen=True, array_like=True, tag=15, gc=False):
    action: Count
    attempt: Count
    done: float
    total: float
    text: str
    elapsed_s: float


class Hit(msgspec.Struct, frozen=True, array_like=True, tag=16, gc=False):
    parent: Count
    digest: bytes
    key: bytes
    n: Count
    inputs: bytes
    outputs: bytes
    cache_key: bytes
    saved_s: Moment
    group: str = ""


class Resume(msgspec.Struct, frozen=True, array_like=True, tag=17):
    facts: bytes
    #: (action, attempt, state, seconds since it began)
    held: list[tuple[int, int, int, float]]


class Pong(msgspec.Struct, frozen=True, array_like=True, tag=18):
    pass


#: Everything that may arrive in a frame.
WireEvent = (
    Hello
    | Declare
    | Submit
    | Hit
    | Finished
    | Log
    | Trace
    | Forget
    | RunRequest
    | Query
    | Watch
    | Report
    | Returned
    | Started
    | Offer
    | Progress
    | Resume
    | Pong
)


class RunOptions(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a submitter says of a run."""

    origin: dict[str, Any] = {}
    env_vars: dict[str, str] = {}
    custom_context: dict[str, str] = {}
    labels: dict[str, str] = {}
    notes: list[str] = []
    overwrite_cache: bool = False
    disable_cache: bool = False
    #: The project and domain whose cached results alone are used; "" = all.
    cache_scope: str = ""
    mode: str = "remote"
    run_start_time: float = 0.0
    #: Ident of the only worker that may run it ("" = any): local mode.
    pin: str = ""
    #: "RUN/ACTION" that the root is a child of; the run is shown there too, and ends with it when a person stops that.
    parent: str = ""
    #: The run whose results are taken where the call is the same; actions and tasks that run all the same; and
    #: whether what was lost of those results is made again.
    recover_from: str = ""
    #: The action of that run which the root stands for; "" = its root.
    recover_action: str = ""
    force_rerun: list[str] = []
    #: Tasks whose results are taken although their code is another by now; "*" = all.
    trusted: list[str] = []
    is_making_lost: bool = False


# ---- what the engine notices by itself --------------------------------------------------------------------------


class LaneReady(msgspec.Struct, frozen=True):
    """A worker said hello."""

    lane: str
    pid: int
    pin: str = ""


class LaneLost(msgspec.Struct, frozen=True):
    """A worker's link or process is gone.

    `cause` is "exit", "oom", "link", "killed" or "start"; "refused" means that no worker of its kind can be had, so
    that what waits for one fails with `code` and `detail`; "prepared" that its software is there now, for a worker
    that gets GPUs.
    """

    lane: str
    cause: str
    detail: str = ""
    code: str = ""


class LanePlaced(msgspec.Struct, frozen=True):
    """It is settled where a worker runs and with what software: an encoded `Placement` and its digest."""

    lane: str
    digest: bytes
    body: bytes
    #: It is made for one action and ends with it.
    is_single: bool = False
    #: "process" or "docker".
    executor: str = "process"


class PlacementRead(msgspec.Struct, frozen=True):
    """The distributions of a recorded placement are known: its digest, and what stands in its place."""

    before: bytes
    digest: bytes
    body: bytes


class LaneNews(msgspec.Struct, frozen=True):
    """What a worker that is not there yet waits for, in words ("builds image …, step 3 of 7")."""

    lane: str
    words: str


class Loaded(msgspec.Struct, frozen=True):
    """The store's memory of an action that runs again: finished children and traces."""

    action: int
    #: (id, key, n, phase, outputs)
    children: list[tuple[int, bytes, int, int, bytes]]
    #: (key, n, ok, outputs)
    traces: list[tuple[bytes, int, bool, bytes]]
    #: (attempt, why it was not the last one)
    past: list[tuple[int, str]] = []


class Recovered(msgspec.Struct, frozen=True):
    """A run that had not ended when the engine started."""

    run: int
    name: str
    next_index: int
    options: bytes
    root_task: int
    root_key: bytes
    root_inputs: bytes
    root_attempt: int
    accepted_at: float
    cache_key: bytes
    cache_mode: int


class SourceRead(msgspec.Struct, frozen=True):
    """What the store knows of the run that another one recovers, before that one begins."""

    run_name: str
    #: A `rules.recovery.Source`.
    source: Any


class LaneFacts(msgspec.Struct, frozen=True):
    """What the engine must know of a worker to go on with it after a restart; the worker keeps it."""

    placement: int
    executor: str
    is_single: bool
    gpus: tuple[str, ...] = ()


class ReturnedLane(msgspec.Struct, frozen=True):
    """A worker of an engine before this one, and what it holds: (action, attempt, `HELD_…`, seconds since it began)."""

    lane: str
    link: Any
    pid: int
    facts: LaneFacts
    held: list[tuple[int, int, int, float]]


class StoredAction(msgspec.Struct, frozen=True):
    """An action that has not ended, as the store knows it."""

    id: int
    parent: int
    task: int
    key: bytes
    n: int
    inputs: bytes
    group: str
    cache_key: bytes
    accepted_at: float
    #: Number of the last attempt that is over, how many of them were retries, and how many lost their worker.
    attempts: int
    retries: int
    losses: int
    #: (id, key, n, phase, outputs) of its children.
    children: list[tuple[int, bytes, int, int, bytes]]
    #: Time of its last line in the store.
    logged_until: float = 0.0


class Comeback(msgspec.Struct, frozen=True):
    """The engine started, runs had not ended, and workers live on: all of them at once."""

    runs: list[Recovered]
    lanes: list[ReturnedLane]
    #: What the lanes hold and all above it, in order of their ids.
    actions: list[StoredAction]


class LaneCut(msgspec.Struct, frozen=True):
    """A worker's connection closed; its process may live on and make another one."""

    lane: str


class Rejoined(msgspec.Struct, frozen=True):
    """A worker of this engine has a new connection: what it holds, and what the store knows of that."""

    lane: str
    pid: int
    held: list[tuple[int, int, int, float]]
    actions: list[StoredAction]


class AbortRequest(msgspec.Struct, frozen=True):
    """A person stops a run or one action and all below it."""

    action: int
    reason: str
    #: Of an action on disk that a recovered run has not called again yet: `task 'env.f'`.
    what: str = ""


class Signal(msgspec.Struct, frozen=True):
    """Somebody answers a condition."""

    action: int
    #: The answer as its outputs.
    payload: bytes
    who: str
    #: "notebook", "command line", "http", "webhook" or "python".
    origin: str


class AskedBefore(msgspec.Struct, frozen=True):
    """A condition was asked before this engine began."""

    action: int
    accepted_at: float


class ClockJumped(msgspec.Struct, frozen=True):
    """The wall clock was set, or the machine slept: by so many seconds all moments differ from what they were."""

    seconds: float


class Tick(msgspec.Struct, frozen=True):
    """A deadline that the rules asked for may have passed."""
