"""Narrow panels and a page at 200 %: nothing of ours is wider than its place, every button can be read and reached."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import Open
from tests.browser.lab import Page

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

PANEL = "#flytenb-panel"
#: What sticks out of its place to the right or left; rows of tabs and of code scroll in themselves.
_TOO_WIDE = """box => {
  const edge = box.getBoundingClientRect();
  const scrolls = each => {
    for (let at = each.parentElement; at && at !== box; at = at.parentElement) {
      if (['auto', 'scroll'].includes(getComputedStyle(at).overflowX) && at.scrollWidth > at.clientWidth) {
        return true;
      }
    }
    return false;
  };
  const found = [...box.querySelectorAll('*')].filter(each => {
    const own = each.getBoundingClientRect();
    return own.width > 1 && (own.right > edge.right + 1 || own.left < edge.left - 1) && !scrolls(each);
  }).map(each => `${each.tagName} ${each.className} ${each.textContent.slice(0, 30)}`);
  return box.scrollWidth > box.clientWidth + 1 ? [`the whole: ${box.scrollWidth}`, ...found] : found;
}"""
#: Buttons that a person cannot come to: each is brought into sight and must be what is met there.
_UNREACHABLE = """box => [...box.querySelectorAll('button, input, select, [role=tab]')].filter(each => {
  if (each.disabled || !each.getClientRects().length) { return false; }
  each.scrollIntoView({block: 'center', inline: 'center'});
  const {left, top, width, height} = each.getBoundingClientRect();
  const met = document.elementFromPoint(left + width / 2, top + height / 2);
  return !each.contains(met) && !met?.contains(each);
}).map(each => `${each.tagName} ${each.getAttribute('aria-label') ?? each.textContent}`)"""
_RESIZE = """width => {
  let area = window.jupyterapp.shell._leftHandler.stackedPanel;
  while (!area.setRelativeSizes) { area = area.parent; }
  const sizes = area.relativeSizes();
  const whole = area.node.clientWidth;
  area.setRelativeSizes([width / whole, ...sizes.slice(1).map(each => (1 - width / whole) / (sizes.length - 1))]);
}"""


def sees_all(box: Any) -> None:
    """Nothing sticks out, and all can be reached."""
    assert box.evaluate(_TOO_WIDE) == []
    assert box.evaluate(_UNREACHABLE) == []


def with_runs(lab: Open) -> Page:
    """A run that failed, one that is over, the sidebar with all sections and a form."""
    page = lab("run = flyte.run(fit, c=-1.0)\nrun", "done = flyte.run(search, n=2)\ndone")
    page.run_cell(1)
    page.view("failed").locator("[data-failure]").wait_for()
    page.run_cell(2)
    page.page.locator('section[data-run][data-phase-of="succeeded"]').first.wait_for()
    page.done("flytenb:show-runs")
    page.page.locator(f'{PANEL} [aria-label="Runs"] [data-side-phase="failed"]').first.wait_for()
    page.page.evaluate(
        "panel => document.querySelectorAll(`${panel} h3 [aria-expanded=false]`).forEach(each => each.click())", PANEL
    )
    page.form("search")
    return page


def test_sidebar_and_views_narrow_and_at_twice_the_size(lab: Open) -> None:
    page = with_runs(lab)
    for width, height in ((1000, 700), (680, 450)):  # the second is 1360 × 900 at 200 %
        page.page.set_viewport_size({"width": width, "height": height})
        page.page.wait_for_function("width => document.body.clientWidth === width", arg=width)
        sees_all(page.page.locator(PANEL))
        for phase in ("failed", "succeeded"):
            sees_all(page.view(phase))
    page.page.set_viewport_size({"width": 1360, "height": 900})
    for width in (240, 400):
        page.page.evaluate(_RESIZE, width)
        page.page.wait_for_function(
            "([panel, width]) => Math.abs(document.querySelector(panel).clientWidth - width) < 24", arg=[PANEL, width]
        )
        sees_all(page.page.locator(PANEL))
