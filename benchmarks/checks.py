"""Reads back what a measured run left behind: rows, parents, phases and outputs, by a connection of its own.

A figure without its check is not printed: a fast engine that lost a row is not fast.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import msgpack

#: The integer of "succeeded" in `action.phase`.
SUCCEEDED = 5


class Row(NamedTuple):
    """One action as it is on disk."""

    id: int
    parent: int | None
    task: str
    phase: int
    outputs: bytes | None


class CheckFailed(AssertionError):
    """What is on disk is not what the run returned."""


def expect(is_true: bool, sentence: str) -> None:
    """Refuse the figure with this sentence."""
    if not is_true:
        raise CheckFailed(sentence)


def actions_of(home: Path, run_name: str) -> list[Row]:
    """All actions of a run, root first."""
    store = sqlite3.connect(f"file:{home / 'store.db'}?mode=ro", uri=True)
    try:
        found = store.execute("select id from run where name = ?", (run_name,)).fetchone()
        expect(found is not None, f"run {run_name} is not in the store")
        names = {
            number: msgpack.unpackb(body, strict_map_key=False)["name"]
            for number, body in store.execute("select id, body from task")
        }
        low, high = found[0] << 32, (found[0] + 1) << 32
        query = "select id, parent, task, phase, outputs from action where id >= ? and id < ? order by id"
        return [
            Row(number, parent, names[task], phase, outputs)
            for number, parent, task, phase, outputs in store.execute(query, (low, high))
        ]
    finally:
        store.close()


def traces_of(home: Path, run_name: str) -> list[int | None]:
    """The outputs of all traced calls of a run, in no order."""
    store = sqlite3.connect(f"file:{home / 'store.db'}?mode=ro", uri=True)
    try:
        query = """
            select trace.outputs from trace, run
            where run.name = ? and trace.action >= run.id << 32 and trace.action < (run.id + 1) << 32
        """
        return [integer_in(outputs) for (outputs,) in store.execute(query, (run_name,))]
    finally:
        store.close()


def check_children(home: Path, run_name: str, expected: Iterable[int], task: str = "bench.child") -> str:
    """One root, and under it exactly these children, all succeeded, each output on disk."""
    rows = actions_of(home, run_name)
    root, children = rows[0], rows[1:]
    wanted = Counter(expected)
    expect(len(children) == wanted.total(), f"{len(children)} children on disk instead of {wanted.total()}")
    expect(all(row.phase == SUCCEEDED for row in rows), "an action on disk has not succeeded")
    expect(all(row.parent == root.id for row in children), "a child's parent on disk is not the root")
    expect({row.task for row in children} == {task}, f"tasks on disk: { {row.task for row in children} }")
    expect(Counter(integer_in(row.outputs) for row in children) == wanted, "outputs on disk differ from those returned")
    return f"{len(rows)} rows, parents, outputs"


def check_tree(home: Path, run_name: str, depth: int, width: int = 4) -> str:
    """Every inner node has exactly `width` children, every output is the size of its subtree."""
    rows = actions_of(home, run_name)
    total = (width ** (depth + 1) - 1) // (width - 1)
    inner = (width**depth - 1) // (width - 1)
    expect(len(rows) == total, f"{len(rows)} rows on disk instead of {total}")
    expect(all(row.phase == SUCCEEDED for row in rows), "an action on disk has not succeeded")
    counts = Counter(row.parent for row in rows[1:])
    expect(len(counts) == inner and set(counts.values()) == {width}, "parents on disk do not form the tree")
    sizes = Counter(integer_in(row.outputs) for row in rows)
    wanted = Counter({(width ** (d + 1) - 1) // (width - 1): width ** (depth - d) for d in range(depth + 1)})
    expect(sizes == wanted, "outputs on disk are not the subtrees' sizes")
    return f"{total} rows, {inner} parents, outputs"


def check_processes(kernel: int, parent: int, children: Iterable[int]) -> str:
    """No child ran in its parent's process, nor in the caller's."""
    pids = set(children)
    expect(parent not in pids, f"a child ran in its parent's process {parent}")
    expect(kernel not in pids | {parent}, "an action ran in the caller's process")
    return f"{len(pids)} child pids, none the parent's"


def integer_in(payload: bytes | None) -> int | None:
    """The last integer inside an encoded value: the whole value of a task that returns an int."""
    if payload is None:
        return None
    found: list[int] = []

    def walk(value: Any) -> None:
        if isinstance(value, int) and not isinstance(value, bool):
            found.append(value)
        elif isinstance(value, list | tuple):
            for item in value:
                walk(item)
        elif isinstance(value, dict):
            for item in value.values():
                walk(item)

    walk(msgpack.unpackb(payload, strict_map_key=False))
    return found[-1] if found else None
