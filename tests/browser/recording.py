"""Records what the README shows moving: a run in JupyterLab, its failure, the fix, the recovery.

python -m tests.browser.recording docs/images/recording.webp
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops

from tests.browser.chromium import chromium
from tests.browser.lab import Page, Server

TASKS = """import asyncio
import flytenb as flyte

env = flyte.TaskEnvironment("digits", resources=flyte.Resources(cpu=0))

@env.task
async def fit(c: float) -> float:
    print(f"fitting with C={c}")
    await asyncio.sleep(1.0 + c % 3 / 2)
    return 0.9 + c / 100

@env.task
async def best(scores: list[float]) -> float:
    return sorted(scores)[len(scores)]

@env.task
async def search(n: int) -> float:
    scores = await asyncio.gather(*(fit(float(c)) for c in range(n)))
    return await best(scores)"""
FIX = ("[len(scores)]", "[-1]")
SIZE = {"width": 980, "height": 660}
FRAME_S = 0.2
#: What stands still is shown for so long, however long it took.
LONGEST_S = 2.5
POINTER = """() => {
  const made = document.createElement('div');
  made.id = 'pointer';
  made.style = 'position:fixed;z-index:99999;width:18px;height:18px;border-radius:50%;pointer-events:none;left:600px;'
    + 'top:500px;background:rgba(111,42,239,.35);border:2px solid rgba(111,42,239,.9);transform:translate(-50%,-50%)';
  document.body.append(made);
}"""


class Film:
    """Frames of a page with the time that each is shown."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.frames: list[Image.Image] = []
        self.seconds: list[float] = []
        self._at = (600.0, 500.0)

    def look(self, seconds: float = FRAME_S) -> None:
        """Take a frame; one that equals the one before makes that longer."""
        shot = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        if self.frames and ImageChops.difference(self.frames[-1], shot).getbbox() is None:
            self.seconds[-1] = min(self.seconds[-1] + seconds, LONGEST_S)
            return
        self.frames.append(shot)
        self.seconds.append(seconds)

    def until(self, claim: Callable[[], bool], *, most: float = 120) -> None:
        """Film until something is there."""
        end = time.monotonic() + most
        while not claim():
            if time.monotonic() > end:
                raise AssertionError("what was to be filmed did not come")
            begun = time.monotonic()
            self.look()
            self.page.wait_for_timeout(max(0, FRAME_S - (time.monotonic() - begun)) * 1000)
        self.look()

    def hold(self, seconds: float) -> None:
        """Show what is there for a while."""
        self.look(0)
        self.seconds[-1] += seconds

    def click(self, target: Any) -> None:
        """Move the pointer there and click."""
        target.scroll_into_view_if_needed()
        box = target.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        before, steps = self._at, 5
        for step in range(1, steps + 1):
            at = (before[0] + (x - before[0]) * step / steps, before[1] + (y - before[1]) * step / steps)
            self.page.evaluate("([x, y]) => { pointer.style.left = x + 'px'; pointer.style.top = y + 'px'; }", list(at))
            self.look(0.06)
        self._at = (x, y)
        self.hold(0.4)
        target.click()
        self.look()

    def save(self, path: Path) -> None:
        """Write it as an animation that repeats."""
        self.frames[0].save(
            path,
            save_all=True,
            append_images=self.frames[1:],
            duration=[int(each * 1000) for each in self.seconds],
            loop=0,
            quality=70,
            method=6,
            minimize_size=True,
        )


def play(page: Page, film: Film) -> None:
    """The story."""
    page.run_cell(0)
    page.counted(0)
    film.hold(1.2)
    page.run_cell(1)
    view = page.view()
    film.until(lambda: bool(view.get_attribute("data-phase-of") == "failed"))
    failure = view.locator("[data-failure]")
    failure.wait_for()
    film.hold(2.0)
    film.click(failure.locator(".fnb-frames button").first)
    film.hold(1.2)
    page.page.evaluate(
        """([from, to]) => {
          const cell = window.jupyterapp.shell.currentWidget.content.widgets[0].model.sharedModel;
          cell.setSource(cell.getSource().replace(from, to));
        }""",
        list(FIX),
    )
    film.hold(1.5)
    page.run_cell(0)
    film.until(lambda: page.page.evaluate(_NUMBER, 0) == 3)
    film.click(failure.get_by_role("button", name="Fix & recover"))
    page.page.wait_for_function("() => window.jupyterapp.shell.currentWidget.content.widgets.length === 3")
    film.hold(1.0)
    page.page.evaluate(
        """() => {
          const cell = window.jupyterapp.shell.currentWidget.content.widgets[2].model.sharedModel;
          cell.setSource(cell.getSource() + '\\nrun');
        }"""
    )
    page.run_cell(2)
    page.page.evaluate(_END)
    done = page.page.locator(
        'section[data-run][data-phase-of="succeeded"], section[data-run][data-phase-of="recovered"]'
    )
    film.until(lambda: done.count() > 0)
    film.click(done.get_by_role("button", name="Expand"))
    page.page.evaluate(_END)
    film.hold(4.0)


_END = "() => window.jupyterapp.shell.currentWidget.content.scrollToItem(2, 'end').then(() => null, () => null)"
_NUMBER = "index => window.jupyterapp.shell.currentWidget.content.widgets[index].model.executionCount"


def main(path: Path) -> None:
    """Write the animation."""
    state = Path(tempfile.mkdtemp(prefix="fnbfilm"))
    server = Server(state)
    try:
        with chromium() as browser:
            server.notebook("digits.ipynb", TASKS, "run = flyte.run(search, n=8)\nrun")
            page = Page(browser.new_page(viewport=SIZE, reduced_motion="reduce"), server).open("digits.ipynb")
            page.done("application:toggle-left-area")
            page.done("application:set-mode", {"mode": "single-document"})
            page.page.evaluate(POINTER)
            film = Film(page.page)
            try:
                play(page, film)
            finally:
                film.save(path)
            print(f"{len(film.frames)} frames, {sum(film.seconds):.0f} s, {path.stat().st_size / 1e6:.2f} MB")
    finally:
        server.stop()
        shutil.rmtree(state, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
