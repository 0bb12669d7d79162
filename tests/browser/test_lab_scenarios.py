"""While a run goes on: its output is cleared, its cell run again, its file is not ours, its engine killed."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import pytest

from tests.browser.conftest import Open
from tests.browser.lab import PATIENCE_MS, Page

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

RUN = "run = flyte.run(gated, n=3, gate=GATE)\nrun"
LIVE = 'section[data-run][data-link="live"]'


def ended(page: Page, name: str, phase: str = "succeeded") -> None:
    """Until the engine says so; the front end is not asked."""
    page.page.wait_for_function(
        """async ([path, phase]) => (await (await fetch(path)).json()).phase === phase""",
        arg=[f"{page.server.url}flytenb/api/v1/runs/{name}", phase],
        polling=200,
    )


def test_outputs_are_cleared_while_the_run_goes_on(jupyter: Open) -> None:
    """It goes on, nothing of it comes back into the cell, and what is saved is as empty as it was left."""
    page = jupyter(RUN)
    page.run_cell(1)
    name = page.view("running").get_attribute("data-run")
    page.counted(1)
    page.do("notebook:clear-cell-output")
    page.page.locator(f'.jp-OutputArea section[data-run="{name}"]').first.wait_for(state="detached")
    page.go()
    ended(page, name)
    page.run_cell(0)  # what the kernel had to send of the run has come before this cell's end
    page.counted(0)
    assert page.page.locator(f'.jp-OutputArea section[data-run="{name}"]').count() == 0
    page.save()
    assert page.saved().cells[1].outputs == []


def test_a_cell_is_run_again_while_its_run_goes_on(jupyter: Open) -> None:
    """The cell shows the second run alone; the first one goes on, too."""
    page = jupyter(RUN)
    page.run_cell(1)
    first = page.view("running").get_attribute("data-run")
    page.counted(1)
    page.run_cell(1)
    page.page.locator(f'.jp-OutputArea section[data-run="{first}"]').first.wait_for(state="detached")
    second = page.view("running").get_attribute("data-run")
    assert second != first
    page.go()
    page.view("succeeded")
    ended(page, first)
    page.stored("succeeded")
    page.save()
    (output,) = page.saved().cells[1].outputs
    assert output.data["application/vnd.flytenb.run+json"]["run"] == second


def test_a_notebook_that_may_not_be_written(jupyter: Open) -> None:
    """Somebody else's file: the view is live to its end, and nobody is asked to save."""
    page = jupyter("1", name="mine.ipynb")
    page.server.notebook("theirs.ipynb", *(cell.source for cell in page.saved().cells[:1]), RUN)
    pattern = "**/api/contents/theirs.ipynb*"

    def answer(route: Any) -> None:
        if route.request.method != "GET":
            refused = {"message": "Permission denied: theirs.ipynb"}
            route.fulfill(status=403, content_type="application/json", body=json.dumps(refused))
            return
        real = route.fetch()
        route.fulfill(response=real, json={**real.json(), "writable": False})

    page.page.route(pattern, answer)  # as a server says it of a file that is not the user's
    try:
        page.show("theirs.ipynb")
        page.run_cell(0)
        page.counted(0)
        page.run_cell(1)
        page.view("running", within=f"{page.front()} .jp-OutputArea")
        page.go()
        page.view("succeeded", within=f"{page.front()} .jp-OutputArea")
        page.stored("succeeded")
        assert page.page.locator(".jp-Dialog").count() == 0
        assert page.server.saved("theirs.ipynb").cells[1].outputs == []
    finally:
        page.page.unroute(pattern)


def test_the_engine_is_killed_while_the_page_is_open(jupyter: Open) -> None:
    """Nobody does anything in the page, and it shows the run to its end."""
    page = jupyter(RUN)
    page.run_cell(1)
    view = page.view("running")
    name = view.get_attribute("data-run")
    page.page.locator(f"{LIVE}[data-run='{name}']").first.wait_for(state="attached")
    told = json.loads((page.server.home / "engine.json").read_text())
    os.kill(told["pid"], signal.SIGKILL)
    page.page.wait_for_function(
        """async ([path, pid]) => { try {
          const answer = await fetch(path); return answer.ok && (await answer.json()).pid !== pid;
        } catch { return false; } }""",
        arg=[f"{page.server.url}flytenb/api/v1/status", told["pid"]],
        polling=200,
        timeout=PATIENCE_MS,
    )
    page.page.locator(f"{LIVE}[data-run='{name}']").first.wait_for(state="attached")
    page.go()
    view = page.view("succeeded")
    assert view.get_attribute("data-run") == name
    page.stored("succeeded")
