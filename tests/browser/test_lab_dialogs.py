"""Commands of a run that ask before they do anything, and notifications of runs that end out of sight."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Open
from tests.browser.lab import Page
from tests.browser.test_lab_commands import RUNS, a_run
from tests.browser.test_lab_sections import another_page, name_of

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]


def dialog(page: Page, button: str, text: str | None = None) -> None:
    """Answer the question of the page."""
    found = page.page.locator(".jp-Dialog")
    found.wait_for()
    if text is not None:
        found.locator("input").fill(text)
    found.locator(".jp-Dialog-button", has_text=button).click()
    found.wait_for(state="detached")


def choose(page: Page, run: str, label: str) -> None:
    """An entry of the menu of a run in the sidebar."""
    page.page.locator(f'{RUNS} [data-side-run="{run}"]').click(button="right")
    page.page.locator(".lm-Menu").get_by_text(label, exact=True).click()


def test_every_entry_of_a_runs_menu(lab: Open) -> None:
    page = lab("run = flyte.run(search, n=1)\nrun", "again = flyte.run(search, n=2)\nagain")
    page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    first = a_run(page)
    page.run_cell(2)
    page.counted(2)
    rows = page.server.runs()
    second = rows[0]["name"]
    row = page.page.locator(f'{RUNS} [data-side-run="{second}"]')
    row.wait_for()
    choose(page, second, "Compare Flyte Run with the One Before")
    page.page.locator(f"#flytenb-run-{second}-{first} .fnb-compare").wait_for()
    choose(page, second, "Copy Reference to Flyte Run")
    page.page.wait_for_function(
        "text => navigator.clipboard.readText().then(found => found === text)",
        arg=f'flytenb.remote.Run.get("{second}")',
    )
    choose(page, second, "Tag Flyte Run…")
    dialog(page, "Ok", "talk, best")
    row.locator(".fnb-tag", has_text="talk").wait_for()
    choose(page, second, "Note on Flyte Run…")
    dialog(page, "Ok", "the one that counts")
    row.get_by_text("the one that counts").wait_for()
    choose(page, second, "Delete Flyte Run…")
    dialog(page, "Keep")
    assert second in {each["name"] for each in page.server.runs()}
    choose(page, second, "Delete Flyte Run…")
    dialog(page, "Delete")
    row.wait_for(state="detached")
    assert second not in {each["name"] for each in page.server.runs()}


def test_a_run_is_cancelled_from_its_menu(lab: Open) -> None:
    page = lab("run = flyte.run(forever, n=1)\nrun")
    page.run_cell(1)
    name = page.view("running").get_attribute("data-run")
    assert name
    page.done("flytenb:show-runs")
    page.page.locator(f'{RUNS} [data-side-run="{name}"]').wait_for()
    choose(page, name, "Cancel Flyte Run")
    page.view("aborted")


def test_a_run_is_cancelled_from_the_palette_after_a_question(lab: Open) -> None:
    page = lab("run = flyte.run(forever, n=1)\nrun")
    page.run_cell(1)
    name = page.view("running").get_attribute("data-run")
    page.done("flytenb:show-runs")
    page.page.locator(f'{RUNS} [data-side-run="{name}"]').wait_for()
    page.do("flytenb:cancel-run")
    dialog(page, "Keep running")
    page.view("running")
    page.do("flytenb:cancel-run")
    dialog(page, "Cancel it")
    page.view("aborted")


def test_a_run_that_ends_out_of_sight_is_told_and_one_in_sight_is_not(lab: Open) -> None:
    page = lab(
        "seen = flyte.run(search, n=1)\nseen",
        "late = flyte.run(gated, n=1, gate=GATE)\nlate",
        name="sight.ipynb",
    )
    page.save()
    with another_page(page, {"notifications": "hidden"}) as other:
        other.open("sight.ipynb")
        other.run_cell(0)
        other.counted(0)
        other.run_cell(1)
        seen = name_of(other, "succeeded")
        other.run_cell(2)
        late = other.page.locator('section[data-run][data-phase-of="running"]').first.get_attribute("data-run")
        other.done("flytenb:show-runs")
        # The sidebar has been told of both, and of the end of the first.
        other.page.locator(f'{RUNS} [data-side-run="{seen}"][data-side-phase="succeeded"]').wait_for()
        other.page.locator(f'{RUNS} [data-side-run="{late}"]').wait_for()
        # Another tab is over the notebook, which stays the one that was used last.
        other.done("launcher:create")
        page.go()
        told = other.page.locator(".Toastify__toast")
        told.get_by_text(f"gated {late}: succeeded").wait_for()
        other.done("apputils:display-notifications")
        other.page.locator(".jp-Notification-List", has_text=f"gated {late}").wait_for()
        assert other.page.locator(".jp-Notification-List", has_text=seen).count() == 0
