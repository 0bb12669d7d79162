"""Saved notebooks with views of runs, and the tools that people keep notebooks with: nbstripout, jupytext, nbdime."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

from flytenb.export import read_notebook
from flytenb.export.restore import restore_file
from flytenb.notebook.slim import LIMIT, slim_file
from tests.installing import make_venv
from tests.notebooks.conftest import ROOT, executed, texts

pytestmark = [pytest.mark.notebook, pytest.mark.engine, pytest.mark.timeout(400)]
TOOLS = ("nbstripout==0.9.1", "jupytext==1.19.5", "nbdime==4.0.4")
CELLS = (
    "%load_ext flytenb\nimport flytenb as flyte\nenv = flyte.TaskEnvironment(name='tools', cache='auto')",
    "n: int = 3",
    "@env.task(report=True)\nasync def wide(n: int) -> int:\n"
    "    await flyte.report.replace.aio('<p>' + 'words ' * 10000 + '</p>', do_flush=True)\n    return n * n",
    "%%flyte_task --env tools --cache auto\ndef twice(n: int) -> int:\n    return 2 * n",
    "# %flyte task --env tools --cache auto\ndef thrice(n: int) -> int:\n    return 3 * n",
    "run = flyte.run(wide, n=n)",
    "print(run.value(), flyte.run(twice, n=n).value(), flyte.run(thrice, n=n).value())",
    "!echo by a shell",
    "%flyte_run twice n=5 -o five",
)


@pytest.fixture(scope="module")
def tools() -> Path:
    """The folder of the tools' commands, kept between runs of the tests."""
    cache = Path(os.environ.get("FLYTENB_TEST_CACHE") or Path.home() / ".cache" / "flytenb-tests")
    version = f"py{sys.version_info.major}.{sys.version_info.minor}"
    names = "-".join(one.replace("==", "-") for one in TOOLS)
    return make_venv(cache / f"{names}-{version}", *TOOLS).parent


def called(tool: Path, *words: Any, status: int = 0) -> str:
    """What a tool prints."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(tool), *map(str, words)], capture_output=True, text=True, timeout=90, check=False, env=environment
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def notebook(home: Path, tmp_path: Path) -> Path:
    """Saved after it was executed."""
    cells = [nbformat.v4.new_code_cell(text, id=f"c{number}") for number, text in enumerate(CELLS)]
    cells[1].metadata["tags"] = ["parameters"]
    cells.insert(0, nbformat.v4.new_markdown_cell("# Title\n\nand *text*", id="text"))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path = tmp_path / "a.ipynb"
    save(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    run(path)
    return path


def save(node: Any, path: Path) -> None:
    nbformat.write(node, path)
    nbformat.validate(nbformat.read(path, 4))


def run(path: Path) -> list[str]:
    """Execute a saved notebook in place; names of the runs that it started."""
    before = run_names()
    save(executed(nbformat.read(path, 4)), path)
    return [name for name in run_names() if name not in before]


def told(*words: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "flytenb", "get", *words, "-o", "json"],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    return json.loads(done.stdout)


def run_names() -> list[str]:
    return [one["name"] for one in told("run")]


def ran_again(runs: list[str]) -> list[str]:
    """Tasks that were not taken from the cache."""
    assert len(runs) == 4
    return [action["task"] for run in runs for action in told("action", run) if not action["is_cached"]]


def sources(path: Path) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(cell.kind, cell.text.rstrip("\n"), cell.tags) for cell in read_notebook(path)]


def shown(path: Path) -> list[list[str]]:
    """Outputs without those of runs, whose times differ."""
    cells = [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    return [[text for text in texts(cell) if "✔" not in text and "↺" not in text] for cell in cells]


def test_what_nbstripout_leaves_runs_again_from_the_cache(notebook: Path, tools: Path) -> None:
    before, outputs = sources(notebook), shown(notebook)
    called(tools / "nbstripout", notebook)
    node = nbformat.read(notebook, 4)
    assert sources(notebook) == before
    assert [cell.get("outputs", []) for cell in node.cells[1:]] == [[]] * len(CELLS)
    assert [cell.metadata for cell in node.cells if cell.metadata] == [{"tags": ["parameters"]}]
    assert "flytenb" not in json.dumps(node.metadata)
    assert ran_again(run(notebook)) == []
    assert shown(notebook) == outputs
    assert called(tools / "nbstripout", "--verify", notebook, status=1)  # a pre-commit hook sees that it has outputs


def test_a_pair_of_notebook_and_script_keeps_keys_and_views(notebook: Path, tools: Path, tmp_path: Path) -> None:
    before = sources(notebook)
    called(tools / "jupytext", "--set-formats", "ipynb,py:percent", notebook)
    script = notebook.with_suffix(".py")
    assert "flytenb.run+json" not in script.read_text(), "nothing of a view is in the script"
    view = nbformat.read(notebook, 4).cells[6].outputs
    assert "application/vnd.flytenb.run+json" in view[0].data
    # Written in the script: another text, and a comment in a task, which is no part of its key.
    changed = script.read_text().replace("and *text*", "and other text")
    script.write_text(changed.replace("    return n * n", "    # the square\n    return n * n"))
    os.utime(script, (2_000_000_000, 2_000_000_000))
    called(tools / "jupytext", "--sync", notebook)
    node = nbformat.read(notebook, 4)
    assert "and other text" in node.cells[0].source
    assert "# the square" in node.cells[3].source
    assert node.cells[6].outputs == view, "a cell that was not changed keeps its view"
    assert node.metadata["jupytext"]["formats"] == "ipynb,py:percent"
    assert [cell.metadata["tags"] for cell in node.cells if "tags" in cell.metadata] == [["parameters"]]
    assert ran_again(run(notebook)) == []
    text = script.read_text()
    slim_file(notebook)
    os.utime(notebook, (2_100_000_000, 2_100_000_000))
    called(tools / "jupytext", "--sync", notebook)
    assert script.read_text() == text, "views are nothing to the script"
    # The script alone is the notebook again: to jupytext, and to `flytenb import`.
    alone, ours = tmp_path / "alone.ipynb", tmp_path / "ours.ipynb"
    called(tools / "jupytext", "--to", "ipynb", "-o", alone, script)
    restore_file(script, ours)
    assert sources(alone) == sources(ours) == sources(notebook)
    assert [kind for kind, _, _ in sources(alone)] == [kind for kind, _, _ in before]
    assert ran_again(run(alone)) == []
    assert ran_again(run(ours)) == []


def changes(diff: list[dict[str, Any]], path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Where the leaves of a difference are."""
    found = []
    for one in diff:
        here = (*path, str(one.get("key")))
        found += changes(one["diff"], here) if one["op"] == "patch" else [here]
    return found


def test_the_difference_of_two_runs_is_small_and_in_outputs_only(notebook: Path, tools: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.ipynb"
    again.write_bytes(notebook.read_bytes())
    run(again)
    for path in (notebook, again):
        slim_file(path)
        views = [one.data["text/html"] for cell in nbformat.read(path, 4).cells for one in cell.get("outputs", [])
                 if "text/html" in one.get("data", {})]  # fmt: skip
        assert len(views) == 4
        assert all(len(view.encode()) <= LIMIT for view in views)
    assert called(tools / "nbdiff", "--sources", notebook, again) == ""
    called(tools / "nbdiff", "--out", tmp_path / "diff.json", notebook, again)
    places = changes(json.loads((tmp_path / "diff.json").read_text()))
    cells = {place[2] if place[2] != "metadata" else place[3] for place in places if place[0] == "cells"}
    assert cells <= {"outputs", "execution"}
    assert {place[0] for place in places} == {"cells"}
    shown = called(tools / "nbdiff", "--no-color", "--outputs", notebook, again)
    assert len(shown.encode()) <= 4 * 2 * LIMIT / 5, "views of one action are far below their limit"
    slim_file(again)
    assert called(tools / "nbdiff", "--no-color", again, again) == ""
