"""`flytenb slim`: views in files become small, once, and nothing else changes."""

from __future__ import annotations

import json

import nbformat
import pytest

from flytenb.notebook.slim import LIMIT, NotANotebook, slim_file
from tests.notebooks.conftest import execute

pytestmark = [pytest.mark.notebook, pytest.mark.engine]

LOAD = "%load_ext flytenb\nimport flytenb as flyte\nenv = flyte.TaskEnvironment(name='nb')"
TASK = (
    "@env.task(report=True)\nasync def wide(n: int) -> int:\n"
    "    await flyte.report.replace.aio('<p>' + 'words ' * 10000 + '</p>', do_flush=True)\n    return n"
)


def outputs(path) -> list:
    return [cell.get("outputs", []) for cell in nbformat.read(path, 4).cells]


def test_reports_go_and_the_view_stays(home, tmp_path):
    path = tmp_path / "a.ipynb"
    nbformat.write(execute(LOAD, TASK, "run = flyte.run(wide, n=3)", "print('ä')\n{'own': 1}"), path)
    before = path.read_text()
    shown = outputs(path)
    assert len(shown[2][0].data["text/html"]) > 60_000
    done = slim_file(path)
    assert (done.count, done.large) == (1, 0)
    assert str(done).startswith(f"{path}: 1 view made small, ")
    after = outputs(path)
    assert len(after[2][0].data["text/html"].encode()) < LIMIT
    assert "Succeeded" in after[2][0].data["text/html"]
    assert "flytenb get report" in after[2][0].data["text/html"]
    assert "<iframe" not in after[2][0].data["text/html"]
    after[2][0].data["text/html"] = shown[2][0].data["text/html"]
    assert after == shown
    kept = [line for line in before.splitlines() if "iframe" not in line and "words " not in line]
    assert [line for line in kept if line not in path.read_text().splitlines()] == []
    small = path.read_bytes()
    assert str(slim_file(path)) == f"{path}: nothing to do, its views are small"
    assert path.read_bytes() == small
    nbformat.validate(nbformat.read(path, 4))


def test_a_large_twin_is_made_anew_from_the_store(tmp_path):
    view = {"text/html": ["x" * LIMIT + "\n", "y"], "application/vnd.flytenb.run+json": {"run": "ab"}}
    cell = {"cell_type": "code", "source": [], "outputs": [{"output_type": "display_data", "data": view}]}
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps({"cells": [cell]}, indent=1))
    assert slim_file(path).large == 1
    assert slim_file(path, lambda run: f"<p>{run}</p>").count == 1
    assert json.loads(path.read_text())["cells"][0]["outputs"][0]["data"]["text/html"] == ["<p>ab</p>"]


def test_what_is_no_notebook(tmp_path):
    (tmp_path / "a.ipynb").write_text("[]")
    with pytest.raises(NotANotebook, match="is not a notebook: "):
        slim_file(tmp_path / "a.ipynb")
