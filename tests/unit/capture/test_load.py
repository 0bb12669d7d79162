"""Programs in another process: tracebacks, tasks in place of functions, classes, files."""

import inspect
import subprocess
import sys
import textwrap
import traceback

import pytest

from flytenb.capture.load import current_program, resolve_class, shown_name
from tests.unit.capture.kernel import Kernel, Task, call, load


def _frames(error):
    return [(shown_name(f.filename), f.lineno, f.name, f.line) for f in traceback.extract_tb(error.__traceback__)]


def test_traceback_names_cell_and_line():
    with Kernel() as kernel:
        kernel.run("# one\n\ndef h(x):\n    # why\n    return 1 / x\n")
        kernel.run("@env.task(\n    retries=2,\n)\ndef t(x: int):\n    return h(x)")
        program = kernel.program()
    with pytest.raises(ZeroDivisionError) as caught:
        load(program).get("t")(0)
    frames = _frames(caught.value)
    assert frames[-2:] == [
        ("Cell In[2]", 5, "t", "return h(x)"),
        ("Cell In[1]", 5, "h", "return 1 / x"),
    ]


def test_traceback_inside_a_closure_and_a_method():
    with Kernel() as kernel:
        kernel.run("def make(k):\n    n = 2\n    def inner(x):\n        return k / x\n    return inner\nh = make(1)")
        kernel.run("class A:\n    v = 1\n\n    def m(self, x):\n        return h(x)")
        kernel.run("@env.task\ndef t(x: int):\n    return A().m(x)")
        program = kernel.program()
    with pytest.raises(ZeroDivisionError) as caught:
        load(program).get("t")(0)
    assert [f[:3] for f in _frames(caught.value)[-3:]] == [
        ("Cell In[3]", 3, "t"),
        ("Cell In[2]", 5, "m"),
        ("Cell In[1]", 4, "inner"),
    ]


def test_two_programs_may_disagree_about_a_cell():
    texts = ["@env.task\ndef t(x: int):\n    return 1 / x", "@env.task\ndef t(x: int):\n    return x / 0"]
    lines = []
    for text in texts:
        with Kernel() as kernel:
            kernel.run(text)
            program = kernel.program()
        with pytest.raises(ZeroDivisionError) as caught:
            load(program).get("t")(0)
        lines.append(_frames(caught.value)[-1])
    assert lines == [("Cell In[1]", 3, "t", "return 1 / x"), ("Cell In[1]", 3, "t", "return x / 0")]


def test_source_is_there():
    with Kernel() as kernel:
        kernel.run(
            "import dataclasses\n@dataclasses.dataclass\nclass P:\n    a: int\n    def m(self):\n        return 1"
        )
        kernel.run("@env.task\ndef t(x: int):\n    return P(x).m()")
        program = kernel.program()
    loaded = load(program)
    assert inspect.getsource(loaded.get("t").func).startswith("def t(x: int):\n    return P(x).m()")
    assert "class P" in inspect.getsource(loaded.resolve_class("P"))


def test_tasks_are_in_place_before_others_take_them():
    with Kernel() as kernel:
        kernel.run("@env.task\ndef a(x: int):\n    return x")
        kernel.run(
            "from functools import partial\nALL = {'a': a, 'p': partial(a)}\n"
            "@env.task\ndef t(x: int):\n    return 1 if x == 0 else (ALL, t, a)"
        )
        program = kernel.program(describe=lambda task: {"n": task.name})
    loaded = load(program)
    table, itself, a = loaded.get("t")(1)
    assert isinstance(a, Task)
    assert table["a"] is a
    assert table["p"].func is a
    assert itself is loaded.get("t")
    assert (a.name, a.config) == ("nb.a", {"n": "nb.a"})
    assert program.tasks == {"nb.t": "t", "nb.a": "a"}


def test_classes_of_the_running_program_come_first():
    programs = []
    for value in (1, 2):
        with Kernel() as kernel:
            kernel.run(f"class Thing:\n    v = {value}\n    def m(self): pass")
            kernel.run("@env.task\ndef t(x: int):\n    return Thing.v")
            programs.append(load(kernel.program()))
    assert resolve_class("Thing").v == 2
    token = current_program.set(programs[0])
    try:
        assert resolve_class("Thing").v == 1
    finally:
        current_program.reset(token)
    assert resolve_class("NoSuchThing") is None


def test_same_body_is_loaded_once():
    with Kernel() as kernel:
        kernel.run("@env.task\ndef t(x: int):\n    return x")
        program = kernel.program()
    assert load(program) is load(program)


def test_long_chain_of_helpers():
    with Kernel() as kernel:
        count = 600
        kernel.run("\n".join(f"def f{i}(x): return f{i + 1}(x)" for i in range(count)) + f"\ndef f{count}(x): return x")
        kernel.run("@env.task\ndef t(x: int):\n    return f1(x)")
        assert f"def f{count}(" in kernel.program().text


SCRIPT = """
import sys
from helpers.text import shout
import plain
K = 2

class Env:
    __flytenb_environment__ = True
    name = "sc"
    def task(self, f):
        return Task(f)

class Task:
    __flytenb_task__ = True
    def __init__(self, f):
        self.func, self.name, self.short_name = f, "sc." + f.__name__, f.__name__
    def __call__(self, *a):
        return self.func(*a)

env = Env()

@env.task
def child(x):
    return x + K

@env.task
def t(x):
    return shout(plain.word) * child(x)

if __name__ == "__main__":
    import pickle
    from flytenb.capture.program import build_program
    from flytenb.capture.key import code_key
    p = build_program(t, copy_style=sys.argv[1])
    pickle.dump((p.kind, p.body, p.blobs, p.entry, p.tasks, p.root.key, p.files), sys.stdout.buffer)
"""

LOADER = """
import pickle, sys
from hashlib import sha256
from pathlib import Path
from flytenb.capture.load import load_program, shown_name
kind, body, blobs, entry, tasks, key, files = pickle.load(sys.stdin.buffer)
class Objects(dict):
    def get(self, d): return self[d]
loaded = load_program(body, Objects({sha256(b).hexdigest(): b for b in blobs}), bundles=Path(sys.argv[1]))
import helpers.text
print(loaded.get(entry)(3), loaded.module.__name__, shown_name(helpers.text.__file__))
"""


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "project"
    (root / "helpers").mkdir(parents=True)
    (root / "helpers" / "__init__.py").write_text("")
    (root / "helpers" / "text.py").write_text("from . import marks\ndef shout(w):\n    return w + marks.MARK\n")
    (root / "helpers" / "marks.py").write_text("MARK = '!'\n")
    (root / "plain.py").write_text("word = 'a'\n")
    (root / "data.txt").write_text("data")
    (root / "secret.env").write_text("x")
    (root / ".gitignore").write_text("*.env\n")
    (root / "digits.py").write_text(SCRIPT)
    return root


def _run(project, code_or_file, *args, stdin=None):
    done = subprocess.run([sys.executable, *code_or_file, *args], input=stdin, capture_output=True, cwd=project.parent)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@pytest.mark.parametrize("style", ["loaded_modules", "all"])
def test_script_as_files(project, tmp_path, style):
    import pickle

    import msgpack

    made = _run(project, [str(project / "digits.py")], style)
    kind, _, blobs, entry, tasks, key, files = pickle.loads(made)
    assert (kind, entry, tasks) == ("files", "digits:t", {"sc.t": "digits:t", "sc.child": "digits:child"})
    assert key
    assert files
    names = set(msgpack.unpackb(blobs[-1])["files"])
    expected = {"digits.py", "plain.py", "helpers/__init__.py", "helpers/text.py", "helpers/marks.py"}
    assert names == expected | ({"data.txt", ".gitignore"} if style == "all" else set())
    (project / "plain.py").write_text("word = 'changed'\n")
    out = _run(project, ["-c", LOADER], str(tmp_path / "bundles"), stdin=made).decode().split()
    assert out == ["a!a!a!a!a!", "digits", str(project / "helpers" / "text.py")]


def test_key_of_a_script_follows_local_modules(project):
    import pickle

    def key():
        return pickle.loads(_run(project, [str(project / "digits.py")], "loaded_modules"))[5]

    first = key()
    assert key() == first
    (project / "data.txt").write_text("other")
    assert key() == first
    (project / "helpers" / "marks.py").write_text("MARK = 'changed'\n")
    second = key()
    assert second != first
    (project / "plain.py").write_text("# comment\nword = 'a'\nunused = 1\n")
    assert key() == second


def test_notebook_with_a_local_module(project, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(project))
    with Kernel() as kernel:
        kernel.run("import helpers.text as ht\nfrom helpers.text import shout\nimport plain")
        kernel.run("@env.task\ndef t(x: int):\n    return shout(plain.word) + ht.shout('b') * x")
        before, program = kernel.key(), kernel.program()
        expected = call(kernel.ns["t"], 3)
        (project / "helpers" / "marks.py").write_text("MARK = 'changed'\n")
        assert kernel.key().hex == before.hex
        kernel.run("import importlib, helpers.marks\nimportlib.reload(helpers.marks)")
        assert kernel.key().hex != before.hex
    assert program.kind == "slice"
    assert program.files
    for name in ("helpers", "helpers.text", "helpers.marks", "plain"):
        monkeypatch.delitem(sys.modules, name)
    assert load(program, bundles=tmp_path / "b").get("t")(3) == expected


def test_same_key_in_notebook_and_script(tmp_path):
    body = textwrap.dedent("""
        from dataclasses import dataclass
        import math
        K = [1, {'a': 2.5}]
        @dataclass
        class P:
            a: int = 3
            def m(self): return math.sqrt(self.a) + K[0]
        def make(k):
            return lambda x: x + k
        h = make(4)
        def helper(x, n=K):
            return h(x) + P().m()
        """)
    task = "@env.task\ndef t(x: int):\n    return helper(x)\n"
    with Kernel() as kernel:
        kernel.run(body)
        kernel.run(task)
        noted = kernel.key()
    script = tmp_path / "same.py"
    script.write_text(
        "from tests.unit.capture.kernel import Env\nenv = Env('nb')\n" + body + task
        + "if __name__ == '__main__':\n    from flytenb.capture.key import code_key\n    print(code_key(t).hex)\n"
    )  # fmt: skip
    from pathlib import Path

    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, env={"PYTHONPATH": str(root), "PATH": "/usr/bin"}
    )
    assert done.stdout.decode().strip() == noted.hex, done.stderr.decode()
