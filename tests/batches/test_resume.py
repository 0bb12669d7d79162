"""A notebook that is killed and resumed: nothing that succeeded is repeated, and the outputs are the same."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import nbformat
import psutil
import pytest

import flytenb as flyte
from flytenb.batches.former import CannotResume
from flytenb.client.run_handle import Run
from flytenb.errors import RuntimeUserError
from tests.batches.conftest import LOAD, command, write
from tests.notebooks.conftest import texts

pytestmark = [pytest.mark.notebook, pytest.mark.engine, pytest.mark.timeout(600)]

CELLS = 40


def forty(folder: Path) -> str:
    """A notebook of 40 cells, 37 of which run a task that notes itself in a ledger; one depends on the other."""
    ledger = folder / "ledger"
    task = (
        "@env.task\nasync def step(n: int, before: int) -> int:\n    await asyncio.sleep(0.02)\n"
        f"    with open({str(ledger)!r}, 'a') as file:\n        file.write(f'{{n}}\\n')\n"
        "    return before * 3 % 1009 + n"
    )
    steps = [f"value = flyte.run(step, n={n}, before=value).value()\nprint(value)\nvalue" for n in range(CELLS - 3)]
    return write(folder / "forty.ipynb", LOAD, task, "value = 1", *steps)


def expected() -> list[int]:
    value, found = 1, []
    for n in range(CELLS - 3):
        value = value * 3 % 1009 + n
        found.append(value)
    return found


def kill(process, what: str) -> None:
    """End the executing process, its kernel or the engine, as a machine without memory does."""
    if what == "engine":
        pid = json.loads((Path(os.environ["FLYTENB_HOME"]) / "engine.json").read_text())["pid"]
    elif what == "kernel":
        kernels = [p for p in psutil.Process(process.pid).children() if "ipykernel" in " ".join(p.cmdline())]
        if not kernels:
            return
        pid = kernels[0].pid
    else:
        pid = process.pid
    os.kill(pid, signal.SIGKILL)


def interrupted(source: str, what: str, cell: int, delay_s: float) -> int:
    """Resume a batch and kill something when it comes to that cell; its exit status."""
    process = command("batch", source, "--resume")
    for line in process.stderr:
        if line.startswith(f"cell {cell}/"):
            time.sleep(delay_s)  # any moment within the cell
            kill(process, what)
            break
    process.communicate(timeout=240)
    return process.returncode


def check(folder: Path, seed: int) -> None:
    """One notebook, killed three times at random points."""
    dice = random.Random(seed)
    source = forty(folder)
    kinds = [dice.choice(["process", "kernel", "engine"]) for _ in range(3)]
    at = sorted(dice.randint(2, CELLS) for _ in kinds)
    print(f"seed {seed}: {list(zip(kinds, at))}")
    for what, cell in zip(kinds, at):
        interrupted(source, what, cell, dice.random() * 0.1)
    done = command("batch", source, "--resume", "--output-format", "json")
    told, errors = done.communicate(timeout=240)
    assert done.returncode == 0, errors[-3000:]
    cells = nbformat.read(folder / "forty-out.ipynb", 4).cells[3:]
    assert [int(cell.outputs[-1].data["text/plain"]) for cell in cells] == expected()
    counts = Counter((folder / "ledger").read_text().split())
    assert set(counts) == {str(n) for n in range(CELLS - 3)}
    # What ran when the engine was killed may run twice: execution is at least once.
    assert sum(counts.values()) - len(counts) <= kinds.count("engine"), counts
    assert json.loads(told)["cell_count"] == CELLS


@pytest.mark.parametrize("seed", range(int(os.environ.get("FLYTENB_REPETITIONS", "3"))))
def test_killed_at_random_points(home, tmp_path, seed):
    check(tmp_path, seed)


def test_what_was_reused_is_said(home, tmp_path):
    task = "@env.task\nasync def one(n: int) -> int:\n    return n"
    again = f"import pathlib\nflag = pathlib.Path({str(tmp_path / 'flag')!r})\nassert flag.exists(), 'not yet'"
    runs = [f"flyte.run(one, n={n}).value()" for n in (1, 2)]
    source = write(tmp_path / "a.ipynb", LOAD, task, runs[0], again, runs[1])
    with pytest.raises(RuntimeUserError, match="not yet"):
        flyte.batch(source, name="first")
    (tmp_path / "flag").touch()
    process = command("batch", source, "--resume")
    told, more = process.communicate(timeout=90)
    assert "resumes batch first" in more
    assert "1 runs of batch first were taken over: first.3.1" in told
    process = command("batch", source, "--resume")
    told, more = process.communicate(timeout=90)
    assert "nothing to resume" in more
    assert "taken over" not in told


def test_another_code_or_input_runs_again(home, tmp_path):
    cell = "@env.task\nasync def one(n: int) -> int:\n    return n + {}"
    source = write(tmp_path / "a.ipynb", LOAD, cell.format(1), "flyte.run(one, n=1).value()", "assert False")
    with pytest.raises(RuntimeUserError):
        flyte.batch(source, name="old")
    source = write(tmp_path / "a.ipynb", LOAD, cell.format(2), "flyte.run(one, n=1).value()")
    done = flyte.batch(source, resume=True)
    assert done.runs[0]["how"] == "recovers old.3.1"
    assert texts(nbformat.read(done.output, 4).cells[2])[-1] == "3"


def test_a_batch_that_goes_on_is_not_resumed(home, tmp_path):
    source = write(tmp_path / "a.ipynb", "import time; time.sleep(30)")
    process = command("batch", source, "--name", "going")
    try:
        for line in process.stderr:
            if line.startswith("cell 1/"):
                break
        with pytest.raises(CannotResume, match=r"batch going still goes on .*flytenb abort run going"):
            flyte.batch(source, resume=True)
    finally:
        process.kill()
        process.communicate()


def test_retries(home, tmp_path):
    task = "@env.task\nasync def one(n: int) -> int:\n    return n"
    once = f"import pathlib\nflag = pathlib.Path({str(tmp_path / 'flag')!r})\n"
    once += "was = flag.exists()\nflag.touch()\nassert was"
    source = write(tmp_path / "a.ipynb", LOAD, task, "flyte.run(one, n=5).value()", once)
    done = flyte.batch(source, retries=1, name="twice")
    assert done.name == "twice-2"
    assert done.reused == ["twice.3.1"]
    assert [Run.get(name).row.phase for name in ("twice", "twice-2")] == ["failed", "succeeded"]


def test_a_sweep_in_a_cell_is_resumed_too(home, tmp_path):
    task = "@env.task\nasync def one(n: int) -> int:\n    return n"
    source = write(tmp_path / "a.ipynb", LOAD, task, "flyte.sweep(one, {'n': [1, 2, 3]}).best()['n']", "assert False")
    with pytest.raises(RuntimeUserError):
        flyte.batch(source, name="swept")
    source = write(tmp_path / "a.ipynb", LOAD, task, "flyte.sweep(one, {'n': [1, 2, 4]}).best()['n']", "1")
    done = flyte.batch(source, resume=True)
    assert done.reused == ["swept.3.1", "swept.3.2"]
    assert texts(nbformat.read(done.output, 4).cells[2])[-1] == "4"


def test_papermills_command_line_resumes_too(home, tmp_path):
    task = "@env.task\nasync def one(n: int) -> int:\n    return n"
    source = write(tmp_path / "a.ipynb", LOAD, task, "flyte.run(one, n=1).value()", "import os\nos.environ['GO']")
    words = [sys.executable, "-m", "papermill", source, str(tmp_path / "o.ipynb"), "--engine", "flytenb"]
    assert subprocess.run(words, capture_output=True, check=False).returncode == 1
    env = {**os.environ, "GO": "1", "FLYTENB_BATCH_RESUME": "1"}
    assert subprocess.run(words, capture_output=True, check=False, env=env).returncode == 0
    newest = next(iter(Run.listall(task_name="batch.notebook", limit=1)))
    log = command("get", "logs", newest.name, "a3").communicate(timeout=60)[0]
    assert ".3.1: nb.one (reused)" in log
