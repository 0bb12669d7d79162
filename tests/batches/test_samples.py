"""Every sample notebook is executed by papermill, by this engine, and by nbconvert, with its views in the page."""

from __future__ import annotations

import subprocess
import sys

import nbformat
import pytest

import flytenb as flyte
from tests.notebooks.conftest import ROOT

pytestmark = [pytest.mark.notebook, pytest.mark.engine, pytest.mark.timeout(400)]
SAMPLES = ROOT / "sample_notebooks"
#: 04 makes virtual environments, 02 is the long one.
QUICK = ["01_hello", "03_cells_as_tasks"]
OTHERS = ["02_digits_search", "04_containers", "05_data", "06_cache_and_why", "07_failures", "08_batch_and_export"]
NAMES = [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in OTHERS)]


@pytest.fixture(autouse=True)
def _without_containers(monkeypatch, tmp_path):
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-docker.sock")


@pytest.mark.parametrize("name", NAMES)
def test_as_a_batch(home, tmp_path, name):
    done = flyte.batch(SAMPLES / f"{name}.ipynb", tmp_path / "out.ipynb", cwd=SAMPLES)
    assert done.run.row.phase == "succeeded"
    cells = nbformat.read(tmp_path / "out.ipynb", 4).cells
    assert [cell for cell in cells for one in cell.get("outputs", []) if one.output_type == "error"] == []


@pytest.mark.parametrize("name", NAMES)
def test_with_papermill_and_as_a_page(home, tmp_path, name):
    made = tmp_path / f"{name}.ipynb"
    words = ["papermill", str(SAMPLES / f"{name}.ipynb"), str(made), "--no-progress-bar", "--cwd", str(SAMPLES)]
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    words = ["nbconvert", "--execute", "--to", "html", "--output-dir", str(tmp_path), str(SAMPLES / f"{name}.ipynb")]
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    page = (tmp_path / f"{name}.html").read_text()
    assert 'aria-label="Run ' in page
    assert "Succeeded" in page or "Cached" in page
