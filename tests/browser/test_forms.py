"""A task's form in real JupyterLab and Notebook 7: typed into, refused beside the field, run with its view below."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.browser.lab import Page

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

CELL = """import dataclasses
import datetime as dt
import enum
import flytenb as flyte
from flytenb.io import File

env = flyte.TaskEnvironment(name="forms")

class Kernel(enum.Enum):
    RBF = "rbf"
    LINEAR = "linear"

@dataclasses.dataclass
class Split:
    share: float = 0.2
    seed: int | None = None

@env.task
async def fit(
    c: float, kernel: Kernel = Kernel.RBF, classes: list[int] = [0, 1], split: Split = Split(),
    since: dt.date | None = None, data: File | None = None, limit: int | str = 100, verbose: bool = False,
) -> str:
    \"\"\"Fit one model to the digits.\"\"\"
    return f"{c:g} {kernel.name} {classes}"

fit.form()
"""


def test_a_form_runs_its_task(jupyter: Callable[..., Page]) -> None:
    page = jupyter(CELL)
    page.run_cell(1)
    form = page.page.locator(".jp-OutputArea-output").last
    c = form.get_by_label("c", exact=True)
    c.wait_for()
    form.get_by_title("form.run()").click()
    form.get_by_text("needed").first.wait_for()
    c.fill("much")
    form.get_by_text("write a number").first.wait_for()
    c.fill("0.5")
    form.get_by_text("write a number").first.wait_for(state="detached")
    form.get_by_label("kernel", exact=True).select_option("LINEAR")
    form.get_by_title("form.write()").click()
    page.page.wait_for_function(
        "[...document.querySelectorAll('textarea')].some(one => one.value === "
        "'run = flyte.run(fit, c=0.5, kernel=Kernel.LINEAR)')"
    )
    form.get_by_role("button", name="Insert below").click()
    page.page.wait_for_function(
        "window.jupyterapp.shell.currentWidget.content.widgets[2]?.model.sharedModel.getSource() === "
        "'run = flyte.run(fit, c=0.5, kernel=Kernel.LINEAR)'"
    )
    form.get_by_title("form.run()").click()
    form.get_by_text("0.5 LINEAR [0, 1]").first.wait_for()

    assert page.errors == []
