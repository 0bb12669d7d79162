"""Chromium and what runs in it; its tests are skipped where one of these is absent, and fail where CI lacks it.

`lab` and `notebook7` open notebooks in JupyterLab and Jupyter Notebook 7, `jupyter` in both, one after the other.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.browser.chromium import CHROMIUM, at_its_speed, chromium
from tests.browser.lab import PATIENCE_MS, Page, Server
from tests.browser.views.server import Recorded, ViewServer, extra

IS_REQUIRED = bool(os.environ.get("CI") or os.environ.get("FLYTENB_REQUIRE_BROWSER"))

#: The first cell of each notebook. What is `gated` ends when the test says so, however slow the machine is.
TASKS = """%load_ext flytenb
import asyncio, os, time
from typing import Literal
import flytenb as flyte
env = flyte.TaskEnvironment(name="digits", resources=flyte.Resources(cpu=0))
GATE = "the gate's path"

@env.task
async def step(n: int) -> int:
    print("step", n)
    return n + 1

@env.task
async def gated(n: int, gate: str) -> int:
    done = sum([await step(i) for i in range(n)])
    while not os.path.exists(gate):
        await asyncio.sleep(0.05)
    return done

@env.task
async def search(n: int, kind: Literal["rbf", "linear"] = "rbf", deep: bool = False) -> int:
    return sum([await step(i) for i in range(n)])

@env.task
async def forever(n: int) -> int:
    await asyncio.sleep(6000)
    return n

@env.task
async def fit(c: float) -> float:
    if c <= 0:
        raise ValueError(f"C must be positive, got {c}")
    return c

@env.task(report=True)
async def told(n: int) -> int:
    await flyte.report.replace.aio(f"<h2>Report of {n}</h2>")
    await flyte.report.flush.aio()
    return n

@env.task
async def release(n: int) -> bool:
    return await flyte.new_condition("publish", prompt="Publish this model?").wait.aio()
"""

#: Opens a notebook of the test with these cells after the one with the tasks, which is done: `open(*cells, name=…)`.
Open = Callable[..., Page]


@pytest.fixture(scope="package")  # its event loop runs in this thread until it is stopped
def browser() -> Iterator[Any]:
    """One browser for all tests, which containers that come and go beside it do not disturb."""
    pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        if IS_REQUIRED:
            pytest.fail("needs Chromium")
        pytest.skip("needs Chromium")
    with chromium() as started:
        yield started


@pytest.fixture(scope="package")
def lab_page(tmp_path_factory: pytest.TempPathFactory, browser: Any) -> Iterator[Page]:
    """One page of one JupyterLab, because a fresh one takes seconds to load."""
    yield from _page("lab", tmp_path_factory, browser)


@pytest.fixture(scope="package")
def notebook7_page(tmp_path_factory: pytest.TempPathFactory, browser: Any) -> Iterator[Page]:
    """One page of one Jupyter Notebook 7."""
    yield from _page("notebook", tmp_path_factory, browser)


@pytest.fixture
def lab(lab_page: Page, request: pytest.FixtureRequest) -> Iterator[Open]:
    """JupyterLab."""
    yield from _opening(lab_page, request)


@pytest.fixture(params=["lab", "notebook7"])
def jupyter(request: pytest.FixtureRequest) -> Iterator[Open]:
    """JupyterLab and Jupyter Notebook 7."""
    yield from _opening(request.getfixturevalue(f"{request.param}_page"), request)


@pytest.fixture
def server() -> Iterator[ViewServer]:
    """Serves recorded runs to the views on a plain page."""
    recorded = Recorded()
    extra(recorded)
    server = ViewServer(recorded).start()
    yield server
    server.stop()


@pytest.fixture
def opened(browser: Any, server: ViewServer) -> Iterator[Callable[..., Any]]:
    """Opens a page with runs; no error may be on its console."""
    pages, errors = [], []

    def open_page(
        *runs: str, width: int = 1000, scheme: str = "light", wait: bool = True, before: str = "", **query: str
    ) -> Any:
        page = at_its_speed(browser.new_page(viewport={"width": width, "height": 800}, reduced_motion="reduce"))
        page.set_default_timeout(PATIENCE_MS)
        pages.append(page)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.add_init_script(before)
        query.setdefault("theme", scheme)
        address = "&".join([*(f"run={run}" for run in runs), *(f"{key}={value}" for key, value in query.items())])
        page.goto(f"{server.url}/?{address}")
        for run in runs if wait else ():
            page.wait_for_selector(
                f'[data-run="{run}"][data-open], [data-run="{run}"][data-error]:not([data-error=""])'
            )
        return page

    yield open_page
    for page in pages:
        page.close()
    assert errors == []


def _page(kind: str, factory: pytest.TempPathFactory, browser: Any) -> Iterator[Page]:
    for module in ("jupyterlab", "notebook"):
        if IS_REQUIRED:
            __import__(module)
        else:
            pytest.importorskip(module)
    server = Server(factory.mktemp(kind), kind)
    try:
        context = browser.new_context(viewport={"width": 1400, "height": 900}, reduced_motion="reduce")
        page = Page(at_its_speed(context.new_page()), server)
        yield page.open() if kind == "lab" else page
        context.close()
    finally:
        server.stop()


def _opening(page: Page, request: pytest.FixtureRequest) -> Iterator[Open]:
    test = "".join(each if each.isalnum() else "-" for each in request.node.name)
    page.gate = page.server.folder / f"{test}.gate"

    def open_notebook(*cells: str, name: str = "", kernel: str = "python3", tasks: str = TASKS) -> Page:
        first = tasks.replace("the gate's path", str(page.gate))
        page.show(page.server.notebook(name or f"{test}.ipynb", first, *cells, kernel=kernel))
        page.run_cell(0)
        page.counted(0)
        return page

    yield open_notebook
    page.go()
    left = page.dismiss()
    page.close_all()
    errors, page.errors = page.errors, []
    assert (errors, left) == ([], [])
