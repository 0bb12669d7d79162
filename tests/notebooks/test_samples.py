"""The sample notebooks run as they are committed."""

import nbformat
import pytest

from tests.notebooks.conftest import ROOT, executed, texts

pytestmark = [pytest.mark.notebook, pytest.mark.engine]
SAMPLES = ROOT / "sample_notebooks"


def run(name):
    notebook = executed(nbformat.read(SAMPLES / name, as_version=4), cwd=SAMPLES)
    return {cell.source: texts(cell) for cell in notebook.cells if cell.cell_type == "code"}


def shown(cells, part):
    return next(outputs for source, outputs in cells.items() if part in source)


def test_hello(home):
    cells = run("01_hello.ipynb")
    assert "Hello, Ada!\n" in shown(cells, "print(run)")
    assert "['Hello, Ada!', 'Hello, Grace!', 'Hello, Katherine!']" in shown(cells, "greetings = ")


def test_cells_as_tasks(home):
    cells = run("03_cells_as_tasks.ipynb")
    assert "285\n" in shown(cells, "print(chained)")
    assert "([3.0, 2.0, 2.0], 2.0)" in shown(cells, "await smoothing")


@pytest.mark.slow
def test_digits_search(home):
    cells = run("02_digits_search.ipynb")
    first = shown(cells, "run = flyte.run(search")[0]
    assert first.startswith("✔ search")
    assert "fit ×24" in first
    second = shown(cells, "again = ")[0]
    assert "fit ×28" in second
    assert "24 cached" in second or "26 cached" in second
    assert "test_accuracy=0.9" in "".join(shown(cells, "result = await run"))
