"""Cells of a resumed batch that are not run again, because what they took and left was recorded."""

from __future__ import annotations

import nbformat
import pytest

import flytenb as flyte
from flytenb.batches.execute import BatchError
from flytenb.batches.recording import refusal
from flytenb.errors import RuntimeUserError
from tests.batches.conftest import LOAD, command, write
from tests.notebooks.conftest import texts

pytestmark = [pytest.mark.notebook, pytest.mark.engine, pytest.mark.timeout(300)]


def cells(folder) -> list[str]:
    """A cell that notes each time that it runs, one that changes its input in place, one that waits for a flag."""
    return [
        LOAD,
        "@env.task\nasync def grow(n: int) -> int:\n    return n * 2",
        f"import json\n_ = os.system('echo x >> {folder / 'ledger'}')\nbase = {{'n': [1, 2]}}\nbase",
        "value = flyte.run(grow, n=base['n'][1]).value()\nprint('grown', value)\nvalue",
        "base['n'].append(value)\nlen(base['n'])",
        f"assert os.path.exists({str(folder / 'flag')!r}), 'not yet'\njson.dumps(base)",
    ]


def test_recorded_cells_are_skipped_and_restored(home, tmp_path):
    source = write(tmp_path / "a.ipynb", *cells(tmp_path))
    with pytest.raises(RuntimeUserError, match="not yet"):
        flyte.batch(source, name="first", skip_cells=True)
    (tmp_path / "flag").touch()
    notes = []
    done = flyte.batch(
        source, name="second", resume=True, skip_cells=True, on_step=lambda kind, *told: notes.append((kind, *told))
    )
    said = [told[1] for told in notes if told[0] == "note"]
    assert any(
        words.startswith("skipped cells: 3, 4, 5; run again: cell 1: it has magics or shell lines; cell 2: it defines")
        for words in said
    ), said
    assert (tmp_path / "ledger").read_text().split() == ["x"]
    assert done.runs == []
    made = nbformat.read(done.output, 4).cells
    assert texts(made[3])[-1] == "4"
    assert texts(made[5])[-1] == "'{\"n\": [1, 2, 4]}'"
    assert [cell.execution_count for cell in made] == [1, 2, 3, 4, 5, 6]
    assert [row.phase for row in done.run.snapshot().actions] == ["succeeded"] * 7
    assert "skipped: what it took is as in batch first" in command("get", "logs", "second", "a4").communicate()[0]
    assert not (home / "batches" / "second").exists()


def test_another_input_or_definition_runs_again(home, tmp_path):
    source = write(tmp_path / "a.ipynb", LOAD, "a = 1", "b = 2", "c = a + 1", "d = b + 1", "assert a == 5", "(c, d)")
    with pytest.raises(RuntimeUserError):
        flyte.batch(source, name="first", skip_cells=True)
    source = write(tmp_path / "a.ipynb", LOAD, "a = 5", "b = 2", "c = a + 1", "d = b + 1", "assert a == 5", "(c, d)")
    notes = []
    done = flyte.batch(source, resume=True, skip_cells=True, on_step=lambda kind, *told: notes.append(told))
    said = next(told[0] for told in notes if told and str(told[0]).startswith("skipped"))
    assert "skipped cells: 3, 5;" in said
    assert "cell 2: its text is another" in said
    assert "cell 4: a is another" in said
    assert texts(nbformat.read(done.output, 4).cells[6])[-1] == "(6, 3)"


def test_without_being_asked_all_cells_run(home, tmp_path):
    source = write(tmp_path / "a.ipynb", "a = 1", "assert False")
    with pytest.raises(RuntimeUserError):
        flyte.batch(source, name="first")
    assert not (home / "batches" / "first").exists()
    with pytest.raises(BatchError, match="skip_cells=True needs a kernel of this machine"):
        flyte.batch(source, env=flyte.TaskEnvironment(name="anywhere"), skip_cells=True)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("%matplotlib inline\nx = 1", "magics"), ("!ls", "magics"), ("def f(): ...", "defines"),
        ("class A: ...", "defines"), ("import os", "imports"), ("import os\nx = os.getcwd()", ""), ("x = 1", ""),
        ("x = (", "not plain Python"),
    ],
)  # fmt: skip
def test_cells_that_always_run(source, why):
    assert why in refusal(source)
    assert bool(why) == bool(refusal(source))
