"""Sweeps on a real engine: one task or one notebook at every point of a grid."""

from __future__ import annotations

import json

import nbformat
import pytest

import flytenb as flyte
from flytenb.batches.parameters import ParameterError
from flytenb.batches.sweep import SweepResult, sweep_notebook
from flytenb.client.run_handle import Run
from tests.batches.conftest import command, write
from tests.notebooks.conftest import texts

pytestmark = [pytest.mark.notebook, pytest.mark.engine]

env = flyte.TaskEnvironment(name="sweeping")


@env.task
async def score(lr: float, model: str, n: int = 1) -> float:
    if model == "bad":
        raise ValueError("no such model")
    return lr * len(model) * n


def test_a_task(home):
    found = flyte.sweep(score, {"lr": [1.0, 2.0], "model": ["a", "bad", "ccc"]}, name="grid", n=10)
    assert [row["run"] for row in found.rows] == [f"grid.{n}" for n in range(1, 7)]
    assert found.best() | {"seconds": 0} == {
        "lr": 2.0, "model": "ccc", "result": 60.0, "run": "grid.6", "seconds": 0, "error": "",
    }  # fmt: skip
    assert [row["model"] for row in found.failures] == ["bad", "bad"]
    assert found.failures[0]["error"].startswith("ValueError: ")
    assert Run.get("grid.3").labels == {"sweep": "grid"}
    with pytest.raises(TypeError, match="depth"):
        flyte.sweep(score, {"lr": [1.0]}, model="a", depth=3)


def test_a_notebook(home, tmp_path):
    source = write(tmp_path / "a.ipynb", "# parameters\nlr: float = 0.5", "assert lr < 1, 'too much'\nlr * 2")
    process = command("batch", source, "--sweep", "lr=0.1,0.2,3", "--output-format", "json")
    told, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    rows = json.loads(told)
    assert [row["lr"] for row in rows] == ["0.1", "0.2", "3"]
    assert "too much" in rows[2]["error"]
    assert texts(nbformat.read(tmp_path / "a-out-2.ipynb", 4).cells[-1]) == ["0.4"]
    with pytest.raises(ParameterError, match='has no parameter "rate"'):
        sweep_notebook(source, None, {"rate": [1]}, {})
    done = sweep_notebook(source, str(tmp_path / "x-{lr}.ipynb"), {"lr": [0.25, 0.75]}, {})
    assert done.failures == []
    assert done.best()["lr"] == 0.75
    assert (tmp_path / "x-0.75.ipynb").exists()


def test_a_sweeps_words_and_picture(home, tmp_path):
    found = SweepResult(
        ("lr",),
        [
            {"lr": 0.1, "result": 2.0, "run": "s.1", "seconds": 1.0, "error": ""},
            {"lr": 0.2, "result": 3.0, "run": "s.2", "seconds": 1.0, "error": ""},
            {"lr": 0.3, "result": None, "run": "s.3", "seconds": 1.0, "error": "ValueError: <no>"},
        ],
    )
    said = "largest 3 at lr=0.2 (run s.2); smallest 2 at lr=0.1 (run s.1)"
    assert found.text().endswith(f"2 of 3 points succeeded\n{said}")
    assert f"2 of 3 points succeeded. {said}</p>" in found._repr_html_()
    assert "&lt;no&gt;" in found._repr_html_()
    assert found.plot().layout.title.text == "1 of 3 points failed and are left out"
    source = write(tmp_path / "a.ipynb", "# parameters\nlr: float = 0.1", "lr * 2")
    picture = tmp_path / "sweep.html"
    process = command("batch", source, "--sweep", "lr=0.1,0.2", "--plot", str(picture))
    told, errors = process.communicate(timeout=110)
    assert process.returncode == 0, errors
    assert "largest 0.4 at lr=0.2" in told
    assert "plotly" in picture.read_text()
    process = command("batch", source, "--plot", str(picture))
    assert "--plot compares the points of a sweep" in process.communicate(timeout=60)[1]
