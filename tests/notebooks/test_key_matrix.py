"""The whole matrix of `tests/unit/capture/corpus` under papermill, and in exported scripts.

Many states share one notebook, one kernel and one papermill run: a cell between two of them empties the namespace.
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
import pytest

from flytenb.export import SourceCell, export_notebook
from tests.unit.capture.corpus.cases import CASES, HIT, MISS, Case
from tests.unit.capture.corpus.test_matrix import DOUBTED, REFUSED, differing, edited, in_script, is_script, rows

__all__ = ["edited"]
pytestmark = [pytest.mark.notebook, pytest.mark.timeout(600)]

#: Begins a notebook: after every cell it notes the key of `t`, where neither namespace nor registry sees it.
WATCH = """\
%load_ext flytenb
def _watch():
    import builtins
    from flytenb.capture.key import code_key
    from flytenb.capture.registry import registry
    from flytenb.errors import CaptureError
    shell, told = get_ipython(), {}

    def note(_):
        states = told.get(shell.__dict__.get("_case"))
        if states is not None and "t" in shell.user_ns:
            try:
                found = code_key(shell.user_ns["t"])
                states.append(("doubted " if found.doubts else "") + found.hex)
            except CaptureError:
                states.append("refused")
        elif states is not None:
            states.append("")

    def begin(case):
        shell.reset(new_session=False)
        registry.forget()
        shell._case = case
        told[case] = []
    shell.events.register("post_run_cell", note)
    builtins._begin, builtins._told = begin, told
_watch()"""
FIRST = 'import flytenb as flyte\nenv = flyte.TaskEnvironment(name="nb")'
BATCHES = 2


def code(text: str) -> nbformat.NotebookNode:
    cell = nbformat.v4.new_code_cell(text)
    cell.metadata["tags"] = ["raises-exception"] if "raise" in text else []
    return cell


def notebook_of(cases: list[Case]) -> nbformat.NotebookNode:
    """All states of these cases: given, then edited in the kernel that has run them so far."""
    cells = [code(WATCH)]
    for case in cases:
        cells += [code(f"_begin({case.name!r})"), code(FIRST)]
        cells += [code(text) for text in [*case.cells, *(text for text, _ in case.edits)]]
    cells.append(code("import json\nprint(json.dumps(_told))"))
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    return nbformat.v4.new_notebook(cells=cells, metadata=kernel)


def papermilled(cases: list[Case], folder: Path, number: int) -> dict[tuple[str, int], str]:
    """Keys of all states of these cases after one run of papermill."""
    source, target = folder / f"in-{number}.ipynb", folder / f"out-{number}.ipynb"
    nbformat.write(notebook_of(cases), source)
    words = ["-m", "papermill", str(source), str(target), "-k", "python3", "--no-progress-bar"]
    # Its status is that of cells whose exceptions belong to the case; that all cells ran is seen at the last one.
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=540, check=False)
    last = nbformat.read(target, 4).cells[-1]
    assert last.outputs, done.stderr[-3000:]
    told = json.loads(last.outputs[0].text)
    found = {}
    for case in cases:  # the cell that begins a case counts, and the one that declares its environment
        for state, key in enumerate(told[case.name][1 + len(case.cells) :]):
            found[case.name, state] = key
    return found


def wrong_edits(found: dict[tuple[str, int], str]) -> list[tuple[str, int, str]]:
    """Edits after which a result would be taken that is another's, or not taken that is the same."""
    wrong = []
    for case in CASES:
        for number, (_, expected) in enumerate(case.edits):
            before, after = found.get((case.name, number), REFUSED), found.get((case.name, number + 1), REFUSED)
            if REFUSED in (before, after) or before.startswith(DOUBTED) or expected not in (HIT, MISS):
                continue
            if (HIT if before == after.removeprefix(DOUBTED) else MISS) != expected:
                wrong.append((case.name, number, expected))
    return wrong


def test_papermill(edited: dict[str, list[str]], tmp_path: Path) -> None:
    closed = [case for case in CASES if not case.is_open]
    batches = [closed[n::BATCHES] for n in range(BATCHES)]
    with ThreadPoolExecutor(2) as pool:
        told = pool.map(lambda pair: papermilled(pair[1], tmp_path, pair[0]), enumerate(batches))
    found = {row: key for one in told for row, key in one.items()}
    assert len(found) == sum(1 for case, _, _ in rows() if not case.is_open) > 400
    assert differing(found, edited) == {}
    assert wrong_edits(found) == []


#: Changes of what other modules define: a script's key says that it may be incomplete, so that its tasks always run.
MADE_ELSEWHERE = {"foreign_class_patch", "module_patch"}


def test_an_exported_script(edited: dict[str, list[str]], tmp_path: Path) -> None:
    """What `flytenb export` writes, run as a script, has the notebook's key in every state."""
    found = {}
    for case, number, cells in rows():
        if case.is_open or case.name in MADE_ELSEWHERE or not is_script(cells):
            continue
        text = export_notebook([SourceCell("code", one, n) for n, one in enumerate(cells, 1)]).text
        with contextlib.redirect_stdout(io.StringIO()):
            found[case.name, number] = in_script([text], tmp_path / f"{case.name}_{number}.py", "__main__")
    assert len(found) > 380
    told = {row: key.removeprefix(DOUBTED) for row, key in found.items() if edited[row[0]][row[1]] != REFUSED}
    assert differing(told, edited, is_doubt_told=False) == {}
    assert wrong_edits(found) == []
