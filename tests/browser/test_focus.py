"""Who has only a keyboard sees where they are, reaches everything in its order, and leaves again; nothing moves for
who asked for no motion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.views.server import STATIC

pytestmark = [
    pytest.mark.skipif(not (STATIC / "flytenb.js").exists(), reason="needs the built front end"),
    pytest.mark.timeout(600),
]

TABS = ("tree", "timeline", "graph", "logs", "report", "values", "code", "compare")
#: WCAG 2.1, 1.4.11: what shows a state stands out from what is around it.
LEAST_CONTRAST = 3.0
_MOST_STOPS = 300

#: Where the focus is: its place in the page's order, its ring, and the contrast of the ring to what lies under it.
STOP = """() => {
  const stop = document.activeElement;
  if (!stop || stop === document.body) return null;
  const rgb = text => {
    const context = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d');
    context.fillStyle = text; context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b]
    .map(each => each / 255).map(each => each <= 0.03928 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4)
    .reduce((sum, each, i) => sum + each * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = node => {
    for (let each = node; each; each = each.parentElement) {
      const colour = rgb(getComputedStyle(each).backgroundColor);
      if (colour[3] > 250) return colour;
    }
    return [255, 255, 255, 255];
  };
  const ringed = [getComputedStyle(stop), getComputedStyle(stop, '::after')]
    .find(each => each.outlineStyle !== 'none' && parseFloat(each.outlineWidth) >= 1);
  const box = stop.getBoundingClientRect();
  const [a, b] = ringed ? [light(rgb(ringed.outlineColor)), light(ground(stop.parentElement))] : [0, 0];
  return {
    place: [...document.querySelectorAll('*')].indexOf(stop),
    what: stop.outerHTML.slice(0, 140),
    isRinged: !!ringed,
    contrast: (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05),
    isSeen: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight,
  };
}"""


def walk(page: Any, key: str) -> list[dict[str, Any]]:
    """Every stop of the key from the page's edge to its other edge."""
    stops: list[dict[str, Any]] = []
    page.keyboard.press(key)
    while (stop := page.evaluate(STOP)) is not None:
        if stops and stop["place"] == stops[0]["place"]:
            break  # around once: there is no edge after a frame
        assert len(stops) < _MOST_STOPS, f"no way out with {key}: {stops[-3:]}"
        stops.append(stop)
        page.keyboard.press(key)
    return stops


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("run", ["failed", "asks", "running", "fanout"])
def test_the_focus_is_seen_everywhere(opened: Callable[..., Any], run: str, theme: str) -> None:
    page = opened(run, theme=theme, form="open")
    for tab in TABS:
        page.evaluate("tab => document.querySelectorAll(`[data-tab=${tab}]`).forEach(each => each.click())", tab)
        page.wait_for_function("!document.body.innerText.includes('Loading …')")
        page.evaluate("document.activeElement?.blur()")
        if tab == "report":  # what a report has inside its frame is its own
            page.evaluate("document.querySelectorAll('iframe').forEach(each => { each.tabIndex = -1; })")
        stops = walk(page, "Tab")
        assert stops, tab
        for stop in stops:
            told = f"{run} {tab} {theme}: {stop['what']}"
            assert stop["isRinged"], f"no ring: {told}"
            assert stop["contrast"] >= LEAST_CONTRAST, f"contrast {stop['contrast']:.2f}: {told}"
            assert stop["isSeen"], f"out of sight: {told}"
        places = [stop["place"] for stop in stops]
        assert places == sorted(places), f"{run} {tab}: the order is not that of the page"


def test_nothing_moves_for_who_asked_for_no_motion(opened: Callable[..., Any]) -> None:
    page = opened("running", "waits", "progress")
    moving = "document.getAnimations().filter(each => each.playState === 'running').length"
    assert page.evaluate(moving) == 0
    page.emulate_media(reduced_motion="no-preference")
    page.wait_for_function(f"{moving} > 0")
