"""JupyterLab and Notebook 7 in a real browser on a real engine: what a person does with runs, from the cell on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.axe import serious_violations
from tests.browser.lab import Page, Server

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

TASKS = """%load_ext flytenb
import asyncio, time
from typing import Literal
import flytenb as flyte
env = flyte.TaskEnvironment(name="digits", resources=flyte.Resources(cpu=0))

@env.task
async def step(n: int) -> int:
    print("step", n)
    await asyncio.sleep(0.3)
    return n + 1

@env.task
async def search(n: int, kind: Literal["rbf", "linear"] = "rbf", deep: bool = False) -> int:
    return sum([await step(i) for i in range(n)])

@env.task
async def forever(n: int) -> int:
    await asyncio.sleep(600)
    return n

@env.task
async def fit(c: float) -> float:
    if c <= 0:
        raise ValueError(f"C must be positive, got {c}")
    return c

@env.task(report=True)
async def told(n: int) -> int:
    await flyte.report.replace.aio(f"<h2>Report of {n}</h2>")
    await flyte.report.flush.aio()
    return n

@env.task
async def release(n: int) -> bool:
    return await flyte.new_condition("publish", prompt="Publish this model?").wait.aio()
"""


def _server(kind: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    for module in ("jupyterlab", "notebook"):
        if os.environ.get("CI") or os.environ.get("FLYTENB_REQUIRE_BROWSER"):
            __import__(module)
        else:
            pytest.importorskip(module)
    server = Server(tmp_path_factory.mktemp(kind), kind)
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, browser: Any) -> Iterator[Server]:
    """One JupyterLab for all tests of this file."""
    yield from _server("lab", tmp_path_factory)


@pytest.fixture(scope="module")
def shared(browser: Any, server: Server) -> Iterator[Page]:
    """One page, because a fresh one takes seconds to load; each test has a notebook of its own."""
    context = browser.new_context(viewport={"width": 1400, "height": 900}, reduced_motion="reduce")
    page = Page(context.new_page(), server).open()
    yield page
    context.close()


@pytest.fixture
def lab(shared: Page, request: pytest.FixtureRequest) -> Iterator[Callable[..., Page]]:
    """Opens a notebook of this test, its first cell (the tasks) done."""

    def open_notebook(*cells: str, name: str = "", kernel: str = "python3") -> Page:
        path = shared.server.notebook(name or f"{request.node.name}.ipynb", TASKS, *cells, kernel=kernel)
        shared.show(path)
        shared.run_cell(0)
        shared.counted(0)
        return shared

    yield open_notebook
    shared.close_all()
    errors, shared.errors = shared.errors, []
    assert errors == []


def test_a_run_is_watched_live_and_what_is_saved_needs_nothing(lab: Callable[..., Page]) -> None:
    page = lab("run = flyte.run(search, n=12)\nrun", kernel="flytenb")
    page.run_cell(1)
    view = page.view("running")
    page.page.locator('section[data-run][data-link="live"]').first.wait_for(state="attached")
    page.done("flytenb:show-runs")
    name = view.get_attribute("data-run")
    page.page.locator(f'#flytenb-panel [data-side-run="{name}"]').first.wait_for()
    page.view("succeeded")
    page.stored("succeeded")
    page.save()
    (output,) = page.saved().cells[1].outputs
    assert set(output.data) == {"application/vnd.flytenb.run+json", "text/html", "text/plain"}
    assert "step ×12" in output.data["text/plain"]
    assert len(str(output.data)) < 25_000


def test_cancel_while_the_cell_blocks(lab: Callable[..., Page]) -> None:
    page = lab("run = flyte.run(forever, n=1)\ndisplay(run)\nrun.wait()")
    page.run_cell(1)
    view = page.view("running")
    page.status("busy")
    view.get_by_role("button", name="Cancel", exact=True).click()
    view.get_by_role("button", name="Cancel it").click()
    page.view("aborted")
    page.status("idle")


def test_the_kernel_restarts_in_mid_run_and_the_view_goes_on_to_the_end(lab: Callable[..., Page]) -> None:
    page = lab("run = flyte.run(search, n=14)\nrun")
    page.run_cell(1)
    view = page.view("running")
    name = view.get_attribute("data-run")
    page.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    page.status("idle")
    page.view("succeeded")
    page.stored("succeeded")  # no kernel knows the run: the page has stored its end
    page.save()
    data = page.saved().cells[1].outputs[0].data
    assert data["application/vnd.flytenb.run+json"]["run"] == name
    assert "step ×14" in data["text/plain"]


def test_the_tab_is_closed_and_opened_again(lab: Callable[..., Page]) -> None:
    page = lab("run = flyte.run(search, n=14)\nrun", name="reopened.ipynb")
    page.run_cell(1)
    name = page.view("running").get_attribute("data-run")
    page.save()
    page.close_all()
    page.show("reopened.ipynb")
    assert page.view().get_attribute("data-run") == name
    page.view("succeeded")


def test_two_notebooks_each_have_their_runs(lab: Callable[..., Page]) -> None:
    page = lab("one = flyte.run(search, n=1)\none", name="one.ipynb")
    page.run_cell(1)
    first = page.view("succeeded").get_attribute("data-run")
    lab("two = flyte.run(fit, c=1.0)\ntwo", name="two.ipynb")
    page.run_cell(1)
    second = page.view("succeeded", within=page.front()).get_attribute("data-run")
    page.done("flytenb:show-runs")
    own = page.page.locator('#flytenb-panel [aria-label="Runs of this notebook"]')
    own.locator(f'[data-side-run="{second}"]').wait_for()
    assert own.locator(f'[data-side-run="{first}"]').count() == 0
    # A click in the list of all runs shows the other notebook's cell.
    page.page.locator(f'#flytenb-panel [aria-label="Runs"] [data-side-run="{first}"] .fnb-li-b').first.click()
    page.ready("one.ipynb")


def test_a_failure_opens_in_a_cell_and_leads_to_its_line(lab: Callable[..., Page]) -> None:
    page = lab("run = flyte.run(fit, c=-1.0)\nrun")
    page.run_cell(1)
    failure = page.view("failed").locator("[data-failure]")
    assert failure.locator("h3").inner_text() == "ValueError: C must be positive, got -1.0"
    failure.locator(".fnb-frames button").first.click()
    page.page.locator(".jp-Cell.fnb-flash").wait_for()
    cursor = "() => window.jupyterapp.shell.currentWidget.content.activeCell.editor.getSelection().start.line"
    line = page.page.evaluate(cursor)
    assert TASKS.splitlines()[line].strip().startswith("raise ValueError")
    failure.get_by_role("button", name="Open in cell").click()
    page.page.wait_for_function("() => window.jupyterapp.shell.currentWidget.content.widgets.length === 3")
    text = page.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel.getSource()"
    )
    assert text.endswith(".open()")
    assert "flytenb.run(" in text


def test_a_question_is_answered_in_the_cell(lab: Callable[..., Page]) -> None:
    page = lab("run = flyte.run(release, n=1)\nrun")
    page.run_cell(1)
    view = page.view("running")
    page.done("flytenb:show-runs")
    page.page.locator("#flytenb-panel [data-question]", has_text="Publish this model?").wait_for()
    form = view.locator("form[data-condition]")
    form.get_by_label("Yes").check()
    form.get_by_role("button", name="Submit").click()
    page.view("succeeded")


def test_a_report_is_shown_in_a_frame_of_its_own(lab: Callable[..., Page]) -> None:
    page = lab("run = flyte.run(told, n=7)\nrun")
    page.run_cell(1)
    view = page.view("succeeded")
    view.get_by_role("button", name="Expand").click()
    view.get_by_role("tab", name="Report").click()
    page.page.frame_locator(f"{page.front()} section[data-run] iframe").get_by_text("Report of 7").wait_for()


def test_the_form_of_a_task_writes_and_runs_the_call(lab: Callable[..., Page]) -> None:
    page = lab()
    page.done("flytenb:show-runs")
    page.page.locator("#flytenb-panel [data-task=search]").wait_for()
    page.page.get_by_label("Run search …").click()
    form = page.page.locator("[data-form=search]")
    form.get_by_role("button", name="Run", exact=True).click()
    assert form.get_by_text("Write a whole number").is_visible()
    form.get_by_label("n int").fill("2")
    form.get_by_label("kind").select_option("linear")
    form.get_by_label("deep").check()
    form.get_by_role("button", name="Run", exact=True).click()
    page.view("succeeded", within=page.front())
    text = page.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.content.widgets[1].model.sharedModel.getSource()"
    )
    assert text == 'run = flyte.run(search, n=2, kind="linear", deep=True)\nrun'


def test_a_cell_that_is_edited_makes_the_view_say_so(lab: Callable[..., Page]) -> None:
    page = lab("run = flyte.run(search, n=1)\nrun")
    page.run_cell(1)
    view = page.view("succeeded")
    edit = """([from, to]) => {
      const shared = window.jupyterapp.shell.currentWidget.content.widgets[0].model.sharedModel;
      shared.setSource(shared.getSource().replace(from, to));
    }"""
    page.page.evaluate(edit, ["return n + 1", "return n + 2"])
    badge = view.locator(".fnb-badge", has_text="Code changed since: step")
    badge.wait_for()
    page.page.evaluate(edit, ["return n + 2", "return n + 1  # as before"])
    badge.wait_for(state="detached")


def test_a_run_of_ten_thousand_actions_is_scrolled(lab: Callable[..., Page]) -> None:
    page = lab(
        "@env.task\nasync def one(n: int) -> int:\n    return n\n"
        "@env.task\nasync def many(n: int) -> int:\n"
        "    return len(await asyncio.gather(*(one(i) for i in range(n))))",
        "run = flyte.run(many, n=10_000)\nrun",
    )
    page.run_cell(1)
    page.counted(1)
    page.run_cell(2)
    view = page.view("succeeded")
    page.page.get_by_role("button", name="Expand").last.click()
    tree = view.locator("[role=treegrid]")
    tree.locator("[data-key]").nth(1).wait_for()
    tree.locator("[data-key]").nth(1).click()
    page.page.keyboard.press("ArrowRight")
    page.page.keyboard.press("End")
    tree.locator("[data-key]", has_text="9999").first.wait_for()
    assert view.locator("[role=row]").count() < 400, "rows out of sight are no elements"


def test_dark_and_without_serious_violations(lab: Callable[..., Page]) -> None:
    page = lab("run = flyte.run(fit, c=-1.0)\nrun")
    page.run_cell(1)
    page.view("failed")
    page.done("flytenb:show-runs")
    page.page.get_by_label("Run search …").click()
    page.page.locator("[data-form=search]").wait_for()
    for theme, is_light in (("JupyterLab Dark", "false"), ("JupyterLab Light", "true")):
        page.done("apputils:change-theme", {"theme": theme})
        page.page.wait_for_function("is => document.body.dataset.jpThemeLight === is", arg=is_light)
        scheme = page.page.evaluate("getComputedStyle(document.querySelector('#flytenb-panel .fnb')).colorScheme")
        assert scheme == ("dark" if is_light == "false" else "light")
        assert serious_violations(page.page, "#flytenb-panel") == []
        assert serious_violations(page.page, ".jp-OutputArea-output.fnb") == []


def test_a_run_as_a_tab_in_the_running_panel_and_cancelled_by_command(lab: Callable[..., Page]) -> None:
    page = lab("run = flyte.run(forever, n=2)\nrun")
    page.run_cell(1)
    name = page.view("running").get_attribute("data-run")
    page.page.locator('.lm-TabBar-tab[data-id="flytenb-panel"][data-fnb-badge]').wait_for()
    page.page.locator("#flytenb-status", has_text="1 ▶").wait_for()
    page.done("flytenb:open-run", {"run": name})
    page.page.locator(f'#flytenb-run-{name} section[data-run="{name}"][data-open="true"]').wait_for()
    page.done("running:show-panel")
    page.page.locator("#jp-running-sessions", has_text=f"forever {name}").wait_for()
    page.done("flytenb:cancel-run", {"run": name})
    page.page.locator(f'#flytenb-run-{name} section[data-phase-of="aborted"]').wait_for()


def test_the_same_plugin_in_notebook_7(tmp_path_factory: pytest.TempPathFactory, browser: Any) -> None:
    for server in _server("notebook", tmp_path_factory):
        server.notebook("n7.ipynb", TASKS, "run = flyte.run(search, n=3)\nrun")
        context = browser.new_context(viewport={"width": 1200, "height": 900}, reduced_motion="reduce")
        page = Page(context.new_page(), server).open("n7.ipynb")
        page.run_all()
        page.view("running")
        page.view("succeeded")
        page.done("flytenb:show-runs")
        page.page.locator('#flytenb-panel [aria-label="Runs of this notebook"] [data-side-run]').wait_for()
        assert page.errors == []
        context.close()
