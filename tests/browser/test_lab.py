"""JupyterLab and Notebook 7 in a real browser on a real engine: what a person does with runs, from the cell on."""

from __future__ import annotations

import pytest

from tests.browser.axe import serious_violations
from tests.browser.conftest import TASKS, Open

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

#: Milliseconds for ten thousand actions on a machine with other work.
MANY_MS = 400_000
EDIT = """([from, to]) => {
  const shared = window.jupyterapp.shell.currentWidget.content.widgets[0].model.sharedModel;
  shared.setSource(shared.getSource().replace(from, to));
}"""
SOURCE = "index => window.jupyterapp.shell.currentWidget.content.widgets[index].model.sharedModel.getSource()"
#: From now on `window.flashes` says whether a cell was marked, for however short a moment.
WATCH_FLASHES = """() => {
  window.flashes = false;
  const marked = each => each.target.matches('.jp-Cell.fnb-flash');
  new MutationObserver(all => { window.flashes ||= all.some(marked); })
    .observe(document.body, {subtree: true, attributeFilter: ['class']});
}"""
COUNT = "index => window.jupyterapp.shell.currentWidget.content.widgets[index].model.executionCount"


def test_a_run_is_watched_live_and_what_is_saved_needs_nothing(jupyter: Open) -> None:
    page = jupyter("run = flyte.run(gated, n=12, gate=GATE)\nrun", kernel="flytenb")
    page.run_cell(1)
    view = page.view("running")
    page.page.locator('section[data-run][data-link="live"]').first.wait_for(state="attached")
    page.done("flytenb:show-runs")
    name = view.get_attribute("data-run")
    page.page.locator(f'#flytenb-panel [data-side-run="{name}"]').first.wait_for()
    page.go()
    page.view("succeeded")
    page.stored("succeeded")
    page.save()
    (output,) = page.saved().cells[1].outputs
    assert set(output.data) == {"application/vnd.flytenb.run+json", "text/html", "text/plain"}
    assert "step ×12" in output.data["text/plain"]
    assert len(str(output.data)) < 25_000


def test_cancel_while_the_cell_blocks(jupyter: Open) -> None:
    page = jupyter("run = flyte.run(forever, n=1)\ndisplay(run)\nrun.wait()")
    page.run_cell(1)
    view = page.view("running")
    page.status("busy")
    view.get_by_role("button", name="Cancel", exact=True).click()
    view.get_by_role("button", name="Cancel it").click()
    page.view("aborted")
    page.status("idle")


def test_the_kernel_restarts_in_mid_run_and_the_view_goes_on_to_the_end(jupyter: Open) -> None:
    page = jupyter("run = flyte.run(gated, n=14, gate=GATE)\nrun")
    page.run_cell(1)
    view = page.view("running")
    name = view.get_attribute("data-run")
    page.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    page.status("idle")
    assert view.get_attribute("data-phase-of") == "running"
    page.go()
    page.view("succeeded")
    page.stored("succeeded")  # no kernel knows the run: the page has stored its end
    page.save()
    data = page.saved().cells[1].outputs[0].data
    assert data["application/vnd.flytenb.run+json"]["run"] == name
    assert "step ×14" in data["text/plain"]


def test_the_tab_is_closed_and_opened_again(jupyter: Open) -> None:
    page = jupyter("run = flyte.run(gated, n=14, gate=GATE)\nrun", name="reopened.ipynb")
    page.run_cell(1)
    name = page.view("running").get_attribute("data-run")
    page.save()
    page.close_all()
    page.show("reopened.ipynb")
    assert page.view("running").get_attribute("data-run") == name
    page.go()
    page.view("succeeded")


def test_two_notebooks_each_have_their_runs(lab: Open) -> None:
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


def test_a_failure_opens_in_a_cell_and_leads_to_its_line(jupyter: Open) -> None:
    page = jupyter("run = flyte.run(fit, c=-1.0)\nrun")
    page.run_cell(1)
    failure = page.view("failed").locator("[data-failure]")
    assert failure.locator("h3").inner_text() == "ValueError: C must be positive, got -1.0"
    page.page.evaluate(WATCH_FLASHES)
    failure.locator(".fnb-frames button").first.click()
    page.page.wait_for_function("window.flashes")
    cursor = "() => window.jupyterapp.shell.currentWidget.content.activeCell.editor.getSelection().start.line"
    line = page.page.evaluate(cursor)
    assert TASKS.splitlines()[line].strip().startswith("raise ValueError")
    failure.get_by_role("button", name="Open in cell").click()
    page.page.wait_for_function("() => window.jupyterapp.shell.currentWidget.content.widgets.length === 3")
    text = page.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel.getSource()"
    )
    assert text.startswith("flyte.remote.Run.get("), "as the notebook calls the package"
    page.run_cell(2)
    page.page.wait_for_function("() => window.jupyterapp.shell.currentWidget.content.widgets.length === 4")
    page.page.wait_for_function(f"({SOURCE})(3).includes('c = -1.0')")


def test_a_fix_is_recovered(jupyter: Open) -> None:
    page = jupyter("run = flyte.run(fit, c=-1.0)\nrun")
    page.run_cell(1)
    failure = page.view("failed").locator("[data-failure]")
    page.page.evaluate(EDIT, ["if c <= 0", "if c <= -9"])
    page.run_cell(0)
    page.page.wait_for_function(f"({COUNT})(0) === 3")
    failure.get_by_role("button", name="Fix & recover").click()
    page.page.wait_for_function("() => window.jupyterapp.shell.currentWidget.content.widgets.length === 3")
    page.run_cell(2)
    page.view("succeeded")


def test_a_question_is_answered_in_the_cell(jupyter: Open) -> None:
    page = jupyter("run = flyte.run(release, n=1)\nrun")
    page.run_cell(1)
    view = page.view("running")
    page.done("flytenb:show-runs")
    page.page.locator("#flytenb-panel [data-question]", has_text="Publish this model?").wait_for()
    form = view.locator("form[data-condition]")
    form.get_by_label("Yes").check()
    form.get_by_role("button", name="Submit").click()
    page.view("succeeded")


def test_a_report_is_shown_in_a_frame_of_its_own(jupyter: Open) -> None:
    page = jupyter("run = flyte.run(told, n=7)\nrun")
    page.run_cell(1)
    view = page.view("succeeded")
    view.get_by_role("button", name="Expand").click()
    view.get_by_role("tab", name="Report").click()
    page.page.frame_locator(f"{page.front()} section[data-run] iframe").get_by_text("Report of 7").wait_for()


def test_the_form_of_a_task_writes_and_runs_the_call(jupyter: Open) -> None:
    page = jupyter()
    form = page.form("search")
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


def test_a_cell_that_is_edited_makes_the_view_say_so(jupyter: Open) -> None:
    page = jupyter("run = flyte.run(search, n=1)\nrun")
    page.run_cell(1)
    view = page.view("succeeded")
    page.page.evaluate(EDIT, ["return n + 1", "return n + 2"])
    badge = view.locator(".fnb-badge", has_text="Code changed since: step")
    badge.wait_for()
    page.page.evaluate(EDIT, ["return n + 2", "return n + 1  # as before"])
    badge.wait_for(state="detached")


def test_a_run_of_ten_thousand_actions_is_scrolled(lab: Open) -> None:
    page = lab(
        "@env.task\nasync def one(n: int) -> int:\n    return n\n"
        "@env.task\nasync def many(n: int) -> int:\n"
        "    return len(await asyncio.gather(*(one(i) for i in range(n))))",
        "run = flyte.run(many, n=10_000)\nrun",
    )
    page.run_cell(1)
    page.counted(1)
    page.run_cell(2)
    view = page.view("succeeded", patience_ms=MANY_MS)
    page.page.get_by_role("button", name="Expand").last.click()
    tree = view.locator("[role=treegrid]")
    many = tree.locator("[data-key]", has_text="×10,000")  # the last of them may come after the end is told
    many.press("ArrowRight")
    tree.locator("[data-key][aria-expanded=true]", has_text="×10,000").press("End")
    tree.locator("[data-key]", has_text="9999").first.wait_for()
    assert view.locator("[role=row]").count() < 400, "rows out of sight are no elements"


def test_dark_and_without_serious_violations(jupyter: Open) -> None:
    page = jupyter("run = flyte.run(fit, c=-1.0)\nrun")
    page.run_cell(1)
    page.view("failed")
    page.form("search")
    for theme, is_light in (("JupyterLab Dark", "false"), ("JupyterLab Light", "true")):
        page.done("apputils:change-theme", {"theme": theme})
        page.page.wait_for_function("is => document.body.dataset.jpThemeLight === is", arg=is_light)
        scheme = page.page.evaluate("getComputedStyle(document.querySelector('#flytenb-panel .fnb')).colorScheme")
        assert scheme == ("dark" if is_light == "false" else "light")
        assert serious_violations(page.page, "#flytenb-panel") == []
        assert serious_violations(page.page, ".jp-OutputArea-output .fnb") == []


def test_a_run_as_a_tab_in_the_running_panel_and_cancelled_by_command(lab: Open) -> None:
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
