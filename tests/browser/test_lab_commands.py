"""Every command of the extension: what it is called, where it is found, and what its shortcut does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.browser.conftest import Open
from tests.browser.lab import Page

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

_SOURCES = Path(__file__).resolve().parents[2] / "labextension"
PANEL = "#flytenb-panel"
RUNS = f'{PANEL} [aria-label="Runs"]'
#: It needs the code that it writes.
_NOT_IN_PALETTE = {"flytenb:insert-code"}


def declared() -> set[str]:
    files = (_SOURCES / "src" / "lab").glob("*commands.ts")
    return {name for file in files for name in re.findall(r"'(flytenb:[a-z-]+)'", file.read_text())}


def a_run(page: Page, cell: int = 1) -> str:
    """Name of the run that this cell has started, once it is over and the sidebar lists it."""
    page.run_cell(cell)
    name: str = page.view("succeeded", within=page.front()).get_attribute("data-run")
    page.done("flytenb:show-runs")
    page.page.locator(f'{RUNS} [data-side-run="{name}"]').wait_for()
    assert name
    return name


def test_each_command_says_what_it_does_and_is_in_the_palette(jupyter: Open) -> None:
    page = jupyter("run = flyte.run(search, n=1)\nrun")
    a_run(page)
    told = page.page.evaluate(
        """() => {
          const { commands } = window.jupyterapp;
          return commands.listCommands().filter(each => each.startsWith('flytenb:')).map(each =>
            [each, commands.label(each), commands.caption(each)]);
        }"""
    )
    assert {each for each, _, _ in told} == declared()
    assert all(label and caption and not caption.endswith(".") for _, label, caption in told), told
    assert len({caption for _, _, caption in told}) == len(told)
    page.done("apputils:activate-command-palette")
    field = page.page.locator(".lm-CommandPalette-input")
    for command, label, caption in told:
        if command not in _NOT_IN_PALETTE:
            field.fill(label)
            item = page.page.locator(f'.lm-CommandPalette-item[data-command="{command}"]')
            item.get_by_text(caption, exact=True).wait_for(state="attached")
    page.page.keyboard.press("Escape")


def test_each_shortcut_does_what_its_command_does(lab: Open) -> None:
    page = lab(
        "run = flyte.run(search, n=1)\nrun",
        "bad = flyte.run(fit, c=-1.0)\nbad",
        *["# a cell between"] * 40,
        name="shortcuts.ipynb",
    )
    page.run_cell(2)
    page.view("failed", within=page.front())
    a_run(page)
    keys = {}
    for each in json.loads((_SOURCES / "schema" / "plugin.json").read_text())["jupyter.lab.shortcuts"]:
        keys[each["command"]] = each["keys"][0].replace("Accel", "Control").replace(" ", "+")
    assert set(keys) == {
        "flytenb:show-runs", "flytenb:show-last-run", "flytenb:show-last-failure", "flytenb:run-as-batch",
    }  # fmt: skip

    def press(command: str) -> None:
        page.page.evaluate(
            """() => {
              const { content } = window.jupyterapp.shell.currentWidget;
              content.activeCellIndex = 30; content.mode = 'command'; content.activate(); content.node.focus();
            }"""
        )
        page.page.keyboard.press(keys[command])

    active = "index => window.jupyterapp.shell.currentWidget.content.activeCellIndex === index"
    press("flytenb:show-last-run")
    page.page.wait_for_function(active, arg=1)
    press("flytenb:show-last-failure")
    page.page.wait_for_function(active, arg=2)
    page.done("filebrowser:activate")
    press("flytenb:show-runs")
    page.page.locator(f"{RUNS} [data-side-run]").first.wait_for()
    press("flytenb:run-as-batch")
    page.page.locator('[data-batch-form="shortcuts.ipynb"]').get_by_role("button", name="Close").click()
