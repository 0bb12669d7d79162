"""The static twin in Chromium: light, dark, 400 pixels wide, printed; nothing in it runs or widens the page."""

from __future__ import annotations

import sys
from datetime import timezone
from pathlib import Path
from typing import Any

import pytest

from flytenb.views import tree, twin

sys.path.insert(0, str(Path(__file__).parent.parent / "unit" / "views"))
from test_sanitized import RUNS, VALUES, github
from test_twin import EVIL, evil_run

THEMES = {"light": "background:#fff;color:#1f2328", "dark": "background:#111;color:#e6e6e6"}
#: What JupyterLab and nbconvert say of tables and code in outputs.
NOTEBOOK = """
    body { margin: 16px; font: 13px/1.4 Helvetica, Arial, sans-serif }
    table { table-layout: fixed; margin-left: auto } td, th { text-align: right; padding: .5em; white-space: normal }
    pre { white-space: pre-wrap; word-break: break-all }
"""


def page_of(body: str, theme: str) -> str:
    return f'<!doctype html><meta charset="utf-8"><style>{NOTEBOOK}</style><body style="{THEMES[theme]}">{body}'


def twins() -> str:
    return "".join(twin.render(tree.view(run(), VALUES), zone=timezone.utc) for run in RUNS.values())


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", [400, 1000])
@pytest.mark.parametrize("is_cleaned", [False, True], ids=["notebook", "GitHub"])
def test_it_fits(browser: Any, theme: str, width: int, is_cleaned: bool) -> None:
    body = github(twins()) if is_cleaned else twins()
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=theme)
    try:
        page.set_content(page_of(body, theme))
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        if not is_cleaned:
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("text=ValueError: C must be positive, got -0.1").first.is_visible()
        overlapping = page.evaluate(
            """() => [...document.querySelectorAll('tr')].some(row => [...row.cells].some((cell, i) =>
                i && cell.getBoundingClientRect().left < row.cells[i - 1].getBoundingClientRect().right - 1))"""
        )
        assert not overlapping
    finally:
        page.close()


def test_nothing_runs_and_nothing_is_asked_for(browser: Any) -> None:
    page = browser.new_page()
    asked, dialogs = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    try:
        page.set_content(page_of(evil_run(12) + twins(), "light"))
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        page.wait_for_function("[...document.images].every(each => each.complete)")
        assert not dialogs
        assert all(url.startswith("data:image/svg+xml;base64,") for url in asked), asked
        assert page.locator("script, iframe, svg, object, link").count() == 0
        assert page.evaluate("document.body.innerText").count(EVIL[:25]) > 3, "shown as it was written"
        assert page.evaluate("[...document.images].every(each => each.naturalWidth > 0)"), "pictures are drawn"
    finally:
        page.close()


def test_printed(browser: Any) -> None:
    page = browser.new_page()
    try:
        page.set_content(page_of(twins(), "light"))
        assert page.pdf().startswith(b"%PDF")
    finally:
        page.close()
