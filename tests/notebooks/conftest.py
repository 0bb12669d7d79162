"""Notebooks executed in real kernels on an engine of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.notebooks.ipykernels import ipykernel, old_kernels

__all__ = ["ipykernel", "old_kernels"]

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory):
    """A state directory whose engine is stopped at the end."""
    state = tmp_path_factory.mktemp("home")
    old = os.environ.get("FLYTENB_HOME")
    os.environ["FLYTENB_HOME"] = str(state)
    os.environ["PYTHONPATH"] = os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH", "")) if p)
    yield state
    stop_engine()
    if old is None:
        del os.environ["FLYTENB_HOME"]
    else:
        os.environ["FLYTENB_HOME"] = old


def stop_engine() -> None:
    """Stop the engine of this process's home."""
    subprocess.run(
        [sys.executable, "-c", "from flytenb.cli import main; main(['engine', 'stop', '--force'])"],
        cwd=ROOT, capture_output=True, timeout=30, check=False,
    )  # fmt: skip


def execute(*sources: str, allow_errors: bool = False) -> Any:
    """Execute cells headless; returns the notebook."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    return executed(notebook, allow_errors=allow_errors)


def executed(notebook: Any, allow_errors: bool = False, cwd: Path = ROOT) -> Any:
    """Execute a notebook headless, in place."""
    NotebookClient(
        notebook,
        timeout=90,
        kernel_name="python3",
        allow_errors=allow_errors,
        resources={"metadata": {"path": str(cwd)}},
    ).execute()
    return notebook


def texts(cell: Any) -> list[str]:
    """What a cell shows, as text: data, streams, errors."""
    found = []
    for output in cell.outputs:
        if output.output_type == "error":
            found.append(f"{output.ename}: {output.evalue}")
        else:
            found.append(output.data.get("text/plain", "") if "data" in output else output.text)
    return found
