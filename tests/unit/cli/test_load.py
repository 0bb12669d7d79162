from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from flytenb.cli.errors import LoadError
from flytenb.cli.load import find_task, load_file

CELLS = [
    "%load_ext flytenb\nimport flytenb as flyte\n%pip --version",
    "%flyte_env prep --cpu 1",
    "LIMIT = 3\ndef helper(x: int) -> int:\n    return x + LIMIT",
    "%%flyte_task --env prep\ndef work(n: int) -> int:\n    return helper(n)",
    "run = flyte.run(work, n=1)\nprint(run)",
    "value = run.outputs()[0]\nlater = value + 1",
    "raise RuntimeError('a driver cell was executed')",
    "%%bash\nexit 1",
    "# %flyte task --env prep\ndef other(s: str) -> str:\n    return s",
]


def notebook(path: Path) -> Path:
    cells = [{"cell_type": "code", "id": f"c{i}", "source": text} for i, text in enumerate(CELLS)]
    path.write_text(json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}))
    return path


def test_only_definitions_of_a_notebook_are_executed(tmp_path: Path) -> None:
    file = notebook(tmp_path / "n.ipynb")
    # In a process of its own: a notebook takes the place of __main__.
    code = (
        "import sys; from flytenb.cli.load import load_file, tasks_in\n"
        "names = load_file(sys.argv[1]); tasks = tasks_in(names)\n"
        "print(sorted(tasks), tasks['work'](4), 'run' in names, 'later' in names, tasks['work'].place)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(file)], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "['other', 'work'] 7 False False ('Cell In[4]', 2)", done.stderr


def test_missing_file_and_wrong_kind(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match="there is no file"):
        load_file(str(tmp_path / "none.py"))
    text = tmp_path / "a.txt"
    text.write_text("")
    with pytest.raises(LoadError, match="neither"):
        load_file(str(text))


def test_script_and_its_tasks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "some_script_of_a_test.py"
    script.write_text(
        "from flytenb.sdk.environment import TaskEnvironment\n"
        "env = TaskEnvironment(name='loaded')\n"
        "@env.task\ndef work(n: int) -> int:\n    return n\n"
        "if __name__ == '__main__':\n    raise SystemExit('was run')\n"
    )
    monkeypatch.setattr(sys, "path", list(sys.path))
    names = load_file(str(script))
    assert find_task(names, "work", "s.py") is find_task(names, "loaded.work", "s.py")
    with pytest.raises(LoadError, match="did you mean work"):
        find_task(names, "wrok", "s.py")
    with pytest.raises(LoadError, match="defines no task"):
        find_task({}, "work", "s.py")
