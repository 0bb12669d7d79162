"""What a run would do now: the last run's recorded graph with today's keys."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from msgpack import ExtType

from flytenb.capture.ingredients import Ingredients, ingredients_of, read_program
from flytenb.capture.key import snapshot_of
from flytenb.capture.program import Program, build_program
from flytenb.client import handle
from flytenb.client.config import config
from flytenb.client.explain.differences import code_differences, input_differences
from flytenb.client.foresee import Step, expected_seconds
from flytenb.client.session import session
from flytenb.client.submit import check_task, objects_of
from flytenb.client.twin import twin
from flytenb.codec import leaves
from flytenb.errors import CaptureError, FlytenbError
from flytenb.model.declaration import Launch, TaskDeclaration, decode_declaration
from flytenb.model.history import Entry
from flytenb.model.snapshot import ActionRow
from flytenb.model.tags import CACHE_AUTO
from flytenb.views import plan as drawn
from flytenb.wire import paths
from flytenb.worker.keys import cache_key, cache_mode, code_identity
from flytenb.worker.remake import describe

UserValue = Any
#: Actions of the last run that are looked at.
MOST_ACTIONS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRow:
    """Calls of one task at one place of the tree."""

    task: str
    depth: int
    count: int
    hit_count: int
    run_count: int
    unknown_count: int
    #: Why they run, or why it is not known.
    why: str = ""
    #: Seconds that those which run, or may run, took last time, together.
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a run would take from the cache, what it would run, and what cannot be known before."""

    task: str
    #: The run whose graph was taken, "" when there was none.
    based_on: str
    rows: tuple[PlanRow, ...]
    #: Expected seconds; `least_s` if all that is unknown were taken from the cache.
    expected_s: float | None
    least_s: float | None

    @property
    def hit_count(self) -> int:
        """Calls that will be taken from the cache."""
        return sum(row.hit_count for row in self.rows)

    @property
    def run_count(self) -> int:
        """Calls that will run."""
        return sum(row.run_count for row in self.rows)

    @property
    def unknown_count(self) -> int:
        """Calls of which nobody can know."""
        return sum(row.unknown_count for row in self.rows)

    def __str__(self) -> str:
        return drawn.plan_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return drawn.plan_html(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as `flytenb plan -o json` prints it."""
        data: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__ if name != "rows"}
        data |= {name: getattr(self, name) for name in ("hit_count", "run_count", "unknown_count")}
        data["rows"] = [{name: getattr(row, name) for name in row.__slots__} for row in self.rows]
        return data


@twin
def plan(task: Any, /, *args: UserValue, **kwargs: UserValue) -> Plan:
    """What `flyte.run(task, …)` with these inputs would do now. Runs nothing.

    Example:
        print(flyte.plan(search, cs=[0.1, 1, 10]))

    Raises:
        TypeError: not a task, or a value of the wrong type.
        CaptureError: the task's code cannot travel.
    """
    check_task(task)
    state = paths.home()
    link, store = session(state), objects_of(state)
    inputs = task.interface.encode_inputs(task.interface.bind(args, kwargs), store)
    today = _Today(task)
    found = link.query("previous", task_name=task.name)["run"]
    rows: list[ActionRow] = []
    if found:
        rows = link.query("actions", list[ActionRow], run=found, io=True)[:MOST_ACTIONS]
    past: dict[str, TaskDeclaration] = {}
    for row in rows:
        if row.task not in past:
            past[row.task] = decode_declaration(handle.read_io(link, found, row.name).declaration)
    maker = _Maker(today, past, rows, found, store)
    keys = maker.keys(inputs)
    entries: list[Entry] = link.query("entries", list[Entry], keys=keys) if keys else []
    return maker.plan(inputs, {entry.key: entry for entry in entries}, float(link.query("status").get("cpu") or 1))


class _Today:
    """The task and all that it reaches, as they are now."""

    def __init__(self, task: Any) -> None:
        self.program: Program = build_program(task, describe=describe, root_dir=config().root_dir)
        self.tasks: dict[str, Any] = {task.name: task}
        try:
            for item in snapshot_of(task).graph.items if getattr(task, "func", None) is not None else ():
                if item.task is not None:
                    self.tasks.setdefault(item.task.name, item.task)
        except CaptureError:
            pass
        launch = Launch(python=sys.executable, cwd=os.getcwd())
        self.declarations: dict[str, TaskDeclaration] = {}
        for entry in self.program.entries.values():
            if entry.name in self.tasks:
                self.declarations[entry.name] = self.tasks[entry.name].declaration(
                    launch, self.program.digest, entry.entry, key=entry.key, doubts=entry.doubts
                )

    @cached_property
    def _body(self) -> dict[str, Any]:
        return read_program(self.program.body)

    def ingredients(self, name: str) -> Ingredients | None:
        """Of a task's code now."""
        declaration = self.declarations.get(name)
        return ingredients_of(self._body, declaration.entry) if declaration is not None else None

    def is_usable(self, name: str, entry: Entry | None, now: float) -> bool:
        """Whether a result may be used: it is there, and not too old for its task."""
        limit = self.declarations[name].cache_max_age_s
        return entry is not None and (not limit or now - entry.created_at <= limit)

    def key(self, name: str, inputs: bytes) -> bytes:
        """Key of a call's result, b"" when it does not ask the cache."""
        declaration = self.declarations.get(name)
        if declaration is None or cache_mode(declaration) != CACHE_AUTO:
            return b""
        task = self.tasks[name]
        ignored = declaration.cache_settings.ignored if declaration.cache_settings is not None else ()
        return cache_key(code_identity(declaration), task.interface.digest_inputs(inputs, ignored))


@dataclass(slots=True)
class _Node:
    row: ActionRow
    children: list[_Node] = field(default_factory=list)
    verdict: str = ""
    why: str = ""
    #: What it gives may differ from last time.
    is_other: bool = False
    #: An equal call would be taken from the cache.
    would_hit: bool = False


class _Maker:
    """Today's keys over the graph of a run."""

    def __init__(
        self, today: _Today, past: dict[str, TaskDeclaration], rows: Sequence[ActionRow], based_on: str, store: Any
    ) -> None:
        self._today, self._past, self._based_on, self._store = today, past, based_on, store
        nodes: dict[str, _Node] = {}
        for row in rows:
            nodes[row.name] = _Node(row)
            if row.parent in nodes:
                nodes[row.parent].children.append(nodes[row.name])
        self._nodes = list(nodes.values())
        self._entries: dict[bytes, Entry] = {}
        self._code: dict[str, tuple[str, bool]] = {}
        self._bodies: dict[str, dict[str, Any]] = {}
        self._now = time.time()

    def keys(self, inputs: bytes) -> list[bytes]:
        """All keys that the plan will ask for."""
        wanted = [self._today.key(self._today.program.root.name, inputs)]
        wanted += [self._today.key(node.row.task, node.row.inputs) for node in self._nodes[1:]]
        return [key for key in dict.fromkeys(wanted) if key]

    def plan(self, inputs: bytes, entries: dict[bytes, Entry], cpu: float) -> Plan:
        self._entries = entries
        name = self._today.program.root.name
        if not self._nodes:
            return self._first(name, inputs)
        root = self._nodes[0]
        self._visit(root, inputs)
        steps = [self._step(root)]
        return Plan(
            task=name,
            based_on=self._based_on,
            rows=tuple(_folded([root], 0)),
            expected_s=expected_seconds(steps, cpu, with_unknown=True),
            least_s=expected_seconds(steps, cpu, with_unknown=False),
        )

    def _first(self, name: str, inputs: bytes) -> Plan:
        entry = self._today.is_usable(name, self._entries.get(self._today.key(name, inputs)), self._now)
        why = "" if entry else "it never ran to its end before: what it calls and how long it takes is not known"
        row = PlanRow(
            task=name, depth=0, count=1, hit_count=int(entry), run_count=int(not entry), unknown_count=0, why=why
        )
        known = 0.0 if entry else None
        return Plan(task=name, based_on="", rows=(row,), expected_s=known, least_s=known)

    # ---- verdicts -------------------------------------------------------------------------------------------------
    def _visit(self, node: _Node, inputs: bytes) -> None:
        """A call that will happen with these inputs."""
        row = node.row
        declaration = self._today.declarations.get(row.task)
        if declaration is None:
            self._unknown(node, f"task {row.short_name} is not reached any more")
            return
        key = self._today.key(row.task, inputs)
        if key and self._today.is_usable(row.task, self._entries.get(key), self._now):
            node.verdict = "hit"
            node.is_other = inputs != row.inputs
            return
        node.verdict = "run"
        words, is_own_changed = self._changes(row.task)
        other = input_differences(row.inputs, inputs)
        node.is_other = bool(words or other)
        node.why = self._why(declaration, words, other[0].words if other else "")
        for child in node.children:
            if is_own_changed:
                self._unknown(child, f"{row.short_name} itself changed and may call others")
            elif other:
                self._unknown(child, f"{row.short_name} has other inputs than in {self._based_on}")
            else:
                self._child(node, child)

    def _child(self, parent: _Node, child: _Node) -> None:
        """A call that an unchanged parent makes again: with the same inputs, unless they come from what differs."""
        before = [one for one in parent.children if one.row.ended_at and one.row.ended_at <= child.row.accepted_at]
        source = next((one for one in before if one.is_other or one.verdict == "unknown"), None)
        if source is not None:
            same = [one for one in before if not one.is_other and one.verdict != "unknown"]
            known = {*_items(parent.row.inputs), *(item for one in same for item in _items(one.row.outputs))}
            if not known.issuperset(_items(child.row.inputs)):
                words, _ = self._changes(child.row.task)
                if words:
                    self._visit(child, child.row.inputs)
                    child.is_other = True
                else:
                    self._unknown(child, f"its inputs may come from {source.row.short_name}, which will differ")
                return
        self._visit(child, child.row.inputs)

    def _unknown(self, node: _Node, why: str) -> None:
        node.verdict, node.why = "unknown", why
        key = self._today.key(node.row.task, node.row.inputs)
        node.would_hit = bool(key) and self._today.is_usable(node.row.task, self._entries.get(key), self._now)
        for child in node.children:
            self._unknown(child, why)

    def _why(self, declaration: TaskDeclaration, code: str, inputs: str) -> str:
        if declaration.cache == "disable":
            return code or inputs or "its cache is off"
        if declaration.cache == "override":
            return 'cache="override"'
        if declaration.key_doubts:
            return f"its key may be incomplete: {declaration.key_doubts[0]}"
        return code or inputs or "no such result is in the cache, or it is too old"

    def _changes(self, task: str) -> tuple[str, bool]:
        """What changed in a task's code since, and whether it is the task itself rather than what it calls."""
        if task not in self._code:
            self._code[task] = self._compared(task)
        return self._code[task]

    def _compared(self, task: str) -> tuple[str, bool]:
        before, now = self._past[task], self._today.declarations[task]
        try:
            if before.program not in self._bodies:
                body = self._store.get(before.program) if before.program else b"\x80"
                self._bodies[before.program] = read_program(body)
            old = ingredients_of(self._bodies[before.program], before.entry)
        except (FlytenbError, LookupError, ValueError):
            old = None
        new = self._today.ingredients(task)
        if old is None or new is None:
            return ("", False) if before.key == now.key and now.key else ("its earlier code is not known", True)
        if old.key == new.key:
            return ("", False) if before.key == now.key or not before.key else ("its cache's version changed", False)
        found = code_differences(old, new, lambda _: "", lambda _: "")
        labels = old.own | new.own
        is_own = any(old.parts.get(label) != new.parts.get(label) and _core(old, new, label) for label in labels)
        return found[0].words if found else "its code changed", is_own

    # ---- time -----------------------------------------------------------------------------------------------------
    def _step(self, node: _Node) -> Step:
        row = node.row
        took = row.saved_s if row.is_cached else max(0.0, row.ended_at - row.started_at) if row.started_at else 0.0
        return Step(
            verdict=node.verdict,
            seconds=took,
            begin=row.accepted_at,
            end=row.ended_at,
            children=[self._step(child) for child in node.children],
        )


def _core(old: Ingredients, new: Ingredients, label: str) -> bool:
    """Whether a part differs in more than its place."""
    one, other = old.parts.get(label), new.parts.get(label)
    return one is None or other is None or (one.kind, one.digest) != (other.kind, other.digest)


def _items(payload: bytes) -> list[bytes]:
    """The encoded values of a payload, and the items of lists among them."""
    found: list[bytes] = []
    for value in leaves.unpack_with(payload, ExtType)[2] if payload else ():
        found.append(leaves.pack(value))
        if type(value) is list:
            found += [leaves.pack(item) for item in value]
    return found


def _folded(nodes: Sequence[_Node], depth: int) -> Iterable[PlanRow]:
    """Rows of equal tasks at one depth, as the run's view folds them."""
    by_task: dict[str, list[_Node]] = {}
    for node in nodes:
        by_task.setdefault(node.row.task, []).append(node)
    for task, members in by_task.items():
        why = next((node.why for node in members if node.verdict == "run"), "")
        why = why or next((node.why for node in members if node.verdict == "unknown"), "")
        likely = sum(node.would_hit for node in members if node.verdict == "unknown")
        if likely:
            why += f"; {likely} of them would be taken from the cache if called as before"
        yield PlanRow(
            task=task,
            depth=depth,
            count=len(members),
            hit_count=sum(node.verdict == "hit" for node in members),
            run_count=sum(node.verdict == "run" for node in members),
            unknown_count=sum(node.verdict == "unknown" for node in members),
            why=why,
            seconds=sum(_took(node.row) for node in members if node.verdict != "hit"),
        )
        below = [child for node in members if node.verdict != "hit" for child in node.children]
        yield from _folded(below, depth + 1)


def _took(row: ActionRow) -> float:
    if row.is_cached:
        return row.saved_s
    return max(0.0, row.ended_at - row.started_at) if row.started_at else 0.0
