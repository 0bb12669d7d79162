"""The same definitions hit each other's results in real kernels, scripts, papermill and the command line."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import nbformat
import papermill
import pytest

from tests.notebooks.conftest import execute

pytestmark = [pytest.mark.notebook, pytest.mark.engine]

LOAD = "%load_ext flytenb\nimport flytenb as flyte"
BODY = """env = flyte.TaskEnvironment(name="one", cache="auto")

LIMIT = 3

def helper(x: int) -> int:
    return x + LIMIT

@env.task
def t(x: int) -> int:
    return helper(x) * 10
"""
#: Edits one after the other, and whether what is stored by then must be run anew.
EDITS = [
    (BODY, True),
    (BODY.replace("    return x + LIMIT", "    # a comment\n    return (x\n        + LIMIT)"), False),
    (BODY.replace("LIMIT = 3", "LIMIT = 4"), True),
    (BODY.replace("x + LIMIT", "LIMIT + x"), True),
    (BODY.replace("int:\n    return helper(x) * 10", "float:\n    return helper(x) * 10.0"), True),
    (BODY.replace("    return helper", '    """Documented."""\n    return helper'), False),
]  # fmt: skip
CALL = "flyte.run(t, x=1).wait()"


def by_kernel(body: str, folder: Path) -> None:
    execute(LOAD, *body.split("\n\n"), CALL)


def by_moved_cells(body: str, folder: Path) -> None:
    env, limit, helper, task = body.split("\n\n")
    execute(LOAD, "noise = 1", helper, limit, env, task, CALL)


def by_papermill(body: str, folder: Path) -> None:
    cells = [nbformat.v4.new_code_cell(text) for text in (LOAD, body, CALL)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "in.ipynb")
    papermill.execute_notebook(
        str(folder / "in.ipynb"), str(folder / "out.ipynb"), kernel_name="python3", progress_bar=False
    )


def by_script(body: str, folder: Path) -> None:
    text = f'import flytenb as flyte\n{body}\nif __name__ == "__main__":\n    {CALL}\n'
    (folder / "one_script.py").write_text(text)
    _run(str(folder / "one_script.py"))


def by_command(body: str, folder: Path) -> None:
    (folder / "one_file.py").write_text(f"import flytenb as flyte\n{body}")
    _run("-m", "flytenb.cli", "run", str(folder / "one_file.py"), "t", "--x", "1")


def by_command_on_a_notebook(body: str, folder: Path) -> None:
    cells = [nbformat.v4.new_code_cell(text) for text in (LOAD, body)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), folder / "one.ipynb")
    _run("-m", "flytenb.cli", "run", str(folder / "one.ipynb"), "t", "--x", "1")


def _run(*words: str) -> None:
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


WAYS = [by_kernel, by_script, by_command, by_command_on_a_notebook, by_moved_cells, by_papermill]


def figures(home: Path) -> tuple[int, int]:
    """(results stored, runs answered by one)."""
    store = sqlite3.connect(f"file:{home / 'store.db'}?mode=ro", uri=True)
    try:
        (hits,) = store.execute("SELECT count(*) FROM action WHERE saved_s IS NOT NULL").fetchone()
        return store.execute("SELECT count(*) FROM cache").fetchone()[0], hits
    finally:
        store.close()


@pytest.mark.timeout(240)
def test_each_edit_in_every_way(home: Path, tmp_path: Path) -> None:
    stored = hits = 0
    for n, (body, is_new) in enumerate(EDITS):
        # Another way makes the result each time; all of them then find it.
        ways = [*WAYS[n % len(WAYS) :], *WAYS[: n % len(WAYS)]][: 6 if os.environ.get("FLYTENB_ALL_WAYS") else 3]
        for way in ways:
            way(body, tmp_path)
        stored, hits = stored + is_new, hits + len(ways) - is_new
        assert figures(home) == (stored, hits), (n, body)
