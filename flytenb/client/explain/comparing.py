"""Two runs beside each other: what differs in inputs, code, environment, times and outputs, causes before effects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from flytenb.client import handle
from flytenb.client.explain.code import code_between
from flytenb.client.explain.differences import input_digests, setting_differences, type_differences
from flytenb.client.previews import preview
from flytenb.client.session import Session
from flytenb.codec.objects import ObjectStore
from flytenb.errors import BaseRuntimeError, FlytenbError
from flytenb.model.declaration import ResourceRequest, TaskDeclaration, decode_declaration
from flytenb.model.placement import Placement
from flytenb.model.snapshot import ActionRow, RunRow
from flytenb.views import comparison as drawn
from flytenb.views import words
from flytenb.views.marks import mark_of
from flytenb.views.tree import took

#: Tasks whose code and environment are compared, and changed distributions that are named.
MOST_TASKS, MOST_DISTRIBUTIONS = 40, 20
#: A time that differs by less of its length is the same time.
SAME_TIME = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One thing of both runs."""

    #: "inputs", "code", "environment", "tasks", "run" or "outputs".
    part: str
    name: str
    before: str
    after: str
    #: How much more or less, "" where that cannot be said.
    change: str = ""
    is_same: bool = False
    #: Lines of a textual diff of code, "" for none.
    diff: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two runs and what differs between them; its text is the list of differences.

    Example:
        found = flyte.compare("k7p2x9", "last")
        found                                    # in a notebook: a table
        [row.name for row in found.differences]  # ["lr", "train", "result"]
        found.figure()                           # seconds by task, as a plotly figure
    """

    #: Names of the runs: what is compared with, and what is looked at.
    before: str
    after: str
    #: Everything that was compared, what is the same too.
    rows: tuple[Compared, ...]
    #: Task, mean seconds of its calls in the one, in the other; None where none ran.
    times: tuple[tuple[str, float | None, float | None], ...] = ()

    @property
    def differences(self) -> tuple[Compared, ...]:
        """What is not the same."""
        return tuple(row for row in self.rows if not row.is_same)

    def __getitem__(self, part: str) -> tuple[Compared, ...]:
        """The rows of a part: `found["inputs"]`."""
        if part not in drawn.PARTS:
            raise KeyError(f'no part "{part}"; there are {", ".join(drawn.PARTS)}')
        return tuple(row for row in self.rows if row.part == part)

    def figure(self) -> Any:
        """The seconds of each task in both runs, as a plotly figure.

        Raises:
            MissingPackageError: plotly is not installed.
        """
        from flytenb.views import figures  # who draws pays for it

        return figures.comparison(self.times, self.before, self.after)

    def __str__(self) -> str:
        return drawn.text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return drawn.page(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as `flytenb compare -o json` prints it."""
        return {
            "before": self.before,
            "after": self.after,
            "rows": [asdict(row) for row in self.rows],
            "times": [list(one) for one in self.times],
        }


def compare_runs(link: Session, store: ObjectStore, before: str, after: str) -> Comparison:
    """Compare two runs by their names; "last" is the newest.

    Raises:
        RuntimeUserError: code RunNotFound.
    """
    one, other = _Side(link, before), _Side(link, after)
    comparing = _Comparing(store, one, other)
    return Comparison(
        before=one.row.name, after=other.row.name, rows=tuple(comparing.rows()), times=tuple(comparing.times())
    )


class _Side:
    """One of the two runs."""

    def __init__(self, link: Session, name: str) -> None:
        self._link = link
        self.row: RunRow = link.query("run", RunRow, run=name)
        self.actions = handle.read_actions(link, self.row.name)
        self.placements = handle.read_placements(link, self.row.name)
        self.root = handle.read_io(link, self.row.name, "a0")
        self.by_task: dict[str, list[ActionRow]] = {}
        for action in self.actions:
            self.by_task.setdefault(action.task, []).append(action)

    def declaration(self, task: str) -> TaskDeclaration | None:
        """As the first call of the task was declared."""
        try:
            return decode_declaration(handle.read_io(self._link, self.row.name, self.by_task[task][0].name).declaration)
        except (FlytenbError, BaseRuntimeError, LookupError, ValueError):
            return None

    def placement(self, task: str) -> Placement | None:
        """Where the first of its calls that ran did so."""
        return next((self.placements.get(one.placement) for one in self.by_task[task] if one.placement), None)

    def mean_s(self, task: str) -> float | None:
        """Mean time of its calls that ran and ended."""
        spent = [seconds for one in self.by_task.get(task, ()) if (seconds := took(one)) is not None]
        return sum(spent) / len(spent) if spent else None

    @property
    def elapsed_s(self) -> float:
        """From its start to its end, or to its last news."""
        last = max((max(one.ended_at, one.started_at, one.accepted_at) for one in self.actions), default=0.0)
        return max(0.0, (self.row.ended_at or last) - self.row.created_at)


class _Comparing:
    def __init__(self, store: ObjectStore, before: _Side, after: _Side) -> None:
        self._store, self._before, self._after = store, before, after
        self._tasks = list(dict.fromkeys([*before.by_task, *after.by_task]))
        self._common = [task for task in self._tasks if task in before.by_task and task in after.by_task][:MOST_TASKS]

    def rows(self) -> Iterator[Compared]:
        yield from _values("inputs", self._before.root.inputs, self._after.root.inputs)
        declared = {task: (self._before.declaration(task), self._after.declaration(task)) for task in self._common}
        for task, (old, new) in declared.items():
            if old is not None and new is not None:
                yield from self._code(_short(task), old, new)
        yield from self._environments(declared)
        yield from self._calls()
        yield from self._whole()
        yield from _values("outputs", self._before.root.outputs, self._after.root.outputs)

    def times(self) -> Iterator[tuple[str, float | None, float | None]]:
        for task in self._tasks:
            one, other = self._before.mean_s(task), self._after.mean_s(task)
            if one is not None or other is not None:
                yield _short(task), one, other

    def _code(self, name: str, old: TaskDeclaration, new: TaskDeclaration) -> Iterator[Compared]:
        found = [*type_differences(old, new), *setting_differences(old, new)]
        code = () if old.code and old.code == new.code else code_between(self._store, old, new)
        if code is None:
            words_ = "its code changed" if old.code != new.code else "its code is no longer there to compare"
            yield Compared(part="code", name=name, before="", after=words_)
        for one in [*(code or ()), *found]:
            yield Compared(part="code", name=name, before="", after=one.words, diff=one.diff)
        if not code and not found and code is not None:
            yield Compared(part="code", name=name, before="as it is", after="as it was", is_same=True)

    def _environments(
        self, declared: Mapping[str, tuple[TaskDeclaration | None, TaskDeclaration | None]]
    ) -> Iterator[Compared]:
        """What tasks of one environment share is told once, with the environment's name."""
        seen: set[tuple[str, str, str, str]] = set()
        for task, (old, new) in declared.items():
            if old is None or new is None:
                continue
            facts = [
                *_settings(old, new),
                *_placements(self._before.placement(task), self._after.placement(task)),
            ]
            for what, one, other in facts:
                key = (new.environment, what, one, other)
                if key not in seen:
                    seen.add(key)
                    name = f"{new.environment}: {what}"
                    yield Compared(part="environment", name=name, before=one, after=other, is_same=one == other)

    def _calls(self) -> Iterator[Compared]:
        for task in self._tasks:
            one, other = self._before.by_task.get(task, []), self._after.by_task.get(task, [])
            name = _short(task)
            yield _number("tasks", f"{name}: calls", len(one), len(other), words.count)
            for what, count in _COUNTS:
                if count(one) or count(other):
                    yield _number("tasks", f"{name}: {what}", count(one), count(other), words.count)
            before_s, after_s = self._before.mean_s(task), self._after.mean_s(task)
            if before_s is not None and after_s is not None:
                yield _number("tasks", f"{name}: mean time", before_s, after_s, words.duration, SAME_TIME)

    def _whole(self) -> Iterator[Compared]:
        one, other = self._before, self._after
        yield _text("run", "task", one.row.task, other.row.task)
        yield _text("run", "state", mark_of(one.row.phase).word, mark_of(other.row.phase).word)
        yield _number("run", "duration", one.elapsed_s, other.elapsed_s, words.total, SAME_TIME)
        yield _number("run", "actions", one.row.action_count, other.row.action_count, words.count)
        yield _number("run", "cached", one.row.cached_count, other.row.cached_count, words.count)
        yield _number("run", "failed", one.row.failed_count, other.row.failed_count, words.count)


def _retried(members: Sequence[ActionRow]) -> int:
    return sum(one.attempt - 1 for one in members)


_COUNTS: tuple[tuple[str, Callable[[Sequence[ActionRow]], int]], ...] = (
    ("cached", lambda members: sum(one.is_cached for one in members)),
    ("failed", lambda members: sum(one.failure is not None for one in members)),
    ("further attempts", _retried),
)


def _settings(old: TaskDeclaration, new: TaskDeclaration) -> Iterator[tuple[str, str, str]]:
    for what, of in _RESOURCES:
        if (one := of(old.resources)) or of(new.resources):
            yield what, one, of(new.resources)
    for what, say in _SETTINGS:
        yield what, say(old), say(new)
    before, after = old.launch.env_vars, new.launch.env_vars
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    if changed:  # names only: a value may be one that nobody is to read
        yield "variables", "", f"others: {', '.join(changed[:10])}"


_RESOURCES: tuple[tuple[str, Callable[[ResourceRequest], str]], ...] = (
    ("cpu", lambda asked: "" if asked.cpu is None else f"{asked.cpu:g}"),
    ("memory", lambda asked: words.size(asked.memory_bytes) if asked.memory_bytes else ""),
    ("gpu", lambda asked: f"{asked.gpu} {asked.gpu_kind}".strip() if asked.gpu else ""),
    ("disk", lambda asked: words.size(asked.disk_bytes) if asked.disk_bytes else ""),
)
_SETTINGS: tuple[tuple[str, Callable[[TaskDeclaration], str]], ...] = (
    ("image", lambda one: one.image),
    ("retries", lambda one: f"{one.retries:g}" if one.retries else ""),
    ("timeout", lambda one: words.duration(one.timeout_s) if one.timeout_s else ""),
    ("cache", lambda one: one.cache),
)


def _placements(old: Placement | None, new: Placement | None) -> Iterator[tuple[str, str, str]]:
    if old is None or new is None:  # all was cached: nothing ran
        return
    yield "executor", old.executor, new.executor
    yield "python", old.python, new.python
    yield "image built", old.image_id[:19], new.image_id[:19]
    if not old.distributions or not new.distributions:
        return
    before = dict(one.partition("==")[::2] for one in old.distributions)
    after = dict(one.partition("==")[::2] for one in new.distributions)
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    for name in changed[:MOST_DISTRIBUTIONS]:
        yield name, before.get(name, ""), after.get(name, "")
    if len(changed) > MOST_DISTRIBUTIONS:
        yield "distributions", "", f"{len(changed) - MOST_DISTRIBUTIONS} more differ"
    if not changed:
        yield "distributions", words.count(len(before)), words.count(len(after))


def _values(part: str, before: bytes, after: bytes) -> Iterator[Compared]:
    """Values by name; what looks alike and has other content is not the same."""
    old, new = _previews(before), _previews(after)
    digests = input_digests(before), input_digests(after)
    for name in dict.fromkeys([*old, *new]):
        one, other = old.get(name, ""), new.get(name, "")
        is_same = digests[0].get(name) == digests[1].get(name)
        shown = _output_name(name, max(len(old), len(new))) if part == "outputs" else name
        change = "" if is_same or one != other else "other content"
        if not is_same and (numbers := _numbers(one, other)):
            change = _signed(numbers[1] - numbers[0], lambda value: f"{value:.6g}")
        yield Compared(part=part, name=shown, before=one, after=other, change=change, is_same=is_same)


def _previews(payload: bytes) -> dict[str, str]:
    try:
        return {one.name: one.text for one in preview(payload)} if payload else {}
    except (ValueError, LookupError):
        return {}


def _numbers(*texts: str) -> tuple[float, ...]:
    try:
        return tuple(float(text) for text in texts)
    except ValueError:
        return ()


def _output_name(name: str, count: int) -> str:
    if name[:1] == "o" and name[1:].isdigit():
        return "result" if count == 1 else f"result[{name[1:]}]"
    return name or "result"


def _short(task: str) -> str:
    return task.rpartition(".")[2]


def _text(part: str, name: str, before: str, after: str) -> Compared:
    return Compared(part=part, name=name, before=before, after=after, is_same=before == after)


def _number(
    part: str, name: str, before: float, after: float, say: Callable[[Any], str], tolerance: float = 0.0
) -> Compared:
    is_same = abs(after - before) <= tolerance * max(before, after)
    change = "" if is_same else _signed(after - before, say)
    return Compared(part=part, name=name, before=say(before), after=say(after), change=change, is_same=is_same)


def _signed(value: float, say: Callable[[Any], str]) -> str:
    return f"{'−' if value < 0 else '+'}{say(abs(value))}"
