"""A saved notebook where nothing runs: nbconvert's formats, with widget state and without, trusted or not."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import nbformat
import pytest
from nbconvert.exporters import HTMLExporter, LatexExporter, MarkdownExporter, SlidesExporter

from tests.notebooks.conftest import execute

pytestmark = [pytest.mark.notebook, pytest.mark.engine]

SETUP = r"""
%load_ext flytenb
import asyncio
import flytenb as flyte
env = flyte.TaskEnvironment("shown")
EVIL = "<script>window.hit=1</script><img src=x onerror='window.hit=1'>\u202e\U0001f600 \x00"

@env.task
async def square(x: int) -> int:
    print("first " + EVIL)
    print()
    print("# no heading")
    if x == 3:
        raise ValueError("three " + EVIL)
    return x * x

@env.task
async def total(n: int) -> int:
    return sum(await asyncio.gather(*(square(x) for x in range(n))))

@env.task
async def words() -> str:
    return "an output " + EVIL

@env.task
async def one_long_line() -> int:
    print("<b>" + "y" * 10_000_000)
    return 1
"""
WIDGETS = {
    "application/vnd.jupyter.widget-state+json": {
        "state": {"0": {"model_name": "LayoutModel", "model_module": "@jupyter-widgets/base", "state": {}}},
        "version_major": 2, "version_minor": 0,
    }
}  # fmt: skip


@pytest.fixture(scope="module")
def notebook(shared_home: Any) -> Any:
    """Executed for nobody, as it is on disk afterwards."""
    cells = ["flyte.run(total, n=3)", "flyte.run(total, n=5)", "flyte.run(words)", "flyte.run(one_long_line)", "total"]
    done = execute(SETUP, *cells, allow_errors=True)
    for cell in done.cells:  # errors are IPython's to show
        cell.outputs = [output for output in cell.outputs if output.output_type != "error"]
    return nbformat.reads(nbformat.writes(done), as_version=4)


def shown(text: str) -> None:
    """What the runs were is in a page or text, nothing of it as markup."""
    for told in ("Succeeded", "4 actions", "Failed", "1 of 6 actions", "ValueError: three", "Cell In[1], line 1"):
        assert told in text, told
    assert "\x00" not in text
    assert "\u202e" not in text


def test_what_is_saved_is_small_and_inert(notebook: Any) -> None:
    views = [output for cell in notebook.cells for output in cell.outputs if "data" in output]
    assert len(views) == 5
    for view in views:
        page = view.data["text/html"]
        assert set(view.data) <= {"text/html", "text/plain", "application/vnd.flytenb.run+json"}
        assert len(page.encode()) <= 15_000
        assert len(json.dumps(view.data.get("application/vnd.flytenb.run+json", {}))) <= 1_000
        assert not re.search(
            r"<(script|style|iframe|svg|link|object|form)|<[^>]*\son\w+=|<[^>]*javascript:", page, re.IGNORECASE
        )
    assert "yyy…" in views[3].data["text/html"], "a line of 10 MB is cut, and says so"
    assert "data" not in notebook.metadata.get("widgets", {}), "nothing here is a widget"


@pytest.mark.parametrize("widgets", [None, WIDGETS], ids=["no widget state", "widget state"])
@pytest.mark.parametrize("is_sanitized", [False, True], ids=["as it is", "sanitized"])
@pytest.mark.parametrize("exporter", [HTMLExporter, SlidesExporter])
def test_pages(notebook: Any, exporter: Any, widgets: Any, is_sanitized: bool) -> None:
    saved = copy.deepcopy(notebook)
    if widgets:
        saved.metadata["widgets"] = widgets
    page, _ = exporter(sanitize_html=is_sanitized).from_notebook_node(saved)
    shown(page)
    assert "<script>window.hit" not in page
    assert "&lt;script&gt;window.hit=1&lt;/script&gt;" in page


def test_markdown(notebook: Any) -> None:
    text, _ = MarkdownExporter().from_notebook_node(copy.deepcopy(notebook))
    shown(text)
    for block in re.findall(r"<section.*?</section>", text, re.DOTALL):
        assert all(line.strip() for line in block.split("\n")), "a blank line would end the HTML"
    assert text.count("<section") == text.count("</section>") == 5


def test_latex_takes_the_text(notebook: Any) -> None:
    saved = copy.deepcopy(notebook)
    for cell in saved.cells:  # the code is not ours, and pandoc may be missing
        cell.source = ""
    text, _ = LatexExporter().from_notebook_node(saved)
    assert "4 actions" in text
    assert "ValueError: three" in text
    assert "<section" not in text
    assert "\\includegraphics{" not in text, "pictures would need Inkscape"


def test_untrusted(notebook: Any) -> None:
    """JupyterLab shows outputs of others without scripts: what is saved has none, and our MIME type only a name."""
    for cell in notebook.cells:
        cell.metadata["trusted"] = False
        for output in cell.outputs:
            identity = output.get("data", {}).get("application/vnd.flytenb.run+json")
            if identity:
                assert set(identity) <= {"run", "home", "protocol", "phase", "form"}
                assert re.fullmatch(r"[a-z0-9-]+", identity["run"])
