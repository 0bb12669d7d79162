"""Runs that a cell starts are children of the cell's action, and runs of their own name all the same."""

from __future__ import annotations

import json
import queue
import signal

import pytest

import flytenb as flyte
from flytenb.client.action import Action
from flytenb.client.run_handle import Run
from flytenb.errors import RuntimeUserError
from tests.batches.conftest import LOAD, command, write
from tests.notebooks.conftest import execute, texts

pytestmark = [pytest.mark.notebook, pytest.mark.engine, pytest.mark.timeout(300)]

TASKS = (
    "@env.task\nasync def leaf(n: int) -> int:\n    print('leaf', n)\n    return n\n"
    "@env.task\nasync def both(n: int) -> int:\n    return await leaf(n) + await leaf(n + 1)"
)
LONG = "@env.task\nasync def long(n: int) -> int:\n    await asyncio.sleep(600)\n    return n"


def tree(name: str) -> list[tuple[str, str, str]]:
    return [(row.name, row.parent, row.short_name) for row in Run.get(name).snapshot().actions]


def test_actions_of_runs_are_below_their_cells(home, tmp_path):
    source = write(tmp_path / "a.ipynb", LOAD, TASKS, "flyte.run(both, n=1).value()", "flyte.run(leaf, n=5).value()")
    flyte.batch(source, name="whole")
    assert tree("whole") == [
        ("a0", "", "notebook"), *((f"a{n}", "a0", f"cell {n}") for n in range(1, 5)),
        ("whole.3.1:a0", "a3", "both"), ("whole.3.1:a1", "whole.3.1:a0", "leaf"),
        ("whole.3.1:a2", "whole.3.1:a0", "leaf"), ("whole.4.1:a0", "a4", "leaf"),
    ]  # fmt: skip
    assert [(one.name, one.parent_name) for one in Action.listall("whole")] == [
        (name, parent or None) for name, parent, _ in tree("whole")
    ]
    child = Action.get("whole/whole.3.1:a1")
    assert child.inputs() == {"n": 1}
    assert child.outputs()[0] == 1
    assert child.logs == "leaf 1"
    assert [row.parent for row in Run.get("whole.3.1").snapshot().actions] == ["", "a0", "a0"]
    assert Run.get("whole.3.1").row.origin["parent"] == "whole/a3"
    told = json.loads(command("get", "run", "whole", "--output-format", "json").communicate(timeout=60)[0])
    assert "whole.4.1:a0" in [action["name"] for action in told["actions"]]


def test_who_watches_the_batch_sees_them_live(home, tmp_path):
    go = tmp_path / "go"
    task = f"@env.task\nasync def wait() -> int:\n    while not os.path.exists({str(go)!r}):\n"
    task += "        await asyncio.sleep(0.05)\n    return 7"
    source = write(tmp_path / "a.ipynb", LOAD, task, "flyte.run(wait).value()")
    process = command("batch", source, "--name", "seen")
    for line in process.stderr:
        if line.startswith("cell 2/"):
            break
    seen: queue.Queue = queue.Queue()
    undo = Run.get("seen")._link.watch("seen", seen.put)
    known = {}
    while known.get("seen.3.1:a0") != "running":
        known |= {row.name: row.phase for row in seen.get(timeout=60).actions}
    go.touch()
    while (change := seen.get(timeout=60)) is not None:
        known |= {row.name: row.phase for row in change.actions}
    undo()
    assert known["seen.3.1:a0"] == known["a3"] == known["a0"] == "succeeded"
    assert process.wait(60) == 0


def going(source: str, name: str, *words: str):
    """A batch whose third cell waits for a long run."""
    process = command("batch", source, "--name", name, *words)
    for line in process.stderr:
        if ".3.1" in line:
            return process
    raise AssertionError("the batch ended")


@pytest.mark.parametrize("action", ["a0", "a3"])
def test_an_abort_ends_the_runs_below(home, tmp_path, action):
    source = write(tmp_path / "a.ipynb", LOAD, LONG, "flyte.run(long, n=2).value()")
    process = going(source, "stopped")
    assert Action.get(f"stopped/{action}").abort("enough").count
    assert Run.get("stopped.3.1").ended().result(60)[0] == "aborted"
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1, errors


def test_runs_of_a_killed_batch_go_on_and_can_be_stopped_with_it(home, tmp_path):
    source = write(tmp_path / "a.ipynb", LOAD, LONG, "flyte.run(long, n=1).value()")
    process = going(source, "gone")
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    process = going(source, "again", "--resume")
    assert not Run.get("gone.3.1").done()
    assert Run.get("gone").abort().count == 1
    assert Run.get("gone.3.1").ended().result(60)[0] == "aborted"
    process.communicate(timeout=90)
    assert process.returncode == 1


def test_a_run_that_fails_is_why_the_batch_failed(home, tmp_path):
    task = "@env.task\nasync def bad(n: int) -> int:\n    raise ValueError('no')"
    source = write(tmp_path / "a.ipynb", LOAD, task, "flyte.run(bad, n=1).value()")
    with pytest.raises(RuntimeUserError, match="no"):
        flyte.batch(source, name="bad")
    run = Run.get("bad")
    assert [row.name for row in run.snapshot().actions if row.failure] == ["a0", "a3", "bad.3.1:a0"]
    assert "bad.3.1" in command("get", "run", "bad").communicate(timeout=60)[0]


def test_a_batch_begun_in_a_cell_is_shown_there(home, tmp_path):
    source = write(tmp_path / "a.ipynb", LOAD, TASKS, "flyte.run(leaf, n=1).value()")
    made = execute(LOAD, f"done = flyte.batch({source!r}, name='inner')", "done")
    shown = "\n".join(texts(made.cells[1]))
    assert "✔ notebook inner" in shown
    assert "cell" in shown
    assert texts(made.cells[2])[-1].startswith("batch inner: 3 cells of ")
