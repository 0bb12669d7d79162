"""`.pre-commit-hooks.yaml`, with the real pre-commit in a repository of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flytenb.cli import main
from flytenb.export import export_file
from flytenb.notebook.slim import LIMIT

pytestmark = pytest.mark.timeout(300)
ROOT = Path(__file__).resolve().parents[2]
TASK = """\
import flytenb as flyte
env = flyte.TaskEnvironment(name='hooked')

@env.task
def f(x: int) -> int:
    return x"""


def notebook(path: Path, *sources: str, outputs: tuple[dict, ...] = ()) -> Path:
    cells = [{"cell_type": "code", "id": f"c{number}", "metadata": {}, "execution_count": None, "source": source,
              "outputs": list(outputs)} for number, source in enumerate(sources)]  # fmt: skip
    data = {"cells": cells, "metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5}
    path.write_text(json.dumps(data, indent=1) + "\n")
    return path


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A repository whose hooks come from a copy of ours; `commit()` gives exit status and words of the hooks."""
    monkeypatch.setenv("FLYTENB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "pre-commit"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    (tmp_path / "gitconfig").write_text("[user]\nname = a\nemail = a@localhost\n[init]\ndefaultBranch = main\n")
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "flytenb").write_text(f'#!/bin/sh\nexec {sys.executable} -m flytenb "$@"\n')
    (programs / "flytenb").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    hooks, work = tmp_path / "hooks", tmp_path / "work"
    for folder in (hooks, work):
        folder.mkdir()
        git(folder, "init", "-q")
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", hooks)
    git(hooks, "add", ".")
    git(hooks, "commit", "-q", "-m", "hooks")
    rev = git(hooks, "rev-parse", "HEAD").strip()
    (work / ".pre-commit-config.yaml").write_text(
        f"repos:\n- repo: {hooks}\n  rev: {rev}\n  hooks: [{{id: flytenb-check}}, {{id: flytenb-slim}}]\n"
    )
    monkeypatch.chdir(work)

    def commit() -> tuple[int, str]:
        git(work, "add", ".")
        done = subprocess.run([sys.executable, "-m", "pre_commit", "run"], capture_output=True, text=True, timeout=200)
        return done.returncode, done.stdout + done.stderr

    return work, commit


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True, timeout=60)
    return done.stdout


def test_a_commit_with_a_script_that_is_not_the_notebooks_is_refused(project):
    work, commit = project
    source = notebook(work / "train.ipynb", TASK)
    export_file(source)
    notebook(work / "alone.ipynb", TASK)
    (work / "train_other.py").write_text("print('no notebook')\n")
    (work / "own.py").write_text("x = 1\n")  # beside a notebook, but nothing that was exported
    notebook(work / "own.ipynb", TASK)
    status, told = commit()
    assert status == 0, told
    notebook(source, TASK.replace("return x", "return x + 1"))
    status, told = commit()
    assert status == 1
    assert "DIFFERS  hooked.f" in told
    assert "write the script anew with: flytenb export train.ipynb -o train.py" in told
    export_file(source)
    status, told = commit()
    assert status == 0, told


def test_large_views_are_made_small_at_the_commit(project):
    work, commit = project
    page = f'<section><p>twin</p><iframe srcdoc="{"w " * LIMIT}"></iframe></section>'
    view = {"text/html": [page], "application/vnd.flytenb.run+json": {"run": "ab"}}
    path = notebook(work / "a.ipynb", "1", outputs=({"output_type": "display_data", "metadata": {}, "data": view},))
    status, told = commit()
    assert status == 1, told
    assert "files were modified by this hook" in told
    assert "twin" in path.read_text()
    assert len(path.read_text()) < LIMIT
    status, told = commit()
    assert status == 0, told


def test_what_the_command_says(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("FLYTENB_HOME", str(tmp_path / "home"))
    source = str(notebook(tmp_path / "a.ipynb", TASK))
    assert main(["check", "--beside", source]) == 0
    assert capsys.readouterr().out == "no notebook with an exported script beside it\n"
    assert main(["check", source]) != 0
    assert "write: flytenb check NOTEBOOK SCRIPT, or: flytenb check --beside FILE …" in capsys.readouterr().err
    export_file(source)
    assert main(["check", "--beside", str(tmp_path / "a.py"), source, "-o", "json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert told["task"] == "hooked.f"
    assert told["notebook"] == source
