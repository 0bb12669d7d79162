"""Notebooks executed as batches, on an engine of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tests.notebooks.conftest import ROOT, home, stop_engine

__all__ = ["home", "stop_engine"]

LOAD = "%load_ext flytenb\nimport flytenb as flyte\nimport asyncio, os, time\nenv = flyte.TaskEnvironment(name='nb')"


def write(path: Path, *sources: str) -> str:
    """A notebook of these cells; the first that begins with `# parameters` has the tag."""
    cells = [nbformat.v4.new_code_cell(source, id=f"c{number}") for number, source in enumerate(sources)]
    for cell in cells:
        if cell.source.startswith("# parameters"):
            cell.metadata["tags"] = ["parameters"]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), path)
    return str(path)


def command(*words: str, **more: str) -> subprocess.Popen[str]:
    """`flytenb …` as a process."""
    code = "import sys; from flytenb.cli import main; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-c", code, *words], cwd=ROOT, env={**os.environ, **more}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def _engine_of_its_own(home: Path) -> Path:
    return home
