"""Random notebooks: another layout, comments, docstrings and order of cells change no key; another meaning does."""

from __future__ import annotations

import ast
import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.capture.kernel import Kernel

NAMES = ("alpha", "beta", "gamma", "delta", "größe")
_leaf = st.one_of(
    st.just("x"),
    st.integers(0, 99).map(str),
    st.sampled_from(["'a # no comment'", "b'\\\\x00'", "1.5", "None", "True", "f'{x!r:>4}'", "'''two\nlines'''"]),
)
_expression = st.recursive(
    _leaf,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda p: f"({p[0]}, {p[1]})"),
        st.tuples(inner, inner).map(lambda p: f"[{p[0]}, {p[1]}]"),
        st.tuples(inner, inner).map(lambda p: f"({p[0]} if {p[1]} else 0)"),
        inner.map(lambda one: f"{{'k': {one}}}"),
        inner.map(lambda one: f"(lambda y, *z: ({one}, y))({one})"),
        inner.map(lambda one: f"[{one} for _ in range(2)]"),
    ),
    max_leaves=6,
)


@st.composite
def notebooks(draw: st.DrawFn) -> list[str]:
    """Definitions of functions, each of which may call earlier ones, constants, and the task."""
    count = draw(st.integers(1, len(NAMES)))
    cells, calls = [], []
    for n, name in enumerate(NAMES[:count]):
        body = draw(_expression)
        below = draw(st.sampled_from(["", *NAMES[:n]]))
        value = draw(st.integers(0, 9))
        cells.append(f"K_{n} = {value}")
        called = f", {below}(x)" if below else ""
        made = f"        y = ({body}, K_{n}{called})\n        return y\n"
        cells.append(f"def {name}(x, k={value}):\n    if x:\n{made}    return k")
        calls.append(f"{name}(x)")
    cells.append(f"@env.task\ndef t(x: int):\n    return [{', '.join(calls)}]")
    return cells


def key_of(cells: list[str]) -> str:
    with Kernel() as kernel:
        for text in cells:
            kernel.run(text)
        return kernel.key().hex


def in_another_form(text: str, rng: random.Random) -> str:
    """The same statements as another person writes them."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and rng.random() < 0.7:
            node.body.insert(0, ast.Expr(ast.Constant(f"Docstring {rng.random()}.")))
    written = ast.unparse(ast.fix_missing_locations(tree))
    lines = []
    is_inside = False  # a string of several lines
    for line in written.split("\n"):
        if not is_inside and line.count('"""') % 2 == 0 and "'''" not in line and rng.random() < 0.5:
            lines.append(line[: len(line) - len(line.lstrip())] + "# a comment")
        is_inside ^= line.count('"""') % 2 == 1
        lines.append(line)
    return "\n" * rng.randint(0, 2) + "\n".join(lines) + "\n" * rng.randint(0, 2)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(notebooks(), st.randoms(use_true_random=False))
def test_form_changes_no_key(cells: list[str], rng: random.Random) -> None:
    other = [in_another_form(text, rng) for text in cells]
    # Everything is looked up when the task runs: any order will do.
    rng.shuffle(other)
    assert key_of(other) == key_of(cells)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(notebooks(), st.data())
def test_meaning_changes_the_key(cells: list[str], data: st.DataObject) -> None:
    n = data.draw(st.integers(0, len(cells) - 1), label="cell")
    tree = ast.parse(cells[n])
    places = [node for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    if places:
        place = data.draw(st.sampled_from(places), label="constant")
        place.value = "another value" if place.value != "another value" else 0
    elif names:
        data.draw(st.sampled_from([one for one in names if one.id != "env"] or names), label="name").id = "x"
    changed = ast.unparse(tree)
    if ast.dump(ast.parse(changed)) == ast.dump(ast.parse(cells[n])):
        return
    edited = [*cells[:n], changed, *cells[n + 1 :]]
    try:
        after = key_of(edited)
    except Exception:  # an edit that is no program: `"x"(1)` in a default, a format without a value
        return
    assert after != key_of(cells), (cells[n], changed)
