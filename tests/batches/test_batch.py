"""A batch: papermill's result, a run with an action for every cell, refusals in words."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import nbformat
import pytest

import flytenb as flyte
from flytenb.batches.execute import BatchError
from flytenb.batches.former import CannotResume
from flytenb.batches.outputs import OutputTaken, claimed
from flytenb.batches.parameters import ParameterError
from flytenb.client.run_handle import Run
from flytenb.errors import RuntimeUserError
from tests.batches.conftest import LOAD, command, write
from tests.notebooks.conftest import texts

pytestmark = [pytest.mark.notebook, pytest.mark.engine]

ADD = "@env.task\nasync def add(x: float) -> float:\n    print('adding')\n    return x + 1"


def plain(notebook) -> list:
    """What papermill's own engine and ours must have in common."""
    found = []
    for cell in notebook.cells:
        papermills = cell.metadata.get("papermill", {})
        told = {key: papermills.get(key) for key in ("status", "exception")}
        found.append((cell.cell_type, cell.source, cell.get("execution_count"), cell.get("outputs"), told))
    return found


def test_the_result_is_papermills(home, tmp_path):
    from papermill.execute import execute_notebook

    source = write(tmp_path / "a.ipynb", "# parameters\nlr: float = 0.5", "print('lr', lr)\nlr * 2", "", "1 / 2")
    ours = tmp_path / "ours.ipynb"
    done = flyte.batch(source, ours, {"lr": 0.25})
    theirs = execute_notebook(source, str(tmp_path / "theirs.ipynb"), {"lr": 0.25}, progress_bar=False)
    assert plain(nbformat.read(ours, 4)) == plain(theirs)
    assert done.cell_count == 4
    assert texts(nbformat.read(ours, 4).cells[2]) == ["lr 0.25\n", "0.5"]


def test_cells_are_actions_and_their_runs_belong_to_it(home, tmp_path):
    source = write(tmp_path / "a.ipynb", LOAD, ADD, "print('hello')\nrun = flyte.run(add, x=1.0)", "run.value()")
    steps = []
    done = flyte.batch(source, on_step=lambda *step: steps.append(step))
    run = done.run
    assert run.row.phase == "succeeded"
    assert [action.row.short_name for action in run.actions] == ["notebook", *(f"cell {n}" for n in range(1, 5)), "add"]
    assert done.runs == [{"run": f"{done.name}.3.1", "task": "nb.add", "cell": 3, "how": "started"}]
    assert Run.get(f"{done.name}.3.1").row.origin["batch"] == {"name": done.name, "cell": 3}
    assert [step[1:] for step in steps if step[0] == "cell"] == [(n, 4) for n in (1, 2, 3, 4)]
    assert (run.actions[0].row.progress.done, run.actions[0].row.progress.total) == (3, 4)
    log = command("get", "logs", done.name, "a3").communicate(timeout=60)[0]
    assert "hello" in log
    assert f"run {done.name}.3.1: nb.add" in log
    assert "= '2.0'" in command("get", "io", done.name, "a4").communicate(timeout=60)[0]
    shown = command("get", "run", done.name).communicate(timeout=60)[0]
    assert f"{done.name}.3.1" in shown


def test_output_of_cells_is_not_printed(home, tmp_path, capfd):
    flyte.batch(write(tmp_path / "a.ipynb", "print('only in the notebook')"))
    assert "only in the notebook" not in capfd.readouterr().out


def test_a_cell_that_fails(home, tmp_path):
    source = write(tmp_path / "a.ipynb", "print('before')", "print('so far')\nraise KeyError('lost')", "never = 1")
    with pytest.raises(RuntimeUserError) as caught:
        flyte.batch(source, tmp_path / "out.ipynb", name="fails")
    assert caught.value.code == "KeyError"
    assert str(caught.value) == f"batch fails: cell 2 of {source} failed: KeyError: 'lost'; see {tmp_path}/out.ipynb"
    actions = Run.get("fails").actions
    phases = {one.row.short_name: one.row.phase for one in actions[1:]}
    assert phases == {"cell 1": "succeeded", "cell 2": "failed"}
    assert actions[2].row.failure.code == "KeyError"
    cells = nbformat.read(tmp_path / "out.ipynb", 4).cells
    assert "so far\n" in texts(next(cell for cell in cells if "KeyError" in cell.source))
    process = command("batch", source, str(tmp_path / "o.ipynb"))
    _, told = process.communicate(timeout=90)
    assert process.returncode == 1
    assert "cell 2 of" in told


def test_parameters(home, tmp_path):
    cell = "# parameters\nlr: float = 0.5\nsizes: list[int] = [1]\nword = 'a'"
    source = write(tmp_path / "a.ipynb", "1", cell, "lr, sizes, word")
    with pytest.raises(ParameterError, match=r'has no parameter "lrr"; did you mean lr\?'):
        flyte.batch(source, parameters={"lrr": 1})
    with pytest.raises(ParameterError, match=r'a\.ipynb, cell 2, line 2: parameter "lr": expected float, got str'):
        flyte.batch(source, parameters={"lr": "abc"})
    with pytest.raises(ParameterError, match=r"cell 2, line 3: .*sizes\[1\]"):
        flyte.batch(source, parameters={"sizes": [1, "b"]})
    process = command("batch", source, str(tmp_path / "o.ipynb"), "-p", "lr=1", "-p", "sizes=[1, 2]", "-p", "word=7")
    assert process.wait(90) == 0
    assert texts(nbformat.read(tmp_path / "o.ipynb", 4).cells[-1]) == ["(1.0, [1, 2], 7)"]
    with pytest.raises(ParameterError, match="has no parameters: tag the cell"):
        flyte.batch(write(tmp_path / "b.ipynb", "1"), parameters={"lr": 1})


def test_what_is_refused_before_anything_runs(home, tmp_path):
    source = write(tmp_path / "a.ipynb", "1")
    with pytest.raises(BatchError, match="there is no notebook"):
        flyte.batch(tmp_path / "none.ipynb")
    (tmp_path / "text.ipynb").write_text("{}")
    with pytest.raises(BatchError, match="is not a notebook"):
        flyte.batch(tmp_path / "text.ipynb")
    with pytest.raises(BatchError, match=r'needs the kernel "none", which is not installed; name another .*python3'):
        flyte.batch(source, kernel="none")
    with pytest.raises(BatchError, match=r"folder .* does not exist"):
        flyte.batch(source, tmp_path / "no" / "out.ipynb")
    with pytest.raises(BatchError, match="is a folder; give a file"):
        flyte.batch(source, tmp_path)
    with pytest.raises(BatchError, match="is the notebook itself"):
        flyte.batch(source, source)
    with claimed(str(tmp_path / "out.ipynb")), pytest.raises(OutputTaken, match="is being written by another batch"):
        flyte.batch(source, tmp_path / "out.ipynb")
    with pytest.raises(CannotResume, match="is no batch of a notebook"):
        flyte.batch(source, resume=flyte.run(_task()).name)


def _task():
    env = flyte.TaskEnvironment(name="other")

    @env.task
    async def one() -> int:
        return 1

    return one


def test_the_output_can_be_read_at_any_time(home, tmp_path):
    source = write(tmp_path / "a.ipynb", *[f"'x' * 100000 + '{n}'" for n in range(12)])
    out, counts = tmp_path / "out.ipynb", []
    over = threading.Event()

    def read() -> None:
        while not over.is_set():
            if out.exists():
                counts.append(len(nbformat.reads(out.read_text(), 4).cells))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        flyte.batch(source, out)
    finally:
        over.set()
        reader.join()
    assert set(counts) == {12}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_addresses_of_fsspec(home, tmp_path):
    import fsspec

    source = write(tmp_path / "a.ipynb", "6 * 7")
    with fsspec.open("memory://nb/in.ipynb", "w") as file:
        file.write(Path(source).read_text())
    flyte.batch("memory://nb/in.ipynb", "memory://nb/out.ipynb")
    with fsspec.open("memory://nb/out.ipynb", "r") as file:
        assert texts(nbformat.reads(file.read(), 4).cells[0]) == ["42"]


def test_a_notebook_changed_meanwhile_is_told(home, tmp_path):
    source = write(tmp_path / "a.ipynb", "import pathlib\n_ = 1")
    changed = Path(source).read_text().replace("_ = 1", f"pathlib.Path({source!r}).write_text('{{}}')")
    Path(source).write_text(changed)
    done = flyte.batch(source)
    assert done.notes == [f"{source} was changed while the batch ran: the output is of the notebook as it was before"]


def test_an_abort_ends_cell_kernel_and_runs(home, tmp_path):
    slow = "@env.task\nasync def slow() -> int:\n    await asyncio.sleep(60)\n    return 1"
    source = write(tmp_path / "a.ipynb", LOAD, slow, "run = flyte.run(slow)", "1")
    threading.Thread(target=_abort_when_it_runs, args=("stopped", "stopped.3.1"), daemon=True).start()
    began = time.monotonic()
    with pytest.raises(RuntimeUserError, match=r"batch stopped of .* was aborted; `flytenb batch .* --resume` goes on"):
        flyte.batch(source, name="stopped")
    assert time.monotonic() - began < 40
    assert Run.get("stopped").row.phase == "aborted"
    child = Run.get("stopped.3.1")
    child.ended().result(20)
    assert child.row.phase == "aborted"


def _abort_when_it_runs(batch: str, run: str) -> None:
    for _ in range(300):
        try:
            Run.get(run).wait(wait_for="running")
            break
        except RuntimeUserError:
            time.sleep(0.1)
    Run.get(batch).abort()


def test_limits(home, tmp_path):
    source = write(tmp_path / "a.ipynb", "import time", "time.sleep(60)")
    with pytest.raises(RuntimeUserError, match="took longer than 3 s; give it more"):
        flyte.batch(source, timeout=3)
    with pytest.raises(RuntimeUserError, match=r"cell 2 of .* took longer than its limit"):
        flyte.batch(source, cell_timeout=1)
