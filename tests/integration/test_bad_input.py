"""What a user gets wrong in code and values: each error names cause, object and fix, and nothing is lost."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.conftest import Home
from tests.integration.telling import check_sentence, told_by_cells, told_by_script

pytestmark = pytest.mark.engine

TASKS = """
    env = flyte.TaskEnvironment(name="digits")

    @env.task
    def fit(count: int, factor: float = 1.0) -> float:
        return count * factor

    @env.task
    def split(count: int) -> int:
        return count
"""


def _runs(home: Home) -> int:
    return home.rows("SELECT count(*) FROM run")[0][0] if (home.path / "store.db").exists() else 0


def _refused(home: Home, call: str) -> dict[str, Any]:
    """The error of a call on `TASKS`; a good run before and after it shows that nothing else suffered."""
    text = f"{TASKS}\n    if __name__ == '__main__':\n        for call in (ok, bad, ok):\n            tell(call)\n"
    calls = f"    ok = lambda: outputs(fit, count=2)\n    bad = lambda: {call}\n"
    before, told, after = told_by_script(home, "digits.py", text.replace("    if __name__", calls + "    if __name__"))
    assert "2.0" in before["value"]
    assert "2.0" in after["value"]
    assert told["error"], told
    assert _runs(home) == 2, "the run was refused before it started"
    return told


def test_unknown_task_by_call(home: Home) -> None:
    told = _refused(home, 'flyte.run("digits.fit", count=1)')
    assert "TypeError" in told["bases"]
    check_sentence(told["message"], "flyte.run needs a task", "str", "decorate the function with @env.task")


def test_unknown_task_by_command_line(home: Home) -> None:
    path = home.script("digits.py", "import flytenb as flyte\n" + TASKS.replace("\n    ", "\n"))
    done = home.cli("run", str(path), "fitt", "--count", "1", check=False)
    assert done.returncode != 0
    check_sentence(done.stderr.strip(), 'no task "fitt"', "did you mean fit?", "digits.py", "fit, split")
    done = home.cli("run", str(path.with_name("nowhere.py")), "fit", check=False)
    assert done.returncode != 0
    check_sentence(done.stderr.strip(), "there is no file", "nowhere.py", "give the path")


def test_unknown_parameter(home: Home) -> None:
    told = _refused(home, "flyte.run(fit, cuont=1)")
    assert "TypeError" in told["bases"]
    check_sentence(told["message"], 'task "digits.fit"', 'no parameter "cuont"', "did you mean 'count'?")


def test_unknown_parameter_that_is_near_to_none(home: Home) -> None:
    told = _refused(home, "flyte.run(fit, count=1, zzz=2)")
    check_sentence(told["message"], 'no parameter "zzz"', "count", "factor")


def test_unknown_parameter_by_command_line(home: Home) -> None:
    path = home.script("digits.py", "import flytenb as flyte\n" + TASKS.replace("\n    ", "\n"))
    done = home.cli("run", str(path), "fit", "--cuont", "1", check=False)
    assert done.returncode == 2
    check_sentence(done.stderr.strip(), 'task "digits.fit"', "no parameter --cuont", "did you mean --count?")


def test_wrong_type(home: Home) -> None:
    told = _refused(home, 'flyte.run(fit, count="x")')
    assert "TypeError" in told["bases"]
    given = 'expected int, got str ("x"); write count=<int>'
    check_sentence(told["message"], 'task "digits.fit", parameter "count"', given)


def test_wrong_object(home: Home) -> None:
    (dictionary, field, handle) = told_by_script(
        home,
        "objects.py",
        """
        import dataclasses, threading, typing
        env = flyte.TaskEnvironment(name="objects")

        @dataclasses.dataclass
        class Point:
            x: int
            weights: list[float]

        @env.task
        def plain(point: Point, other: typing.Any = None) -> int:
            return point.x

        if __name__ == "__main__":
            tell(lambda: flyte.run(plain, {"x": 1}))
            tell(lambda: flyte.run(plain, Point(1, [1.0, "heavy"])))
            tell(lambda: flyte.run(plain, Point(1, []), threading.Lock()))
        """,
    )
    where = 'task "objects.plain", parameter "point"'
    check_sentence(dictionary["message"], where, "expected Point, got dict", "write point=Point(…)")
    check_sentence(
        field["message"], where, 'at point.weights[1], expected float, got str ("heavy"); give <float> there'
    )
    check_sentence(handle["message"], 'parameter "other": lock cannot be encoded', "use plain data", "or a File")
    assert _runs(home) == 0


def test_wrong_type_by_command_line(home: Home) -> None:
    path = home.script("digits.py", "import flytenb as flyte\n" + TASKS.replace("\n    ", "\n"))
    done = home.cli("run", str(path), "fit", "--count", "x", check=False)
    assert done.returncode != 0
    check_sentence(done.stderr.strip(), 'parameter "count"', "expected int", 'got str ("x")', "write ")


def test_wrong_type_from_a_parent(home: Home) -> None:
    """The call inside a task is refused too, and the parent can catch it as the TypeError that it is."""
    (told,) = told_by_script(
        home,
        "parent.py",
        """
        env = flyte.TaskEnvironment(name="digits")

        @env.task
        async def child(count: int) -> int:
            return count

        @env.task
        async def parent() -> str:
            try:
                await child(count="x")
            except TypeError as error:
                return f"{type(error).__name__}: {error} {await child(1)}"

        if __name__ == "__main__":
            tell(lambda: outputs(parent)[0])
        """,
    )
    assert not told["error"], told
    assert 'InputTypeError: task "digits.child", parameter "count": expected int, got str ("x")' in told["value"]
    assert told["value"].rstrip("'\"").endswith("1")


def test_missing_input(home: Home) -> None:
    told = _refused(home, "flyte.run(fit)")
    assert "ValueError" in told["bases"]
    check_sentence(told["message"], 'task "digits.fit"', "missing input count", "write count=<int>")


def test_task_without_hints(home: Home) -> None:
    (told,) = told_by_cells(
        home,
        "env = flyte.TaskEnvironment(name='nb')",
        "def define():\n    @env.task\n    def fit(a, b: int) -> int:\n        return b\ntell(define)",
    )
    assert told["error"] == "MissingTypeHintError"
    assert "TypeError" in told["bases"]
    where = 'task "nb.fit" (Cell In[3], line 2)'
    check_sentence(told["message"], where, 'parameter "a" has no type hint', 'write for example "a: int"')


@pytest.mark.parametrize(
    ("definition", "use", "what"),
    [
        ('handle = open("/etc/hosts")', "handle.read()", "an open file (/etc/hosts)"),
        ('handle = sqlite3.connect(":memory:")', 'handle.execute("SELECT 1")', "sqlite3.Connection"),
        ("handle = socket.socket()", "handle.fileno()", "socket.socket"),
        ("handle = threading.Lock()", "handle.locked()", "lock"),
        ("handle = (n for n in range(3))", "next(handle)", "a generator"),
        ("handle = Client()", "handle.lock", "lock"),
    ],
    ids=["file", "database", "socket", "lock", "generator", "client"],
)
def test_captured_handle(home: Home, definition: str, use: str, what: str) -> None:
    told, after = told_by_cells(
        home,
        "import socket, sqlite3, threading\nenv = flyte.TaskEnvironment(name='nb')",
        "class Client:\n    def __init__(self):\n        self.lock = threading.Lock()",
        definition,
        f"@env.task\ndef uses(n: int) -> str:\n    return str({use})",
        "@env.task\ndef plain(n: int) -> int:\n    return n",
        "tell(lambda: outputs(uses, 1))",
        "tell(lambda: outputs(plain, 1))",
    )
    assert told["error"] == "CaptureError"
    check_sentence(told["message"], '"handle" (Cell In[4], line 1)', what, "cannot travel", "inside the task")
    assert not after["error"], after
    assert _runs(home) == 1


def test_captured_frame_of_500_mb(home: Home) -> None:
    """Refused by its size, without a copy of it."""
    told, grown = told_by_cells(
        home,
        "import numpy as np, pandas as pd, resource\n"
        "env = flyte.TaskEnvironment(name='nb')\n"
        "def peak():\n    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10",
        "frame = pd.DataFrame(np.zeros((1_000_000, 63)))\nframe['name'] = 'x'",
        "@env.task\ndef rows(n: int) -> int:\n    return len(frame) + n",
        "before = peak()\ntell(lambda: outputs(rows, 1))",
        "tell(lambda: peak() - before)",
    )
    assert told["error"] == "CaptureError"
    check_sentence(told["message"], '"frame" (Cell In[3], line', "larger than 256 KB", "pass it as an input", "File")
    assert told["seconds"] < 10
    assert int(grown["value"]) < 50, "MB of memory were used to look at the frame"
    assert _runs(home) == 0


@pytest.mark.parametrize(
    ("hint", "what", "fix"),
    [
        ("", "generator cannot be encoded", "use plain data"),
        (" -> int", "expected int, got generator", "return list(…) of it, or change the return annotation"),
        (" -> list[int]", "expected list[int], got generator", "return list(…) of it"),
    ],
    ids=["no hint", "int", "list"],
)
def test_result_that_cannot_be_encoded(home: Home, hint: str, what: str, fix: str) -> None:
    told, after = told_by_script(
        home,
        "results.py",
        f"""
        env = flyte.TaskEnvironment(name="results")

        @env.task
        def numbers(count: int){hint}:
            return (n for n in range(count)) if count else 0 if {hint!r}.endswith("int") else []

        if __name__ == "__main__":
            tell(lambda: outputs(numbers, 3))
            tell(lambda: outputs(numbers, 0))
        """,
    )
    assert {"OutputTypeError", "RuntimeUserError"} <= set(told["bases"])
    check_sentence(told["message"], 'task "results.numbers"', 'output "o0"', what, fix)
    assert not after["error"], after


BOOM = """
class Odd(Exception):
    def __init__(self, what, number):
        super().__init__(f"{what} number {number}")
        self.number = number

def check(x):
    if x > 1:
        raise Odd("odd", x)

@env.task
def fails(x: int) -> int:
    check(x + 1)
    return x

@env.task
async def outer(x: int) -> int:
    return await fails.aio(x)

@env.task
def blocking(x: int) -> int:
    return fails(x)

@env.task
async def catches(x: int) -> str:
    try:
        return str(await outer(x))
    except Odd as error:
        return f"caught {type(error).__name__} {error.number} {error.code}"
"""


def test_exception_in_a_task(home: Home) -> None:
    direct, outer, blocking, caught, after = told_by_cells(
        home,
        "env = flyte.TaskEnvironment(name='nb')",
        BOOM.strip(),
        "tell(lambda: outputs(fails, 1))",
        "tell(lambda: outputs(outer, 1))",
        "tell(lambda: outputs(blocking, 1))",
        "tell(lambda: outputs(catches, 1)[0])",
        "tell(lambda: outputs(outer, 0)[0])",
    )
    for told in (direct, outer, blocking):
        assert told["error"] == "Odd"
        assert "RuntimeUserError" in told["bases"]
        assert (told["code"], told["kind"], told["message"]) == ("Odd", "user", "odd number 2")
        assert told["state"]["number"] == "2"
        for line in ("Cell In[3], line 8, in check", "Cell In[3], line 12, in fails", 'raise Odd("odd", x)'):
            assert line in told["traceback"], told["traceback"]
        assert "flytenb/" not in told["traceback"]
    assert "Cell In[3], line 17, in outer" in outer["traceback"]
    assert "Cell In[3], line 21, in blocking" in blocking["traceback"]
    assert caught["value"] == "'caught Odd 2 Odd'"
    assert after["value"] == "0"


def test_a_run_at_the_top_of_a_script(home: Home) -> None:
    """A worker that imports the script would start another run, which would start another one."""
    (told,) = told_by_script(
        home,
        "open.py",
        """
        env = flyte.TaskEnvironment(name="open")

        @env.task
        def double(x: int) -> int:
            return 2 * x

        run = flyte.run(double, 1)
        if __name__ == "__main__":
            tell(run.outputs)
        """,
    )
    assert told["error"] == "ModuleLoadError"
    assert "open.py starts a run of task" in told["message"]
    assert 'under if __name__ == "__main__":' in told["message"]


def test_exception_in_a_script(home: Home) -> None:
    (told,) = told_by_script(
        home,
        "broken.py",
        """
        env = flyte.TaskEnvironment(name="broken")

        @env.task
        def fails(path: str) -> str:
            return open(path).read()

        @env.task
        async def parent(path: str) -> str:
            return await fails.aio(path)

        if __name__ == "__main__":
            tell(lambda: outputs(parent, "/nowhere/x"))
        """,
    )
    assert told["error"] == "FileNotFoundError"
    assert "RuntimeUserError" in told["bases"]
    assert (told["code"], told["kind"]) == ("FileNotFoundError", "user")
    assert "/nowhere/x" in told["message"]
    assert "work/broken.py" in told["traceback"]
    assert "return open(path).read()" in told["traceback"]
    assert ", in fails" in told["traceback"]
    assert ", in parent" in told["traceback"]


def test_mistakes_in_cells_name_what_to_write(home: Home) -> None:
    """Magics raise usage errors: one line, no traceback."""
    ready, *told = told_by_cells(
        home,
        "env = flyte.TaskEnvironment(name='nb')\nlr = 1\n@env.task\ndef fit(count: int) -> int:\n    return count\n"
        "tell(lambda: outputs(fit, 1)[0])\nmagic = get_ipython().run_line_magic\n"
        "cell = lambda line, text: get_ipython().run_cell(f'%%flyte_task {line}\\n{text}').raise_error()",
        "tell(lambda: magic('flyte_show', 'nosuch'))\ntell(lambda: magic('flyte_logs', 'last'))",
        "tell(lambda: magic('flyte_runs', '--phase Faild'))\ntell(lambda: magic('flyte_runs', '--phase Failed'))",
        "tell(lambda: cell('--env nop', 'def f(x: int) -> int:\\n    return x'))",
        "tell(lambda: cell('--name train --inputs lr --outputs model,acc', 'model = lr + 1'))",
    )
    assert ready["value"] == "1"
    unknown, logs, phase, failed, environment, output = told
    check_sentence(unknown["message"], "there is no run named 'nosuch'", "%flyte_runs lists them")
    assert not logs["error"], "a run that does not exist did not become the last one"
    check_sentence(phase["message"], 'there is no phase "Faild"', 'did you mean "failed"?')
    assert not failed["error"], failed
    check_sentence(environment["message"], 'no environment "nop"', "or declare it with %flyte_env nop --cpu 1")
    check_sentence(output["message"], 'does not assign its output "acc"', "leave it out of --outputs")


def test_a_task_that_leaves_its_process(home: Home) -> None:
    (told,) = told_by_script(
        home,
        "leaves.py",
        """
        import sys
        env = flyte.TaskEnvironment(name="leaves")

        @env.task
        def leaves(code: int) -> int:
            sys.exit(code)

        if __name__ == "__main__":
            tell(lambda: outputs(leaves, 3))
        """,
    )
    assert "RuntimeUserError" in told["bases"]
    check_sentence(told["message"], "the task called sys.exit(3)", "return a value or raise an error instead")
