"""Executed for nobody, a cell ends with its runs, keeps their final view, and fails with them."""

import re

import pytest
from nbclient.exceptions import CellExecutionError

from tests.notebooks.conftest import ROOT, execute, texts

pytestmark = [pytest.mark.notebook, pytest.mark.engine]

LOAD = "%load_ext flytenb\nimport asyncio\nimport time\nimport flytenb as flyte\nenv = flyte.TaskEnvironment(name='nb')"
SLOW = """@env.task
async def slow(x: int) -> int:
    await asyncio.sleep(0.8)
    return x * 2
"""
BAD = """@env.task
async def bad(x: int) -> int:
    raise ValueError(f"no {x}")
"""


def test_a_good_cell_has_the_final_view(home):
    notebook = execute(LOAD, SLOW, "run = flyte.run(slow, x=21)", "run.status")
    shown = notebook.cells[2].outputs
    assert len(shown) == 1
    assert re.match(r"✔ slow \S+  Succeeded  1 action", shown[0].data["text/plain"])
    assert "Succeeded" in shown[0].data["text/html"]
    assert shown[0].data["application/vnd.flytenb.run+json"]["phase"] == "succeeded"
    assert texts(notebook.cells[3]) == ["'Succeeded'"]


def test_a_failed_run_fails_its_cell_with_its_traceback(home):
    with pytest.raises(CellExecutionError) as caught:
        execute(LOAD, BAD, "run = flyte.run(bad, x=3)", "never = 1")
    assert "no 3" in str(caught.value)
    notebook = execute(LOAD, BAD, "run = flyte.run(bad, x=3)", "1 + 1", allow_errors=True)
    view, error = notebook.cells[2].outputs
    assert view.data["text/plain"].startswith("✖ bad")
    assert "Cell In[2], line 3, in bad" in view.data["text/plain"]
    assert error.ename == "ValueError" or "no 3" in error.evalue
    assert texts(notebook.cells[3]) == ["2"]


def test_an_error_that_the_cell_deals_with_fails_nothing(home):
    cell = "try:\n    flyte.run(bad, x=4).wait()\nexcept ValueError as error:\n    print('caught', error)"
    notebook = execute(LOAD, BAD, cell)
    assert "caught no 4\n" in texts(notebook.cells[2])


def test_await_and_print_wait_in_the_cell(home):
    notebook = execute(LOAD, SLOW, "await flyte.run(slow, x=1)", "run = flyte.run(slow, x=2)\nprint(run)")
    assert "2" in texts(notebook.cells[2])
    assert "4\n" in texts(notebook.cells[3])


def test_a_run_is_found_again_by_another_kernel(home):
    execute(LOAD, SLOW, "run = flyte.run(slow, x=5)")
    notebook = execute("%load_ext flytenb", "%flyte_show last", "%flyte_runs -n 2", "%flyte_logs last", "%flyte_doctor")
    assert texts(notebook.cells[1])[0].startswith("✔ slow")
    assert texts(notebook.cells[2])[0].startswith("✔ ")


def test_a_marked_cell_runs(home):
    notebook = execute(
        LOAD,
        "rate, values = 0.5, [1.0, 2.0]",
        "%%flyte_task --name scale --inputs rate,values --outputs scaled,top --run -o run\n"
        "scaled = [rate * v for v in values]\ntop = max(scaled)",
        "await run",
    )
    assert texts(notebook.cells[3]) == ["([0.5, 1.0], 1.0)"]


def test_nbconvert_keeps_the_view_in_the_page(home, tmp_path):
    import subprocess
    import sys

    import nbformat

    source = tmp_path / "view.ipynb"
    cells = [nbformat.v4.new_code_cell(text) for text in (LOAD, SLOW, "run = flyte.run(slow, x=21)")]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), source)
    subprocess.run(
        [sys.executable, "-m", "nbconvert", "--execute", "--to", "html", str(source)], check=True, timeout=100, cwd=ROOT
    )
    page = source.with_suffix(".html").read_text()
    assert 'aria-label="Run slow, ' in page
    assert "succeeded" in page
