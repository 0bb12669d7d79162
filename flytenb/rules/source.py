"""What is known of a run that another one recovers: its calls by key and by inputs, and the traces of what failed.

Made once when the recovering run begins; ordinary runs have none. Outputs stay in the store until a call asks for them.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Any, NamedTuple

from flytenb.model.declaration import TaskDeclaration
from flytenb.model.ids import action_name

#: Equal calls of a source run that are looked at for the one that fits best.
_MOST_EQUALS = 64


#: A single one stands for itself: a million lists would take as much as all the rest.
_Index = dict[bytes, int | list[int]]


def _put(index: _Index, key: bytes, ident: int) -> None:
    known = index.get(key)
    if known is None:
        index[key] = ident
    elif isinstance(known, int):
        index[key] = [known, ident]
    else:
        known.append(ident)


def _all(index: _Index, key: bytes) -> list[int]:
    known = index.get(key)
    return [] if known is None else [known] if isinstance(known, int) else known


class SourceAction(NamedTuple):
    """An action of the run that is recovered."""

    id: int
    parent: int
    task: int
    n: int
    phase: int


class Source:
    """The actions of one run, to be found by those of another.

    Args:
        name: of the run.
        number: its number.
        actions: (id, parent, task, key, n, phase, inputs) in order.
        traces: (action, key, n, name, started_at, duration_s, ok, inputs, outputs) of those that did not end well.
        names: full name of each task by its number.
        force: names of actions and of tasks that run all the same.
        trusted: names of tasks whose results count whatever their code was; "*" = all.
        is_making_lost: whether what was lost of its outputs is made again.
        top: the action that the recovering run's root stands for; 0 = the root.
        origins: "RUN/ACTION" for actions that were recovered themselves.
    """

    def __init__(
        self,
        name: str,
        number: int,
        actions: Iterable[tuple[int, int, int, bytes, int, int, bytes]],
        traces: Iterable[tuple[Any, ...]],
        names: dict[int, str],
        *,
        force: Iterable[str] = (),
        trusted: Iterable[str] = (),
        is_making_lost: bool = False,
        top: int = 0,
        origins: dict[int, str] | None = None,
    ) -> None:
        self.name, self.is_making_lost = name, is_making_lost
        self._top = top or number << 32
        self.force, self.trusted = frozenset(force), frozenset(trusted)
        self._origins = origins or {}
        self.actions: dict[int, SourceAction] = {}
        self._by_key: _Index = {}
        self._by_inputs: _Index = {}
        self._by_parent: dict[bytes, dict[int, list[int]]] = {}
        self.task_names: set[str] = set()
        for ident, parent, task, key, n, phase, inputs in actions:
            self.actions[ident] = SourceAction(ident, parent, task, n, phase)
            _put(self._by_key, key + n.to_bytes(4, "little"), ident)
            told = names.get(task, "")
            self.task_names.add(told)
            _put(self._by_inputs, _inputs_key(told, inputs), ident)
        self.traces: dict[int, list[tuple[Any, ...]]] = {}
        for row in traces:
            self.traces.setdefault(row[0], []).append(row)

    @property
    def root(self) -> SourceAction:
        """Its root, or the action that stands for it."""
        return self.actions[self._top]

    def equals(self, name: str, key: bytes, n: int, inputs: bytes, above: int) -> list[SourceAction]:
        """The calls that a call may stand for: equal ones have different results perhaps, so the n-th is the n-th.

        Below the same parent it is that one (or its repetitions); else one of the same number below any parent; else,
        in another group or with a file of another name, the n-th call of the task with these inputs.

        Args:
            name: the task's.
            key, n: the call's key and its number among equals.
            inputs: the call's.
            above: the action of this run that the call's parent stands for; 0 = none.
        """
        call = key + n.to_bytes(4, "little")
        found = _all(self._by_key, call)
        chosen = self._below(call, found, above) or found[:_MOST_EQUALS]
        if chosen:
            return [self.actions[ident] for ident in chosen]
        others = _all(self._by_inputs, _inputs_key(name, inputs))
        return [self.actions[others[n - 1]]] if n <= len(others) else []

    def _below(self, call: bytes, found: list[int], parent: int) -> list[int]:
        if len(found) <= _MOST_EQUALS:
            return [ident for ident in found if self.actions[ident].parent == parent]
        by_parent = self._by_parent.get(call)
        if by_parent is None:  # many parents made the same call: looked through once
            by_parent = self._by_parent[call] = {}
            for ident in found:
                by_parent.setdefault(self.actions[ident].parent, []).append(ident)
        return by_parent.get(parent, [])

    def has_call(self, name: str, inputs: bytes) -> bool:
        """Whether the task was called with these inputs at all."""
        return _inputs_key(name, inputs) in self._by_inputs

    def has_inputs(self, inputs: bytes, name: str) -> bool:
        """Whether its root was called so."""
        return self._top in _all(self._by_inputs, _inputs_key(name, inputs))

    def words(self, ident: int) -> str:
        """ "RUN/ACTION" of one of its actions, or of the one that it has its own result from."""
        return self._origins.get(ident) or f"{self.name}/{action_name(ident)}"

    def is_to_run(self, before: SourceAction | None, declaration: TaskDeclaration) -> bool:
        """Whether it was said that an action, or all of its task, run again."""
        force = self.force
        if not force:
            return False
        is_named = before is not None and action_name(before.id) in force
        return is_named or declaration.name in force or declaration.short_name in force

    def is_trusted(self, declaration: TaskDeclaration) -> bool:
        """Whether it was said that results of this task count whatever its code was."""
        trusted = self.trusted
        return "*" in trusted or declaration.name in trusted or declaration.short_name in trusted


def _inputs_key(task_name: str, inputs: bytes) -> bytes:
    return blake2b(inputs, digest_size=16, key=task_name.encode()[:64]).digest()
