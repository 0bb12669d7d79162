"""First lines of cells: what IPython compiles, in a plain shell and without an engine."""

import ast

import pytest
from IPython.core.error import UsageError

from flytenb.capture import pragma
from flytenb.notebook.options import parse
from flytenb.notebook.transform import CellTransformer


def lines(text):
    return text.splitlines(keepends=True)


def transformed(text, **namespace):
    return "".join(CellTransformer(namespace)(lines(text)))


def test_other_cells_are_left_alone():
    for text in ("x = 1\n", "%%time\nx = 1\n", "", "\n\n", "# a comment\nx = 1\n", "%%flyte_tasks\n"):
        assert transformed(text) == text


@pytest.mark.parametrize("first", ["%%flyte_task --env prep --cache auto", "# %flyte task --env prep --cache auto"])
def test_functions_stay_where_they_are(first):
    out = transformed(f"{first}\n\nasync def fit(c: float) -> float:\n    return c\n")
    assert out.split("\n")[0] == "__flytenb_cell__('--env prep --cache auto')"
    assert out.split("\n")[1:] == ["", "async def fit(c: float) -> float:", "    return c", ""]


def test_a_cell_of_statements_becomes_a_function_with_types():
    out = transformed(
        "%%flyte_task --name train --inputs lr,df --outputs model,acc --run\nmodel = df * lr\nacc = 1.0\n",
        lr=0.1,
        df=[],
    )
    assert out == (
        "def train(lr: float, df: object) -> tuple[object, object]:\n"
        "    model = df * lr\n"
        "    acc = 1.0\n"
        "    return model, acc\n"
        "train = __flytenb_task__('--name train --inputs=\"lr: float, df: object\" --outputs model,acc --run')(train); "
        "__flytenb_run__('--name train --inputs=\"lr: float, df: object\" --outputs model,acc --run')(train)\n"
    )
    ast.parse(out)


def test_transforming_twice_changes_nothing():
    once = transformed("%%flyte_task --name f --inputs a --outputs b --run\nb = a\n", a=1)
    assert transformed(once, a=1) == once


def test_await_makes_the_task_async():
    assert transformed("%%flyte_task --name f\nawait g()\n").startswith("async def f():\n    await g()\n")


def test_environments_come_first():
    out = transformed("%%flyte_env prep --cpu 2\n%%flyte_task --env prep\ndef f() -> int:\n    return 1\n")
    assert out.split("\n")[:2] == ["__flytenb_cell__('--env prep', 'prep --cpu 2')", ""]
    assert out.split("\n")[2] == "def f() -> int:"
    assert transformed("%%flyte_env prep\nx = 1\n") == "__flytenb_env__('prep');\nx = 1\n"


def test_a_mistake_in_line_one_becomes_its_error():
    out = transformed("%%flyte_task --env\nx = 1\n")
    assert out.startswith("__flytenb_cell__('--env')")
    with pytest.raises(pragma.PragmaError, match="needs a value"):
        pragma.parse_options("--env")


def test_flags_are_parsed_and_refused():
    line = parse("%x", "prep --cpu 2 --memory=2Gi -o run --fast -1", ("cpu", "memory", "o"), ("fast",))
    assert line.words == ("prep", "-1")
    assert dict(line.flags) == {"cpu": "2", "memory": "2Gi", "o": "run", "fast": ""}
    with pytest.raises(UsageError, match="did you mean --memory"):
        parse("%x", "--memry 2Gi", ("cpu", "memory"))
    with pytest.raises(UsageError, match="needs a value"):
        parse("%x", "--cpu", ("cpu",))
    with pytest.raises(UsageError, match="one word too many"):
        parse("%x", "a b", (), words=1)
    with pytest.raises(UsageError, match="close the quote"):
        parse("%x", "'a", ())
