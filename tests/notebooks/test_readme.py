"""The README's example runs, as it says, in a notebook."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

README = Path(__file__).resolve().parents[2] / "README.md"


@pytest.mark.notebook
@pytest.mark.engine
def test_readme_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTENB_HOME", str(tmp_path / "home"))
    (example,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    cells = [nbformat.v4.new_code_cell(source) for source in ("%load_ext flytenb", example)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(
        notebook, timeout=90, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    try:
        client.execute()
    finally:
        program = "from flytenb.cli import main; main()"
        subprocess.run([sys.executable, "-c", program, "engine", "stop"], check=False, timeout=30)
    printed = "".join(output.get("text", "") for output in cells[1].outputs if output.output_type == "stream")
    assert printed.strip() == "285"
