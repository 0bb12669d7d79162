"""A run as it is read: what views, the command line and the HTTP API show. Times are seconds since the epoch, UTC."""

from __future__ import annotations

from typing import Any

import msgspec

from flytenb.model.outcome import Failure
from flytenb.model.phases import ActionPhase


class ActionRow(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One action. `inputs` and `outputs` are encoded values; only `codec.preview` may look into them."""

    id: int
    name: str
    parent: str = ""
    task: str
    short_name: str
    phase: str
    group: str = ""
    attempt: int = 1
    is_cached: bool = False
    #: Seconds the cached result once took.
    saved_s: float = 0.0
    accepted_at: float = 0.0
    started_at: float = 0.0
    ended_at: float = 0.0
    inputs: bytes = b""
    outputs: bytes = b""
    failure: Failure | None = None
    #: Why it waits, in words.
    reason: str = ""
    has_report: bool = False
    source: str = ""

    @property
    def is_terminal(self) -> bool:
        """Whether the action has ended."""
        return ActionPhase(self.phase).is_terminal


class TraceRow(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A traced call inside an action."""

    action: str
    name: str
    n: int = 1
    started_at: float
    duration_s: float
    ok: bool
    inputs: bytes = b""
    outputs: bytes = b""


class RunRow(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One run without its actions."""

    name: str
    task: str
    phase: str
    created_at: float
    ended_at: float = 0.0
    action_count: int = 0
    failed_count: int = 0
    cached_count: int = 0
    #: What the submitter told of itself: notebook, script, cwd, user, python, mode, labels, notes.
    origin: dict[str, Any] = {}


class LogLine(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A piece of an attempt's output, one or more whole lines."""

    action: str
    attempt: int
    #: "stdout", "stderr" or "log".
    stream: str
    time: float
    text: str


class RunSnapshot(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A run with its actions, root first, in order of acceptance. `version` grows with every change."""

    run: RunRow
    actions: tuple[ActionRow, ...] = ()
    traces: tuple[TraceRow, ...] = ()
    #: The last lines of failed or running actions, or of the root.
    logs: tuple[LogLine, ...] = ()
    version: int = 0
    #: The engine's clock when it was taken, for elapsed times.
    taken_at: float = 0.0
