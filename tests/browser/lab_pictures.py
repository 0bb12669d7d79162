"""Takes the pictures of JupyterLab in the documentation: `python -m tests.browser.lab_pictures docs/images/lab`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from tests.browser.chromium import chromium
from tests.browser.lab import Page, Server

CELL = """%load_ext flytenb
import asyncio
from typing import Literal
import flytenb as flyte

env = flyte.TaskEnvironment(name="digits", resources=flyte.Resources(cpu=0), cache="auto")

@env.task
async def fit(c: float, kernel: str) -> float:
    await asyncio.sleep(0.6)
    if c <= 0:
        raise ValueError(f"C must be positive, got {c}")
    return 0.9 + c / 1000

@env.task(cache="disable")
async def search(c: float, count: int = 8, kernel: Literal["rbf", "linear"] = "rbf", deep: bool = False) -> float:
    return max([await fit(c + i, kernel) for i in range(count)])"""


#: Pixels in which all sections have room.
SIDEBAR_HEIGHT = 1250


def main(folder: Path) -> None:
    """Write `running-light.png`, `running-dark.png`, `sidebar-light.png`, `sidebar-dark.png`."""
    folder.mkdir(parents=True, exist_ok=True)
    state = Path(tempfile.mkdtemp(prefix="fnbpic"))
    server = Server(state)
    try:
        with chromium() as browser:
            server.notebook(
                "digits.ipynb",
                CELL,
                "run = flyte.run(search, c=1.0)\nrun",
                "bad = flyte.run(search, c=-1.0)\nbad",
                "long = flyte.run(search, c=100.0, count=60)\nlong",
            )
            viewport = {"width": 1360, "height": 940}
            page = Page(browser.new_page(viewport=viewport, reduced_motion="reduce"), server).open("digits.ipynb")
            page.run_all()
            page.view("failed")
            page.view("succeeded")
            page.form("search")
            page.page.evaluate(
                """() => { const c = window.jupyterapp.shell.currentWidget.content;
                c.activeCellIndex = 3; return c.scrollToItem(2, 'start'); }"""
            )
            themes = (("JupyterLab Light", "light"), ("JupyterLab Dark", "dark"))
            for theme, word in themes:
                _choose(page, theme, is_light=word == "light")
                page.shot(folder / f"running-{word}.png")
            page.view("succeeded")
            page.page.get_by_label("Run search …").click()
            for title in ("Apps", "Cache"):
                page.section(title)
            page.page.locator('#flytenb-panel [data-section="Cache"]', has_text="hit").wait_for()
            page.page.set_viewport_size({**viewport, "height": SIDEBAR_HEIGHT})
            for theme, word in themes:
                _choose(page, theme, is_light=word == "light")
                page.shot(folder / f"sidebar-{word}.png", "#flytenb-panel")
    finally:
        server.stop()
        shutil.rmtree(state, ignore_errors=True)


def _choose(page: Page, theme: str, *, is_light: bool) -> None:
    page.done("apputils:change-theme", {"theme": theme})
    page.page.wait_for_function("is => document.body.dataset.jpThemeLight === is", arg=str(is_light).lower())
    page.page.locator("#flytenb-panel [data-section=Resources] [aria-label^='Disk: ']").wait_for()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
