"""`from flytenb.nb import my_notebook`: definitions without drivers, the notebook's keys, the kernel undisturbed."""

from __future__ import annotations

import json
from pathlib import Path

import nbformat
import pytest

from tests.notebooks.conftest import ROOT, executed, texts

pytestmark = [pytest.mark.notebook, pytest.mark.engine]

LOAD = "%load_ext flytenb\nimport flytenb as flyte\nenv = flyte.TaskEnvironment(name='shared', cache='auto')"
PARTS = [
    LOAD,
    "from dataclasses import dataclass\nLIMIT = 3\n@dataclass\nclass Score:\n    value: int",
    "def helper(x: int) -> int:\n    return x + LIMIT",
    "@env.task\nasync def work(n: int) -> Score:\n    return Score(helper(n))",
    "run = flyte.run(work, n=1)\nraise RuntimeError('a driver cell was executed')",
    "%%flyte_task --env shared\ndef twice(n: int) -> int:\n    return 2 * n",
]
KEYS = (
    "from flytenb.capture.key import code_key\nimport json\n"
    "print(json.dumps([code_key({0}work).hex, code_key({0}twice).hex]))"
)


def book(path: Path, *sources: str) -> nbformat.NotebookNode:
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    nbformat.write(made, path)
    return made


def test_an_imported_notebook(home, tmp_path):
    book(tmp_path / "my-notebook.ipynb", *PARTS)
    direct = executed(book(tmp_path / "direct.ipynb", *PARTS[:4], PARTS[5], KEYS.format("")), cwd=tmp_path)
    cells = [
        "%load_ext flytenb\nimport flytenb as flyte\nLIMIT = 100\ndef helper(x):\n    return 'of the kernel'",
        "mine = flyte.TaskEnvironment(name='mine')\nfrom flytenb.nb import my_notebook\n"
        "@mine.task\nasync def own(n: int) -> int:\n    return n + LIMIT",
        KEYS.format("my_notebook."),
        "flyte.run(my_notebook.work, n=4).value()",
        "flyte.run(own, n=1).value(), helper(1), 'run' in vars(my_notebook)",
        "from flytenb.nb.my_notebook import work, twice\n@mine.task\nasync def calls(n: int) -> int:\n"
        "    return (await work(n)).value + await twice.aio(n)",
        "flyte.run(calls, n=5).value()",
    ]
    done = executed(book(tmp_path / "user.ipynb", *cells), cwd=tmp_path)
    shown = [texts(cell)[-1] for cell in done.cells if texts(cell)]
    assert json.loads(shown[0]) == json.loads(texts(direct.cells[-1])[-1])
    assert shown[1] == "Score(value=7)"
    assert shown[2] == "(101, 'of the kernel', False)"
    assert shown[3] == "18"


def test_one_that_is_changed_is_read_again(tmp_path, monkeypatch):
    from flytenb.notebook.load import NotebookLoadError

    monkeypatch.chdir(tmp_path)
    book(tmp_path / "one.ipynb", "A = 1")
    from flytenb import nb

    assert nb.one.A == 1
    assert nb.one is nb.one
    book(tmp_path / "one.ipynb", "A = 22")
    assert nb.one.A == 22
    assert repr(nb.one) == f"<notebook {tmp_path}/one.ipynb>"
    with pytest.raises(NotebookLoadError, match=r"there is no notebook onne\.ipynb .*did you mean one\?"):
        _ = nb.onne
    assert ROOT.exists()
