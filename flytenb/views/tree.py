"""What there is to see of a run, independent of how it is drawn.

Siblings that run the same task are one row (`fit ×24`), whatever their number; children of such a row are folded the
same way, so a tree of 10,000 actions has as many rows as its code has calls. The rows keep their actions: renderers
decide how many of them to list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from flytenb.model.outcome import Failure
from flytenb.model.recovery import recovery_words
from flytenb.model.snapshot import ActionRow, ConditionRow, LogLine, RunSnapshot, TraceRow
from flytenb.model.usage import Usage
from flytenb.views import progress, words
from flytenb.views.builds import Build, builds
from flytenb.views.conditions import answer_words
from flytenb.views.ghosts import Expected, Ghost, ghosts
from flytenb.views.ghosts import left_s as left_of
from flytenb.views.marks import NOT_STARTED, Mark, is_terminal, mark_of
from flytenb.views.places import Place, places

#: Below this depth (recursive tasks) rows are no longer folded out.
MAX_DEPTH = 24
#: More members than this are shown by counts, causes and a raster instead of one by one.
WIDE = 100


class Preview(Protocol):
    """A value as text, made by whoever may open it; the views only show it."""

    @property
    def name(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def size_bytes(self) -> int: ...


#: Action name → {"inputs": [...], "outputs": [...]}.
Previews = Mapping[str, Mapping[str, Sequence[Preview]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One row: an action, siblings of one task, a named group, or the equal traced calls of an action."""

    #: "action", "siblings", "group", "trace", or "ghost" for what is expected and has not come.
    kind: str
    #: `fit`, `fit ×24`, or the group's name.
    label: str
    depth: int
    mark: Mark
    count: int
    started_at: float
    ended_at: float
    #: Wall time of the row; None before it started and for cached results.
    duration_s: float | None
    why: str
    actions: tuple[ActionRow, ...] = ()
    children: tuple[Node, ...] = ()
    #: Between 0 and 1: how far the row is, when its actions say so.
    share: float | None = None

    @property
    def is_wide(self) -> bool:
        """Too many members to list."""
        return self.count > WIDE


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """Failures with the same code, message and place."""

    message: str
    where: str
    actions: tuple[ActionRow, ...]
    labels: tuple[str, ...]
    failure: Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run, ready to be drawn."""

    name: str
    task: str
    mark: Mark
    is_terminal: bool
    created_at: float
    elapsed_s: float
    action_count: int
    ended_count: int
    cached_count: int
    failed_count: int
    saved_s: float
    #: Why the run waits or what it says of itself.
    notes: tuple[str, ...]
    nodes: tuple[Node, ...]
    causes: tuple[Cause, ...]
    outputs: tuple[Preview, ...]
    previews: Previews
    logs: tuple[LogLine, ...]
    root: ActionRow | None
    actions: tuple[ActionRow, ...]
    #: Environments that did not run as plain processes.
    places: tuple[Place, ...] = ()
    #: What was built for it.
    builds: tuple[Build, ...] = ()
    #: Action name → `fit[3]`.
    labels: Mapping[str, str] = field(default_factory=dict)
    #: Seconds until its end, when the run before it says so; None after the end.
    left_s: float | None = None
    #: Why what ran was not taken from the cache, in three words: `clean changed`.
    why: str = ""
    #: What actions that ran longer than a second used, by action.
    usages: Mapping[str, Usage] = field(default_factory=dict)
    #: The run that this one recovers, "" for none; and how many actions have their results from there.
    recovers: str = ""
    recovered_count: int = 0
    #: Action name → the page that it published, the root's first.
    pages: Mapping[str, str] = field(default_factory=dict)

    @property
    def kept_count(self) -> int:
        """Results of this run that are there whatever happened to the rest."""
        return sum(1 for a in self.actions if a.phase in ("succeeded", "recovered"))

    @property
    def asked(self) -> list[ConditionRow]:
        """Questions to a person that wait for their answers."""
        found = [a.condition for a in self.actions if a.condition is not None and a.condition.is_open]
        return found if not self.is_terminal else []

    def label(self, action: str) -> str:
        """What a person calls an action."""
        return self.labels.get(action, action)


def view(
    snapshot: RunSnapshot,
    previews: Previews | None = None,
    *,
    pages: Mapping[str, str] | None = None,
    expected: Expected | None = None,
    why: str = "",
) -> RunView:
    """The view model of a snapshot.

    Args:
        snapshot: the run as the engine told it.
        previews: the values' texts, by action.
        pages: the reports, by action.
        expected: what the run before did: rows and time that are still to come.
        why: why what ran was not taken from the cache, in three words.
    """
    run, actions = snapshot.run, snapshot.actions
    root = actions[0] if actions else None
    phase = run.phase
    mark = mark_of(phase, bool(root and root.is_cached))
    now = snapshot.taken_at or max((max(a.ended_at, a.started_at, a.accepted_at) for a in actions), default=0.0)
    ended = run.ended_at or (
        now if not is_terminal(phase) else max((a.ended_at for a in actions), default=run.created_at)
    )
    children: dict[str, list[ActionRow]] = {}
    known = {a.name for a in actions}
    for a in actions[1:]:
        children.setdefault(a.parent if a.parent in known else (root.name if root else ""), []).append(a)
    traces: dict[str, list[TraceRow]] = {}
    for t in snapshot.traces:
        traces.setdefault(t.action, []).append(t)
    labels: dict[str, str] = {root.name: root.short_name} if root else {}
    builder = _Builder(children, traces, labels, now)
    nodes = builder.rows([root], 0) if root else ()
    left_s = None
    if expected is not None and root is not None and not is_terminal(phase) and not is_terminal(root.phase):
        below = _by(children.get(root.name, ()), lambda a: a.task)
        nodes += tuple(_ghost(one) for one in ghosts(expected, below))
        left_s = left_of(expected, below, max(0.0, now - run.created_at), now)
    causes = _causes(actions, children, labels)
    given: Previews = previews or {}
    return RunView(
        name=run.name,
        task=run.task.rpartition(".")[2] or run.task,
        mark=mark,
        is_terminal=is_terminal(phase),
        created_at=run.created_at,
        elapsed_s=max(0.0, ended - run.created_at),
        action_count=max(len(actions), run.action_count),
        ended_count=sum(1 for a in actions if is_terminal(a.phase)),
        cached_count=max(run.cached_count, sum(1 for a in actions if a.is_cached)),
        failed_count=sum(len(c.actions) for c in causes) or (run.failed_count if not actions else 0),
        saved_s=sum(a.saved_s for a in actions if a.is_cached),
        notes=_notes(run.origin, root, is_told=any(not row.is_over for row in snapshot.builds)),
        nodes=nodes,
        causes=causes,
        outputs=tuple(given.get(root.name, {}).get("outputs", ())) if root else (),
        previews=given,
        logs=snapshot.logs,
        root=root,
        actions=actions,
        places=places(actions, snapshot.placements),
        builds=builds(snapshot.builds, now),
        labels=labels,
        left_s=left_s,
        why=why,
        usages=snapshot.usages,
        pages=pages or {},
        recovers=str(run.origin.get("recovers") or ""),
        recovered_count=sum(1 for a in actions if a.phase == "recovered"),
    )


def _ghost(ghost: Ghost) -> Node:
    return Node(
        kind="ghost", label=ghost.label, depth=0, mark=NOT_STARTED, count=ghost.count, started_at=0.0, ended_at=0.0,
        duration_s=None, why=ghost.why,
    )  # fmt: skip


def failure_text(failure: Failure) -> str:
    """`ValueError: C must be positive, got -0.1`."""
    message = failure.message.strip()
    if not message or message == failure.code:
        return failure.code
    return message if message.startswith(failure.code + ":") else f"{failure.code}: {message}"


def failure_place(failure: Failure) -> str:
    """`Cell In[5], line 7` of the innermost frame, or ""."""
    return f"{failure.frames[-1].where}, line {failure.frames[-1].line}" if failure.frames else ""


def took(action: ActionRow, now: float = 0.0) -> float | None:
    """Seconds of the action's last attempt; None when it has not started or was cached."""
    if action.is_cached or not action.started_at:
        return None
    end = action.ended_at or now
    return max(0.0, end - action.started_at) if end else None


class _Builder:
    def __init__(
        self,
        children: Mapping[str, list[ActionRow]],
        traces: Mapping[str, list[TraceRow]],
        labels: dict[str, str],
        now: float,
    ) -> None:
        self._children, self._traces, self._labels, self._now = children, traces, labels, now

    def rows(self, parents: Sequence[ActionRow], depth: int) -> tuple[Node, ...]:
        """The rows below actions that are one row themselves."""
        if depth > MAX_DEPTH:
            return ()
        members = [child for parent in parents for child in self._children.get(parent.name, ())]
        nodes = [
            node
            for group, inside in _by(members, lambda a: a.group).items()
            for node in self._group(group, inside, depth)
        ]
        traces = [t for parent in parents for t in self._traces.get(parent.name, ())]
        nodes += [self._traced(name, equal, depth) for name, equal in _by(traces, lambda t: t.name).items()]
        return tuple(nodes)

    def _group(self, group: str, members: list[ActionRow], depth: int) -> list[Node]:
        if not group:
            return [self._siblings(equal, depth) for equal in _by(members, _kind).values()]
        inside = tuple(self._siblings(equal, depth + 1) for equal in _by(members, _kind).values())
        return [
            Node(
                kind="group",
                label=group,
                depth=depth,
                mark=_worst(members),
                count=len(members),
                why="",
                children=inside,
                **self._span(members),
            )
        ]

    def _siblings(self, members: list[ActionRow], depth: int) -> Node:
        first, alone = members[0], len(members) == 1
        for i, member in enumerate(members):
            self._labels[member.name] = member.short_name if alone else f"{member.short_name}[{i}]"
        mark = _worst(members)
        return Node(
            kind="action" if alone else "siblings",
            label=first.short_name if alone else f"{first.short_name} ×{words.count(len(members))}",
            depth=depth,
            mark=mark,
            count=len(members),
            why=self._why_one(first) if alone else self._why_many(members, mark),
            actions=tuple(members),
            children=self.rows(members, depth + 1),
            share=progress.share(members, self._children),
            **self._span(members),
        )

    def _traced(self, name: str, equal: list[TraceRow], depth: int) -> Node:
        start = min(t.started_at for t in equal)
        failed = sum(1 for t in equal if not t.ok)
        slowest = max(t.duration_s for t in equal)
        facts = ["traced", f"{words.count(failed)} failed" if failed else ""]
        if len(equal) > 1:
            facts.append(f"slowest {words.duration(slowest)}")
        return Node(
            kind="trace",
            label=name if len(equal) == 1 else f"{name} ×{words.count(len(equal))}",
            depth=depth,
            mark=mark_of("failed" if failed else "succeeded"),
            count=len(equal),
            started_at=start,
            ended_at=max(t.started_at + t.duration_s for t in equal),
            duration_s=sum(t.duration_s for t in equal),
            why=words.joined(facts),
        )

    def _span(self, members: Sequence[ActionRow]) -> dict[str, Any]:
        ran = [a for a in members if a.started_at and not a.is_cached]
        open_ = any(not is_terminal(a.phase) for a in members)
        start = min((a.started_at for a in ran), default=0.0)
        end = 0.0 if open_ else max((a.ended_at for a in ran), default=0.0)
        until = end or self._now
        return {
            "started_at": start,
            "ended_at": end,
            "duration_s": max(0.0, until - start) if start and until else None,
        }

    def _why_one(self, action: ActionRow) -> str:
        parts = []
        if action.is_cached:
            parts.append(f"saved {words.duration(action.saved_s)}" if action.saved_s else "")
        if action.recovery_source and action.phase != "queued":
            parts.append(recovery_words(action.recovery_source, action.recovery))
        if action.failure is not None:
            parts.append(failure_text(action.failure))
        if action.attempt > 1:
            parts.append(f"attempt {action.attempt}")
        below = self._children.get(action.name, ())
        said = progress.words_of(action, self._now) or progress.words_of_children(action, below)
        parts += [action.reason, said]
        if action.condition is not None and action.condition.answered_at:
            parts.append(answer_words(action.condition))
        return words.joined(parts)

    def _why_many(self, members: Sequence[ActionRow], mark: Mark) -> str:
        counts = counts_of(members)
        parts = [f"{words.count(n)} {word}" for word, n in counts.items()]
        if mark.key in ("succeeded", "cached", "recovered"):
            again = [a for a in members if a.recovery and a.phase != "recovered"]
            recovered = counts.get("recovered", 0)
            source = next((a.recovery_source for a in members if a.recovery_source), "").partition("/")[0]
            if recovered:
                told = f"{words.count(recovered)} recovered from {source}"
                few = f"{words.count(len(again))} ran: {_reason(again)}" if again else ""
                return words.joined([told, few])
            if again:
                return words.joined([f"all ran: {_reason(again)}"])
            cached = counts.get("cached", 0)
            parts = [f"{words.count(cached)} cached" if cached and cached < len(members) else ""]
            timed = [(t, a) for a in members if (t := took(a, self._now)) is not None]
            if timed:
                slowest, action = max(timed, key=lambda pair: pair[0])
                parts.append(f"slowest {self._labels[action.name]} {words.duration(slowest)}")
            elif saved := sum(a.saved_s for a in members):
                parts.append(f"saved {words.duration(saved)}")
        else:
            parts += list({a.reason: None for a in members if a.reason})[:1]
            parts.append(progress.words_of_many(members, self._now, self._children))
        return words.joined(parts)


def _reason(again: Sequence[ActionRow]) -> str:
    """Why most of these ran again."""
    most = max(_by(again, lambda a: a.recovery).values(), key=len)[0]
    return recovery_words(most.recovery_source, most.recovery)


def counts_of(members: Iterable[ActionRow]) -> dict[str, int]:
    """How many are in each state, in words, good ones first: {"succeeded": 14, "running": 4, "retrying": 1}."""
    found: dict[str, int] = {}
    for a in members:
        again = a.attempt > 1 and a.phase in ("queued", "waiting_for_resources", "initializing")
        word = "retrying" if again else mark_of(a.phase, a.is_cached).word.lower()
        found[word] = found.get(word, 0) + 1
    return {word: found.pop(word) for word in _ORDER if word in found} | found


def _worst(members: Sequence[ActionRow]) -> Mark:
    keys = {"cached" if a.is_cached else a.phase for a in members}
    is_open = any(not is_terminal(a.phase) for a in members)
    # While anything runs the row is not over: "Running" with "1 failed" in words, not "Failed".
    for key in _OPEN if is_open else _CLOSED:
        if key in keys:
            return mark_of(key)
    return mark_of(members[0].phase, members[0].is_cached) if members else mark_of("queued")


def _causes(
    actions: Sequence[ActionRow], children: Mapping[str, list[ActionRow]], labels: Mapping[str, str]
) -> tuple[Cause, ...]:
    """Failures where they happened: an action that only passed on a child's failure is not a cause."""
    found: dict[tuple[str, str], list[ActionRow]] = {}
    for a in actions:
        if a.failure is None or a.phase not in ("failed", "timed_out", "aborted"):
            continue
        inherited = any(
            c.failure is not None and (c.failure.code, c.failure.message) == (a.failure.code, a.failure.message)
            for c in children.get(a.name, ())
        )
        if not inherited:
            found.setdefault((failure_text(a.failure), failure_place(a.failure)), []).append(a)
    causes = [
        Cause(
            message=message,
            where=where,
            actions=tuple(members),
            labels=tuple(labels.get(a.name, a.short_name) for a in members),
            failure=members[0].failure,  # type: ignore[arg-type]  # only actions with one were collected
        )
        for (message, where), members in found.items()
    ]
    # What was aborted because of another failure comes after it.
    return tuple(sorted(causes, key=lambda c: (c.failure.code in _ABORTED, -len(c.actions))))


_ABORTED = ("Aborted", "ActionAbortedError")


def _notes(origin: Mapping[str, Any], root: ActionRow | None, is_told: bool) -> tuple[str, ...]:
    """What a run says of itself, and why it waits unless that `is_told` by what is being built."""
    given = origin.get("notes") or ()
    notes = [given] if isinstance(given, str) else [str(n) for n in given]
    notes += [str(doubt) for doubt in origin.get("doubts") or ()]
    if root is not None and root.reason and not is_terminal(root.phase) and not is_told:
        notes.append(root.reason)
    return tuple(notes)


def _kind(action: ActionRow) -> str:
    """What makes rows one row: their task, and what a call of it was named."""
    return f"{action.task}\0{action.short_name}"


def _by(items: Iterable[Any], key: Callable[[Any], str]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return found


_ORDER = (
    "succeeded", "cached", "recovered", "running", "starting", "retrying", "waiting", "paused", "queued", "failed",
    "timed out", "aborted",
)  # fmt: skip
_OPEN = ("running", "initializing", "paused", "waiting_for_resources", "queued")
_CLOSED = ("failed", "timed_out", "aborted", "succeeded", "recovered", "cached")
