r"""What every kernel does, with our kernel spec and with the plain one, on ipykernel 7 and 6.31.

Interrupts: `test_interrupts.py`; restarts and several kernels: `test_kernels.py`; joining by import: `test_joining.py`.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.notebooks.ipykernels import OLD
from tests.notebooks.talking import RUN_MIME, Talk, kernel, until

__all__ = ["kernel"]

pytestmark = [pytest.mark.notebook, pytest.mark.engine, pytest.mark.timeout(300)]

SETUP = '''
import asyncio, os, sys, time
import flytenb as flyte
prepare = flyte.TaskEnvironment("prep")

@prepare.task(cache="auto")
async def clean(rows: int, drop: bool = False) -> int:
    """Leave out rows with holes."""
    return rows * 2

@prepare.task
async def gated(folder: str, name: str = "began") -> str:
    open(f"{folder}/{name}", "w").close()
    while not os.path.exists(f"{folder}/go"):
        await asyncio.sleep(0.02)
    return "went"

@prepare.task
def bars() -> int:
    for n in range(500):
        sys.stdout.write(f"\\r{n + 1}/500 rows")
        sys.stdout.flush()
    print("\\ndone")
    return n
'''


def cli(*words: str) -> str:
    done = subprocess.run([sys.executable, "-m", "flytenb.cli", *words], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    return done.stdout


def told(name: str) -> dict:
    return json.loads(cli("get", "run", name, "-o", "json"))


ALL = [(spec, version) for spec in ("python3", "flytenb") for version in ("", OLD)]


@pytest.mark.parametrize("kernel", ALL, indirect=True, ids=str)
def test_the_extension_is_there(kernel: Talk, request: pytest.FixtureRequest) -> None:
    """Our spec loads it by itself, in a plain kernel the import of the package does."""
    spec, version = request.node.callspec.params["kernel"]
    assert kernel.printed("import ipykernel; print(ipykernel.__version__)").startswith(version or "7.")
    has_magics = "print('flyte_runs' in get_ipython().magics_manager.magics['line'])"
    assert kernel.printed(has_magics) == str(spec == "flytenb")
    kernel.run(SETUP)
    assert kernel.printed(has_magics) == "True"


def test_a_run_knows_its_cell(kernel: Talk) -> None:
    kernel.run(SETUP, cell="cell-of-tasks")
    kernel.run("run = flyte.run(clean, rows=1)\nrun.wait()", cell="cell-of-run")
    origin = told(kernel.printed("print(run.name)"))["origin"]
    assert origin["cell_id"] == "cell-of-run"
    kernel.run("run = flyte.run(clean, rows=1)\nrun.wait()")  # a front end that names no cells
    assert "cell_id" not in told(kernel.printed("print(run.name)"))["origin"]


def test_await_everywhere(kernel: Talk) -> None:
    kernel.run(SETUP)
    assert kernel.printed("print(await flyte.run(clean, rows=2))") == "4"
    assert kernel.printed("print((await flyte.run.aio(clean, rows=3)).outputs()[0])") == "6"
    kernel.run("async def wait(n):\n    run = flyte.run(clean, rows=n)\n    await run.wait.aio()\n    return run")
    together = "print([run.outputs()[0] for run in await asyncio.gather(*(wait(n) for n in range(3)))])"
    assert kernel.printed(together) == "[0, 2, 4]"
    assert kernel.printed("async with asyncio.Lock():\n    print(*[await clean(rows=n) for n in (1, 2)])") == "2 4"
    kernel.run("n = 4")
    kernel.run("%%flyte_task --name twice --inputs n --outputs m\nawait asyncio.sleep(0)\nm = 2 * n")
    assert kernel.printed("print(await flyte.run(twice, n=3))") == "6"


def test_control_while_a_cell_blocks_needs_no_comm(kernel: Talk, tmp_path: Path) -> None:
    """The cell holds the kernel's only thread; the command line, as the server part, asks the engine."""
    kernel.run(SETUP)
    kernel.run(f"run = flyte.run(gated, {str(tmp_path)!r})")
    name = kernel.printed("print(run.name)")
    until((tmp_path / "began").exists, "the task to begin")
    blocks = kernel.send(f"while not os.path.exists({str(tmp_path / 'free')!r}):\n    time.sleep(0.02)")
    cli("abort", "run", name)
    until(lambda: told(name)["phase"] == "aborted", "the run to end")
    kernel.listen(lambda: kernel.ended(1))
    assert not kernel.is_idle(blocks), "the view has shown the end while the cell blocks"
    (tmp_path / "free").touch()
    assert kernel.reply(blocks)["status"] == "ok"
    assert [m["msg_type"] for _, m in kernel.seen if m["msg_type"].startswith("comm")] == []


def test_completion_of_what_stands_behind_a_magic(kernel: Talk) -> None:
    kernel.run(SETUP)
    kernel.run("run = flyte.run(clean, rows=3)\nrun.wait()")
    name = kernel.printed("print(run.name)")
    assert kernel.completed("%flyte_run cl") == ("cl", ["clean"])
    assert kernel.completed("x = 1\nrun = %flyte_run cl") == ("cl", ["clean"])
    assert kernel.completed("%flyte_run clean rows=3 ") == ("", ["drop="])
    assert kernel.completed("%%flyte_task --env pre") == ("pre", ["prep", "prepare"])
    assert kernel.completed("# %flyte task --ret") == ("--ret", ["--retries"])
    assert set(kernel.completed("%flyte_show ")[1]) == {"last", name}
    assert kernel.completed(f"%flyte_logs {name[:3]}") == (name[:3], [name])
    assert kernel.completed(f"%flyte_logs {name} ") == ("", ["a0"])
    assert set(kernel.completed("%flyte_run clean --")[1]) == {"--name", "--mode", "--overwrite-cache"}
    assert "%flyte_show" in kernel.completed("%flyte_sh")[1]
    assert "prepare" in kernel.completed("prep")[1], "Python is Python's"


def test_inspection_of_what_stands_behind_a_magic(kernel: Talk) -> None:
    kernel.run(SETUP)
    kernel.run("run = flyte.run(clean, rows=3)\nrun.wait()")
    name = kernel.printed("print(run.name)")
    task = re.sub("\x1b\\[[0-9;]*m", "", kernel.inspected("%flyte_run clean rows=3", "clean"))
    assert "clean(rows: int, drop: bool = False) -> int" in task
    assert "Leave out rows with holes." in task
    assert kernel.inspected("%flyte_plan prep.clean rows=3", "clean").startswith("task prep.clean")
    environment = kernel.inspected("%%flyte_task --env prep", "prep")
    assert environment.startswith("environment prep")
    assert "async clean(rows: int, drop: bool = False) -> int" in environment
    assert kernel.inspected(f"%flyte_show {name}", name).startswith(f"✔ clean {name}  Succeeded")
    assert "Show a run here" in kernel.inspected("%flyte_show", "flyte_show")
    assert kernel.inspected("nothing_of_that_name", "nothing") == ""
    kernel.run("%unload_ext flytenb")
    assert kernel.inspected("%%flyte_task --env prep", "prep") == ""


def test_run_all_after_a_restart_is_a_line_for_each_cell(kernel: Talk) -> None:
    cells = [SETUP, *(f"run = flyte.run(clean, rows={n})" for n in range(30))]
    for cell in cells:
        kernel.run(cell)
    kernel.listen(lambda: kernel.ended(30))
    kernel.manager.restart_kernel()
    kernel.client.wait_for_ready(timeout=90)
    kernel.seen.clear()
    for cell in cells:
        kernel.run(cell)
    kernel.listen(lambda: kernel.ended(30))
    shown = kernel.last().values()
    assert len(shown) == 30
    assert {data["text/plain"].count("\n") for data in shown} <= {0, 1}, "a line each, and what it gave"
    assert all("Cached" in data["text/plain"] for data in shown), next(iter(shown))["text/plain"]
    size = max(len(data["text/html"].encode()) for data in shown)
    print(f"a run from the cache: {size} bytes of HTML at most")
    assert size < 5_000


def test_a_cell_that_is_run_again_while_its_run_goes_on(kernel: Talk, tmp_path: Path) -> None:
    """Two runs, each with an output of its own to the end; the front end has cleared the first one's."""
    kernel.run(SETUP)
    first = kernel.run(f"run = flyte.run(gated, {str(tmp_path)!r}, 'one')", cell="again")
    until((tmp_path / "one").exists, "the first to begin")
    second = kernel.run(f"run = flyte.run(gated, {str(tmp_path)!r}, 'two')", cell="again")
    until((tmp_path / "two").exists, "the second to begin")
    (tmp_path / "go").touch()
    kernel.listen(lambda: kernel.ended(2))
    assert len(kernel.last()) == 2
    kinds = [[m["msg_type"] for m in each if "data" in m["content"]] for each in (first, second)]
    assert all(kind.count("display_data") == 1 for kind in kinds), kinds
    assert {data[RUN_MIME]["phase"] for data in kernel.last().values()} == {"succeeded"}


def test_progress_by_carriage_returns_is_one_line(kernel: Talk) -> None:
    kernel.run(SETUP)
    kernel.run("run = flyte.run(bars)")
    kernel.listen(lambda: kernel.ended(1))
    (shown,) = kernel.last().values()
    assert "\r" not in shown["text/html"] + shown["text/plain"]
    assert "500/500 rows" in kernel.printed("%flyte_logs last")
    assert "499/500 rows" not in kernel.printed("%flyte_logs last")
    assert "499/500 rows" not in shown["text/html"]
    assert not [m for _, m in kernel.seen if m["msg_type"] == "stream" and "499/500" in m["content"]["text"]]


@pytest.mark.parametrize("kernel", [("flytenb", "")], indirect=True, ids=["ipykernel 7"])
def test_a_subshell_looks_and_cancels_while_a_cell_blocks(kernel: Talk, tmp_path: Path) -> None:
    """JupyterLab sends what is not a cell to a thread of its own: our objects work there, beside the cell."""
    kernel.run(SETUP)
    kernel.run(f"run = flyte.run(gated, {str(tmp_path)!r})")
    until((tmp_path / "began").exists, "the task to begin")
    beside = kernel.subshell()
    assert beside
    blocks = kernel.send("run.wait()")
    kernel.listen(lambda: any(m["msg_type"] == "execute_input" for m in kernel.of(blocks)))
    asked = kernel.send("print(run.phase, flush=True)\n%flyte_cancel", subshell=beside)
    assert kernel.reply(asked)["status"] == "ok"
    kernel.listen(lambda: kernel.is_idle(asked) and kernel.is_idle(blocks) and kernel.ended(1))
    assert {data[RUN_MIME]["phase"] for data in kernel.last().values()} == {"aborted"}
    assert kernel.printed("print(run.phase)") == "aborted"
