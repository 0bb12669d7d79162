"""Small notebooks. Every case: cells, then edits (a cell run later) with what they must do to the key of `t`.

`HIT`: the key stays; `MISS`: it changes; `REFUSE`: no key and no slice, with an error that names the thing.
After the cells and after every edit, the slice alone must return in a fresh process what the kernel returns for `t(3)`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

HIT, MISS, REFUSE = "hit", "miss", "refuse"
T = "@env.task\ndef t(x: int):\n    return "


@dataclass(frozen=True)
class Case:
    name: str
    cells: list[str]
    edits: list[tuple[str, str]] = field(default_factory=list)
    #: The key must be flagged as perhaps incomplete.
    is_flagged: bool = False
    #: Everything in the notebook joins the key.
    is_open: bool = False
    #: The first state is refused already.
    is_refused: bool = False
    #: Text that must be in the refusal's message.
    message: str = ""


def t(expression: str) -> str:
    return T + expression


CASES = [
    # -- names and constants
    Case("plain", [t("x + 1")], [("y = 1", HIT), (t("x + 1"), HIT), (t("x + 2"), MISS)]),
    Case("comment", [t("x + 1")], [("# a comment\n@env.task\ndef t(x: int):  # another\n    # third\n    return x + 1", HIT)]),
    Case("docstring", ["@env.task\ndef t(x: int):\n    'old'\n    return x"], [("@env.task\ndef t(x: int):\n    'new'\n    return x", HIT)]),
    Case("formatting", [t("x+1")], [("@env.task\ndef t(\n    x: int,\n):\n    return (x\n        + 1)", HIT)]),
    Case("retries", [t("x")], [("@env.task(retries=3)\ndef t(x: int):\n    return x", HIT)]),
    Case("annotation", [t("x")], [("@env.task\ndef t(x: float):\n    return x", MISS)]),
    Case("constant", ["K = 3", t("x * K")], [("K = 3", HIT), ("K = 4", MISS), ("K = 4.0", MISS)]),
    Case("one_true", ["K = 1", t("x * K")], [("K = True", MISS), ("K = 1.0", MISS), ("K = 1", MISS)]),
    Case("minus_zero", ["K = 0.0", t("str(K)")], [("K = -0.0", MISS), ("K = float('nan')", MISS), ("K = float('inf')", MISS)]),
    Case("dict_order", ["D = {'a': 1, 'b': 2}", t("list(D)")], [("D = {'b': 2, 'a': 1}", MISS)]),
    Case("set_order", ["S = {'a', 'b', 'c'}", t("sorted(S)")], [("S = {'c', 'b', 'a'}", HIT), ("S = {'c'}", MISS)]),
    Case("append", ["L = [1, 2]", t("sum(L) + x")], [("L.append(3)", MISS), ("L.pop()", MISS), ("M = L", HIT)]),
    Case("nested_mutation", ["L = {'a': [1, {'b': 2}]}", t("L['a'][1]['b']")], [("L['a'][1]['b'] = 5", MISS)]),
    Case("augmented", ["K = 1", t("x + K")], [("K += 1", MISS)]),
    Case("swap", ["A, B = 1, 2", t("A * 10 + B")], [("A, B = B, A", MISS), ("A, B = B, A", MISS)]),
    Case("deleted", ["K = 1\nH = 2", t("x + (K if x < 0 else 5)")], [("del K", MISS)]),
    Case("undefined_helper", [t("x if x > 0 else later(x)")], [("def later(x): return 1", MISS)]),
    Case("shadowed_builtin", [t("len([x, x])")], [("def len(v): return 7", MISS), ("del len", MISS)]),
    Case("unicode", ["größe = 'ä€🎉'", t("größe * x")], [("größe = 'ö'", MISS)]),
    Case("bytes", ["B = b'\\x00\\xff'", t("list(B)")], [("B = b'\\x00'", MISS)]),
    Case("complex", ["C = 1+2j", t("C * x")], [("C = 1-2j", MISS)]),
    Case("tuple_of_one", ["P = (1,)\nE = ()\nF = frozenset()", t("(P, E, F)")], [("P = (2,)", MISS)]),
    Case("big_text", ["S = 'abc' * 1000", t("len(S) + x")], [("S = 'abd' * 1000", MISS)]),
    Case("multiline_string", ['S = """a\n  b\nc"""', t("S")], []),
    Case("multiline_string_in_body", ['@env.task\ndef t(x: int):\n    s = """a\n  b\nc"""\n    return s'], []),
    Case("comprehension", ["K = 2", t("[K * i for i in range(x) if i != K]")], [("K = 1", MISS)]),
    Case("walrus", [t("(y := x + 1) * y")], []),
    Case("local_shadows", ["K = 1", "@env.task\ndef t(x: int):\n    K = 5\n    return K + x"], [("K = 2", HIT)]),
    Case("unused", ["K = 1\ndef other(): return K", t("x")], [("K = 2", HIT)]),
    # -- functions
    Case("helper", ["def h(x): return x + 1", t("h(x)")], [("def h(x): return x + 1", HIT), ("def h(x): return x + 2", MISS)]),
    Case("transitive", ["def a(x): return b(x)\ndef b(x): return c(x)\ndef c(x): return x", t("a(x)")], [("def c(x): return -x", MISS)]),
    Case("recursion", ["def f(n): return 1 if n < 2 else n * f(n - 1)", t("f(x)")], [("def f(n): return 1 if n < 2 else n + f(n - 1)", MISS)]),
    Case("mutual", ["def even(n): return n == 0 or odd(n - 1)\ndef odd(n): return n != 0 and even(n - 1)", t("even(x)")], [("def odd(n): return False", MISS)]),
    Case("order_of_cells", [t("h(x)"), "def h(x): return x + 1"], []),
    Case("lambda", ["f = lambda v: v + 1", t("f(x)")], [("f = lambda v: v + 2", MISS)]),
    Case("lambdas_on_a_line", ["f, g = (lambda v: v + 1), (lambda v: v * 7)", t("f(x) + g(x)")], [("f, g = g, f", MISS)]),
    Case("lambda_multiline", ["f = (lambda v:\n    v\n    + 1)", t("f(x)")], []),
    Case("old_helper_kept", ["def f(x): return x + 1\ng = f", t("g(x)")], [("def f(x): return x + 100", HIT), ("g = f", MISS)]),
    Case("both_versions", ["def f(x): return x + 1\ng = f\ndef f(x): return g(x) * 2", t("f(x)")], []),
    Case("old_name", ["def f(x): return x\ng = f\ndel f", t("g.__name__ + str(g(x))")], []),
    Case("default", ["K = 2", "@env.task\ndef t(x: int, k: int = K):\n    return x + k"], [("K = 9", HIT), ("del K", HIT)]),
    Case("default_helper", ["K = [1]\ndef h(x, *, k=K, n=None):\n    return x + len(k)", t("h(x)")], [("K.append(2)", MISS), ("K = []", HIT)]),
    Case("default_multiline", ["def h(x, k=dict(\n    a=1,\n    b=2)):\n    return x + k['b']", t("h(x)")], []),
    Case("default_changed_live", ["def h(x, k=1): return x + k", t("h(x)")], [("h.__defaults__ = (5,)", MISS)]),
    Case("closure", ["def make(k):\n    def inner(x):\n        return x + k\n    return inner", "h = make(4)", t("h(x)")], [("h = make(4)", HIT), ("h = make(5)", MISS), ("def make(k): pass", HIT)]),
    Case("closure_by_name", ["k = 4\ndef make():\n    n = k\n    return lambda x: x + n\nh = make()\nk = 9", t("h(x)")], []),
    Case("closure_over_function", ["def sq(x): return x * x\ndef twice(f):\n    def w(x):\n        return f(f(x))\n    return w\nh = twice(sq)", t("h(x)")], [("def sq(x): return x", HIT)]),
    Case("closure_recursive", ["def make():\n    def inner(n):\n        return 0 if n == 0 else n + inner(n - 1)\n    return inner\nh = make()", t("h(x)")], []),
    Case("closure_string", ['def make(k):\n    def inner(x):\n        s = """a\nb"""\n        return s + k\n    return inner\nh = make("z")', t("h(x)")], []),
    Case("decorator", ["def deco(f):\n    def w(*a):\n        return f(*a) + K\n    return w\nK = 1\n@deco\ndef h(x): return x * 2", t("h(x)")], [("K = 2", MISS)]),
    Case("decorator_wraps", ["import functools\ndef deco(f):\n    @functools.wraps(f)\n    def w(*a):\n        return f(*a) + 1\n    return w", "@deco\ndef h(x):\n    'doc'\n    return x * 2", t("(h(x), h.__name__, h.__doc__)")], []),
    Case("decorator_redefined", ["def deco(f):\n    def w(*a):\n        return f(*a) + 1\n    return w\n@deco\ndef h(x): return x * 2", t("h(x)")], [("def deco(f): return f", HIT)]),
    Case("registering_decorator", ["REG = {}\ndef reg(f):\n    REG[f.__name__] = f\n    return f\n@reg\ndef h(x): return x + 1\n@reg\ndef g(x): return x + 2", t("sum(f(x) for f in REG.values())")], [("@reg\ndef z(x): return 1", MISS)]),
    Case("lru_cache", ["import functools\n@functools.lru_cache(maxsize=4)\ndef h(x): return x + 1", t("h(x)")], [("h(3)", HIT), ("import functools\n@functools.lru_cache(maxsize=4)\ndef h(x): return x + 2", MISS)]),
    Case("partial", ["from functools import partial\ndef add(a, b): return a + b\ninc = partial(add, 1)", t("inc(x)")], [("inc = partial(add, 2)", MISS)]),
    Case("functions_in_dict", ["def a(x): return x\ndef b(x): return -x\nH = {'a': a, 'b': [b, lambda x: x * 3]}", t("H['a'](x) + H['b'][0](x) + H['b'][1](x)")], [("H['a'] = b", MISS)]),
    Case("function_attribute", ["def h(x): return x + h.k\nh.k = 5", t("h(x)")], [("h.k = 6", MISS)]),
    Case("generator_function", ["def g(n):\n    for i in range(n):\n        yield i * i", t("list(g(x))")], []),
    Case("async_helper", ["import asyncio\nasync def h(x):\n    await asyncio.sleep(0)\n    return x + 1", "@env.task\nasync def t(x: int):\n    return await h(x)"], []),
    Case("star_args", ["def h(*a, k=1, **kw): return (a, k, sorted(kw))", t("h(x, 2, k=3, z=4)")], []),
    Case("positional_only", ["def h(a, /, b=2, *, c=3): return a + b + c", t("h(x)")], []),
    Case("if_def", ["if True:\n    def h(x):\n        return x + 1\nelse:\n    def h(x):\n        return x - 1", t("h(x)")], []),
    Case("try_import", ["try:\n    import nonexistent_module as m\nexcept ImportError:\n    m = None", t("(m is None, x)")], []),
    Case("try_def", ["try:\n    from math import no_such\nexcept ImportError:\n    def no_such(x):\n        return x + 1", t("no_such(x)")], []),
    Case("one_line_cell", ["K = 2; h = lambda x: x + K; J = 3", t("h(x) + J")], []),
    Case("one_line_defs", ["def a(x): return x + 1", "b = 1; c = 2", t("a(b) + c + x")], []),
    Case("failed_cell", ["def h(x): return x + 1", t("h(x)")], [("K = 1\nraise ValueError\ndef h(x): return 100", HIT)]),
    Case("global_literal", ["K = 4", t("globals()['K'] + x")], [("K = 5", MISS)]),
    Case("getattr_literal", ["import math", t("getattr(math, 'floor')(x + 0.5)")], []),
    Case("fstring", ["K = 2", t("f'{x!r:>{K}}{{}}{K=}'")], [("K = 3", MISS)]),
    Case("match", ["@env.task\ndef t(x: int):\n    match x:\n        case 3:\n            return 'three'\n        case _:\n            return 'other'"], []),
    # -- imports
    Case("import_module", ["import math", t("math.sqrt(x)")], []),
    Case("import_as", ["import collections as c", t("c.Counter([x])[x]")], []),
    Case("import_from", ["from math import floor as fl", t("fl(x + .5)")], [("from math import ceil as fl", MISS)]),
    Case("import_submodule", ["import os.path", t("os.path.basename('/a/b') * x")], []),
    Case("import_star", ["from math import *", t("floor(sqrt(x))")], []),
    Case("import_inside", ["@env.task\ndef t(x: int):\n    import json\n    return json.dumps([x])"], []),
    Case("numpy", ["import numpy as np", t("float(np.linalg.norm(np.arange(x)))")], []),
    Case("numpy_value", ["import numpy as np\nA = np.arange(6).reshape(2, 3)", t("int(A.sum()) + x")], [("A[0, 0] = 7", MISS), ("A = A.astype('int32')", MISS), ("A = A.copy()", HIT)]),
    Case("pandas_value", ["import pandas as pd\ndf = pd.DataFrame({'a': [1, 2], 'b': ['u', 'v']})", t("int(df.a.sum()) + x")], [("df.loc[0, 'a'] = 5", MISS), ("df = df.copy()", HIT), ("df = df.rename(columns={'b': 'c'})", MISS)]),
    Case("sklearn", ["from sklearn.linear_model import LinearRegression", t("LinearRegression().fit([[0], [1]], [0, 1]).coef_.round(3).tolist()")], []),
    Case("module_patch", ["import math\nmath.answer = 42", t("math.answer + x")], [("math.answer = 43", MISS)]),
    Case("foreign_class_patch", ["import pandas as pd\ndef shout(s): return s.sum() + 1\npd.Series.shout = shout", t("int(pd.Series([x]).shout())")], [("def shout(s): return 0\npd.Series.shout = shout", MISS)]),
    Case("regex", ["import re\nR = re.compile('a+', re.I)", t("R.findall('aAb' * x)")], [("R = re.compile('a+')", MISS)]),
    Case("decimal_path", ["from decimal import Decimal\nfrom pathlib import Path\nD, P = Decimal('1.5'), Path('/a') / 'b'", t("(D * x, P.name)")], [("D = Decimal('1.6')", MISS)]),
    Case("datetime", ["import datetime as dt\nD = dt.date(2020, 1, 2)", t("(D + dt.timedelta(x)).isoformat()")], [("D = dt.date(2020, 1, 3)", MISS)]),
    Case("logger", ["import logging\nlog = logging.getLogger('a.b')", t("log.name * x")], []),
    Case("defaultdict", ["from collections import defaultdict, OrderedDict\nD = defaultdict(list, a=[1])", t("len(D['zz']) + D['a'][0]")], [("D['a'].append(1)", MISS)]),
    # -- classes
    Case("dataclass", ["from dataclasses import dataclass, field\n@dataclass\nclass P:\n    a: int\n    b: list = field(default_factory=list)", t("P(x).b + [P(x).a]")], [("@dataclass\nclass P:\n    a: int\n    b: list = field(default_factory=lambda: [9])", MISS)]),
    Case("dataclass_frozen", ["from dataclasses import dataclass\n@dataclass(frozen=True, order=True)\nclass P:\n    a: int = 1", t("sorted([P(x), P()])[0].a")], []),
    Case("pydantic", ["from pydantic import BaseModel, Field\nclass M(BaseModel):\n    a: int\n    b: list[int] = Field(default_factory=list)", t("M(a=str(x)).model_dump()")], [("class M(BaseModel):\n    a: float\n    b: list[int] = []", MISS)]),
    Case("pydantic_nested", ["from pydantic import BaseModel\nclass A(BaseModel):\n    v: int = 1\nclass B(BaseModel):\n    a: A = A()\n    o: 'A | None' = None", t("B(o=A(v=x)).model_dump()")], []),
    Case("pydantic_validator", ["from pydantic import BaseModel, field_validator\ndef check(v): return v + 1\nclass M(BaseModel):\n    a: int\n    @field_validator('a')\n    @classmethod\n    def _a(cls, v):\n        return check(v)", t("M(a=x).a")], [("def check(v): return v + 2", MISS)]),
    Case("class_method", ["class A:\n    K = 2\n    def m(self, x): return x * self.K", t("A().m(x)")], [("class A:\n    K = 3\n    def m(self, x): return x * self.K", MISS)]),
    Case("class_kinds_of_methods", ["class A:\n    @property\n    def p(self): return 1\n    @classmethod\n    def c(cls): return cls.__name__\n    @staticmethod\n    def s(x): return x", t("(A().p, A.c(), A.s(x))")], []),
    Case("inheritance", ["class A:\n    def m(self): return 1\nclass B(A):\n    def m(self): return super().m() + 1", t("B().m() + x")], []),
    Case("base_redefined", ["class A:\n    def m(self): return 1\nclass B(A): pass", t("B().m() + x")], [("class A:\n    def m(self): return 2", REFUSE)], message="older"),
    Case("base_and_derived_again", ["class A:\n    def m(self): return 1", "class B(A): pass", t("B().m() + x")], [("class A:\n    def m(self): return 2\nclass B(A): pass", MISS)]),
    Case("class_attribute_set", ["class A:\n    v = 1", t("A.v + x")], [("A.v = 2", MISS), ("A.v = 1", MISS)]),
    Case("class_method_set", ["class A:\n    pass\ndef m(self): return 5\nA.m = m", t("A().m() + x")], [("def m(self): return 6\nA.m = m", MISS)]),
    Case("class_method_replaced", ["class A:\n    def m(self): return 5", t("A().m() + x")], [("A.m = lambda self: 6", MISS)]),
    Case("nested_class", ["class A:\n    class B:\n        v = 1\n        def m(self): return self.v", t("A.B().m() + x")], [("A.B.v = 2", MISS)]),
    Case("class_computed", ["import itertools\nc = itertools.count(5)\nclass A:\n    v = next(c)\n    w = 1", t("A.v + x")], []),
    Case("class_reads_constant", ["K = 2\nclass A:\n    v = K", t("A.v + x")], [("K = 3", REFUSE)], message="older"),
    Case("method_reads_constant", ["K = 2\nclass A:\n    def m(self): return K", t("A().m() + x")], [("K = 3", MISS)]),
    Case("enum", ["from enum import Enum\nclass E(Enum):\n    A = 1\n    B = 'b'", t("[e.name for e in E] + [E('b').value]")], [("class E(Enum):\n    A = 1\n    B = 'c'\n    C = 'b'", MISS)]),
    Case("namedtuple_class", ["from typing import NamedTuple\nclass P(NamedTuple):\n    a: int\n    b: int = 2", t("P(x)")], []),
    Case("namedtuple_call", ["from collections import namedtuple\nP = namedtuple('P', 'a b')", t("P(x, 1).a")], [("P = namedtuple('P', 'b a')", MISS)]),
    Case("typed_dict", ["from typing import TypedDict\nclass D(TypedDict):\n    a: int", t("D(a=x)")], []),
    Case("protocol_and_abc", ["from abc import ABC, abstractmethod\nclass A(ABC):\n    @abstractmethod\n    def m(self): ...\nclass B(A):\n    def m(self): return 1", t("B().m() + x")], []),
    Case("exception_class", ["class Bad(ValueError): pass\ndef h(x):\n    try:\n        raise Bad(x)\n    except Bad as e:\n        return e.args", t("h(x)")], []),
    Case("slots", ["class A:\n    __slots__ = ('a',)\n    def __init__(self, a): self.a = a", t("A(x).a")], []),
    Case("metaclass", ["class Meta(type):\n    def __new__(m, n, b, d):\n        d['extra'] = 1\n        return super().__new__(m, n, b, d)\nclass A(metaclass=Meta): pass", t("A.extra + x")], []),
    Case("instance", ["class A:\n    def __init__(self, v): self.v = v\na = A(4)", t("a.v + x")], [("a.v = 5", MISS)]),
    Case("instance_of_dataclass", ["from dataclasses import dataclass\n@dataclass\nclass C:\n    lr: float = .1\ncfg = C()", t("cfg.lr + x")], [("cfg.lr = .2", MISS), ("cfg = C(.2)", HIT)]),
    Case("instance_of_pydantic", ["from pydantic import BaseModel\nclass C(BaseModel):\n    lr: float = .1\ncfg = C(lr=3)", t("cfg.lr + x")], [("cfg = C(lr=4)", MISS)]),
    Case("instance_of_older", ["class A:\n    v = 1\na = A()", t("a.v + x")], [("class A:\n    v = 2", REFUSE), ("a = A()", MISS)], message="older"),
    Case("isinstance", ["class A: pass\na = A()", t("isinstance(a, A)")], []),
    Case("class_in_dict", ["class A:\n    v = 1\nREG = {'a': A}", t("REG['a'].v + x")], [("class A:\n    v = 5\nREG['a'] = A", MISS)]),
    Case("bound_method", ["class A:\n    def __init__(self): self.n = 2\n    def m(self, x): return x * self.n\nf = A().m", t("f(x)")], []),
    Case("class_alias", ["class A:\n    v = 1\nB = A", t("B.v + A.v")], []),
    Case("class_from_function", ["def make():\n    class L:\n        def m(self): return 3\n    return L\nA = make()", t("A().m() + x")], []),
    Case("decorated_class", ["def deco(c):\n    c.extra = 7\n    return c\n@deco\nclass A:\n    def m(self): return self.extra", t("A().m() + x")], [("def deco(c):\n    c.extra = 8\n    return c", REFUSE)], message="older"),
    Case("decorated_method", ["def deco(f):\n    def w(self): return f(self) + 1\n    return w\nclass A:\n    @deco\n    def m(self): return 1", t("A().m() + x")], []),
    Case("dunder", ["class V:\n    def __init__(self, a): self.a = a\n    def __add__(self, o): return V(self.a + o.a)\n    def __eq__(self, o): return self.a == o.a\n    __hash__ = None", t("(V(x) + V(1)).a")], []),
    Case("typevar", ["from typing import TypeVar, Generic\nT = TypeVar('T')\nclass Box(Generic[T]):\n    def __init__(self, v: T): self.v = v", t("Box[int](x).v")], []),
    Case("type_alias", ["class A: pass\nAs = list[A]\nN = dict[str, int]", "def h(v: As, n: N = {}) -> N: return {'a': len(v)}", t("h([x])")], []),
    Case("newtype", ["from typing import NewType\nUser = NewType('User', int)", t("User(x)")], []),
    Case("forward_reference", ["class Node:\n    def __init__(self, next: 'Node | None' = None): self.next = next\ndef h(n: 'Node') -> 'Node': return Node(n)", t("h(Node()).next.next")], []),
    Case("mutual_classes", ["class A:\n    def b(self): return B()\nclass B:\n    def a(self): return A()", t("type(A().b().a()).__name__")], []),
    Case("future_annotations", ["from __future__ import annotations\nclass A:\n    def m(self, o: Missing) -> B: return o\ndef h(x: Nothing): return x", t("h(x)") ], []),
    Case("unresolvable_annotation", ["def h(x: 'Nowhere'): return x", t("h(x)")], []),
    # -- tasks
    Case("task_calls_task", ["@env.task\ndef child(x: int): return x + 1", t("child(x) * 2")], [("@env.task\ndef child(x: int): return x + 2", MISS), ("@env.task(retries=9)\ndef child(x: int): return x + 2", HIT)]),
    Case("tasks_in_list", ["@env.task\ndef a(x: int): return x\n@env.task\ndef b(x: int): return -x\nALL = [a, b]", t("sum(f(x) for f in ALL)")], [("ALL.reverse()", MISS)]),
    Case("task_override", ["@env.task\ndef a(x: int): return x\nb = a.override(retries=2)", t("a(x) + b(x)")], []),
    Case("task_partial", ["from functools import partial\n@env.task\ndef a(k: int, x: int): return x + k\np = partial(a, 1)", t("p(x)")], []),
    Case("task_recursive", ["@env.task\ndef t(x: int):\n    return 1 if x < 2 else x * t(x - 1)"], []),
    Case("task_decorated", ["def deco(f):\n    def w(x: int): return f(x) + 1\n    return w\n@env.task\n@deco\ndef t(x: int): return x * 10"], []),
    Case("env_read", [t("env.name + str(x)")], []),
    Case("second_env", ["env2 = type(env)('other')\n@env2.task\ndef c(x: int): return x", t("c(x)")], []),
    # -- flags
    Case("eval", ["K = 2", t("eval('K') + x")], [("K = 3", MISS)], is_flagged=True, is_open=True),
    Case("globals_computed", ["K = 2\nn = 'K'", t("globals()[n] + x")], [("K = 3", MISS)], is_flagged=True, is_open=True),
    Case("getattr_computed", ["import math\nn = 'floor'", t("getattr(math, n)(x)")], [], is_flagged=True),
    Case("import_computed", ["import importlib", t("importlib.import_module('ma' + 'th').floor(x)")], [], is_flagged=True),
    Case("global_write", ["N = 0\ndef bump():\n    global N\n    N += 1\n    return N", t("N + x")], []),
    Case("global_write_reached", ["N = 0\ndef bump():\n    global N\n    N += 1\n    return 1", t("bump() + x")], [], is_flagged=True),
    Case("exec_function", ["exec('def h(x):\\n    return x + 1')", t("h(x)")], [], is_flagged=True),
    # -- refusals
    Case("open_file", ["import os\nf = open(os.devnull)", t("f.read()")], is_refused=True, message="open file"),
    Case("lock", ["import threading\nlk = threading.Lock()", t("lk.acquire()")], is_refused=True, message="lk"),
    Case("generator", ["g = (i for i in range(3))", t("next(g)")], is_refused=True, message="generator"),
    Case("large_array", ["import numpy as np\nbig = np.zeros(100_000)", t("big.sum()")], is_refused=True, message="larger than 256 KB"),
    Case("sqlite", ["import sqlite3\ndb = sqlite3.connect(':memory:')", t("db.total_changes")], is_refused=True, message="db"),
    Case("file_in_dict", ["import os\nD = {'log': open(os.devnull)}", t("len(D)")], is_refused=True, message="open file"),
    Case("file_in_closure", ["import os\ndef make():\n    f = open(os.devnull)\n    return lambda x: f.read()\nh = make()", t("h(x)")], is_refused=True, message="open file"),
]  # fmt: skip
