"""One action while this process has it: its definition, its calls, its clock."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from functools import partial
from itertools import count
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

from flytenb.model import Launch, TaskDeclaration
from flytenb.worker.keys import code_identity

if TYPE_CHECKING:
    import asyncio

    from flytenb.worker.advance import Advance
    from flytenb.worker.logs import AttemptLog

UserValue = Any

#: C all through, so that two threads of an action cannot number two calls alike.
_COUNT_FROM_ONE = partial(count, 1)


class Interface(Protocol):
    """The part of `codec.Interface` that a worker uses."""

    def bind(self, args: tuple[UserValue, ...], kwargs: dict[str, UserValue]) -> tuple[UserValue, ...]: ...
    def encode_inputs(self, values: tuple[UserValue, ...], objects: Any) -> bytes: ...
    def digest_inputs(self, payload: bytes, ignored: Any = ()) -> bytes: ...
    def decode_inputs(self, payload: bytes, objects: Any) -> list[UserValue]: ...
    def encode_outputs(self, value: UserValue, objects: Any) -> bytes: ...
    def decode_outputs(self, payload: bytes, objects: Any) -> UserValue: ...


class Body:
    """A task's function and interface, ready to run.

    Args:
        func: what is called with the inputs.
        interface: encodes and decodes its values.
        keywords: names of the trailing keyword-only parameters.
        enter: called in the action's context before its inputs are decoded.
    """

    __slots__ = ("enter", "func", "interface", "keywords")

    def __init__(
        self,
        func: Callable[..., UserValue],
        interface: Interface,
        keywords: tuple[str, ...] = (),
        enter: Callable[[], None] | None = None,
    ) -> None:
        self.func, self.interface, self.keywords, self.enter = func, interface, keywords, enter

    def call(self, values: list[UserValue]) -> UserValue:
        """Call the function with values in parameter order."""
        if not self.keywords:
            return self.func(*values)
        split = len(values) - len(self.keywords)
        return self.func(*values[:split], **dict(zip(self.keywords, values[split:], strict=True)))


class Target:
    """A child task as one definition's bodies call it."""

    __slots__ = ("body", "cache_mode", "code_identity", "digest", "ignored", "interface", "max_age_s", "name", "task")

    def __init__(self, task: Any, declaration: TaskDeclaration, digest: bytes, body: bytes) -> None:
        #: Keeps the task alive, so that its id stays its own.
        self.task = task
        self.name, self.code_identity = declaration.name, code_identity(declaration)
        self.digest, self.body = digest, body
        self.interface: Interface = task.interface
        self.cache_mode = 0
        self.ignored: tuple[str, ...] = ()
        self.max_age_s = 0.0


class Definition:
    """A task that the engine may ask this process to execute."""

    __slots__ = ("body", "declaration", "is_sync", "mean_s", "targets")

    def __init__(self, declaration: TaskDeclaration) -> None:
        self.declaration = declaration
        self.is_sync = not declaration.is_async
        self.body: Body | None = None
        #: Moving mean of active seconds; a task not seen yet counts as long.
        self.mean_s = 1.0
        self.targets: dict[int, Target] = {}

    @property
    def launch(self) -> Launch:
        return self.declaration.launch


class Action:
    """An action that was sent to this process and has not ended. `attempt` tells it from earlier tries."""

    __slots__ = (
        "active_s",
        "advance",
        "arrived_at",
        "attempt",
        "calls",
        "cancel_reason",
        "definition",
        "id",
        "inputs",
        "is_announced",
        "is_running",
        "log",
        "next_call",
        "numbers",
        "outstanding",
        "replay",
        "resumed_at",
        "started_at",
        "task",
        "thread",
        "trace_numbers",
    )

    def __init__(self, id_: int, attempt: int, definition: Definition, inputs: bytes, arrived_at: float) -> None:
        self.id, self.attempt, self.definition, self.inputs = id_, attempt, definition, inputs
        self.arrived_at = arrived_at
        self.is_running = False
        self.is_announced = False
        #: perf_counter() of the start and of the last time it stopped waiting for children.
        self.started_at = self.resumed_at = 0.0
        self.active_s = 0.0
        self.outstanding = 0
        self.calls: dict[int, Any] = {}
        self.next_call: Any = None
        self.numbers: Any = None
        self.trace_numbers: Any = None
        self.replay: dict[tuple[bytes, int], tuple[bool, bytes]] | None = None
        self.cancel_reason: str | None = None
        self.task: asyncio.Task[None] | None = None
        self.thread: Any = None
        self.log: AttemptLog | None = None
        self.advance: Advance | None = None

    def begin(self) -> None:
        """The clock starts."""
        self.is_running = True
        self.started_at = self.resumed_at = perf_counter()

    def call_number(self) -> int:
        """A number for the next call; safe in any thread (one C call under the GIL)."""
        if self.next_call is None:
            self.next_call = count(1)
        return int(next(self.next_call))

    def number_of(self, key: bytes) -> int:
        """How many calls with this key there were, this one included."""
        if self.numbers is None:
            self.numbers = defaultdict(_COUNT_FROM_ONE)
        return int(next(self.numbers[key]))

    def trace_number_of(self, key: bytes) -> int:
        """The same for traced calls."""
        if self.trace_numbers is None:
            self.trace_numbers = defaultdict(_COUNT_FROM_ONE)
        return int(next(self.trace_numbers[key]))
