"""Sample notebooks as scripts: the same outputs, and what the notebook has computed is taken from the cache."""

from __future__ import annotations

import ast
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
DIGITS = "Result(best=Score(c=10.0, gamma=0.1, accuracy=0.9888888888888889), test_accuracy=0.9944444444444445)"
WINES = ["['table', 'measured', 'growers'] (178, 14) float64", "0         13.74             5.53",
         "1         12.28             3.09", "2         13.15             7.40",
         "96.7% of the wines that it had not seen"]  # fmt: skip
STOCK = "{'grower-0.csv': 59, 'grower-1.csv': 71, 'grower-2.csv': 48}"
#: Notebook → lines that its script prints as its cells show them, in this order.
TOLD = {
    "01_hello": ["Hello, Ada!", "'Succeeded'",
                 "['Hello, Ada!', 'Hello, Grace!', 'Hello, Katherine!']", "'Hello, Alan!'"],
    "02_digits_search": [DIGITS, DIGITS],
    "03_cells_as_tasks": ["285", "([3.0, 2.0, 2.0], 2.0)"],
    "04_containers": ["['1.10.0', '1.10.0']", "old.newest_old process ['semver==2.13.0']",
                      "new.newest_new process ['semver==3.0.2']"],
    "05_data": [*WINES, STOCK],
    "06_cache_and_why": [],
    "07_failures": ["1 failed ConnectionError: the service is busy", "2 failed ConnectionError: the service is busy",
                    "3 succeeded ", "ada signs in", "try 2", "True", "published 19900"],
    "08_batch_and_export": ["2.64", "4 of 4 points succeeded", "0.75 3.375", "succeeded 9 cells"],
}  # fmt: skip
#: Tasks that run again in the script: those that say no cache, and what was computed with a definition that a later
#: cell changed, which is no longer asked for.
FRESH = {
    "01_hello": {"hello.hello", "hello.hello_all"},
    "02_digits_search": {"digits.search"},
    "03_cells_as_tasks": {"prep.chain", "prep.smooth"},
    "04_containers": {"main.compare", "old.newest_old", "new.newest_new", "tools.anything"},
    "05_data": set(),
    "06_cache_and_why": {"recipe.study", "recipe.measure"},
    "07_failures": {"harvest.fetch", "harvest.load_all", "small.load", "harvest.harvest", "harvest.parse",
                    "harvest.total", "harvest.publish", "condition.publish"},
    "08_batch_and_export": {"batch.notebook", "batch.cell", "hello.hello", "hello.hello_all"},
}  # fmt: skip
#: What the script for flyte prints, and what its runs give, as the notebook's did.
FOR_FLYTE = {
    "01_hello": ["Hello, Ada!", "['Hello, Ada!', 'Hello, Grace!', 'Hello, Katherine!']", "'Hello, Alan!'"],
    "02_digits_search": [DIGITS, DIGITS],
    "03_cells_as_tasks": ["285", "([3.0, 2.0, 2.0], 2.0)"],
    "04_containers": ["main.compare (['1.10.0', '1.10.0'],)", "['1.10.0', '1.10.0']"],
    "05_data": WINES,
    # Of `clean`, which the notebook changes in between, a script has the last one only.
    "06_cache_and_why": ["recipe.study (18.75,)", "recipe.study (18.75,)", "recipe.study (15.0,)",
                         "recipe.study (15.0,)", "recipe.study (15.0,)", "recipe.look_up (22.5,)",
                         "recipe.look_up (22.5,)"],
    "07_failures": ["harvest.fetch ('rows for the session of ada',)", "harvest.load_all (419430400,)",
                    "harvest.harvest (19900,)", "harvest.harvest (19900,)", "True",
                    "harvest.publish ('published 19900',)", "published 19900"],
    "08_batch_and_export": ["garden.season (2.64,)", "2.64"],
}  # fmt: skip
SLOW = {"02_digits_search", "04_containers", "05_data", "07_failures", "08_batch_and_export"}
NAMES = [pytest.param(name, marks=[pytest.mark.slow] if name in SLOW else []) for name in TOLD]
FLYTE = "flyte==2.12.1"
#: What tasks of the samples import; a sample's own image is not made by flyte's local mode.
LIBRARIES = ("numpy", "pandas", "pyarrow", "scikit-learn", "matplotlib", "semver==3.0.2")
#: Runs a script and tells what its runs gave.
TELL = """\
import runpy, sys
import flyte
real = flyte.run
def run(task, *args, **kwargs):
    made = real(task, *args, **kwargs)
    print(task.name, tuple(made.outputs()))
    return made
flyte.run = run
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


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


def in_order(lines: list[str], wanted: list[str]) -> list[str]:
    """Those of the wanted lines that are there, one after the other."""
    rest = iter(lines)
    return [line for line in wanted if any(one == line for one in rest)]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", NAMES)
def test_a_script_prints_what_its_notebook_showed_and_hits_its_cache(home, tmp_path, name, monkeypatch):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-docker.sock")
    notebook = executed(nbformat.read(SAMPLES / f"{name}.ipynb", as_version=4), cwd=SAMPLES)
    before = {run["name"] for run in runs(home)}
    script = tmp_path / f"{name}.py"
    export_file(SAMPLES / f"{name}.ipynb", script)
    (tmp_path / "01_hello.ipynb").write_text((SAMPLES / "01_hello.ipynb").read_text())  # which another sample executes
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=200, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert in_order(done.stdout.splitlines(), TOLD[name]) == TOLD[name]
    shown = "\n".join("\n".join(texts(cell)) for cell in notebook.cells if cell.cell_type == "code")
    assert [line for line in TOLD[name] if line not in shown and line != "'Succeeded'"] == []
    new = [run for run in runs(home) if run["name"] not in before]
    ran = [action for run in new for action in actions(home, run["name"])]
    fresh = [action["task"] for action in ran if not action["is_cached"] and action["phase"] != "recovered"]
    assert new
    assert set(fresh) <= FRESH[name]
    if name == "06_cache_and_why":  # one run overwrites the cache, and one sample was cut off otherwise
        assert len(fresh) <= 3 + 2


@pytest.mark.parametrize("name", TOLD)
def test_keys_of_script_and_notebook_are_equal(home, tmp_path, name):
    (tmp_path / "01_hello.ipynb").write_text((SAMPLES / "01_hello.ipynb").read_text())  # which another sample imports
    script = tmp_path / f"{name}.py"
    export_file(SAMPLES / f"{name}.ipynb", script)
    words = [sys.executable, "-m", "flytenb.cli", "check", str(SAMPLES / f"{name}.ipynb"), str(script)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=200, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "DIFFERS" not in done.stdout


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
    version = f"py{sys.version_info.major}.{sys.version_info.minor}"
    return make_venv(cache / f"{FLYTE.replace('==', '-')}-samples-{version}", FLYTE, *LIBRARIES)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", NAMES)
def test_the_real_flyte_package_runs_the_script(flyte_python, tmp_path, name):
    script = tmp_path / f"{name}.py"
    export_file(SAMPLES / f"{name}.ipynb", script, target="flyte")
    assert "flytenb as" not in script.read_text()
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment |= {"HOME": str(tmp_path), "MPLBACKEND": "agg"}
    done = subprocess.run(
        [flyte_python, "-c", TELL, script], input="y\n", capture_output=True, text=True, timeout=200, cwd=tmp_path,
        env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    # A question is asked on the same line as what comes then.
    told = [line.rpartition("[y/n]: ")[2] for line in done.stdout.splitlines()]
    assert in_order(told, FOR_FLYTE[name]) == FOR_FLYTE[name]
    if name == "05_data":  # dictionaries have no order there
        assert ast.literal_eval(told[-1]) == ast.literal_eval(STOCK)
