"""When what ran, as rows of spans, and the critical path: what a drawn timeline shows. Nothing is drawn here.

The rules are those of the front end's timeline: beyond `MAX_ROWS` rows the calls of a task are one row, and the
critical path goes from the last action backwards, each time to whatever ended last before it began.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from flytenb.model.snapshot import ActionRow, RunSnapshot
from flytenb.views import words
from flytenb.views.escape import one_line
from flytenb.views.marks import mark_of
from flytenb.views.tree import RunView, failure_text, view

MAX_ROWS = 300
#: Seconds that are not worth a span; and the grace for what was handed on at once.
_LEAST_S, _GRACE_S = 0.01, 0.005
_DEPTH = 24

Kind = Literal["queue", "build", "attempt", "run", "parent", "cached", "trace"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A piece of time of a row, in seconds since the run was accepted."""

    kind: Kind
    start: float
    end: float
    #: State or "trace", for the colour.
    key: str = ""
    told: str = ""
    is_critical: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of a timeline: an action, the calls of a task, or a traced call."""

    #: Of the action; unique among the rows.
    key: str
    label: str
    depth: int
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spans:
    """A run's timeline."""

    rows: tuple[Row, ...]
    #: Seconds from the start of the run to its end, or to now.
    length_s: float
    #: Names of the actions that the run's end waited for, and their seconds together.
    critical: frozenset[str] = frozenset()
    critical_s: float = 0.0
    #: Whether a row stands for all calls of a task.
    is_folded: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierTry:
    """An attempt before an action's last one."""

    number: int
    started_at: float
    ended_at: float
    ended: str
    error: str = ""


#: Earlier attempts by action.
Tries = Mapping[str, Sequence[EarlierTry]]


def spans_of(snapshot: RunSnapshot, tries: Tries | None = None) -> Spans:
    """The timeline of a snapshot that has its traces and builds."""
    shown = view(snapshot)
    critical, critical_s = critical_path(snapshot.actions)
    drawing = _Drawing(snapshot, shown, critical, tries or {})
    is_folded = len(snapshot.actions) + len(snapshot.traces) > MAX_ROWS
    rows = tuple(drawing.folded() if is_folded else drawing.rows())
    return Spans(
        rows=rows[:MAX_ROWS],
        length_s=drawing.now - drawing.origin,
        critical=critical,
        critical_s=critical_s,
        is_folded=is_folded,
    )


def critical_path(actions: Sequence[ActionRow]) -> tuple[frozenset[str], float]:
    """What the run's end waited for; nothing when only one action ran."""
    parents = {action.parent for action in actions}
    leaves = [a for a in actions if a.started_at and a.ended_at and not a.is_cached and a.name not in parents]
    leaves.sort(key=lambda action: action.ended_at)
    ends = [action.ended_at for action in leaves]
    found: set[str] = set()
    seconds, at = 0.0, len(leaves) - 1
    while at >= 0 and len(leaves) > 1:
        action = leaves[at]
        found.add(action.name)
        seconds += action.ended_at - action.started_at
        at = bisect_right(ends, action.started_at + _GRACE_S, hi=at) - 1
    return frozenset(found), seconds


@dataclass(slots=True)
class _Drawing:
    snapshot: RunSnapshot
    shown: RunView
    critical: frozenset[str]
    tries: Tries
    origin: float = 0.0
    now: float = 0.0
    children: dict[str, list[ActionRow]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.origin = self.shown.created_at
        self.now = max(self.origin + self.shown.elapsed_s, self.origin + 0.001)
        names = {action.name for action in self.snapshot.actions}
        for action in self.snapshot.actions[1:]:
            parent = action.parent if action.parent in names else self.snapshot.actions[0].name
            self.children.setdefault(parent, []).append(action)

    def rows(self) -> Iterator[Row]:
        """One action a row, depth first, in order of acceptance; its traced calls below it."""
        waiting = [(action, 0) for action in self.snapshot.actions[:1]]
        while waiting:
            action, depth = waiting.pop()
            yield self._action(action, depth)
            yield from self._traces(action, depth + 1)
            below = sorted(self.children.get(action.name, ()), key=lambda one: one.accepted_at)
            waiting += [(one, min(depth + 1, _DEPTH)) for one in reversed(below)]

    def folded(self) -> Iterator[Row]:
        """One task a row."""
        by_task: dict[str, list[ActionRow]] = {}
        for action in self.snapshot.actions:
            by_task.setdefault(action.task, []).append(action)
        gap = (self.now - self.origin) / 400
        for task, members in by_task.items():
            spans = []
            keys = {_key(action) for action in members if action.started_at and not action.is_cached}
            for key in sorted(keys, key=lambda one: one in ("failed", "timed_out")):
                ran = [a for a in members if _key(a) == key and a.started_at and not a.is_cached]
                told = f"{words.count(len(ran), 'action')} {mark_of(key).word.lower()}"
                for start, end in merged(sorted((a.started_at, a.ended_at or self.now) for a in ran), gap):
                    spans.append(self._span("run", start, end, key=key, told=told))
            count = f" ×{words.count(len(members))}" if len(members) > 1 else ""
            yield Row(key=task, label=one_line(members[0].short_name, 40) + count, depth=0, spans=tuple(spans))

    def _action(self, action: ActionRow, depth: int) -> Row:
        label = one_line(self.shown.label(action.name), 40)
        spans = [*self._before(action, depth), *self._attempts(action), *self._ran(action, depth)]
        return Row(key=action.name, label=label, depth=depth, spans=tuple(spans))

    def _before(self, action: ActionRow, depth: int) -> Iterator[Span]:
        """The time in the queue, and that of it in which an image or environment was made."""
        earlier = self.tries.get(action.name, ())
        begun = min([one.started_at for one in earlier if one.started_at], default=action.started_at)
        if action.is_cached or not action.accepted_at:
            return
        until = begun or action.ended_at or self.now
        if until - action.accepted_at > _LEAST_S:
            told = f"waited {words.duration(until - action.accepted_at)}"
            yield self._span("queue", action.accepted_at, until, told=told)
        for build in self.snapshot.builds if depth else ():
            start, end = max(action.accepted_at, build.started_at), min(until, build.ended_at or until)
            if build.started_at and end - start > _LEAST_S:
                what = f"{build.kind} {one_line(build.name, 40)}: {words.duration(end - start)}"
                yield self._span("build", start, end, told=what)

    def _attempts(self, action: ActionRow) -> Iterator[Span]:
        for one in self.tries.get(action.name, ()):
            if one.started_at and one.ended_at:
                took = words.duration(one.ended_at - one.started_at)
                told = words.joined([f"attempt {one.number} {one.ended}, {took}", one_line(one.error, 120)], ": ")
                yield self._span("attempt", one.started_at, one.ended_at, key="failed", told=told)

    def _ran(self, action: ActionRow, depth: int) -> Iterator[Span]:
        key, word = _key(action), mark_of(action.phase, action.is_cached).word.lower()
        if action.is_cached:
            at = action.ended_at or action.accepted_at
            saved = f", saved {words.total(action.saved_s)}" if action.saved_s else ""
            yield self._span("cached", at, at, key=key, told=word + saved)
            return
        if not action.started_at:
            return
        end = action.ended_at or self.now
        told = [f"{word}, {words.duration(end - action.started_at)}"]
        told.append(f"attempt {action.attempt}" if action.attempt > 1 else "")
        told.append("on the critical path" if action.name in self.critical else "")
        told.append(one_line(failure_text(action.failure), 160) if action.failure is not None else "")
        kind: Kind = "parent" if depth == 0 and action.name in self.children else "run"
        is_critical = action.name in self.critical
        yield self._span(kind, action.started_at, end, key=key, told=words.joined(told), is_critical=is_critical)

    def _traces(self, action: ActionRow, depth: int) -> Iterator[Row]:
        for number, trace in enumerate(one for one in self.snapshot.traces if one.action == action.name):
            told = f"traced, {words.duration(trace.duration_s)}" + ("" if trace.ok else ", failed")
            end, key = trace.started_at + trace.duration_s, "trace" if trace.ok else "failed"
            span = self._span("trace", trace.started_at, end, key=key, told=told)
            label = one_line(trace.name, 40)
            yield Row(key=f"{action.name} trace {number}", label=label, depth=depth, spans=(span,))

    def _span(self, kind: Kind, start: float, end: float, **more: object) -> Span:
        return Span(kind=kind, start=start - self.origin, end=end - self.origin, **more)  # type: ignore[arg-type]


def merged(spans: Sequence[tuple[float, float]], gap: float) -> list[tuple[float, float]]:
    """Ordered spans with those joined that lie no more than `gap` apart."""
    found: list[tuple[float, float]] = []
    for start, end in spans:
        if found and start <= found[-1][1] + gap:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _key(action: ActionRow) -> str:
    return "cached" if action.is_cached else action.phase
