from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from flytenb.cli import main
from flytenb.model.version import VERSION


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch):
    with TemporaryDirectory(prefix="nb") as folder:
        monkeypatch.setenv("FLYTENB_HOME", folder)
        yield Path(folder)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert capsys.readouterr().out == f"flytenb {VERSION}\n"


def test_status_without_an_engine_starts_none(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engine", "status", "-o", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {"pid", "version", "socket", "runs_active", "workers"} <= told.keys()
    assert told["pid"] is None
    assert list(home.iterdir()) == []


def test_stop_without_an_engine(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engine", "stop"]) == 0
    assert "no engine" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["foo"], ["get", "run", "--limti", "3"], ["get", "action"], ["run", "--x", "f"]])
def test_wrong_usage_is_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    error = capsys.readouterr().err
    assert error.startswith("flytenb: ")
    assert error.count("\n") == 1


def test_missing_file_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "none.py", "work"]) == 1
    assert (
        capsys.readouterr().err
        == "flytenb: there is no file none.py; give the path of a .py script or an .ipynb notebook\n"
    )


def test_run_without_words_shows_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run"]) == 2
    assert "Usage: flytenb run" in capsys.readouterr().err


def test_version_is_the_one_of_the_project() -> None:
    project = (Path(__file__).parents[3] / "pyproject.toml").read_text()
    assert f'version = "{VERSION}"' in project
