"""`import flytenb` is enough in a kernel; elsewhere it loads nothing of the notebook."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.notebooks.conftest import execute, texts

pytestmark = [pytest.mark.notebook, pytest.mark.engine, pytest.mark.usefixtures("ipykernel")]

TASKS = """
import flytenb as flyte
env = flyte.TaskEnvironment(name="joined")

@env.task
async def double(x: int) -> int:
    return helper(x)

first = flyte.run(double, x=4)
"""


def test_the_import_is_enough(home: Path, ipykernel: str) -> None:
    """Cells before it are known, its own cell shows its run, later ones have magics and forms of our objects."""
    done = execute(
        "def helper(x: int) -> int:\n    return 2 * x",
        TASKS,
        "double",
        "%%flyte_task --env joined\ndef triple(x: int) -> int:\n    return 3 * x",
        "%load_ext flytenb\n%reload_ext flytenb\nsecond = flyte.run(double, x=5)",
        "print(first.outputs()[0], second.outputs()[0], flyte.run(triple, x=2).outputs()[0])",
    )
    (view,) = [output for output in done.cells[1].outputs if "data" in output]
    assert view.data["application/vnd.flytenb.run+json"]["phase"] == "succeeded"
    assert "text/html" in done.cells[2].outputs[0].data
    assert len([output for output in done.cells[4].outputs if "data" in output]) == 1, "loaded once"
    assert texts(done.cells[5])[-1:] == ["8 10 6\n"]


def test_it_can_be_taken_out_again(home: Path, ipykernel: str) -> None:
    known = "get_ipython().find_line_magic('flyte_runs')"
    done = execute(TASKS.replace("helper(x)", "x"), "%unload_ext flytenb", known)
    assert done.cells[2].outputs == []


@pytest.mark.parametrize(
    "begin",
    ["", "import IPython", "from IPython.core.interactiveshell import InteractiveShell as S; S.instance()"],
    ids=["Python", "IPython imported", "a shell without a kernel"],
)
def test_elsewhere_it_loads_nothing(begin: str) -> None:
    code = f"{begin}\nimport sys, flytenb\nprint([name for name in sys.modules if name.startswith('flytenb.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
