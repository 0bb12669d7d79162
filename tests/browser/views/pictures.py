"""Pictures of every state of the views, light and dark, wide and narrow, as they stand in the docs.

python -m tests.browser.views.pictures docs/images/views
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from PIL import Image

from tests.browser.chromium import chromium
from tests.browser.views.server import Recorded, ViewServer, extra

_TAB = "document.querySelectorAll('[data-tab={}]').forEach(each => each.click())"
_WHY = (
    "document.querySelector('[data-row=a1]').click(); setTimeout(() => "
    "[...document.querySelectorAll('button')].find(each => each.textContent.includes('Why did')).click(), 200)"
)
#: Name → runs, form, and what happens before the picture is taken.
PICTURES: dict[str, tuple[tuple[str, ...], str, str]] = {
    "states": (("success", "cached", "failed", "running", "progress"), "auto", ""),
    "fanout": (("fanout",), "open", ""),
    "asks": (("asks", "waits", "aborted"), "auto", ""),
    "why": (("success",), "open", _WHY),
    "timeline": (("success", "agent"), "open", _TAB.format("timeline")),
    "graph": (("running", "nested"), "open", _TAB.format("graph")),
    "logs": (("success",), "open", _TAB.format("logs")),
    "report": (("success",), "open", _TAB.format("report")),
    "values": (("success",), "open", _TAB.format("values")),
    "code": (("success",), "open", _TAB.format("code")),
    "compare": (("failed",), "open", _TAB.format("compare")),
    "resources": (("training",), "open", "document.querySelector('[data-row=a2]').click()"),
    "hostile": (("hostile",), "open", ""),
}


def take(folder: Path) -> None:
    """Write all pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    recorded = Recorded()
    extra(recorded)
    server = ViewServer(recorded).start()
    with chromium() as browser:
        for theme, width in (("light", 1000), ("dark", 1000), ("light", 400), ("dark", 400)):
            for name, picture in PICTURES.items():
                if width == 400 and name not in ("states", "fanout", "asks"):
                    continue
                path = folder / f"{name}-{theme}{'-narrow' if width == 400 else ''}.png"
                _take(browser, server, path, theme, width, picture)
    server.stop()


def _take(
    browser: Any, server: ViewServer, path: Path, theme: str, width: int, picture: tuple[tuple[str, ...], str, str]
) -> None:
    runs, form, act = picture
    page = browser.new_page(viewport={"width": width, "height": 300}, reduced_motion="reduce")
    page.goto(f"{server.url}/?{'&'.join(f'run={run}' for run in runs)}&theme={theme}&form={form}")
    for run in runs:
        page.wait_for_selector(f'[data-run="{run}"][data-open]')
    if act:
        page.evaluate(act)
    page.wait_for_timeout(700)  # fonts, the frame's height; nothing tells that it is done
    page.screenshot(path=path, full_page=True)
    page.close()
    # A fraction of the bytes, and no eye sees it; the colour of the only icon of a kind is kept, too.
    colours = Image.open(path).convert("RGB").quantize(128, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    colours.save(path, optimize=True)


if __name__ == "__main__":
    take(Path(sys.argv[1]))
