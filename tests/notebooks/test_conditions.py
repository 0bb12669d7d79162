"""A run that asks, in a notebook that somebody watches: the view shows the question, a cell answers it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.notebooks.conftest import execute, texts
from tests.notebooks.test_kernels import Kernel

pytestmark = [pytest.mark.notebook, pytest.mark.engine]

SETUP = """
import time
import flytenb as flyte

env = flyte.TaskEnvironment("ask")

@env.task
async def release(kind: str) -> str:
    return repr(await flyte.new_condition("deploy", prompt="Deploy <b>now</b>?", data_type=eval(kind)).wait.aio())

def paused(run):
    while not run.row.paused_count:
        time.sleep(0.02)
    return run
"""


VIEW = "from flytenb.views import text, tree; print(text.render(tree.view(run.snapshot())))"
REFUSED = """
try:
    get_ipython().run_line_magic("flyte_signal", {words})
except Exception as error:
    print(error)
"""


def test_the_view_asks_and_a_cell_answers(home: Path) -> None:
    kernel = Kernel()
    try:
        kernel.execute(SETUP)
        kernel.execute("run = flyte.run(release, 'float'); paused(run); None")
        shown = kernel.execute("print(run.name); run.snapshot() and None; print(repr(run.phase))")
        name = shown.split()[0]
        view = kernel.execute(VIEW)
        assert "asks         Deploy <b>now</b>?" in view
        assert f"answer       %flyte_signal {name}/a1 0.5" in view
        assert f"condition deploy of run {name} is answered: 0.25" in kernel.execute(
            f"%flyte_signal {name}/deploy 0.25"
        )
        assert kernel.execute("print(run.value())") == "0.25"
        assert "0.25, by " in kernel.execute(VIEW)
        kernel.execute("one = paused(flyte.run(release, 'str'))")
        assert "is answered: 'two words'" in kernel.execute("%flyte_signal 'two words'")
        assert kernel.execute("print(one.value())") == "'two words'"
        kernel.execute("one = paused(flyte.run(release, 'bool')); two = paused(flyte.run(release, 'bool'))")
        refused = kernel.execute(REFUSED.format(words="'true'"))
        assert refused.startswith("%flyte_signal: say which: ")
        refused = kernel.execute(REFUSED.format(words="one.name + ' maybe'"))
        assert refused == "%flyte_signal: condition 'deploy' takes a bool: 'maybe' is none; give true or false"
        kernel.execute("%flyte_signal {one.name} yes")
        kernel.execute("%flyte_signal {two.name} no")
        assert kernel.execute("print(one.value(), two.value())") == "True False"
        refused = kernel.execute(REFUSED.format(words="'true'"))
        assert refused == "%flyte_signal: no run waits for an answer"
    finally:
        kernel.close()


def test_an_unattended_notebook_says_what_is_asked(home: Path) -> None:
    answer = """
import threading
from flytenb.remote import Condition
def later():
    while not (found := list(Condition.listall())):
        time.sleep(0.1)
    time.sleep(2)  # nobody was quick
    found[0].signal(3)
threading.Thread(target=later).start()
run = flyte.run(release, "int")
"""
    notebook = execute("%load_ext flytenb\n" + SETUP, answer, "print(run.name, run.value())")
    name, value = texts(notebook.cells[2])[0].split()
    assert value == "3"
    told = "".join(texts(notebook.cells[1]))
    assert f"run {name} waits for an answer: Deploy <b>now</b>?  →  flytenb signal condition {name} a1 1\n" in told
