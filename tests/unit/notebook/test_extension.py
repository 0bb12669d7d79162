"""The extension in a plain shell: magics, registry, forms; put in and taken out again."""

import re
import sys

import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from flytenb.capture.registry import registry
from flytenb.notebook import commands, extension
from flytenb.sdk.source import place_of


@pytest.fixture
def ip():
    hook = sys.excepthook
    shell = InteractiveShell()  # not the singleton: each test has its own
    extension.load_ipython_extension(shell)
    yield shell
    extension.unload_ipython_extension(shell)
    registry.forget()
    sys.excepthook = hook
    shell.history_manager.end_session()


def run(ip, cell):
    result = ip.run_cell(cell, store_history=True)
    if result.error_before_exec or result.error_in_exec:
        raise result.error_before_exec or result.error_in_exec
    return result.result


def test_functions_of_a_marked_cell_are_tasks(ip):
    run(
        ip,
        "%%flyte_task --cache auto --retries 2\n"
        "def fit(c: float) -> float:\n    return c * 2\n\ndef _helper():\n    pass",
    )
    task = ip.user_ns["fit"]
    assert task.name == "notebook.fit"
    assert not hasattr(ip.user_ns["_helper"], "__flytenb_task__")
    assert task(2.0) == 4.0
    assert task.func.__code__.co_firstlineno == 2
    assert registry.binding("fit", task).definition.line == 2


def test_the_pragma_says_the_same(ip):
    run(ip, "%flyte_env prep --cpu 2 --memory 2Gi")
    run(ip, "# %flyte task --env prep\ndef fit(c: float) -> float:\n    return c")
    assert ip.user_ns["fit"].name == "prep.fit"
    assert ip.user_ns["prep"].resources.cpu == 2


def test_a_cell_is_a_task_of_the_types_of_its_variables(ip):
    run(ip, "lr, df = 0.5, [1, 2]")
    run(
        ip,
        "%%flyte_task --name train --inputs lr,df --outputs model,acc\nmodel = [lr * x for x in df]\nacc = sum(model)",
    )
    task = ip.user_ns["train"]
    described = task.interface.describe()
    assert [i["name"] for i in described["inputs"]] == ["lr", "df"]
    assert described["inputs"][0]["type"] == "float"
    assert task(0.5, [1, 2]) == ([0.5, 1.0], 1.5)
    assert "model" not in ip.user_ns


def test_an_environment_line_and_a_task_line_in_one_cell(ip):
    run(ip, "%%flyte_env both --cpu 1\n%%flyte_task --env both\ndef f() -> int:\n    return 1")
    assert ip.user_ns["f"].name == "both.f"


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("%%flyte_task --nme x\ndef f() -> int:\n    return 1", "unknown flag --nme; did you mean --name"),
        ("%%flyte_task --env prop\ndef f() -> int:\n    return 1", 'no environment "prop"; did you mean "prep"'),
        ("%%flyte_task --retries many\ndef f() -> int:\n    return 1", "--retries takes a number"),
        ("%flyte_env", "name the environment"),
        ("%flyte_env a --memry 1Gi", "did you mean --memory"),
        ("%flyte_run serch cs=[1]", 'no task "serch" in this notebook; did you mean "search"'),
        ("%flyte_run number", '"number" is a int, not a task'),
        ("%flyte_run", "name a task"),
        ("%flyte_runs -n x", "-n takes a number"),
    ],
)
def test_mistakes_name_the_nearest(ip, cell, message):
    run(ip, "%flyte_env prep --cpu 1\nnumber = 3")
    run(ip, "@prep.task\ndef search(cs: list[float]) -> int:\n    return 1")
    with pytest.raises(UsageError, match=re.escape(message)):
        run(ip, cell)


def test_runs_are_started_with_values_of_the_notebook(ip):
    run(ip, "%flyte_env prep\nk = 3")
    run(ip, "@prep.task\ndef search(cs: list[float], n: int = 1) -> int:\n    return 1")
    seen = []

    def submit(task, inputs, options):
        seen.append((task.name, inputs, options))
        return "the run"

    line = 'search cs=[0.1, {"a = b": 1}["a = b"]] n=k + 1 -o run --overwrite-cache'
    assert commands.run(submit, ip.user_ns, line) == ("the run", "run")
    assert commands.run(submit, ip.user_ns, "prep.search --name x -o r cs=[k]")[1] == "r"
    assert seen == [
        ("prep.search", {"cs": [0.1, 1], "n": 4}, {"overwrite_cache": True}),
        ("prep.search", {"cs": [3]}, {"name": "x"}),
    ]


def test_tasks_and_environments_have_forms(ip):
    run(ip, "%flyte_env prep --cpu 2\n")
    run(ip, '@prep.task(cache="auto")\nasync def fit(c: float, n: int = 3) -> float:\n    """Learn."""\n    return c')
    shown, _ = ip.display_formatter.format(ip.user_ns["fit"])
    assert shown["text/plain"] == (
        "task prep.fit\n  async fit(c: float, n: int = 3) -> float\n"
        "  cache        auto\n  source       Cell In[2], line 1"
    )
    assert "Learn." in shown["text/html"]
    shown, _ = ip.display_formatter.format(ip.user_ns["prep"])
    assert shown["text/plain"] == (
        "environment prep\n  cpu          2\n  tasks        async fit(c: float, n: int = 3) -> float"
    )


def test_taken_out_nothing_stays(ip):
    run(ip, "%flyte_env prep")
    extension.unload_ipython_extension(ip)
    assert not any(name.startswith("__flytenb") for name in ip.user_ns)
    assert not [n for kind in ("line", "cell") for n in ip.magics_manager.magics[kind] if n.startswith("flyte")]
    assert "cache" not in ip.compile.__dict__
    extension.load_ipython_extension(ip)
    extension.load_ipython_extension(ip)
    run(ip, "%%flyte_task\ndef f() -> int:\n    return 1")
    assert ip.user_ns["f"].name == "notebook.f"


def test_a_cell_inside_a_magic_does_not_confuse_the_registry(ip):
    run(ip, "def before():\n    return 1")
    run(ip, "%%capture out\ndef inside():\n    return before()")
    assert registry.binding("inside", ip.user_ns["inside"]) is not None
    run(ip, "def after():\n    return 2")
    assert registry.binding("after", ip.user_ns["after"]) is not None


def test_cells_from_before_are_known_by_their_numbers():
    hook = sys.excepthook
    shell = InteractiveShell()
    shell.execution_count = 1
    try:
        run(shell, "def before(x: int) -> int:\n    return x")
        shell.user_ns["load"] = lambda: extension.load_ipython_extension(shell)
        run(shell, "import flytenb as flyte\nload()\nenv = flyte.TaskEnvironment('early')\n\n@env.task\n"
            "def now(x: int) -> int:\n    return before(x)")  # fmt: skip
        assert place_of(shell.user_ns["before"]) == ("Cell In[1]", 1)
        assert place_of(shell.user_ns["now"].func) == ("Cell In[2]", 5)
        assert registry.binding("now", shell.user_ns["now"]).cell.where == "Cell In[2]"
    finally:
        extension.unload_ipython_extension(shell)
        registry.forget()
        sys.excepthook = hook
        shell.history_manager.end_session()
