"""Scripts of notebooks of all shapes: they compile, say what they leave out, and lead back to the same bytes."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flytenb.export import NotebookError, SourceCell, export_file, export_notebook, read_notebook, restore_script
from flytenb.export.restore import notebook_of
from tests.unit.export.shapes import SHAPES, TASK, cells


def script(*shape, target="flytenb"):
    return export_notebook(cells(list(shape)), name="n.ipynb", target=target)


#: What a script cannot say with the same characters.
REWORDED = {"nul", "half a character", "strange characters", "nested text"}


@pytest.mark.parametrize("target", ["flytenb", "flyte"])
@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_compiles(name, target):
    made = script(*SHAPES[name], target=target)
    compile(made.text, name, "exec")
    assert made.text.endswith("\n")
    assert "flytenb as flyte" not in made.text or target == "flytenb"


@pytest.mark.parametrize("name", SHAPES)
def test_the_way_back_gives_the_same_script(name):
    made = script(*SHAPES[name])
    assert export_notebook(restore_script(made.text), name="n.ipynb").text == made.text


@pytest.mark.parametrize("name", sorted(set(SHAPES) - REWORDED))
def test_no_line_of_code_is_lost(name):
    """Every line of a code cell is in the script, as code or as a comment (magics that became calls apart)."""
    made = script(*SHAPES[name])
    for cell in cells(SHAPES[name]):
        if cell.kind == "code" and not cell.is_parameters and ";" not in cell.text and "flyte_" not in cell.text:
            for row in cell.text.split("\n"):
                words = row.strip().rstrip("\\").strip().removeprefix("%time ")
                if words and not words.startswith("# %flyte") and "flyte.run" not in words:
                    assert words in made.text or f"({words}" in made.text, words


def test_definitions_are_above_and_drivers_in_main():
    made = script(("markdown", "# Title"), TASK, "run = flyte.run(f, x=1)", "print(run)", "y = await run\ny")
    tree = ast.parse(made.text)
    names = [getattr(node, "name", type(node).__name__) for node in tree.body]
    assert names == ["Expr", "Import", "Import", "Assign", "f", "show", "main", "If"]
    assert "    run = flyte.run(f, x=1)\n    run.wait()\n" in made.text
    assert "    y = await run\n    show(y)\n" in made.text
    assert "asyncio.run(main())" in made.text


def test_what_a_driver_makes_for_a_task_is_said():
    made = script(*SHAPES["driver made global"])
    assert "    global scale\n" in made.text
    assert made.notes == (
        "cell 1: task f reads scale, which a driver makes: a worker of the script does not see it; "
        "make it an input of the task",
    )


def test_the_last_of_equal_names_counts_and_it_is_said():
    made = script(*SHAPES["duplicates"])
    assert made.notes == ("cell 1: f is defined again in cell 3; the script has the last one only",)
    assert "# not carried: async def f(x: int) -> int:\n# not carried:     return x\n" in made.text


def test_parameters_are_options(tmp_path):
    made = script(*SHAPES["parameters"])
    file = tmp_path / "s.py"
    file.write_text(made.text)

    def told(*words):
        return subprocess.run([sys.executable, file, *words], capture_output=True, text=True, timeout=30)

    assert told().stdout == "0.1 3 ['a'] True None {'a': 1}\n"
    given = told("--lr", "2", "--no-flag", "--names", '["x"]', "--who", "me", "--n", "7")
    assert given.stdout == "2.0 7 ['x'] False me {'a': 1}\n"
    assert "invalid int value: 'x'" in told("--n", "x").stderr
    assert "the rate" in told("--help").stdout


def test_magics_are_what_they_stand_for():
    text = script(*SHAPES["task cell"], *SHAPES["cell as task"]).text
    assert 'prep = flyte.TaskEnvironment(name="prep", resources=flyte.Resources(cpu=1, memory="1Gi"))' in text
    assert '@prep.task(cache="auto")\ndef g(n: int) -> int:' in text
    assert (
        "@notebook.task\ndef h(a: int, b: object) -> tuple[object, object]:\n    c = a\n    d = b\n    return c, d\n"
        in text
    )
    assert 'notebook = flyte.TaskEnvironment(name="notebook")' in text
    assert "    r = flyte.run(h, a=a, b=b)\n" in text


def test_an_input_whose_type_only_a_kernel_knows_is_said():
    assert script(*SHAPES["cell as task of computed input"]).notes == (
        'cell 2: the type of input "a" is known when the cell runs; write --inputs "a: int" '
        "so that the script has the same",
    )


def test_what_is_not_python_is_a_comment_and_is_said():
    made = script("!pip install x\nfiles = !ls\nif files:\n    !rm a", "%%bash\nls")
    assert made.notes == (
        "cell 1, line 1: !pip install x",
        "cell 1, line 2: files = !ls",
        "cell 1, line 4: !rm a",
        "cell 2: %%bash is not Python",
    )
    assert "    # not carried: !pip install x\n    files = None  # not carried: files = !ls\n" in made.text
    assert "        pass  # not carried: !rm a\n" in made.text


def test_for_flyte():
    made = script(TASK, "run = flyte.run(f, x=1)", "print(run)", "run.status", "y = await run", target="flyte")
    assert "import flyte\n" in made.text
    assert "y = result(run)" in made.text
    assert "print(result(run))" in made.text
    assert "asyncio" not in made.text
    assert made.notes == ("cell 4: flyte's local mode has no run.status; what needs it is a comment",)
    text = "import flytenb as flyte\nenv = flyte.TaskEnvironment(name='e', network='none', description='d')"
    assert "TaskEnvironment(name='e', description='d')" in script(text, target="flyte").text


@pytest.mark.parametrize("minor", range(6))
def test_every_minor_of_the_format(tmp_path, minor):
    data = {
        "nbformat": 4,
        "nbformat_minor": minor,
        "metadata": {},
        "cells": [
            {"cell_type": "code", "source": ["x = 1\n", "x"], "outputs": [], "execution_count": None, "metadata": {}}
        ],
    }
    file = tmp_path / "n.ipynb"
    file.write_text(json.dumps(data))
    assert "x = 1" in export_file(file, "-").text


def test_format_3(tmp_path):
    data = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": ""},
        "worksheets": [
            {
                "metadata": {},
                "cells": [
                    {"cell_type": "heading", "level": 1, "source": ["Old"], "metadata": {}},
                    {
                        "cell_type": "code",
                        "input": ["x = 1\n", "print(x)"],
                        "language": "python",
                        "outputs": [],
                        "metadata": {},
                    },
                ],
            }
        ],
    }
    file = tmp_path / "n.ipynb"
    file.write_text(json.dumps(data))
    made = export_file(file, "-").text
    assert made.startswith('"""Old. Made from n.ipynb')
    assert "print(x)" in made


def test_outputs_of_ten_megabytes_cost_nothing(tmp_path):
    data = notebook_of(cells(["x = 1"]))
    data["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "y" * 10_000_000}]
    file = tmp_path / "n.ipynb"
    file.write_text(json.dumps(data))
    assert len(export_file(file, "-").text) < 200


def test_refusals_name_the_file_and_the_cause(tmp_path):
    cases = {
        "absent.ipynb": (None, "there is no notebook"),
        "text.ipynb": ("hello", "is not a notebook"),
        "list.ipynb": ("[]", "it has no list of cells"),
        "r.ipynb": ('{"cells": [], "metadata": {"kernelspec": {"language": "R"}}}', "is a notebook of R; only Python"),
    }
    for name, (text, said) in cases.items():
        if text is not None:
            (tmp_path / name).write_text(text)
        with pytest.raises(NotebookError, match=said) as raised:
            read_notebook(tmp_path / name)
        assert name in str(raised.value)
    (tmp_path / "n.ipynb").write_text(json.dumps(notebook_of(cells(["x = 1"]))))
    with pytest.raises(NotebookError, match=r"the script cannot be written to .*absent/s\.py: No such"):
        export_file(tmp_path / "n.ipynb", tmp_path / "absent" / "s.py")
    with pytest.raises(NotebookError, match='there is no target "ray"; choose flytenb or flyte'):
        export_file(tmp_path / "n.ipynb", "-", target="ray")


def test_two_hundred_cells_take_less_than_a_blink():
    many = [("markdown", "# Big"), TASK]
    for n in range(100):
        many += [f"def helper_{n}(x):\n    return f(x) + {n}", f"value_{n} = helper_{n}({n})\nprint(value_{n})"]
    begun = time.process_time()
    made = script(*many)
    assert made.text.count("def helper_") == 100
    assert time.process_time() - begun < 3  # a guard against quadratic growth; benchmarks/ has the figure


def test_any_script_becomes_cells():
    text = '"""Doc."""\n\nimport os\nimport asyncio\n\n\ndef f():\n    return os.sep\n\n\nX = 1\n\n'
    text += 'if __name__ == "__main__":\n    asyncio.run(f())\n'
    found = restore_script(text)
    assert [(cell.kind, cell.text) for cell in found] == [
        ("markdown", "Doc."),
        ("code", "import os\nimport asyncio"),
        ("code", "def f():\n    return os.sep"),
        ("code", "X = 1"),
        ("code", "await f()"),
    ]
    with pytest.raises(NotebookError, match="the script is not Python"):
        restore_script("x = (")


PIECES = [piece for shape in SHAPES.values() for piece in shape]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=8))
def test_any_mixture_of_cells_compiles_and_comes_back(pieces):
    made = script(*pieces)
    compile(made.text, "n.py", "exec")
    again = export_notebook(restore_script(made.text), name="n.ipynb")
    compile(again.text, "n.py", "exec")
    assert export_notebook(restore_script(again.text), name="n.ipynb").text == again.text


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(alphabet="ab =()[]{}:%!?\n\t'\"\\#@;.,0", max_size=60), max_size=4))
def test_any_text_gives_a_script_that_compiles(texts):
    made = script(*[text for text in texts if text.strip()])
    compile(made.text, "n.py", "exec")


def test_what_a_patch_needs_is_kept():
    names = {}
    exec(compile(script(*SHAPES["patched twice"]).text, "n.py", "exec"), names)
    assert names["g"](1) == 7


def test_what_a_patch_reads_when_it_is_called_is_no_local_of_main() -> None:
    patch = "class A:\n    pass\nA.m = staticmethod(lambda x: x * K)\nK = 2"
    texts = [patch, "def use(x):\n    return A.m(x)", "print(use(1))"]
    text = export_notebook([SourceCell("code", one, number) for number, one in enumerate(texts, 1)]).text
    assert "\nK = 2\n" in text
    assert "    K = 2" not in text
