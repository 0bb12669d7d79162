"""The first line of a task cell."""

import ast

import pytest

from flytenb.capture import pragma

HOOK, TASK = pragma.CELL_HOOK, pragma.TASK_HOOK


def change(text):
    return "".join(pragma.transform(text.splitlines(keepends=True)))


def test_other_cells_are_left_alone():
    for text in ("x = 1\n", "%%time\nx = 1\n", "# flyte\nx = 1\n", "x = 1\n%%flyte_task --env a\n", "", "# only\n"):
        assert change(text) == text


@pytest.mark.parametrize("first", ["%%flyte_task --env prep --retries 2", "# %flyte task --env prep --retries 2"])
def test_cell_of_functions(first):
    body = "import math\n\ndef a(x: int) -> int:\n    return x\n\nasync def b(): ...\ndef _private(): ...\n"
    out = change(first + "\n" + body)
    assert out == f"{HOOK}('--env prep --retries 2')\n" + body
    assert change(out) == out
    tree = pragma.TaskDecorator().visit(ast.parse(out))
    found = {n.name: [ast.unparse(d) for d in n.decorator_list] for n in tree.body if hasattr(n, "name")}
    decorator = f"{TASK}('--env prep --retries 2')"
    assert found == {"a": [decorator], "b": [decorator], "_private": []}
    namespace = {HOOK: lambda a: None, TASK: lambda a: lambda f: f}
    exec(compile(tree, "<cell>", "exec"), namespace)
    assert namespace["a"].__code__.co_firstlineno == 4


def test_cell_is_the_task():
    out = change(
        '%%flyte_task --name train --inputs lr,df --outputs model,acc --run\nz = """a\n  b"""\nmodel = lr\nacc = df\n'
    )
    assert out == (
        'def train(lr, df):\n    z = """a\n  b"""\n    model = lr\n    acc = df\n    return model, acc\n'
        f"train = {TASK}('--name train --inputs lr,df --outputs model,acc --run')(train)\n"
    )
    assert change(out) == out


def test_cell_is_the_task_with_await_and_comments():
    out = change("# about\n\n# %flyte task --name t --inputs 'a: int, b: dict[str, int]'\nawait f(a)\n%time g()\n")
    lines = out.split("\n")
    assert lines[:5] == ["# about", "", "async def t(a: int, b: dict[str, int]):", "    await f(a)", "    %time g()"]


def test_inner_async_def_does_not_make_the_cell_async():
    out = change("%%flyte_task --name t --outputs r\nasync def f():\n    await g()\nr = 1\n")
    assert out.startswith("def t():\n")
    out = change("%%flyte_task --name t --outputs r\nasync def f():\n    await g()\nr = await f()\n")
    assert out.startswith("async def t():\n")


def test_empty_body():
    assert change("%%flyte_task --name t\n").startswith("def t():\n    pass\n")
    assert change("%%flyte_task --name t\n# nothing\n").startswith("def t():\n    # nothing\n    pass\n")


def test_line_numbers_stay():
    text = "%%flyte_task --name t --inputs a\nx = 1\ny = (a +\n     x)\nassert not y\n"
    code = compile(change(text).replace(TASK, "hook"), "<cell>", "exec")
    namespace = {"hook": lambda a: lambda f: f}
    exec(code, namespace)
    with pytest.raises(AssertionError) as caught:
        namespace["t"](1)
    assert caught.traceback[-1].lineno + 1 == 5


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--env", "--env needs a value, for example --env prep"),
        ("--env --run", "--env needs a value"),
        ("a b", '"b" is one name too many'),
        ("--name 3x", '"3x" is no name'),
        ("--name t --outputs a-b", 'output "a-b"'),
        ("--name t --inputs a.b", 'input "a.b"'),
        ("--name 'x", "close the quote"),
    ],
)
def test_mistakes_are_said(line, words):
    with pytest.raises(pragma.PragmaError) as caught:
        pragma.parse_options(line)
    assert words in str(caught.value)
    assert change(f"%%flyte_task {line}\nx = 1\n") == f"{HOOK}({line!r})\nx = 1\n"


def test_options():
    options = pragma.parse_options("--env prep --cache auto --retries=2 --run -o result train")
    assert (options.name, options.env, options.is_run, options.run_name) == ("train", "prep", True, "result")
    assert options.rest == {"cache": "auto", "retries": "2"}
