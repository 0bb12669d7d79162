"""Sample notebooks as scripts: the same outputs, and what the notebook has computed is taken from the cache."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from flytenb.cli import main
from flytenb.export import export_file
from tests.installing import make_venv
from tests.notebooks.conftest import ROOT, executed, texts

pytestmark = [pytest.mark.notebook, pytest.mark.engine]
SAMPLES = ROOT / "sample_notebooks"
#: Notebook → what its script prints (the last lines).
TOLD = {
    "01_hello": ["Hello, Ada!", "'Succeeded'",
                 "['Hello, Ada!', 'Hello, Grace!', 'Hello, Katherine!']", "'Hello, Alan!'"],
    "03_cells_as_tasks": ["285", "([3.0, 2.0, 2.0], 2.0)"],
    "06_cache_and_why": [],
}  # fmt: skip
#: Those whose values the flyte package can carry (it refuses arrays in data classes, and has no named outputs).
FOR_FLYTE = {
    "01_hello": ["Hello, Ada!", "['Hello, Ada!', 'Hello, Grace!', 'Hello, Katherine!']", "'Hello, Alan!'"],
    "03_cells_as_tasks": ["285", "([3.0, 2.0, 2.0], 2.0)"],
    "06_cache_and_why": [],
}
FLYTE = "flyte==2.12.1"


def runs(home: Path) -> list[dict]:
    """The newest runs first."""
    done = subprocess.run(
        [sys.executable, "-m", "flytenb", "get", "run", "-o", "json"], capture_output=True, text=True, check=True,
        cwd=ROOT, env={**os.environ, "FLYTENB_HOME": str(home)},
    )  # fmt: skip
    return json.loads(done.stdout)


def actions(home: Path, run: str) -> list[dict]:
    done = subprocess.run(
        [sys.executable, "-m", "flytenb", "get", "action", run, "-o", "json"], capture_output=True, text=True,
        check=True, cwd=ROOT, env={**os.environ, "FLYTENB_HOME": str(home)},
    )  # fmt: skip
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", TOLD)
def test_a_script_prints_what_its_notebook_showed_and_hits_its_cache(home, tmp_path, name):
    notebook = executed(nbformat.read(SAMPLES / f"{name}.ipynb", as_version=4), cwd=SAMPLES)
    before = {run["name"] for run in runs(home)}
    script = tmp_path / f"{name}.py"
    export_file(SAMPLES / f"{name}.ipynb", script)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == TOLD[name]
    shown = "".join("".join(texts(cell)) for cell in notebook.cells if cell.cell_type == "code")
    assert all(line in shown for line in TOLD[name] if line != "'Succeeded'")
    if name == "06_cache_and_why":
        new = [run for run in runs(home) if run["name"] not in before]
        ran = [action for run in new if "overwrite" not in str(run) for action in actions(home, run["name"])]
        fresh = {action["task"] for action in ran if not action.get("is_cached")}
        # What was computed with definitions that a later cell changed is no longer asked for; all else hits, but for
        # the run that overwrites the cache.
        assert fresh <= {"recipe.study", "recipe.measure"}
        assert sum(not action.get("is_cached") for action in ran) <= 3 + 2


@pytest.mark.parametrize("name", TOLD)
def test_keys_of_script_and_notebook_are_equal(tmp_path, name, capsys):
    script = tmp_path / f"{name}.py"
    export_file(SAMPLES / f"{name}.ipynb", script)
    assert main(["check", str(SAMPLES / f"{name}.ipynb"), str(script)]) == 0
    assert "DIFFERS" not in capsys.readouterr().out


def test_drift_is_named(tmp_path, capsys):
    script = tmp_path / "hello.py"
    export_file(SAMPLES / "01_hello.ipynb", script)
    script.write_text(script.read_text().replace('return f"Hello, {name}!"', 'return f"Good day, {name}!"'))
    assert main(["check", str(SAMPLES / "01_hello.ipynb"), str(script)]) == 1
    told = capsys.readouterr().out
    assert "DIFFERS  hello.hello\n" in told
    assert "function `hello` changed" in told
    assert f"write the script anew with: flytenb export {SAMPLES}/01_hello.ipynb -o {script}" in told


def test_a_task_that_is_missing_is_named(tmp_path, capsys):
    script = tmp_path / "s.py"
    script.write_text("import flytenb as flyte\nenv = flyte.TaskEnvironment(name='hello')\n")
    assert main(["check", str(SAMPLES / "01_hello.ipynb"), str(script)]) == 1
    assert "s.py has no such task" in capsys.readouterr().out


def test_nbconvert_writes_the_same(tmp_path):
    notebook = tmp_path / "01_hello.ipynb"
    notebook.write_text((SAMPLES / "01_hello.ipynb").read_text())
    words = [sys.executable, "-m", "nbconvert", "--to", "flytenb.export.nbconvert.ScriptExporter", str(notebook)]
    subprocess.run(words, capture_output=True, check=True, timeout=60, cwd=ROOT)
    assert (tmp_path / "01_hello.py").read_text() == export_file(notebook, "-").text


@pytest.fixture(scope="module")
def flyte_python(tmp_path_factory):
    """An interpreter with the real flyte package, kept between runs of the tests."""
    cache = Path(os.environ.get("FLYTENB_TEST_CACHE") or Path.home() / ".cache" / "flytenb-tests")
    return make_venv(cache / f"{FLYTE.replace('==', '-')}-py{sys.version_info.major}.{sys.version_info.minor}", FLYTE)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", FOR_FLYTE)
def test_the_real_flyte_package_runs_the_script(flyte_python, tmp_path, name):
    script = tmp_path / f"{name}.py"
    export_file(SAMPLES / f"{name}.ipynb", script, target="flyte")
    assert "flytenb as" not in script.read_text()
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment["HOME"] = str(tmp_path)
    done = subprocess.run(
        [flyte_python, script], capture_output=True, text=True, timeout=90, cwd=tmp_path, env=environment
    )
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stdout.splitlines() if line in FOR_FLYTE[name]]
    assert told == FOR_FLYTE[name]
