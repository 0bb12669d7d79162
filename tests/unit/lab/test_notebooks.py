"""What a Jupyter server does with notebook files: parameters of a batch, scripts."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbformat import v4

from flytenb.lab.notebooks import NotebookRefused, export, parameters


def written(folder: Path, *cells: str, tags: tuple[str, ...] = ()) -> Path:
    path = folder / "night.ipynb"
    first, *rest = cells
    made = v4.new_notebook(cells=[v4.new_code_cell(first, metadata={"tags": list(tags)}), *map(v4.new_code_cell, rest)])
    nbformat.write(made, path)
    return path


def test_parameters_have_names_types_and_defaults_as_they_are_written(tmp_path: Path) -> None:
    source = "n: int = 3\nwho = 'ada'\nrate: float\nwhen = day(1)\nprint(n)"
    told = parameters(written(tmp_path, source, "n", tags=("parameters",)))
    assert told == {
        "has_cell": True,
        "output": "night-out.ipynb",
        "parameters": [
            {"name": "n", "type": "int", "default": "3"},
            {"name": "who", "type": "str", "default": "ada"},
            {"name": "rate", "type": "float", "default": ""},
            {"name": "when", "type": "", "default": "day(1)"},
        ],
    }


def test_a_notebook_without_that_cell_takes_none(tmp_path: Path) -> None:
    assert parameters(written(tmp_path, "n = 3"))["has_cell"] is False
    assert parameters(written(tmp_path, "n = = 3", tags=("parameters",)))["parameters"] == []


def test_scripts_lie_beside_the_notebook(tmp_path: Path) -> None:
    path = written(tmp_path, "def f():\n    return 1", "f()")
    assert export(path, "flytenb")["file"] == "night.py"
    assert "def f()" in (tmp_path / "night.py").read_text()
    assert export(path, "flyte")["file"] == "night_flyte.py"


def test_what_cannot_be_done_is_said_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "no.ipynb"
    path.write_text("[")
    with pytest.raises(NotebookRefused, match="is not a notebook"):
        parameters(path)
    with pytest.raises(NotebookRefused, match="there is no target 'airflow'; there are: flytenb, flyte"):
        export(path, "airflow")
