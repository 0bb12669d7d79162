"""A notebook as nbconvert's page in Chromium: with widget state and without it the view is seen, on paper as well."""

from __future__ import annotations

import re
import sys
import zlib
from datetime import timezone
from pathlib import Path
from typing import Any

import pytest
from nbconvert.exporters import HTMLExporter
from nbformat import v4

from flytenb.views import text, tree, twin

sys.path.insert(0, str(Path(__file__).parent.parent / "unit" / "views"))
from test_sanitized import VALUES
from view_samples import Builder, failed

TWELVE, MANY = 12, 10_000
#: What a notebook holds that was saved with the state of its widgets; the model of our output is not among them.
WIDGETS = {
    "application/vnd.jupyter.widget-state+json": {
        "state": {"0": {"model_name": "LayoutModel", "model_module": "@jupyter-widgets/base", "state": {}}},
        "version_major": 2, "version_minor": 0,
    }
}  # fmt: skip


def wide(count: int) -> tree.RunView:
    """A run of so many actions, one in a hundred failed."""
    run = Builder("search", "failed", 40.0)
    for n in range(count - 1):
        run.add("fit", "failed" if n % 100 == 7 else "succeeded", start=n * 0.001)
    return tree.view(run.snapshot(), VALUES)


def bundle(view: tree.RunView) -> dict[str, Any]:
    return {
        "text/html": twin.render(view, zone=timezone.utc),
        "text/plain": text.render(view),
        "application/vnd.flytenb.run+json": {"run": "k8b4", "home": "0" * 12, "protocol": 1, "phase": "failed"},
    }


def saved(widgets: dict[str, Any] | None) -> Any:
    views = [tree.view(failed(), VALUES), wide(TWELVE), wide(MANY)]
    cells = [v4.new_code_cell("run", outputs=[v4.new_output("display_data", data=bundle(view))]) for view in views]
    return v4.new_notebook(cells=cells, metadata={"widgets": widgets} if widgets else {})


def pages_of(pdf: bytes) -> int:
    """How many pages a PDF has; Chromium writes its page tree in the open or in deflated objects."""
    parts = [pdf, *(_inflated(each) for each in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL))]
    return sum(len(re.findall(rb"/Type\s*/Page\b", part)) for part in parts)


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data)
    except zlib.error:
        return b""


@pytest.mark.parametrize("widgets", [None, WIDGETS], ids=["no widget state", "widget state"])
def test_the_view_is_seen_on_screen_and_on_paper(browser: Any, widgets: dict[str, Any] | None) -> None:
    made, _ = HTMLExporter().from_notebook_node(saved(widgets))
    context = browser.new_context(offline=True)
    page = context.new_page()
    try:
        page.set_content(made, wait_until="domcontentloaded")
        for media in ("screen", "print"):
            page.emulate_media(media=media)
            views = page.locator('section[aria-label^="Run "]')
            assert views.count() == 3
            assert all(views.nth(n).is_visible() for n in range(3))
            told = " ".join(views.all_inner_texts())
            assert "ValueError: C must be positive, got -0.1" in told
            assert "Failed" in told
            assert "10,000 actions" in told.replace("\u202f", ",").replace("\xa0", ",")
        assert pages_of(page.pdf()) >= 1
    finally:
        context.close()


def test_sizes() -> None:
    """What a view adds to a notebook."""
    for count, most in ((TWELVE, 15_000), (MANY, 60_000)):
        data = bundle(wide(count))
        html, plain = len(data["text/html"].encode()), data["text/plain"].split("\n")
        print(f"{count:,} actions: {html / 1000:.1f} kB of HTML, {len(plain)} lines of text")
        assert html <= most
        assert len(plain) <= 15
        assert max(len(line) for line in plain) <= 80
