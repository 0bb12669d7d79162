"""Notebooks executed in real kernels on an engine of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.notebooks.ipykernels import ipykernel, old_kernels

__all__ = ["ipykernel", "old_kernels"]

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def _own_home(factory: pytest.TempPathFactory) -> Iterator[Path]:
    state = factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLYTENB_HOME", str(state))
        patch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
        yield state
        stop_engine()


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state directory of one test, whose engine is stopped at the end."""
    with _own_home(tmp_path_factory) as state:
        yield state


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One of all tests of a module."""
    with _own_home(tmp_path_factory) as state:
        yield state


def stop_engine() -> None:
    """Stop the engine of this process's home."""
    subprocess.run(
        [sys.executable, "-c", "from flytenb.cli import main; main(['engine', 'stop', '--force'])"],
        cwd=ROOT, capture_output=True, timeout=100, check=False,
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
