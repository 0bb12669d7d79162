"""A run as it is read: what views, the command line and the HTTP API show. Times are seconds since the epoch, UTC."""

from __future__ import annotations

from typing import Any

import msgspec

from flytenb.model.build import BuildRow
from flytenb.model.condition import AnswerValue
from flytenb.model.ids import action_name
from flytenb.model.outcome import Failure, decode_failure
from flytenb.model.phases import FAILURES, ActionPhase
from flytenb.model.placement import Placement
from flytenb.model.usage import Usage


class Advance(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """How far the body of an action says that it is."""

    done: float
    #: 0 when it is not known.
    total: float = 0.0
    text: str = ""
    #: Seconds since it began to count, and the moment of saying so.
    elapsed_s: float = 0.0
    at: float = 0.0

    @property
    def share(self) -> float | None:
        """Between 0 and 1; None when the total is not known."""
        return min(1.0, max(0.0, self.done / self.total)) if self.total > 0 else None

    def left_s(self, now: float) -> float | None:
        """Seconds that the rest takes at the speed so far; None when nothing can be said."""
        if self.total <= 0 or self.done <= 0 or self.done >= self.total or self.elapsed_s <= 0:
            return None
        rest_s = self.elapsed_s * (self.total - self.done) / self.done
        return max(0.0, rest_s - max(0.0, now - self.at))


class ConditionRow(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A question to a person, which is an action of its run: all that a form for the answer needs.

    Answered with `POST /api/v1/runs/{run}/conditions/{action}/signal` and `{"value": …}`.
    """

    run: str
    #: Its own name among the run's actions, and that of the action that asks.
    action: str
    parent: str = ""
    name: str
    prompt: str
    #: "text" or "markdown".
    prompt_type: str = "text"
    #: "bool", "int", "float" or "str".
    data_type: str = "bool"
    description: str = ""
    #: "paused" while it waits for its answer.
    phase: str
    #: When it was asked.
    since: float
    #: Seconds that it waits, and until when; 0 = for ever.
    timeout_s: float = 0.0
    expires_at: float = 0.0
    #: What is taken for the answer then; None = that is an error.
    default: AnswerValue | None = None
    value: AnswerValue | None = None
    #: Who answered, from where ("notebook", "command line", "http", "webhook", "python", "time-out"), and when.
    answered_by: str = ""
    answered_from: str = ""
    answered_at: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it waits for its answer."""
        return self.phase == "paused"


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
    #: Number of the `Placement` it ran with, 0 when it never ran or that is not known yet.
    placement: int = 0
    #: What its body said last of how far it is.
    progress: Advance | None = None
    #: Of an action that is a question to a person.
    condition: ConditionRow | None = None
    #: In a run that recovers another: "RUN/ACTION" of the action that it has its result from, or that it repeats.
    recovery_source: str = ""
    #: Why it was not taken from there (a word of `model.recovery.REASONS`), "" when it was.
    recovery: str = ""

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
    #: Questions to a person that wait for their answers.
    paused_count: int = 0
    #: What the submitter told of itself: notebook, script, cwd, user, python, mode, labels, notes.
    origin: dict[str, Any] = {}
    #: What a person keeps of it: whether it stays when others are pruned, words to find it by, a remark.
    is_pinned: bool = False
    tags: tuple[str, ...] = ()
    note: str = ""


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
    #: Where its actions ran, by number.
    placements: dict[int, Placement] = {}
    #: Images and virtual environments that were made while actions waited for them, oldest first.
    builds: tuple[BuildRow, ...] = ()
    #: Digests of the pages that actions published, by action.
    reports: dict[str, str] = {}
    #: What actions that ran longer than a second used, by action: the last attempt of each. Of large runs not of all.
    usages: dict[str, Usage] = {}
    version: int = 0
    #: The engine's clock when it was taken, for elapsed times.
    taken_at: float = 0.0


#: (name, short name, has a report, source): what all actions of a task share.
TaskFacts = tuple[str, str, bool, str]
_WORDS = [phase.value for phase in ActionPhase]


def stored_action_row(row: tuple[Any, ...], facts: TaskFacts) -> ActionRow:
    """A row of the store, in the order that its reader selects, as an `ActionRow`."""
    (
        number,
        parent,
        _,
        phase,
        group,
        attempt,
        saved_s,
        accepted_at,
        started_at,
        ended_at,
        placement,
        inputs,
        outputs,
    ) = row
    name, short_name, has_report, source = facts
    failed = phase in FAILURES and outputs
    return ActionRow(
        id=number,
        name=action_name(number),
        parent=action_name(parent) if parent else "",
        task=name,
        short_name=short_name,
        phase=_WORDS[phase],
        group=group,
        attempt=attempt or 1,
        is_cached=saved_s is not None,
        saved_s=saved_s or 0.0,
        accepted_at=accepted_at,
        started_at=started_at or 0.0,
        ended_at=ended_at or 0.0,
        inputs=inputs or b"",
        outputs=b"" if failed or not outputs else outputs,
        failure=decode_failure(outputs) if failed else None,
        has_report=has_report,
        source=source,
        placement=placement,
    )


class ActionTable(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """All actions of a run in compact form: a list of ten thousand is read in a few milliseconds."""

    tasks: dict[int, TaskFacts]
    #: Rows of the store as they are.
    rows: list[Any]
    #: Actions that go on, by id: what memory knows of them.
    live: dict[int, ActionRow] = {}
    #: What those that ended said last of how far they were, by id.
    progress: dict[int, Advance] = {}
    #: Of a run that recovers another: (recovery_source, recovery) by id.
    recoveries: dict[int, tuple[str, str]] = {}
    #: (name, parent) of actions of runs below this one, by id.
    below: dict[int, tuple[str, str]] = {}

    def row(self, index: int) -> ActionRow:
        """One of the actions, in order of acceptance."""
        stored = self.rows[index]
        living = self.live.get(stored[0])
        if living is not None:
            return self._named(living)
        row = stored_action_row(stored, self.tasks[stored[2]])
        if (said := self.progress.get(row.id)) is not None:
            row = msgspec.structs.replace(row, progress=said)
        if (found := self.recoveries.get(row.id)) is not None:
            row = msgspec.structs.replace(row, recovery_source=found[0], recovery=found[1])
        return self._named(row)

    def _named(self, row: ActionRow) -> ActionRow:
        told = self.below.get(row.id)
        return row if told is None else msgspec.structs.replace(row, name=told[0], parent=told[1])
