"""What JupyterLab shows of runs around the cells: sections of the sidebar, commands, menus, settings, files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import nbformat
import pytest
from nbformat import v4

from tests.browser.axe import serious_violations
from tests.browser.chromium import at_its_speed
from tests.browser.conftest import Open
from tests.browser.lab import Page

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

PANEL = "#flytenb-panel"
RUNS = f'{PANEL} [aria-label="Runs"]'


def name_of(page: Page, phase: str) -> str:
    name = page.view(phase, within=page.front()).get_attribute("data-run")
    assert name
    return name


def batch_notebook(page: Page, name: str) -> None:
    tagged = v4.new_code_cell("gate: str = ''\ncount: int = 3", metadata={"tags": ["parameters"]})
    waits = "import os, time\nwhile gate and not os.path.exists(gate):\n    time.sleep(0.05)"
    made = v4.new_notebook(
        cells=[tagged, v4.new_code_cell("print('begun', count)"), v4.new_code_cell(waits), v4.new_code_cell("1 + 1")],
        metadata={"kernelspec": {"name": "python3", "display_name": "python3", "language": "python"}},
    )
    nbformat.write(made, page.server.files / name)


def test_a_run_that_asks_is_told_as_waiting_for_you_everywhere(lab: Open) -> None:
    page = lab("run = flyte.run(release, n=1)\nrun")
    page.run_cell(1)
    view = page.view("running")
    page.done("flytenb:show-runs")
    page.page.locator(f'{RUNS} [data-side-phase="paused"]').first.wait_for()
    view.locator(".fnb-head", has_text="Waiting for you").wait_for()
    # The question, and the reason of its row.
    view.get_by_text("Publish this model?").nth(1).wait_for()
    page.page.locator('.lm-TabBar-tab[data-id="flytenb-panel"][title*="1 waiting for you"]').wait_for()
    page.page.locator("#flytenb-status", has_text="1 ‖").wait_for()
    page.done("running:show-panel")
    page.page.locator("#jp-running-sessions", has_text="Waiting for you").wait_for()
    view.locator("form[data-condition]").get_by_label("Yes").check()
    view.get_by_role("button", name="Submit").click()
    page.view("succeeded")


def test_chosen_runs_are_compared_pinned_tagged_and_deleted(lab: Open) -> None:
    page = lab("a = flyte.run(search, n=1)\na", "b = flyte.run(search, n=2)\nb")
    page.run_cell(1)
    page.counted(1)
    page.run_cell(2)
    page.counted(2)
    page.done("flytenb:show-runs")
    rows = [each for each in page.server.runs() if each["task"].endswith(".search")]
    second, first = rows[0]["name"], rows[1]["name"]
    for name in (first, second):
        page.page.locator(f'{RUNS} [data-side-run="{name}"]').wait_for()
    page.page.get_by_role("button", name="Choose runs").click()
    for name in (first, second):
        page.page.get_by_label(f"Choose {name}").check()
    chosen = page.page.get_by_role("group", name="Chosen runs")
    chosen.get_by_text("Compare").click()
    table = page.page.locator(f"#flytenb-run-{second}-{first} .fnb-compare")
    table.get_by_text("step: calls").wait_for()
    chosen.get_by_text("Pin", exact=True).click()
    page.page.locator(f'{RUNS} [data-side-run="{first}"] [aria-label=pinned]').wait_for()
    chosen.get_by_text("Unpin").wait_for()
    page.page.get_by_label(f"Choose {second}").uncheck()
    chosen.get_by_text("Tag").click()
    chosen.get_by_label("Tag").fill("best, talk")
    chosen.get_by_role("button", name="Add").click()
    page.page.locator(f'{RUNS} [data-side-run="{first}"] .fnb-tag', has_text="talk").wait_for()
    page.page.get_by_label("Filter runs").fill("talk")
    page.page.locator(f'{RUNS} [data-side-run="{second}"]').wait_for(state="detached")
    page.page.get_by_label("Filter runs").fill("")
    # A pinned run is not deleted; one that is not pinned is, after a question.
    chosen.get_by_text("Delete").click()
    chosen.get_by_role("button", name="Delete 1 run").click()
    chosen.get_by_text(f"run {first} is pinned; unpin it first").wait_for()
    assert serious_violations(page.page, PANEL) == []
    page.page.get_by_label(f"Choose {first}").uncheck()
    page.page.get_by_label(f"Choose {second}").check()
    chosen.get_by_role("button", name="Unpin").click()
    page.page.locator(f'{RUNS} [data-side-run="{second}"] [aria-label=pinned]').wait_for(state="detached")
    chosen.get_by_text("Delete").click()
    chosen.get_by_role("button", name="Delete 1 run").click()
    page.page.locator(f'{RUNS} [data-side-run="{second}"]').wait_for(state="detached")
    told = {each["name"]: each for each in page.server.runs()}
    assert second not in told
    assert (told[first]["is_pinned"], told[first]["tags"]) == (True, ["best", "talk"])


def test_a_batch_is_begun_by_a_form_followed_and_its_output_opened(lab: Open) -> None:
    page = lab()
    batch_notebook(page, "nightly.ipynb")
    gate = page.server.folder / "batch-gate"
    page.done("flytenb:run-as-batch", {"path": "nightly.ipynb"})
    form = page.page.locator('[data-batch-form="nightly.ipynb"]')
    form.get_by_label("count int").fill("many")
    form.get_by_role("button", name="Run as batch").click()
    form.get_by_role("alert").wait_for()
    assert "count" in form.get_by_role("alert").inner_text()
    form.get_by_label("count int").fill("5")
    form.get_by_label("gate str").fill(str(gate))
    form.get_by_role("button", name="Run as batch").click()
    form.wait_for(state="detached")
    at = page.page.locator("[data-batch-at]").first
    page.page.locator("[data-batch-at]", has_text="cell 4 of 5").first.wait_for()
    page.page.locator(f'{PANEL} [aria-label="Batches"] [role=progressbar]').first.wait_for()
    page.page.get_by_text("Open output so far").first.click()
    page.ready("nightly-out.ipynb", kernel=False)
    assert "begun 5" in str(page.saved().cells)
    # Closed without being saved: the batch still writes it.
    page.page.evaluate("window.jupyterapp.shell.currentWidget.dispose()")
    gate.touch()
    page.page.locator(f'{PANEL} [aria-label="Batches"] [data-side-phase="succeeded"]').first.wait_for()
    assert "5 cells" in at.inner_text()


def test_a_notebook_is_exported_as_a_script_for_both_packages(lab: Open) -> None:
    page = lab(name="exported.ipynb")
    page.do("flytenb:export-script")
    page.page.wait_for_function("window.jupyterapp.shell.currentWidget?.context?.path === 'exported.py'")
    assert "async def search(" in (page.server.files / "exported.py").read_text()
    page.do("flytenb:export-flyte", {"path": "exported.ipynb"})
    page.page.wait_for_function("window.jupyterapp.shell.currentWidget?.context?.path === 'exported_flyte.py'")
    assert "import flyte" in (page.server.files / "exported_flyte.py").read_text()


def test_menus_of_files_and_of_runs(lab: Open) -> None:
    page = lab("run = flyte.run(search, n=1)\nrun", name="menus.ipynb")
    page.run_cell(1)
    name = name_of(page, "succeeded")
    page.done("filebrowser:activate")
    page.done("filebrowser:refresh")
    page.page.locator(".jp-DirListing-item", has_text="menus.ipynb").click(button="right")
    menu = page.page.locator(".lm-Menu").first
    for label in ("Show Flyte Runs of This File", "Export as Script (flytenb)", "Export as Script (flyte)"):
        assert menu.get_by_text(label, exact=True).is_visible()
    menu.get_by_text("Run as Flyte Batch…").click()
    page.page.locator('[data-batch-form="menus.ipynb"]').wait_for()
    page.page.locator('[data-batch-form="menus.ipynb"]').get_by_role("button", name="Close").click()
    row = page.page.locator(f'{RUNS} [data-side-run="{name}"]')
    row.click(button="right")
    page.page.locator(".lm-Menu").get_by_text("Pin or Unpin Flyte Run").click()
    row.locator("[aria-label=pinned]").wait_for()
    row.click(button="right")
    page.page.locator(".lm-Menu").get_by_text("Open Flyte Run").click()
    page.page.locator(f"#flytenb-run-{name} section[data-run]").wait_for()
    page.done("flytenb:pin-run", {"run": name})
    row.locator("[aria-label=pinned]").wait_for(state="detached")


def test_palette_shortcut_launcher_and_cell_toolbar(lab: Open) -> None:
    page = lab("run = flyte.run(search, n=1)\nrun")
    page.run_cell(1)
    name = name_of(page, "succeeded")
    page.page.keyboard.press("Escape")
    page.page.keyboard.press("Control+Alt+f")
    page.page.locator(f"{RUNS} [data-side-run]").first.wait_for()
    page.page.locator(f"{page.front()} .jp-Cell").nth(1).click()
    page.page.locator(".jp-cell-toolbar [data-command='flytenb:show-runs-of-cell']").first.click()
    page.page.locator(f"#flytenb-run-{name} section[data-run]").wait_for()
    page.done("launcher:create")
    page.page.locator(".jp-LauncherCard:visible", has_text="Show Flyte Runs").last.click()
    page.page.locator(f"{RUNS} [data-side-run]").first.wait_for()
    page.done("apputils:activate-command-palette")
    page.page.locator(".lm-CommandPalette-input").fill("Run as Flyte Batch")
    shown = page.page.locator(".lm-CommandPalette-item", has_text="Run as Flyte Batch")
    shown.first.wait_for()
    page.page.keyboard.press("Escape")


@contextmanager
def another_page(page: Page, settings: dict[str, Any]) -> Iterator[Page]:
    """A fresh page with these settings of the extension."""
    file = page.server.folder / "settings" / "flytenb" / "plugin.jupyterlab-settings"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(settings))
    context = page.page.context.browser.new_context(viewport={"width": 1100, "height": 800}, reduced_motion="reduce")
    try:
        yield Page(at_its_speed(context.new_page()), page.server)
    finally:
        context.close()
        file.unlink()


def test_each_setting_works(lab: Open) -> None:
    page = lab("run = flyte.run(search, n=1)\nrun", "late = flyte.run(fit, c=-1.0)\nlate", name="settings.ipynb")
    page.run_cell(1)
    page.view("succeeded")
    page.page.locator(f"{page.front()} section[data-run][data-open=false]").wait_for()
    page.save()
    chosen = {"notifications": "always", "statusBar": False, "badge": False, "views": "open"}
    with another_page(page, chosen) as other:
        other.open("settings.ipynb")
        other.page.locator(f"{other.front()} section[data-run][data-open=true]").wait_for()
        other.run_cell(0)
        other.counted(0)
        other.run_cell(2)
        other.view("failed")
        other.page.locator(".jp-toast-message, .Toastify__toast", has_text="failed").first.wait_for()
        assert other.page.locator("#flytenb-status").is_hidden()
        assert other.page.locator('.lm-TabBar-tab[data-id="flytenb-panel"][data-fnb-badge]').count() == 0
    page.page.locator("#flytenb-status", has_text="✖").wait_for()
    page.page.locator('.lm-TabBar-tab[data-id="flytenb-panel"][data-fnb-badge]').wait_for()


def everything(page: Page, name: str) -> None:
    """What needs no kernel: views, lists, marks, comparisons, the doctor, code into cells, an end to a run."""
    page.done("flytenb:show-runs")
    page.page.locator(f'{RUNS} [data-side-run="{name}"]').first.wait_for()
    page.done("flytenb:open-run", {"run": name})
    tab = page.page.locator(f"#flytenb-run-{name}")
    tab.locator('section[data-run][data-phase-of="running"]').wait_for()
    for label in ("Timeline", "Graph", "Logs", "Inputs/Outputs", "Code & environment", "Tree"):
        tab.get_by_role("tab", name=label).click()
        tab.locator(f'[role=tab][aria-selected=true]:has-text("{label}")').wait_for()
    page.done("flytenb:pin-run", {"run": name})
    page.page.locator(f'{RUNS} [data-side-run="{name}"] [aria-label=pinned]').wait_for()
    page.done("flytenb:pin-run", {"run": name})
    page.page.locator(f'{RUNS} [data-side-run="{name}"] [aria-label=pinned]').wait_for(state="detached")
    page.done("flytenb:doctor")
    page.page.locator(f"{PANEL} [data-finding=engine][data-state=well]").wait_for()
    optional = page.page.locator(f"{PANEL} [data-finding][data-state=optional]")
    assert all("optional" in each for each in optional.all_inner_texts())
    page.done("flytenb:cancel-run", {"run": name})
    tab.locator('section[data-run][data-phase-of="aborted"]').wait_for()
    tab.get_by_role("button", name="Run again").click()


def source_of_last(page: Page) -> str:
    cells = page.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.content.widgets.map(c => c.model.sharedModel.getSource())"
    )
    return "\n".join(cells)


def test_all_commands_work_while_a_cell_blocks_and_when_the_kernel_is_dead(lab: Open) -> None:
    page = lab(
        "import pathlib\na = flyte.run(forever, n=1)\nb = flyte.run(forever, n=2)",
        "while not pathlib.Path(GATE).exists():\n    time.sleep(0.05)",
        name="blocked.ipynb",
    )
    page.run_cell(1)
    page.counted(1)
    rows = [each for each in page.server.runs() if each["task"].endswith(".forever")]
    assert len(rows) >= 2
    page.run_cell(2)
    page.status("busy")
    everything(page, rows[0]["name"])
    page.ready("blocked.ipynb", kernel=False)
    assert f'run = flyte.rerun("{rows[0]["name"]}")' in source_of_last(page)
    page.status("busy")
    # No restart: the kernel is gone for good.
    page.page.evaluate("window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    everything(page, rows[1]["name"])
    page.ready("blocked.ipynb", kernel=False)
    assert f'run = flyte.rerun("{rows[1]["name"]}")' in source_of_last(page)


def test_what_the_cell_has_now_is_shown_beside_what_ran(lab: Open) -> None:
    page = lab("run = flyte.run(search, n=1)\nrun")
    page.run_cell(1)
    view = page.view("succeeded")
    page.page.evaluate(
        """() => {
          const shared = window.jupyterapp.shell.currentWidget.content.widgets[0].model.sharedModel;
          shared.setSource(shared.getSource().replace('return n + 1', 'return n + 2'));
        }"""
    )
    view.locator(".fnb-badge", has_text="Code changed since: step").click()
    view.locator("[data-differs]").wait_for()
    assert "return n + 1" in view.locator(".fnb-code .is-del").inner_text()
    assert "return n + 2" in view.locator(".fnb-code .is-add").inner_text()


def test_a_run_is_left_to_itself_and_followed_again(lab: Open) -> None:
    page = lab("run = flyte.run(gated, n=3, gate=GATE)\nrun")
    page.run_cell(1)
    view = page.view("running")
    view.get_by_role("button", name="More").click()
    view.get_by_role("menuitem", name="Stop following").click()
    view.get_by_text("Not followed here; the run goes on.").wait_for()
    page.go()
    page.stored("succeeded")
    view.get_by_role("button", name="Follow").click()
    page.view("succeeded")


def test_families_of_the_graph_unfold_and_recovered_rows_say_from_where(lab: Open) -> None:
    page = lab(
        "flag = 0\n@env.task\nasync def sometimes(n: int) -> int:\n"
        "    if not os.path.exists(GATE):\n        raise ValueError('not yet')\n    return n\n"
        "@env.task\nasync def both(n: int) -> int:\n"
        "    done = [await step(i) for i in range(n)]\n    return sum(done) + await sometimes(n)",
        "run = flyte.run(both, n=3)\nrun",
        "again = run.recover()\nagain",
    )
    page.run_cell(1)
    page.counted(1)
    page.run_cell(2)
    first = name_of(page, "failed")
    page.go()
    page.run_cell(3)
    view = page.view("succeeded", within=page.front())
    view.get_by_role("button", name="Expand").click()
    view.get_by_text(f"3 recovered from {first}").first.wait_for()
    view.get_by_role("tab", name="Graph").click()
    view.get_by_role("button", name="Unfold step").click()
    page.page.wait_for_function(
        "name => document.querySelectorAll(`section[data-run='${name}'] [data-box^='step[']`).length === 3",
        arg=view.get_attribute("data-run"),
    )
    view.get_by_role("button", name="Fold step").first.click()
    view.get_by_role("button", name="Unfold step").wait_for()


def test_sections_say_when_they_are_empty_or_cannot_be_told(lab: Open) -> None:
    page = lab("run = flyte.run(search, n=1)\nrun")
    page.run_cell(1)
    page.view("succeeded")
    page.section("Apps").get_by_text("serves no apps").wait_for()
    page.section("Cache").get_by_text("Results of tasks with a cache").wait_for()
    batch = page.page.locator(f'{PANEL} [data-section="Batch and schedules"]')
    page.done("flytenb:run-as-batch", {"path": "nosuch.ipynb"})
    batch.locator("[data-problem]", has_text="there is no file 'nosuch.ipynb'").wait_for()
    batch.get_by_role("button", name="Close").click()


def test_the_sidebar_counts_failures_as_the_view_does(lab: Open) -> None:
    over = "@env.task\nasync def over(c: float) -> float:\n    return await fit(c)\n\n"
    page = lab(f"{over}bad = flyte.run(over, c=-1.0)\nbad")
    page.run_cell(1)
    view = page.view("failed")
    view.get_by_text("1 of 2 actions failed").wait_for()
    page.done("flytenb:show-runs")
    row = f'#flytenb-panel [data-section=Now] [data-side-run="{view.get_attribute("data-run")}"]'
    page.page.locator(row, has_text="1 action failed").wait_for()
