"""A notebook of somebody else's in JupyterLab and Notebook 7: nothing in it runs, and all that was seen is seen."""

from __future__ import annotations

import json
import shutil
import sys
from datetime import timezone
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4

from flytenb.views import tree, twin
from tests.browser.conftest import Open
from tests.browser.lab import Page

sys.path.insert(0, str(Path(__file__).parent.parent / "unit" / "views"))
from test_sanitized import RUNS, VALUES

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

EVIL = "<script>window.hacked=1</script><img src=x onerror='window.hacked=1'><b onclick='window.hacked=1'>evil</b>"


def received(page: Page, name: str, *outputs: Any) -> None:
    """A notebook as it comes by mail: nobody here has signed it."""
    cell = v4.new_code_cell("window.hacked = 1", outputs=list(outputs), execution_count=1)
    made = v4.new_notebook(
        cells=[cell], metadata={"kernelspec": {"name": "python3", "display_name": "python3", "language": "python"}}
    )
    nbformat.write(made, page.server.files / name)


def test_runs_of_another_home_are_as_they_were_saved(jupyter: Open) -> None:
    page = jupyter()
    bundles = [
        {
            "application/vnd.flytenb.run+json": {"run": f"else{n}", "home": "0" * 8, "protocol": 1, "phase": "failed"},
            "text/html": twin.render(tree.view(run(), VALUES), zone=timezone.utc) + EVIL,
            "text/plain": "a run",
        }
        for n, run in enumerate(RUNS.values())
    ]
    received(page, "mailed.ipynb", *[v4.new_output("display_data", data=data) for data in bundles])
    page.show("mailed.ipynb")
    shown = page.page.locator(".jp-OutputArea-output[data-fnb-saved]")
    shown.nth(len(bundles) - 1).wait_for()
    shown.get_by_text("there is no run named 'else0'").first.wait_for()
    text = " ".join(shown.all_inner_texts())
    for words in ("ValueError: C must be positive, got -0.1", "Succeeded", "actions"):
        assert words in text, words
    assert shown.locator("script, iframe, [onerror], [onclick]").count() == 0
    assert page.page.evaluate("window.hacked") is None
    widest = (
        "() => Math.max(...[...document.querySelectorAll('[data-fnb-saved]')].map(e => e.scrollWidth - e.clientWidth))"
    )
    assert page.page.evaluate(widest) <= 0
    page.save()
    assert json.dumps(page.saved().cells[0].outputs[0].data["text/html"]) == json.dumps(bundles[0]["text/html"])


def test_runs_of_this_home_are_live_in_a_notebook_that_nobody_trusts(jupyter: Open) -> None:
    page = jupyter("run = flyte.run(gated, n=3, gate=GATE)\nrun", name="mine.ipynb")
    page.run_cell(1)
    name = page.view("running").get_attribute("data-run")
    page.save()
    page.close_all()
    shutil.copy(page.server.files / "mine.ipynb", page.server.files / "copied.ipynb")
    page.show("copied.ipynb")
    assert page.view("running", within=page.front()).get_attribute("data-run") == name
    page.go()
    page.view("succeeded", within=page.front())
    assert page.page.locator("[data-fnb-saved]").count() == 0
