"""What handles gave out, by identity: the weak table behind `flyte.where`. Light, for every client loads it."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from functools import partial
from typing import Any

UserValue = Any
_KEPT = 4_096
#: id of a value → the value (weakly), run, action, output.
_given: dict[int, tuple[Any, str, str, str]] = {}


def remember(values: Sequence[UserValue], names: Sequence[str], run: str, action: str) -> None:
    """Note where values came from that a handle just gave. Weakly: nothing lives longer because of it."""
    for name, value in zip(names, values, strict=False):
        number = id(value)
        try:
            reference = weakref.ref(value, partial(_forget, number))
        except TypeError:
            continue  # numbers, texts and plain containers are found by their content
        if len(_given) >= _KEPT:
            _given.pop(next(iter(_given)), None)
        _given[number] = (reference, run, action, name)


def _forget(number: int, _: Any) -> None:
    _given.pop(number, None)


def known_as(value: UserValue) -> tuple[str, str, str] | None:
    """(run, action, output) of a value that a handle gave; None for others."""
    found = _given.get(id(value))
    return found[1:] if found is not None and found[0]() is value else None
