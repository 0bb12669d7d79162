# ruff: noqa: E501  one notebook a line reads as a table
"""Random notebooks: equal keys mean equal behaviour, and every slice alone behaves as the kernel does."""

import os
import random

import pytest

from flytenb.errors import CaptureError
from tests.unit.capture.kernel import Kernel, load

NOTEBOOKS = int(os.environ.get("FLYTENB_RANDOM_NOTEBOOKS", "80"))
EDITS = 12

SETUP = """
import functools
from functools import partial
def obs(v, d):
    if d < 0:
        return 'deep'
    if isinstance(v, (list, tuple)):
        return tuple(obs(e, d - 1) for e in v)
    if isinstance(v, dict):
        return tuple((k, obs(e, d - 1)) for k, e in v.items())
    if isinstance(v, type):
        return ('class', obs(v.v, d - 1), obs(v(), d - 1))
    if callable(v):
        return v(1, d - 1)
    if hasattr(v, 'm'):
        return (type(v).__name__, obs(v.v, d - 1), v.m(1, d - 1), sorted(vars(v)))
    return (type(v).__name__, v)
def mk(k):
    def inner(x, d=2):
        return ('inner', x, k if isinstance(k, int) else obs(k, d))
    return inner
def deco(f):
    @functools.wraps(f)
    def w(x, d=2):
        return ('w', f(x, d))
    return w
def keep(f):
    return f
"""


class Writer:
    """Writes random cells over few names, so that they meet often."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def name(self, kinds="fKCo"):
        return self.random.choice(kinds) + str(self.random.randrange(3))

    def number(self):
        return self.random.randrange(4)

    def expression(self):
        r = self.random
        return r.choice(
            [
                lambda: f"x + {self.number()}",
                lambda: f"obs({self.name()}, d - 1)",
                lambda: f"obs({self.name()}, d - 1)",
                lambda: f"(obs({self.name('K')}, d - 1) if x > 1 else {self.number()}, x)",
                lambda: f"[(lambda y: obs({self.name()}, d - 1))(x), x]",
                lambda: f"[obs({self.name('fK')}, d - 1) for _ in range(2)]",
                lambda: f"(f{self.number() % 3}(x, d - 1) if d > 0 else 0)",
            ]
        )()

    def value(self):
        r = self.random
        return r.choice(
            [
                lambda: str(self.number()),
                lambda: repr(r.choice(["a", "b"])),
                lambda: r.choice(["True", "1.0", "None"]),
                lambda: f"[{self.number()}, {self.number()}]",
                lambda: f"{{'a': {self.number()}, 'b': [{self.number()}]}}",
                lambda: self.name("fKCo"),
                lambda: f"[{self.name('fCK')}, {self.number()}]",
                lambda: f"{{'h': {self.name('fC')}}}",
            ]
        )()

    def cell(self):
        r = self.random
        f, k, c, o = (self.name(kind) for kind in "fKCo")
        n = self.number()
        return r.choice(
            [
                lambda: f"{k} = {self.value()}",
                lambda: f"{k} = {self.value()}",
                lambda: f"{k} = {self.name('fKCo')}",
                lambda: f"{k}.append({n})",
                lambda: f"{k}['a'] = {self.value()}",
                lambda: f"{k} += 1",
                lambda: f"def {f}(x, d=2):\n    return {self.expression()}",
                lambda: f"def {f}(x, d=2):\n    # said\n    y = {self.expression()}\n    return (y, {self.expression()})",
                lambda: f"def {f}(x, d=2, k={self.value()}):\n    return (k if isinstance(k, int) else obs(k, d), x)",
                lambda: f"{f} = lambda x, d=2: {self.expression()}",
                lambda: f"{f} = mk({self.value()})",
                lambda: f"@deco\ndef {f}(x, d=2):\n    return {self.expression()}",
                lambda: f"@keep\ndef {f}(x, d=2):\n    return {self.expression()}",
                lambda: f"{f} = {self.name('f')}",
                lambda: f"{f} = partial({self.name('f')})",
                lambda: f"{f}.__defaults__ = ({n},)",
                lambda: f"{f}.note = {n}",
                lambda: f"if {n} > 1:\n    def {f}(x, d=2): return {self.expression()}\nelse:\n    {k} = {n}",
                lambda: f"for {k} in range({n} + 1):\n    def {f}(x, d=2, k={k}): return (x, k)",
                lambda: f"class {c}:\n    v = {n}\n    def m(self, x, d): return ({self.expression()}, obs(self.v, d - 1))",
                lambda: f"class {c}:\n    v = {self.name('K')}\n    def m(self, x, d): return x",
                lambda: f"class {c}({self.name('C')}):\n    w = {n}\n    def m(self, x, d): return (super().m(x, d), {n})",
                lambda: f"class {c}:\n    v = [{n}]\n    @staticmethod\n    def s(x): return x\n    def m(self, x, d): return (self.s(x), obs({self.name('C')}.v, d - 1))",
                lambda: f"{c}.v = {self.value()}",
                lambda: f"{c}.m = lambda self, x, d: ({self.expression()}, 'patched')",
                lambda: f"{c} = {self.name('C')}",
                lambda: f"{o} = {c}()",
                lambda: f"{o}.z = {n}",
                lambda: f"{o}.v = {n}",
                lambda: f"del {self.name('fK')}",
                lambda: f"{k} = {n}\n1 / 0\n{k} = 100",
                lambda: f"import math as {k}" if n == 0 else f"{k} = {n}",
                lambda: self.task(),
            ]
        )()

    def task(self):
        return f"@env.task\ndef t(x: int, d=3):\n    return ({self.expression()}, {self.expression()}, {self.expression()})"


def outcome(task):
    seen = []
    for x in (1, 3):
        try:
            seen.append(repr(task(x)))
        except Exception as error:
            seen.append(type(error).__name__)
    return seen


def play(seed, known):
    writer = Writer(seed)
    texts = [SETUP]
    for i in range(3):
        texts += [f"K{i} = {i}", f"def f{i}(x, d=2): return x + K{i}"]
        texts += [f"class C{i}:\n    v = {i}\n    def m(self, x, d): return x", f"o{i} = C{i}()"]
    texts.append(writer.task())
    history = []
    with Kernel() as kernel:
        for text in [*texts, *(writer.cell() for _ in range(EDITS))]:
            history.append(text)
            kernel.run(text, is_ok=False)
            if "t" not in kernel.ns:
                continue
            trace = "\n\n".join(history)
            try:
                key, program = kernel.key(), kernel.program()
            except CaptureError:
                continue
            expected = outcome(kernel.ns["t"])
            loaded = load(program)
            assert outcome(loaded.get(program.entry)) == expected, f"slice differs\n{trace}\n-----\n{program.text}"
            if key.doubts:
                continue
            before = known.setdefault(key.hex, (expected, trace))
            assert before[0] == expected, f"WRONG HIT\n{before[1]}\n----- against\n{trace}"
            yield key.hex


@pytest.mark.parametrize("block", range(4))
def test_random_notebooks(block):
    known = {}
    states = [key for n in range(NOTEBOOKS // 4) for key in play(block * 100_000 + n, known)]
    assert len(states) > NOTEBOOKS
