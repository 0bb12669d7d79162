"""What a run would do now: the last run's recorded graph with today's keys."""

from __future__ import annotations

import time
from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Any

from msgpack import ExtType

from flytenb.capture.ingredients import Ingredients, ingredients_of, read_program
from flytenb.client import handle
from flytenb.client.explain.differences import code_differences, input_differences
from flytenb.client.options import RunOptions
from flytenb.client.plans import Plan, PlanRow
from flytenb.client.recorded import Node, nodes_of, plan_of
from flytenb.client.session import Session, session
from flytenb.client.submit import check_task, objects_of
from flytenb.client.today import Today
from flytenb.client.twin import twin
from flytenb.codec import leaves
from flytenb.codec.objects import ObjectStore
from flytenb.errors import BaseRuntimeError, FlytenbError
from flytenb.model.declaration import TaskDeclaration, decode_declaration
from flytenb.model.history import Entry, History
from flytenb.model.snapshot import ActionRow
from flytenb.wire import paths

UserValue = Any
#: Actions of the last run that are looked at.
MOST_ACTIONS = 20_000
#: Calls of one parent up to which their outputs are compared with the inputs of others.
MOST_COMPARED = 2_000
#: Calls taken from the cache whose own calls are looked up.
MOST_GRAFTS = 64


@twin
def plan(task: Any, /, *args: UserValue, **kwargs: UserValue) -> Plan:
    """What `flyte.run(task, …)` with these inputs would do now. Runs nothing.

    Example:
        print(flyte.plan(search, cs=[0.1, 1, 10]))

    Raises:
        TypeError: not a task, or a value of the wrong type.
        CaptureError: the task's code cannot travel.
    """
    return make_plan(task, args, kwargs, RunOptions())


def make_plan(task: Any, args: tuple[UserValue, ...], kwargs: dict[str, UserValue], options: RunOptions) -> Plan:
    """What a run with these options would do now."""
    check_task(task)
    state = paths.home()
    link, store = session(state), objects_of(state)
    inputs = task.interface.encode_inputs(task.interface.bind(args, kwargs), store)
    today = Today(task, options)
    found = link.query("previous", task_name=task.name)["run"]
    rows: list[ActionRow] = []
    if found:
        rows = link.query("actions", list[ActionRow], run=found, io=True)[:MOST_ACTIONS]
    maker = _Maker(today, rows, found, link, store)
    return maker.plan(inputs, float(link.query("status").get("cpu") or 1))


class _Others:
    """Calls of one parent that will give something else, as those ended that came before a child."""

    def __init__(self) -> None:
        self._first = ""
        self._now: list[ActionRow] = []
        self._tasks: dict[str, str] = {}
        self._given: set[bytes] = set()

    def add(self, row: ActionRow) -> None:
        """One that had ended when the next child was accepted."""
        self._now.append(row)
        self._tasks[row.task] = row.short_name
        self._given.update(_items(row.outputs))

    def source_of(self, child: ActionRow) -> str:
        """The task that a child's inputs may come from, "" for none.

        Hits end in the turn in which they are accepted, side by side or one after the other: of those with the child's
        own time and task, only one that gave what the child was given counts.
        """
        if self._now and self._now[0].ended_at < child.accepted_at:  # they came in the order of their ends
            self._first = self._first or self._now[0].short_name
            self._now = [row for row in self._now if row.ended_at >= child.accepted_at]
            self._tasks = {row.task: row.short_name for row in self._now}
        if self._first or not self._now:
            return self._first
        other = next((name for task, name in self._tasks.items() if task != child.task), "")
        return other or (self._now[0].short_name if self._given.intersection(_items(child.inputs)) else "")


class _Maker:
    """Today's keys over the graph of a run."""

    def __init__(
        self, today: Today, rows: Sequence[ActionRow], based_on: str, link: Session, store: ObjectStore
    ) -> None:
        self._today, self._based_on, self._link, self._store = today, based_on, link, store
        #: (run, task) → its declaration then.
        self._past: dict[tuple[str, str], TaskDeclaration] = {}
        self._entries: dict[bytes, Entry] = {}
        self._code: dict[tuple[str, str], tuple[str, bool]] = {}
        self._bodies: dict[str, dict[str, Any]] = {}
        #: Graphs of runs: of the last one, and of those that made what was taken from the cache in it.
        self._graphs = {based_on: nodes_of(based_on, rows)}
        self._graft_count = 0
        #: Task → keys of all its code that was ever declared.
        self._declared: dict[str, set[str]] = {}
        self._now = time.time()
        self._know(based_on, rows)

    def plan(self, inputs: bytes, cpu: float) -> Plan:
        """The plan for these inputs."""
        name = self._today.program.root.name
        self._ask([self._today.key(name, inputs)])
        root = self._graphs[self._based_on].get("a0")
        if root is None:
            return self._first(name, inputs)
        self._visit(root, inputs)
        return plan_of(name, self._based_on, root, cpu)

    def _first(self, name: str, inputs: bytes) -> Plan:
        entry = self._today.is_usable(name, self._entries.get(self._today.key(name, inputs)), self._now)
        why = "" if entry else "it never ran to its end before: what it calls and how long it takes is not known"
        row = PlanRow(
            task=name, depth=0, count=1, hit_count=int(entry), run_count=int(not entry), unknown_count=0, why=why
        )
        known = 0.0 if entry else None
        return Plan(task=name, based_on="", rows=(row,), expected_s=known, least_s=known)

    # ---- verdicts -------------------------------------------------------------------------------------------------
    def _visit(self, node: Node, inputs: bytes) -> None:
        """A call that will happen with these inputs."""
        row = node.row
        declaration = self._today.declarations.get(row.task)
        if declaration is None:
            self._unknown(node, f"task {row.short_name} is not reached any more")
            return
        key = self._today.key(row.task, inputs)
        if key and self._today.is_usable(row.task, self._entries.get(key), self._now):
            node.verdict = "hit"
            node.is_other = (inputs != row.inputs or bool(self._changes(node.run, row.task)[0])) and self._gives_other(
                key, row
            )
            return
        node.verdict = "run"
        words, is_own_changed = self._changes(node.run, row.task)
        other = input_differences(row.inputs, inputs)
        node.is_other = bool(words or other)
        node.why = self._why(declaration, words, other[0].words if other else "")
        self._graft(node)
        if is_own_changed or other:
            said = "itself changed and may call others" if is_own_changed else f"has other inputs than in {node.run}"
            for child in node.children:
                self._unknown(child, f"{row.short_name} {said}")
            return
        self._children(node)

    def _children(self, parent: Node) -> None:
        """The calls of an unchanged parent: with the same inputs, unless these come from what differs."""
        known = set(_items(parent.row.inputs))
        ended: list[tuple[float, int, Node]] = []
        others = _Others()
        for number, child in enumerate(sorted(parent.children, key=lambda one: (one.row.accepted_at, one.row.id))):
            while ended and ended[0][0] <= child.row.accepted_at:
                before = heappop(ended)[2]
                if before.is_other or before.verdict == "unknown":
                    others.add(before.row)
                elif len(parent.children) <= MOST_COMPARED:
                    known.update(_items(before.row.outputs))
            self._child(child, others.source_of(child.row), known)
            if child.row.ended_at:
                heappush(ended, (child.row.ended_at, number, child))

    def _child(self, child: Node, source: str, known: set[bytes]) -> None:
        if not source or known.issuperset(_items(child.row.inputs)):
            self._visit(child, child.row.inputs)
        elif self._will_run(child):
            child.verdict, child.is_other = "run", True
            child.why = self._why(
                self._today.declarations[child.row.task], self._changes(child.run, child.row.task)[0], ""
            )
            self._graft(child)
            for below in child.children:
                self._unknown(below, f"the inputs of {child.row.short_name} may come from {source}, which will differ")
        else:
            self._unknown(child, f"its inputs may come from {source}, which will differ")

    def _graft(self, node: Node) -> None:
        """Give a call that was taken from the cache the calls that it made when it ran."""
        if node.children or not node.row.is_cached:
            return
        self._graft_count += 1
        if self._graft_count > MOST_GRAFTS:
            node.why += "; what it calls is not known, for it was taken from the cache"
            return
        history: History = self._link.query("history", History, run=node.run, action=node.row.name)
        key = history.call.key
        made = next((one for one in history.earlier if one.key == key and not one.is_cached), None)
        if made is None:
            return
        if made.run not in self._graphs:
            rows = self._link.query("actions", list[ActionRow], run=made.run, io=True)[:MOST_ACTIONS]
            self._graphs[made.run] = nodes_of(made.run, rows)
            self._know(made.run, rows)
        found = self._graphs[made.run].get(made.action)
        node.children = found.children if found is not None else []

    def _know(self, run: str, rows: Sequence[ActionRow]) -> None:
        """Read what must be known of the actions of another run: their code then, their results in the cache now."""
        for row in rows:
            if (run, row.task) not in self._past:
                told = handle.read_io(self._link, run, row.name).declaration
                self._past[run, row.task] = decode_declaration(told)
        self._ask([self._today.key(row.task, row.inputs) for row in rows])

    def _ask(self, keys: Sequence[bytes]) -> None:
        """Ask for what lies in the cache under these keys."""
        wanted = [key for key in dict.fromkeys(keys) if key and key not in self._entries]
        found: list[Entry] = self._link.query("entries", list[Entry], keys=wanted) if wanted else []
        self._entries |= {entry.key: entry for entry in found}

    def _gives_other(self, key: bytes, row: ActionRow) -> bool:
        """Whether a cached result differs from what the recorded call gave: code may have gone back to an older one."""
        entry = self._entries[key]
        if not entry.run:
            return True
        try:
            return handle.read_io(self._link, entry.run, entry.action).outputs != row.outputs
        except BaseRuntimeError:  # its run was pruned
            return True

    def _will_run(self, node: Node) -> bool:
        """Whether a call runs whatever its inputs: it does not ask the cache, or its code as it is now never ran."""
        task = node.row.task
        declaration = self._today.declarations.get(task)
        if declaration is None:
            return False
        if task not in self._declared:
            self._declared[task] = set(self._link.query("declared", list[str], task_name=task))
        return not self._today.key(task, node.row.inputs) or declaration.key not in self._declared[task]

    def _unknown(self, node: Node, why: str) -> None:
        node.verdict, node.why = "unknown", why
        key = self._today.key(node.row.task, node.row.inputs)
        node.would_hit = bool(key) and self._today.is_usable(node.row.task, self._entries.get(key), self._now)
        for child in node.children:
            self._unknown(child, why)

    def _why(self, declaration: TaskDeclaration, code: str, inputs: str) -> str:
        always = self._today.always_runs(declaration.name)
        if declaration.cache == "disable":
            return code or inputs or always
        return always or code or inputs or "no such result is in the cache, or it is too old"

    def _changes(self, run: str, task: str) -> tuple[str, bool]:
        """What changed in a task's code since a run, and whether it is the task itself rather than what it calls."""
        if (run, task) not in self._code:
            self._code[run, task] = self._compared(run, task)
        return self._code[run, task]

    def _compared(self, run: str, task: str) -> tuple[str, bool]:
        before, now = self._past[run, task], self._today.declarations[task]
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
