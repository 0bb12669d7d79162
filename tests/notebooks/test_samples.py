"""The sample notebooks run as they are committed."""

import os

import nbformat
import pytest

from tests.notebooks.conftest import ROOT, executed, stop_engine, texts

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
    assert shown(cells, "hello.form(")[0].startswith("Form of hello.hello; without widgets: flyte.run(hello, …)")


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


def test_containers(monkeypatch, tmp_path):
    """Without a container engine: conflicting packages in virtual environments."""
    monkeypatch.setenv("FLYTENB_HOME", str(tmp_path / "home"))  # its engine must not know another one's address
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH", "")) if p))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-docker.sock")
    try:
        cells = run("04_containers.ipynb")
    finally:
        stop_engine()
    assert "['1.10.0', '1.10.0']\n" in shown(cells, "print(answers)")
    told = "".join(shown(cells, "placement.distributions"))
    assert "main.compare process []" in told
    assert "old.newest_old process ['semver==2.13.0']" in told
    assert "new.newest_new process ['semver==3.0.2']" in told
    assert 'layer "apt file"' in "".join(shown(cells, "print(await noted"))


def test_data(home):
    pytest.importorskip("matplotlib")
    cells = run("05_data.ipynb")
    loaded = "".join(shown(cells, "class Wines"))
    assert loaded.startswith("✔ load")
    assert "table: 178 rows × 14 columns" in loaded
    assert "['table', 'measured', 'growers'] (178, 14) float64\n" in shown(cells, "outputs = wines.outputs()")
    trained = shown(cells, "training.report()")
    assert "of the wines that it had not seen\n" in trained[0]
    assert trained[1].startswith("ReportPage(")
    assert "made of what is known" in "".join(shown(cells, "wines.report()"))
    assert "{'grower-0.csv': 59, 'grower-1.csv': 71, 'grower-2.csv': 48}\n" in shown(cells, "print(await stock)")
    later = "".join(shown(cells, "again = flyte.remote"))
    assert "a0 wines.inventory Succeeded ActionOutputs(o0={'grower-0.csv': 59" in later
    assert later.count("wines.count") == 3


def test_the_view_of_a_run_holds_its_report(home):
    pytest.importorskip("matplotlib")
    notebook = executed(nbformat.read(SAMPLES / "05_data.ipynb", as_version=4), cwd=SAMPLES)
    pages = {cell.source: [o.data.get("text/html", "") for o in cell.outputs if "data" in o] for cell in notebook.cells
             if cell.cell_type == "code"}  # fmt: skip
    training = "".join(shown(pages, "async def train"))
    assert training.count('<iframe sandbox="allow-scripts"') == 1
    assert "Report of train, as text" in training
    assert "[picture]" in training
    assert "grower 0 | " in training


def test_cache_and_why(home):
    cells = run("06_cache_and_why.ipynb")
    assert shown(cells, "first = ")[0].startswith("✔ study")
    assert "Cached" in shown(cells, "second = ")[0]
    assert "4 cached" in shown(cells, "third = ")[0]
    assert "`clean` changed" in "".join(shown(cells, "%flyte_plan"))
    changed = "".join(shown(cells, "changed = flyte.run"))
    assert "outputs      15.0" in changed
    assert "0 of 5 cached" in "".join(shown(cells, "%flyte_why"))
    compared = "".join(shown(cells, "flyte.compare("))
    assert "measure: function `clean` changed" in compared
    assert "result: 21.0 → 15.0 (−6)" in compared
    assert "Cached" in "".join(shown(cells, "unchanged = "))
    assert "cached" not in "".join(shown(cells, "anew = "))
    assert "Cached" in shown(cells, "second_look = ")[-1]
    assert "recipe.measure" in "".join(shown(cells, "cache ls"))


def test_failures(home):
    cells = run("07_failures.ipynb")
    attempts = "".join(shown(cells, "all_attempts()"))
    assert "1 failed ConnectionError: the service is busy\n" in attempts
    assert "3 succeeded" in attempts
    assert attempts.count("ada signs in") == 1
    loaded = shown(cells, "loaded = ")[0]
    assert loaded.startswith("✔ load_all")
    assert "419430400" in loaded
    failed = "".join(shown(cells, "first = "))
    assert "invalid literal for int() with base 10: '1 4 7'" in failed
    assert "199 succeeded, 1 failed" in failed
    assert "\"'1 4 7'\"" in "".join(shown(cells, "post_mortem().locals"))
    assert "outputs      147" in "".join(shown(cells, "tried = "))
    assert "199 recovered from" in "".join(shown(cells, "mended = "))
    assert "function `parse` changed" in "".join(shown(cells, "mended.why()"))
    assert "True\n" in shown(cells, "print(mended.value()")
    published = "".join(shown(cells, "published = "))
    assert "publish      Succeeded" in published
    assert "(notebook), " in published
    assert "published 19900\nTrue notebook\n" in "".join(shown(cells, "print(published.value()"))


def test_batch_and_export(home):
    cells = run("08_batch_and_export.ipynb")
    assert shown(cells, "run = flyte.run(season")[0].startswith("✔ season")
    assert "4 of 4 points succeeded" in "".join(shown(cells, "found = "))
    assert "0.75 3.375\n" in shown(cells, "found.best()")
    assert "succeeded 9 cells\n" in "".join(shown(cells, "done = "))
    assert "hello" in "".join(shown(cells, "for told in"))
    assert "<notebook " in "".join(shown(cells, "from flytenb.nb"))
    assert "cells are in " in "".join(shown(cells, "%flyte_export"))
    assert shown(cells, "check 08")[-1].count("same   ") == 2
