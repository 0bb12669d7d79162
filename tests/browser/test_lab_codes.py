"""The code that buttons of a run's view write into cells is executed, and gives what its button promises."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import Open
from tests.browser.lab import PATIENCE_MS, Page

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

#: A run of it fails in a child of a child, which has inputs and locals of its own.
NESTED = """
@env.task
async def leaf(data: list[int], scale: float) -> float:
    total = sum(data)
    return total / scale

@env.task
async def branch(scales: list[float]) -> float:
    return sum([await leaf([1, 2, 3], each) for each in scales])

@env.task
async def trunk(scales: list[float]) -> float:
    return await branch(scales)
"""
SOURCES = """() => window.jupyterapp.shell.currentWidget.content.widgets.map(
  each => each.model.sharedModel.getSource())"""


def sources(page: Page) -> list[str]:
    found: list[str] = page.page.evaluate(SOURCES)
    return found


def written(page: Page, count: int) -> str:
    """The last of `count` cells, which a button has written."""
    page.page.wait_for_function(f"({SOURCES})().length === {count} && ({SOURCES})().at(-1) !== ''")
    return sources(page)[-1]


def run_last(page: Page, asks: str = "", index: int = -1) -> None:
    """Execute the last cell, or the one of that number, to its end, and with `asks` one below it that prints that."""
    index %= len(sources(page))
    page.run_cell(index)
    page.counted(index)
    if asks:
        page.page.evaluate(
            """async code => {
              await window.jupyterapp.commands.execute('notebook:insert-cell-below');
              window.jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel.setSource(code);
            }""",
            f"print({asks})",
        )
        run_last(page, index=index + 1)


def opened(view: Any, tab: str) -> Any:
    """The view with this tab in front."""
    if view.get_attribute("data-open") == "false":
        view.get_by_role("button", name="Expand").click()
    view.get_by_role("tab", name=tab).click()
    return view


def to_variable(view: Any, value: str) -> None:
    view.locator("tr", has=view.page.locator("th", has_text=value)).get_by_text("To variable").click()


def test_run_again_runs_the_same_again(jupyter: Open) -> None:
    page = jupyter("run = flyte.run(search, n=2)\nrun")
    page.run_cell(1)
    view = page.view("succeeded")
    name = view.get_attribute("data-run")
    view.get_by_role("button", name="Run again").click()
    assert written(page, 3) == f'run = flyte.rerun("{name}")'
    run_last(page, "run.name != '" + name + "', run.wait() or run.phase.value, run.outputs()[0], run.inputs().n")
    page.output("True succeeded 3 2")


def test_what_the_menu_inserts_is_the_run(lab: Open) -> None:
    page = lab("flyte.run(search, n=2)")
    page.run_cell(1)
    view = page.view("succeeded")
    view.get_by_role("button", name="More").click()
    view.get_by_role("menuitem", name="Insert as code").click()
    written(page, 3)
    run_last(page, f"run.name == '{view.get_attribute('data-run')}', run.outputs()[0]")
    page.output("True 3")


def test_values_become_variables(jupyter: Open) -> None:
    page = jupyter(NESTED, "run = flyte.run(trunk, scales=[0.5, 4.0])\nrun")
    page.run_cell(1)
    page.run_cell(2)
    view = opened(page.view("succeeded"), "Inputs/Outputs")
    to_variable(view, "result")
    written(page, 4)
    run_last(page, "'of the root', result")
    page.output("of the root 13.5")
    view.get_by_label("Values of").select_option(label="leaf[1] · succeeded")
    to_variable(view, "data")
    run_last(page, "'of a child', data", index=3)
    page.output("of a child [1, 2, 3]")
    to_variable(view, "result")
    run_last(page, "'of a child', result", index=3)
    page.output("of a child 1.5")


def test_the_error_of_a_nested_action_opens_in_a_cell_with_its_inputs(jupyter: Open) -> None:
    page = jupyter(NESTED, "run = flyte.run(trunk, scales=[1.0, 0.0])\nrun")
    page.run_cell(1)
    page.run_cell(2)
    failure = page.view("failed").locator("[data-failure]")
    failure.get_by_role("button", name="Open in cell").click()
    written(page, 4)
    run_last(page)
    body = written(page, 5)
    assert "data = [1, 2, 3]\nscale = 0.0" in body
    assert "total = sum(data)" in body
    run_last(page)
    page.output("ZeroDivisionError")
    page.page.evaluate(
        """([from, to]) => {
          const shared = window.jupyterapp.shell.currentWidget.content.widgets.at(-1).model.sharedModel;
          shared.setSource(shared.getSource().replace(from, to));
        }""",
        ["scale = 0.0", "scale = 4.0"],
    )
    run_last(page, "'mended', total, scale")
    page.output("mended 6 4.0")


def test_debug_opens_a_debugger_at_the_error_of_a_nested_action(jupyter: Open) -> None:
    page = jupyter(NESTED, "run = flyte.run(trunk, scales=[1.0, 0.0])\nrun")
    page.run_cell(1)
    page.run_cell(2)
    page.view("failed").locator("[data-failure]").get_by_role("button", name="Debug").click()
    written(page, 4)
    page.run_cell(3)
    for text, told in (("p data, scale, total", "([1, 2, 3], 0.0, 6)"), ("w", "leaf()"), ("q", "")):
        line = page.page.locator(f"{page.front()} input.jp-Stdin-input").last
        line.wait_for(timeout=PATIENCE_MS)
        line.fill(text)
        line.press("Enter")
        if told:
            page.output(told)
    page.counted(3)
    page.output("raised ZeroDivisionError: ")


def test_a_comparison_as_code(lab: Open) -> None:
    page = lab("flyte.run(search, n=1)", "flyte.run(search, n=2)")
    page.run_cell(1)
    first = page.view("succeeded").get_attribute("data-run")
    page.run_cell(2)
    page.counted(2)
    view = page.page.locator(f'section[data-run]:not([data-run="{first}"])[data-phase-of=succeeded]').first
    opened(view, "Compare").get_by_role("button", name="As code").click()
    assert written(page, 4) == f'flyte.compare("{first}", "{view.get_attribute("data-run")}")'
    run_last(page)
    page.page.locator(".jp-OutputArea-output", has_text="step: calls").last.wait_for()


def test_the_footer_tells_the_keys_and_what_a_run_used(jupyter: Open) -> None:
    page = jupyter(
        "@env.task\ndef hold(seconds: float) -> int:\n    time.sleep(seconds)\n    return 1",
        "flyte.run(hold, seconds=2.5)",
    )
    page.run_cell(1)
    page.run_cell(2)
    view = opened(page.view("succeeded"), "Tree")
    view.locator(".fnb-foot [data-used]", has_text="peak").wait_for()
    view.get_by_role("button", name="? keys").click()
    view.locator(".fnb-keys", has_text="next, previous error").wait_for()
