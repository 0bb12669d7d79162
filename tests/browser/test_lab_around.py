"""What is clicked around cells in JupyterLab: menus of notebooks and files, toolbars, cached results."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import Open
from tests.browser.lab import Page
from tests.browser.test_lab_sections import PANEL, RUNS, name_of
from tests.integration.conftest import until

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

CACHED = """
kept = flyte.TaskEnvironment(name="kept", resources=flyte.Resources(cpu=0), cache="auto")

@kept.task
async def double(n: int) -> int:
    return 2 * n

@kept.task
async def halve(n: int) -> float:
    return n / 2
"""


def in_front(page: Page, path: str) -> str:
    """The text of a file that the page has opened."""
    page.ready(path, kernel=False)
    return (page.server.files / path).read_text()


def file_menu(page: Page, name: str, label: str) -> None:
    """An entry of the menu of a file in the browser."""
    page.done("filebrowser:activate")
    page.done("filebrowser:refresh")
    page.page.locator(".jp-DirListing-item", has_text=name).click(button="right")
    page.page.locator(".lm-Menu").get_by_text(label, exact=True).click()


def test_a_notebook_is_exported_by_menus_and_finds_its_runs(lab: Open) -> None:
    page = lab("run = flyte.run(search, n=1)\nrun", name="sheet.ipynb")
    page.run_cell(1)
    name = name_of(page, "succeeded")
    bar = page.page.locator("#jp-MainMenu")
    for label, path, text in (
        ("Export as Script (flytenb)", "sheet.py", "import flytenb"),
        ("Export as Script (flyte)", "sheet_flyte.py", "import flyte\n"),
    ):
        page.show("sheet.ipynb")
        bar.get_by_text("File", exact=True).click()
        page.page.locator(".lm-Menu").get_by_text("Save and Export Notebook As").click()
        page.page.locator(".lm-Menu").get_by_text(label, exact=True).click()
        assert text in in_front(page, path)
        page.page.evaluate("window.jupyterapp.shell.currentWidget.dispose()")
        (page.server.files / path).write_text("")  # not removed: JupyterLab makes a checkpoint of what it has opened
        file_menu(page, "sheet.ipynb", label)
        assert text in in_front(page, path)
        page.page.evaluate("window.jupyterapp.shell.currentWidget.dispose()")
    file_menu(page, "sheet.ipynb", "Show Flyte Runs of This File")
    page.page.locator(f'{RUNS} [data-side-run="{name}"]').wait_for()
    assert page.page.get_by_label("Filter runs").input_value() == "sheet.ipynb"
    page.page.get_by_label("Filter runs").fill("")


def test_buttons_and_menus_of_a_notebook(lab: Open) -> None:
    page = lab("run = flyte.run(search, n=1)\nrun", name="tools.ipynb")
    page.run_cell(1)
    name = name_of(page, "succeeded")
    form = page.page.locator('[data-batch-form="tools.ipynb"]')
    page.page.locator(f'{page.front()} .jp-NotebookPanel-toolbar [data-jp-item-name="flytenb-batch"]').click()
    form.get_by_role("button", name="Close").click()
    menu = page.page.locator("#jp-MainMenu").get_by_text("Run", exact=True)
    menu.click()
    page.page.locator(".lm-Menu").get_by_text("Run as Flyte Batch…", exact=True).click()
    form.get_by_role("button", name="Close").click()
    menu.click()
    page.page.locator(".lm-Menu").get_by_text("Run Flyte Task…", exact=True).click()
    page.page.locator("[data-form]").first.wait_for()
    page.page.locator(f"{page.front()} .jp-CodeCell").nth(1).locator(".jp-InputPrompt").click(button="right")
    page.page.locator(".lm-Menu").get_by_text("Show Last Flyte Run of This Cell", exact=True).click()
    page.page.locator(f"#flytenb-run-{name} section[data-run]").wait_for()


def cached(page: Page, task: str) -> list[dict[str, Any]]:
    """What the store keeps of a task."""
    rows: list[dict[str, Any]] = page.server.ask("flytenb/api/v1/cache?limit=100")["rows"]
    return [each for each in rows if each["task"] == task]


def test_cached_results_are_pinned_cleared_per_task_and_pruned(lab: Open) -> None:
    page = lab(CACHED, "[flyte.run(each, n=n).outputs()[0] for n in (1, 2) for each in (double, halve)]")
    page.run_cell(1)
    page.run_cell(2)
    page.output("[2, 0.5, 4, 1.0]")
    section = page.section("Cache")
    keys = {name: [each["key"] for each in cached(page, f"kept.{name}")] for name in ("double", "halve")}
    assert [len(each) for each in keys.values()] == [2, 2]
    pinned = section.locator(f'[data-cached="{keys["halve"][0]}"]')
    pinned.get_by_text("Pin", exact=True).click()
    pinned.get_by_text("Unpin", exact=True).wait_for()
    until(lambda: any(each.get("is_pinned") for each in cached(page, "kept.halve")), "the result is pinned")
    prune = section.locator("[data-prune]")
    # Not used for 30 days is nothing that was made now.
    prune.get_by_text("Prune unused").click()
    prune.get_by_text("Nothing to forget").wait_for()
    prune.get_by_label("Results of").select_option("kept.double")
    prune.get_by_text("Clear", exact=True).click()
    prune.get_by_text("Forget 2 results of kept.double?").wait_for()
    prune.get_by_text("Keep", exact=True).click()
    assert len(cached(page, "kept.double")) == 2
    prune.get_by_text("Clear", exact=True).click()
    prune.get_by_text("Forget them").click()
    section.locator(f'[data-cached="{keys["double"][0]}"]').wait_for(state="detached")
    assert cached(page, "kept.double") == []
    assert len(cached(page, "kept.halve")) == 2
    prune.get_by_text("Prune all").click()
    prune.get_by_text("1 pinned stay").wait_for()
    prune.get_by_text("Forget them").click()
    section.locator(f'[data-cached="{keys["halve"][1]}"]').wait_for(state="detached")
    assert [each["key"] for each in cached(page, "kept.halve")] == [keys["halve"][0]]
    pinned.get_by_text("Unpin", exact=True).click()
    pinned.get_by_text("Pin", exact=True).wait_for()
    prune.get_by_text("Prune all").click()
    prune.get_by_text("Forget them").click()
    pinned.wait_for(state="detached")
    assert cached(page, "kept.halve") == []


def test_what_is_typed_in_the_sidebar_stays_while_it_is_out_of_sight(lab: Open) -> None:
    from playwright.sync_api import expect

    page = lab("run = flyte.run(search, n=1)\nrun", name="drafts.ipynb")
    page.run_cell(1)
    name = name_of(page, "succeeded")
    draft = page.form("search").get_by_label("n int")
    draft.fill("7")
    page.page.get_by_label("Filter runs").fill("search")
    page.page.get_by_role("button", name="Choose runs").click()
    page.page.get_by_label(f"Choose {name}").check()
    page.done("filebrowser:activate")
    page.page.locator(f"{PANEL} form").wait_for(state="detached")
    page.done("flytenb:show-runs")
    expect(draft).to_have_value("7")
    expect(page.page.get_by_label("Filter runs")).to_have_value("search")
    expect(page.page.get_by_label(f"Choose {name}")).to_be_checked()
    page.done("apputils:change-theme", {"theme": "JupyterLab Dark"})
    page.page.wait_for_function("document.body.dataset.jpThemeLight === 'false'")
    expect(draft).to_have_value("7")
    page.done("apputils:change-theme", {"theme": "JupyterLab Light"})
    page.page.get_by_role("button", name="Choose runs").click()
    page.page.get_by_label("Filter runs").fill("")
    # What was run is no draft any more.
    page.page.locator("[data-form=search]").get_by_role("button", name="Run", exact=True).click()
    expect(page.form("search").get_by_label("n int")).to_have_value("")
