"""Variables of failed frames as texts: nothing of the user's runs, nothing is long, nothing takes long."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import enum
import pathlib
import sys
import threading
import time
from typing import Any

import pytest

from flytenb.codec.failure import to_failure
from flytenb.codec.locals import MOST_BYTES, describe, locals_of

RAN: list[str] = []


def _run(*_: Any, **__: Any) -> Any:
    RAN.append("ran")
    raise SystemExit("a body's class ran")


_NAMES = (
    "repr",
    "str",
    "getattribute",
    "getattr",
    "len",
    "iter",
    "eq",
    "hash",
    "bool",
    "format",
    "getitem",
    "contains",
)
HOSTILE = {f"__{name}__": _run for name in _NAMES} | {"__class__": property(_run), "__dir__": _run}


class _HostileMeta(type):
    __getattribute__ = __instancecheck__ = __subclasscheck__ = __repr__ = __eq__ = __hash__ = _run  # type: ignore[assignment]


def _hostile(base: type) -> Any:
    cls = type("Hostile", (base,), dict(HOSTILE))
    return base.__new__(cls)


@dataclasses.dataclass
class Point:
    x: int
    password: str = "hunter22"

    def __repr__(self) -> str:
        return _run()


class Slotted:
    __slots__ = ("left", "right")

    def __init__(self) -> None:
        self.left = 1


class Color(enum.Enum):
    RED = "r"


@pytest.mark.parametrize("base", [object, list, dict, tuple, set, frozenset, str, bytes, int, float, Exception])
def test_no_class_runs(base: type) -> None:
    RAN.clear()
    alone, inside = describe(_hostile(base)), describe([_hostile(base)])  # not in an assert: pytest shows what is there
    assert RAN == []
    assert alone.startswith(("Hostile", "<Hostile"))
    assert inside.startswith("[")


def test_no_metaclass_runs() -> None:
    RAN.clear()
    cls = type.__new__(_HostileMeta, "Lying", (), {"__module__": _hostile(str)})
    itself, one = describe(cls), describe(object.__new__(cls))
    del cls
    assert RAN == []
    assert itself == "<class Lying>"
    assert one == "<Lying>"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        (1.5, "1.5"),
        (10**500, "<int of 1661 bits>"),
        ("a" * 1000, f"'{'a' * 160}'… (1,000 characters)"),
        ([1, [2, [3, [4]]]], "[1, [2, [3, […]]]]"),
        (list(range(1000)), "[0, 1, 2, 3, 4, 5, … 1,000 in all]"),
        ((1,), "(1,)"),
        (set(), "set()"),
        ({"api_key": "x", "n": 1}, "{'api_key': ***, 'n': 1}"),
        (collections.Counter("aab"), "Counter({'a': 2, 'b': 1})"),
        (Point(3), "Point(x=3, password=***)"),
        (Slotted(), "Slotted(left=1)"),
        (Color.RED, "Color.RED"),
        (ValueError("no", 3), "ValueError('no', 3)"),
        (pathlib.PurePosixPath("/tmp"), "PurePosixPath('/tmp')"),
        (datetime.date(2026, 1, 2), "datetime.date(2026, 1, 2)"),
        (range(5), "range(0, 5)"),
        (describe, "<function describe>"),
        (Point, "<class Point>"),
        (threading.Lock(), "<lock>"),
    ],
)
def test_what_is_said(value: Any, text: str) -> None:
    assert describe(value) == text


def test_arrays_and_tables_say_their_shape() -> None:
    numpy, pandas = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    assert describe(numpy.zeros((100, 3))) == "<ndarray (100, 3) float64>"
    assert describe(numpy.arange(3)) == "<ndarray (3,) int64 [0, 1, 2]>"
    assert describe(numpy.array([object()], dtype=object)) == "<ndarray (1,) object>"
    assert describe(pandas.DataFrame({"a": [1], "b": [2]})) == "<DataFrame 1 × 2 ['a', 'b']>"


def test_a_cycle_and_a_changing_container_end() -> None:
    ring: list[Any] = []
    ring.append(ring)
    assert describe(ring) == "[[[[…]]]]"
    deep: dict[str, Any] = {}
    for _ in range(1000):
        deep = {"k": deep}
    assert len(describe(deep)) < 100


def test_all_together_are_short_and_quick() -> None:
    def fail(depth: int) -> None:
        rows = [{"text": "ж" * 10_000, "more": list(range(1000))} for _ in range(50)]  # noqa: F841
        if depth == 0:
            raise ValueError("deep")
        fail(depth - 1)

    try:
        fail(90)
    except ValueError as error:
        begun = time.process_time()
        failure = to_failure(error, with_locals=True)
        took = time.process_time() - begun
    size = sum(len(name.encode()) + len(text.encode()) for frame in failure.locals for name, text in frame)
    assert MOST_BYTES / 10 < size < MOST_BYTES + 2_000
    assert took < 1, took
    assert len(failure.locals) == len(failure.frames)
    assert dict(failure.locals[-1])["depth"] == "0"  # the innermost frame comes first to its right
    assert failure.locals[0] == ()


def test_names_that_hide() -> None:
    secret_token = password = "hunter22"  # noqa: F841
    (found,) = locals_of([sys._getframe()])
    assert dict(found) == {"secret_token": "***", "password": "***"}
