"""What the registry remembers: failed cells, runs in the middle of a cell, refusals that name the cell."""

import re
import subprocess
import sys

import pytest

from flytenb.capture import key as keys
from flytenb.capture.program import build_program
from flytenb.errors import CaptureError
from tests.unit.capture.kernel import Kernel, call, load

T = "@env.task\ndef t(x: int):\n    return "


def test_program_in_the_middle_of_a_cell():
    with Kernel() as kernel:
        kernel.ns["build"] = lambda: build_program(kernel.ns["t"])
        kernel.run(
            "class A:\n    v = 1\n@env.task\ndef t(x: int):\n    return A.v + x\nfirst = build()\n"
            "class A:\n    v = 2\nsecond = build()"
        )
        first, second = kernel.ns["first"], kernel.ns["second"]
    assert load(first).get("t")(1) == 2
    assert load(second).get("t")(1) == 3


def test_class_in_the_same_cell_as_its_use_without_methods():
    with Kernel() as kernel:
        kernel.run("class A:\n    pass\na = A()\n" + T + "isinstance(a, A)")
        assert call(load(kernel.program()).get("t"), 1) is True


@pytest.mark.parametrize(
    ("cells", "pattern"),
    [
        (["import os\n\nlog = open(os.devnull)", T + "log"], r'"log" \(Cell In\[1\], line 3\) is an open file.*; '),
        (["import numpy as np\nbig = np.zeros(10**6)", T + "big"], r'"big" \(Cell In\[1\], line 2\) .*256 KB.*File'),
        (["class B0: pass\nclass A(B0): pass", T + "A", "class B0: pass"], r'"A" .* older class "B0".*run Cell'),
        (["g = (i for i in [])\ndef h(): return g", T + "h()"], r'"g" \(Cell In\[1\], line 1\) is a generator'),
        (["import socket\ns = socket.socket()", T + "s"], r'"s" .* socket'),
    ],
)  # fmt: skip
def test_refusals_name_variable_and_cell(cells, pattern):
    with Kernel() as kernel:
        for cell in cells:
            kernel.run(cell)
        with pytest.raises(CaptureError, match=pattern):
            kernel.program()
        for name in ("log", "s"):
            if name in kernel.ns:
                kernel.ns[name].close()


def test_key_parts_name_cells():
    with Kernel() as kernel:
        kernel.run("K = 3")
        kernel.run("def h(x): return x + K")
        kernel.run(T + "h(x)")
        before = kernel.key()
        kernel.run("def h(x): return x - K")
        after = kernel.key()
    assert before.parts["h"][2] == "Cell In[2], line 1"
    assert {n for n in before.parts if before.parts[n][1] != after.parts[n][1]} == {"h"}
    assert after.parts["h"][2] == "Cell In[4], line 1"


def test_unchanged_is_not_built_again():
    with Kernel() as kernel:
        kernel.run("L = [1]\nclass A:\n    v = 1\ndef h(x, k=2): return A.v + L[0] + x")
        kernel.run(T + "h(x)")
        first = kernel.program()
        assert kernel.program() is first
        for edit in ("L.append(2)", "A.v = 2", "h.__defaults__ = (3,)", "def h(x): return L, A", "h.note = 1"):
            kernel.run(edit)
            again = kernel.program()
            assert again is not first, edit
            assert kernel.program() is again
            first = again


def test_without_registry_source_comes_from_linecache(tmp_path):
    code = (
        "import linecache\n"
        "text = 'K = 2\\nclass A:\\n    v = 1\\ndef h(x):\\n    return x + K + A.v\\n'\n"
        "linecache.cache['<cell>'] = (len(text), None, text.splitlines(True), '<cell>')\n"
        "exec(compile(text, '<cell>', 'exec'))\n"
        "from flytenb.capture import build_program\n"
        "print(build_program(h).text)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=tmp_path, text=True)
    assert done.returncode == 0, done.stderr
    assert "class A:\n    v = 1" in done.stdout
    assert "K = 2" in done.stdout


def test_the_shells_own_open_is_not_the_users():
    from IPython.core.interactiveshell import _modified_open

    with Kernel() as kernel:
        kernel.run(T + "len(open(x).read())")
        plain = kernel.key().parts
        kernel.ns["open"] = _modified_open  # as IPython puts it there
        assert "IPython" not in kernel.program().text
        assert kernel.key().parts == plain
        kernel.run("def open(path): return path")
        assert "def open(path)" in kernel.program().text


def test_import_is_light():
    heavy = ["IPython", "numpy", "pandas", "pydantic", "cloudpickle", "importlib.metadata", "pathspec", "asyncio"]
    code = f"import flytenb.capture, sys; print([m for m in sys.modules if m in {heavy}])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_module_is_readable_and_ordered():
    with Kernel() as kernel:
        kernel.run(T + "area(P(x))")
        kernel.run("import math\nfrom dataclasses import dataclass")
        kernel.run("@dataclass\nclass P:  # a point\n    r: float = 1.0")
        kernel.run(
            "SCALE = {'m': 1, 'cm': 0.01}\n\n"
            "def area(p: P) -> float:\n    # comments stay\n    return math.pi * p.r ** 2 * SCALE['m']"
        )
        text = kernel.program().text
    assert text == (
        "import math\nfrom dataclasses import dataclass\n\n\n"
        "@dataclass\nclass P:  # a point\n    r: float = 1.0\n\n\n"
        "SCALE = {'m': 1, 'cm': 0.01}\n\n\n"
        "def area(p: P) -> float:\n    # comments stay\n    return math.pi * p.r ** 2 * SCALE['m']\n\n\n"
        "def t(x: int):\n    return area(P(x))\n"
    )


def test_speed_of_300_definitions():
    """A generous bound: the figure itself is in the benchmarks."""
    import time

    with Kernel() as kernel:
        for i in range(100):
            kernel.run(f"C{i} = {i}\nclass P{i}:\n    def m(self): return C{i}\ndef f{i}(x): return P{i}().m() + x")
        kernel.run(T + " + ".join(f"f{i}(x)" for i in range(100)))
        took = []
        for _ in range(3):
            keys._snapshots.clear()
            begin = time.perf_counter()
            kernel.program()
            took.append(time.perf_counter() - begin)
        unchanged = []
        for _ in range(3):
            begin = time.perf_counter()
            kernel.program()
            unchanged.append(time.perf_counter() - begin)
    assert min(took) < 0.2
    assert min(unchanged) < 0.02


def test_patterns_of_generated_names_do_not_clash():
    with Kernel() as kernel:
        kernel.run("H = [lambda x: x + 1, lambda x: x + 2]\n_H_lambda = 5\n" + T + "H[0](x) + H[1](x) + _H_lambda")
        program = kernel.program()
    assert call(load(program).get("t"), 1) == 10
    assert len(set(re.findall(r"^(\w+) = lambda", program.text, re.M))) == 2
