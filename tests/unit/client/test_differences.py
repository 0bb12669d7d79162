"""What differs between two versions of code or two sets of inputs, in words: every kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flytenb.capture.ingredients import Ingredients, Part, definition_at, ingredients_of, packed, read_program, text_of
from flytenb.capture.key import CodeKey
from flytenb.client.explain.differences import (
    code_differences,
    diff_of,
    input_differences,
    setting_differences,
    versions,
)
from flytenb.client.foresee import Step, covered, expected_seconds
from flytenb.codec.objects import ObjectStore
from flytenb.codec.payload import encode_values
from flytenb.model.declaration import CacheSettings, Launch, TaskDeclaration


def part(label: str, kind: str = "function", digest: str = "d1", place: str = "Cell In[4], line 2", said: str = ""):
    return Part(label, kind, digest, place, said)


def made(*parts: Part) -> Ingredients:
    return Ingredients("k" + str(hash(parts)), {one.label: one for one in parts}, frozenset(one.label for one in parts))


def words(old: list[Part], new: list[Part], before: str = "", now: str = "") -> list[str]:
    found = code_differences(made(*old), made(*new), lambda _: before, lambda _: now)
    return [one.words for one in found]


CASES = [
    pytest.param(
        [part("clean")],
        [part("clean", digest="d2")],
        "def clean(x):\n    return x\n",
        "def clean(x):\n    y = x\n    return y\n",
        ["function `clean` changed: Cell In[4], line 2, was 2 lines, is 3"],
        id="function",
    ),
    pytest.param(
        [part("Model", "class")],
        [part("Model", "class", "d2")],
        "class Model:\n    a = 1",
        "class Model:\n    a = 2",
        ["class `Model` changed: Cell In[4], line 2, 2 lines"],
        id="class",
    ),
    pytest.param(
        [part("f", said="n=1")],
        [part("f", digest="d2", said="n=2")],
        "def f(): ...",
        "def f(): ...",
        ["function `f` holds n=2, held n=1: Cell In[4], line 2"],
        id="closure",
    ),
    pytest.param(
        [part("f")],
        [part("f", digest="d2")],
        "def f(): ...",
        "def f(): ...",
        ["function `f` holds other values (a default, an enclosing variable or an attribute): Cell In[4], line 2"],
        id="held-in-secret",
    ),
    pytest.param(
        [part("C", "value", said="3")],
        [part("C", "value", "d2", said="4")],
        "",
        "",
        ["value `C` was 3, is 4 (Cell In[4], line 2)"],
        id="value",
    ),
    pytest.param(
        [part("DATA", "value")],
        [part("DATA", "value", "d2")],
        "",
        "",
        ["value `DATA` changed (Cell In[4], line 2)"],
        id="large-value",
    ),
    pytest.param(
        [part("pd", "module", "module:pandas pandas==2.1.4", "")],
        [part("pd", "module", "module:pandas pandas==2.2.0", "")],
        "",
        "",
        ["pandas 2.1.4 → 2.2.0"],
        id="distribution",
    ),
    pytest.param(
        [part("f", digest="d1|import numpy==1.26")],
        [part("f", digest="d1|import numpy==2.1")],
        "",
        "",
        ["numpy 1.26 → 2.1"],
        id="distribution-imported-inside",
    ),
    pytest.param(
        [part("clean is", "name", "one")],
        [part("clean is", "name", "two")],
        "",
        "",
        ["`clean` means `two` now, meant `one` (Cell In[4], line 2)"],
        id="name",
    ),
    pytest.param(
        [part("x", "value")],
        [part("x", "function", "d2")],
        "",
        "",
        ["`x` was a value, is a function (Cell In[4], line 2)"],
        id="kind",
    ),
    pytest.param(
        [part("f")],
        [part("f"), part("helper")],
        "",
        "",
        ["now also uses function `helper` (Cell In[4], line 2)"],
        id="new",
    ),
    pytest.param(
        [part("f"), part("helper")],
        [part("f")],
        "",
        "",
        ["no longer uses function `helper` (Cell In[4], line 2)"],
        id="gone",
    ),
    pytest.param(
        [part("np.array patch", "patch")],
        [part("np.array patch", "patch", "d2")],
        "",
        "",
        ["patch `np.array patch` changed (Cell In[4], line 2)"],
        id="patch",
    ),
    pytest.param(
        [part("module prep", "module", "d1", "")],
        [part("module prep", "module", "d2", "")],
        "",
        "",
        ["module `prep` changed"],
        id="local-module",
    ),
    pytest.param(
        [part("clean", place="Cell In[4], line 2")],
        [part("clean", place="Cell In[9], line 7")],
        "",
        "",
        [],
        id="moved-is-equal",
    ),
]


@pytest.mark.parametrize(("old", "new", "before", "now", "told"), CASES)
def test_code(old: list[Part], new: list[Part], before: str, now: str, told: list[str]) -> None:
    assert words(old, new, before, now) == told


def test_code_comes_before_what_follows_from_it() -> None:
    old = [part("f"), part("np", "module", "module:numpy numpy==1.0", "")]
    new = [part("f", digest="d2"), part("np", "module", "module:numpy numpy==2.0", ""), part("g")]
    assert words(old, new, "def f(): 1", "def f(): g()") == [
        "function `f` changed: Cell In[4], line 2, 1 line",
        "numpy 1.0 → 2.0",
    ]


def test_a_diff_is_short() -> None:
    before = "\n".join(f"line {i}" for i in range(40))
    assert diff_of("a\nb\nc", "a\nB\nc") == " a\n-b\n+B\n c"
    assert diff_of(before, before) == ""
    assert len(diff_of(before, before.replace("line", "row")).splitlines()) == 13
    assert diff_of(before, before.replace("line", "row")).endswith("…")


def inputs(store: ObjectStore, **values: Any) -> bytes:
    return encode_values(list(values.values()), list(values), store)


INPUTS = [
    ({"c": 0.1}, {"c": 0.2}, ["input c was 0.1, is 0.2"]),
    ({"c": 1}, {"c": 1.0}, ["input c was 1 (int), is 1.0 (float)"]),
    ({"c": 1}, {"c": 1, "d": 2}, ["input d is new (2)"]),
    ({"c": 1, "d": 2}, {"c": 1}, ["input d is gone (2)"]),
    ({"c": 1, "v": 1}, {"c": 1, "v": 2}, []),
    (
        {"c": list(range(100))},
        {"c": [*range(99), 0]},
        ["input c has other content (list[100] [0, 1, 2, 3, 4, 5, 6, 7, …])"],
    ),
]


@pytest.mark.parametrize(("before", "now", "told"), INPUTS)
def test_inputs(tmp_path: Any, before: dict[str, Any], now: dict[str, Any], told: list[str]) -> None:
    store = ObjectStore(tmp_path)
    found = input_differences(inputs(store, **before), inputs(store, **now), ignored=("v",))
    assert [one.words for one in found] == told


def declared(**settings: Any) -> TaskDeclaration:
    told = CacheSettings(**settings) if settings else None
    return TaskDeclaration(
        name="e.f", short_name="f", environment="e", launch=Launch(python="", cwd=""), program="", entry="f",
        cache_settings=told,
    )  # fmt: skip


def test_settings() -> None:
    found = setting_differences(declared(), declared(version="2", salt="x", ignored=("v",), policies=("P",)))
    assert [one.words for one in found] == [
        'the cache\'s version was none, is "2"',
        'the cache\'s salt was none, is "x"',
        'the cache\'s ignored_inputs was none, is "v"',
        'the cache\'s policies was none, is "P"',
    ]
    assert setting_differences(declared(salt="x"), declared(salt="x")) == []


def test_ingredients_are_kept_once_and_without_values() -> None:
    parts = {"C": ("value", "str=hunter2", "Cell In[1], line 1"), "f": ("function", "abc", "Cell In[2], line 1")}
    key = CodeKey("k1", parts, (), frozenset({"f"}), {"C": "3"})
    table = packed([("f", key), ("g", replace(key, hex="k2"))])
    assert table.count(b"Cell In[1], line 1") == 1
    assert b"hunter2" not in table
    found = ingredients_of({"ingredients": table}, "g")
    assert found is not None
    assert (found.key, sorted(found.parts), found.own) == ("k2", ["C", "f"], {"f"})
    assert found.parts["C"].said == "3"
    assert ingredients_of({}, "f") is None
    assert ingredients_of({"ingredients": table}, "h") is None
    assert versions(found) == {}
    assert read_program(b"\x80") == {}


def test_source_of_a_part() -> None:
    program = {"chunks": [["clean", "def clean(): ...", "Cell In[4]", 2, False]]}
    assert text_of(program, part("clean"), lambda _: b"") == "def clean(): ..."
    assert text_of(program, part("other"), lambda _: b"") == ""
    text = "import x\n\n@d\ndef f():\n    def g():\n        return 1\n    return g\n\nA = 1\n"
    assert definition_at(text, 3).splitlines()[0] == "def f():"
    assert definition_at(text, 5) == "    def g():\n        return 1"
    assert definition_at(text, 9) == "A = 1"
    assert definition_at("def (", 1) == ""


def step(begin: float, end: float, verdict: str = "run", children: list[Step] | None = None) -> Step:
    return Step(verdict=verdict, seconds=end - begin, begin=begin, end=end, children=children or [])


def test_expected_seconds() -> None:
    side_by_side = [step(0, 4), step(0, 4), step(0, 4)]
    assert expected_seconds(side_by_side, 1, with_unknown=True) == 12
    assert expected_seconds(side_by_side, 4, with_unknown=True) == 4
    in_turn = [step(0, 2), step(2, 5)]
    assert expected_seconds(in_turn, 8, with_unknown=True) == 5
    assert expected_seconds([step(0, 2, "hit"), step(2, 5, "unknown")], 8, with_unknown=True) == 3
    assert expected_seconds([step(0, 2, "hit"), step(2, 5, "unknown")], 8, with_unknown=False) == 0
    parent = step(0, 10, children=[step(1, 5), step(1, 5, "hit")])
    assert expected_seconds([parent], 2, with_unknown=True) == 10  # 6 s of its own
    assert covered([(0, 2), (1, 3), (5, 6)]) == 4
