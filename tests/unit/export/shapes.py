# ruff: noqa: E501
"""Notebooks of many shapes: lists of cells, code as text, others as (kind, text, *tags)."""

from __future__ import annotations

from typing import Any

from flytenb.export import SourceCell

TASK = "import flytenb as flyte\n\nenv = flyte.TaskEnvironment(name='e')\n\n@env.task\nasync def f(x: int) -> int:\n    return x"

SHAPES: dict[str, list[Any]] = {
    "empty": [],
    "only text": [("markdown", "# Title\n\nSome *text* with \"quotes\" and \\ backslash.")],
    "raw cell": [("raw", "raw text"), "x = 1"],
    "plain": [TASK, "run = flyte.run(f, x=1)", "print(run)"],
    "await": [TASK, "y = await flyte.run(f, x=1)\ny"],
    "async with": ["async with open_it() as it:\n    print(await it.read())"],
    "async comprehension": ["[x async for x in source()]"],
    "magics": ["%load_ext flytenb", "%matplotlib inline\nimport os", "%timeit sum(range(9))", "%time z = 3\nz"],
    "shell": ["!pip install x\nimport os", "files = !ls\nfiles", "if True:\n    !ls\nelse:\n    print(1)"],
    "assigned magic": ["out = %env HOME\nprint(out)"],
    "help": ["?print", "print??", "import os\nos.path?"],
    "continued shell": ["!echo a \\\n  b \\\n  c\nx = 1"],
    "other languages": ["%%bash\nls\necho {x}", "%%html\n<b>x</b>", "%%javascript\nalert(1)", "%%writefile a.py\nx = ("],
    "wrappers": ["%%time\nx = 1\ny = 2", "%%capture out\nprint(1)"],
    "timeit cell": ["%%timeit\nx = 1"],
    "task cell": ["%flyte_env prep --cpu 1 --memory 1Gi", "%%flyte_task --env prep --cache auto\ndef g(n: int) -> int:\n    return n"],
    "pragma": ["# a comment\n# %flyte task\nasync def g(n: int) -> int:\n    return n", "%flyte_run g n=3 -o r"],
    "cell as task": ["a = 2\nb = [1]", "%%flyte_task --name h --inputs a,b --outputs c,d --run -o r\nc = a\nd = b", "c, d = await r"],
    "cell as task of computed input": ["a = len([1])", "%%flyte_task --name h --inputs a --outputs c\nc = a + 1"],
    "cell as task without inputs": ["%%flyte_task --name h\nprint('x')"],
    "await in a cell task": ["%%flyte_task --name h --outputs z\nimport asyncio\nawait asyncio.sleep(0)\nz = 1"],
    "bad pragma": ["%%flyte_task --env\ndef g(): pass", "%%flyte_task 'open\nx = 1"],
    "run at the end": ["%%flyte_task --run -o r\ndef g() -> int:\n    return 1", "await r"],
    "bad run line": ["%flyte_run", "%flyte_run g n=(", "%flyte_env --cpuu 2"],
    "syntax error": ["x = (", "def f(:\n    pass", "y = 1"],
    "unicode": ["größe = 'ü'\nprint('日本語', größe)", ("markdown", "emoji 🎉\n\nend")],
    "tabs": ["def f(x):\n\treturn x\n\nprint(f(1))"],
    "windows lines": ["x = 1\r\ny = 2\r\nprint(x)"],
    "semicolons": ["a = 1; b = 2; print(a); b", "a;", "x = 3;"],
    "multi-line strings": ['text = """a\n  %not magic\nb"""\nprint(text)', "if True:\n    t = '''\nkeep\n  this'''\n    print(t)"],
    "percent operator": ["a = (7\n% 4)\nprint(a)"],
    "classes": ["from dataclasses import dataclass\n\n@dataclass\nclass P:\n    x: int\n\np = P(1)\np"],
    "duplicates": [TASK, "r1 = flyte.run(f, x=1)", "@env.task\nasync def f(x: int) -> int:\n    return -x", "r2 = flyte.run(f, x=1)"],
    "wrapped duplicate": ["def g(x):\n    return x", "g = staticmethod(g)", "def g(x):\n    return 2"],
    "patched twice": ["class A:\n    pass\ndef m(self): return 5\nA.m = m", "def g(x): return A().m() + x", "def m(self): return 6\nA.m = m"],
    "globals of tasks": ["RATE = 2\n" + TASK.replace("return x", "return x * RATE"), "RATE = 3", "flyte.run(f, x=1)"],
    "driver made global": [TASK.replace("return x", "return x * scale"), "scale = await flyte.run(f, x=1)", "flyte.run(f, x=2)"],
    "changed config": ["config = {}\nconfig['a'] = 1", "def g():\n    return config", "print(g())", "config['a'] = 2\nprint(g())"],
    "own main": ["main = 1\nshow = print\narguments = 2\nliteral = 3\nshow(main)\nmain"],
    "guard": ["def go():\n    print(1)\n\nif __name__ == '__main__':\n    go()"],
    "type checking": ["from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import os\ntry:\n    import numpy\nexcept ImportError:\n    numpy = None\nprint(numpy)"],
    "future": ["from __future__ import annotations\nimport os", "print(os.sep)"],
    "parameters": [("code", "lr = 0.1  # the rate\nn: int = 3\nnames = ['a']\nflag = True\nwho = None\nd = {'a': 1}", "parameters"), "print(lr, n, names, flag, who, d)"],
    "parameters of tasks": [("code", "lr = 0.1", "parameters"), TASK.replace("return x", "return int(x * lr)"), "print(flyte.run(f, x=1), lr)"],
    "parameters only": [("code", "lr = 0.1", "parameters")],
    "parameters and more": [("code", "lr = 0.1\nprint(lr)\nimport os", "parameters"), "lr"],
    "loops and with": ["for i in range(3):\n    print(i)\nelse:\n    print('done')", "with open('x') as h:\n    h.read()", "while False:\n    pass"],
    "walrus and match": ["if (n := 3) > 2:\n    print(n)", "match n:\n    case {'a': a, **rest}:\n        print(a, rest)\n    case [x, *xs]:\n        print(x, xs)\n    case _:\n        pass"],
    "global and del": ["x = 1\ndef g():\n    global x\n    x = 2\ng()\ndel x"],
    "lambda": ["double = lambda v: v * factor\nfactor = 2\ndouble(2)"],
    "display": ["from IPython.display import display\ndisplay(1)\n1, 2", "(3, 4)", "[5,\n 6]", "{\n 'a': 1}"],
    "comments only": ["# nothing here", "# one\n\n# two\nx = 1\n# three"],
    "decorated": ["import functools\n\n@functools.lru_cache(\n    maxsize=2,\n)\ndef g(n):\n    return n\n\n\ng(1)"],
    "star imports": ["from math import *\nprint(sin(0))"],
    "widgets": ["import ipywidgets as w\nslider = w.IntSlider()\nslider", "@w.interact(x=(0, 3))\ndef show(x=1):\n    print(x)"],
    "environment below": ["env.task", "import flytenb as flyte\nenv = flyte.TaskEnvironment(name='late')\n\n@env.task\ndef g() -> int:\n    return 1\n\nflyte.run(g)"],
    "defaults from drivers": ["x = input()\n\ndef g(a=x):\n    return a\n\ng()"],
    "package under another name": ["import flytenb\nenv = flytenb.TaskEnvironment(name='q')\n\n@env.task\ndef g() -> int:\n    return 1\n\nflytenb.run(g)", "%%flyte_task --env q --run\ndef k() -> int:\n    return 2"],
    "nested functions in drivers": ["for i in range(2):\n    def g():\n        return i\n    print(g())"],
    "named outputs": ["from typing import NamedTuple\nimport flytenb as flyte\nenv = flyte.TaskEnvironment(name='e')\n\nclass Two(NamedTuple):\n    a: int\n    b: int\n\n@env.task\ndef two() -> Two:\n    return Two(1, 2)", "run = flyte.run(two)\nout = run.outputs()\nprint(out.a, list(out.named_outputs))", "run.outputs().b"],
    "arrays in data classes": ["import numpy as np\nfrom dataclasses import dataclass\nimport flytenb as flyte\nenv = flyte.TaskEnvironment(name='e')\n\n@dataclass\nclass D:\n    x: np.ndarray\n    y: int = 0", "@env.task\ndef d() -> D:\n    return D(np.zeros(2))", "result = flyte.run(d).value()"],
    "recovered": [TASK, "first = flyte.run(f, x=1)", "tried = flyte.spin(first)\nmended = first.recover(trust='f')", "mended.why()", "print(mended.value())"],
    "sweeps and batches": [TASK, "found = flyte.sweep(f, {'x': [1, 2]})\nfound", "print(found.best())", "done = flyte.batch('a.ipynb')", "from flytenb.nb import other\nother.f"],
    "asks the engine": [TASK, "def newest():\n    return flyte.remote.Run.listall(limit=1)", "newest()", "for one in newest():\n    print(one)"],
    "attempts and reports": ["import flytenb as flyte\nenv = flyte.TaskEnvironment(name='e')\n\n@env.task(retries=2, report=True)\nasync def g() -> int:\n    flyte.report.log(figure)\n    flyte.report.flush()\n    for i in flyte.progress(range(3)):\n        pass\n    if flyte.ctx().attempt_number < 1:\n        raise ValueError\n    return 1"],
    "images": ["import flytenb as flyte\nimage = flyte.Image.from_debian_base().with_pip_packages('a==1', 'b').with_apt_packages('git')\nenv = flyte.TaskEnvironment(\n    name='e',\n    image=image,  # mine\n    network='none',\n)"],
    "newer Python": ["type Number = int | float", "def first[T](items: list[T]) -> T:\n    return items[0]", "try:\n    pass\nexcept* ValueError:\n    pass"],
    "other notebooks": ["%run other.ipynb", "%load_ext autoreload\n%autoreload 2\nimport os", "get_ipython().system('ls')", "%%cython\ncdef int x = 1", "%%sql\nselect 1", "%alias_magic t timeit"],
    "asynchronous generators": ["async def numbers():\n    for i in range(3):\n        yield i\n\nasync for i in numbers():\n    print(i)", "print({k: v async for k, v in pairs()})", "%%time\nawait sleep(0)"],
    "class hierarchies": ["import abc\n\nclass A(abc.ABC):\n    @abc.abstractmethod\n    def f(self): ...\n\nclass B(A):\n    K = 1\n    def f(self):\n        return super().f()", "class B(B):\n    K = 2", "b = B()\nb.K"],
    "strange characters": ["z = 'a\u2028b\x85c'\nprint(z)", "# \u202e hidden\nw = 1", "x = 'a\x0cb'\n\x0cy = 1"],
    "nul": ["n = 'nul\x00'", "# \x00\nm = 1", ("markdown", "a\x00b")],
    "half a character": ["s = '\ud800'", ("markdown", "\ud800")],
    "nested text": ["print(f\"{'a' + str(1)}\")", 'sql = f"""\nselect {1}\n-- %time x\n"""', "r'''\n!ls\n'''", "print('# %% cell 3')\n# %% cell 9\n# %% [markdown]"],
    "plots": ["%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1]);", "fig, ax = plt.subplots()\nax.plot([1])\nplt.show()", "import plotly.express as px\npx.line(y=[1, 2])"],
    "long expression": ["(\n    'a'\n    'b'\n)"],
}  # fmt: skip


def cells(shape: list[Any]) -> list[SourceCell]:
    """A shape as cells."""
    found: list[SourceCell] = []
    for one in shape:
        kind, text, *tags = one if isinstance(one, tuple) else ("code", one)
        found.append(SourceCell(kind, text.replace("\r\n", "\n"), len(found) + 1, tuple(tags)))
    return found
