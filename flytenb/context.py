"""Which action am I in, and which port takes my calls.

`sdk` reaches an engine only through the port found here: a worker installs its own around a task's body, the client's
local mode its own. So a task call is the same code everywhere.
"""

from __future__ import annotations

from collections.abc import Awaitable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Protocol


class Port(Protocol):
    """Takes the calls that a task's body makes. One per process; the action travels in the context."""

    def call(self, task: Any, args: tuple[Any, ...], kwargs: dict[str, Any], group: str) -> Awaitable[Any]:
        """Submit a child at once; the awaitable is also a coroutine for `asyncio.create_task`."""

    def call_blocking(self, task: Any, args: tuple[Any, ...], kwargs: dict[str, Any], group: str) -> Any:
        """Submit a child and block this thread (never the loop's) until it ended."""

    def trace(self, name: str, key: bytes, inputs: bytes) -> tuple[int, tuple[bool, bytes] | None]:
        """Number of this traced call among equals, and its recorded (ok, outputs) from an earlier attempt."""

    def traced(
        self,
        name: str,
        key: bytes,
        n: int,
        started_at: float,
        duration_s: float,
        ok: bool,
        inputs: bytes,
        outputs: bytes,
    ) -> None:
        """Record a traced call that ended."""

    def ask(self, spec: Any, group: str) -> Any:
        """Submit a condition; what comes back has `result()` for threads and `later()` for loops."""

    def log(self, stream: str, text: str) -> None:
        """Write into the action's log, and nowhere else."""

    def report(self, html: str) -> None:
        """Publish the action's whole report page."""

    def progress(self, done: float, total: float, text: str, elapsed_s: float) -> None:
        """Tell how far the body is; what comes too fast is told a moment later, the last state always."""

    def contain(self, task: Any, values: dict[str, Any]) -> Awaitable[Any]:
        """Run the container of a `ContainerTask` to its end; its outputs."""


@dataclass(slots=True)
class ActionContext:
    """The action whose body runs here. Copied into threads and tasks by contextvars."""

    action: int
    attempt: int
    run_name: str
    name: str
    task_name: str
    port: Port
    #: What `flyte.ctx()` shows and the body may change.
    data: dict[str, Any] = field(default_factory=dict)
    custom_context: dict[str, str] = field(default_factory=dict)
    group: str = ""
    #: True inside a traced function: tasks must not be called there.
    is_in_trace: bool = False
    mode: str = "remote"
    raw_data_path: str = ""
    run_start_time: float = 0.0
    #: The report of this action, made on first use by `sdk.report`.
    report: Any = None
    #: What it leaves for its next attempt, made on first use by `sdk.ctx`.
    checkpoint: Any = None


current_action: ContextVar[ActionContext | None] = ContextVar("flytenb_action", default=None)
#: The script or module that a worker imports at this moment, "" for none: its top level must not start runs.
loading: ContextVar[str] = ContextVar("flytenb_loading", default="")
