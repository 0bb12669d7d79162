"""■ in real kernels: the first one ends the cell and not the run, a second one cancels the run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

from tests.notebooks.conftest import execute, texts

pytestmark = [pytest.mark.notebook, pytest.mark.engine, pytest.mark.usefixtures("ipykernel"), pytest.mark.timeout(300)]

SETUP = """
%load_ext flytenb
import asyncio, os, time
import flytenb as flyte
env = flyte.TaskEnvironment("stop")

@env.task
async def gated(folder: str, name: str) -> str:
    open(f"{folder}/{name}", "w").close()
    while not os.path.exists(f"{folder}/go"):
        await asyncio.sleep(0.02)
    return "went " + name
"""

#: A second interrupt counts for longer: the machine may be slow.
PATIENT = "import flytenb.notebook.interrupts as later; later.WINDOW_S = 60.0"


def until(claim: Any, what: str, seconds: float = 90) -> None:
    """Wait for another process's state, which gives no event."""
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)


class Pressed:
    """A kernel whose cells can be interrupted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manager, self.client = start_new_kernel(kernel_name="python3")
        self.run_cell(SETUP)

    def begin(self, code: str) -> str:
        return self.client.execute(code, allow_stdin=True)

    def end(self, request: str) -> tuple[str, list[str], list[str]]:
        """Status of a cell, what it shows as errors, and what it prints; until the kernel is idle."""
        errors: list[str] = []
        printed: list[str] = []
        while True:
            message = self.client.get_iopub_msg(timeout=90)
            content, kind = message["content"], message["msg_type"]
            if message["parent_header"].get("msg_id") != request:
                continue
            if kind == "error":
                errors.append("\n".join(content["traceback"]))
            elif kind == "stream":
                printed.append(content["text"])
            elif kind == "status" and content["execution_state"] == "idle":
                break
        while (reply := self.client.get_shell_msg(timeout=90))["parent_header"]["msg_id"] != request:
            pass
        return reply["content"]["status"], errors, printed

    def run_cell(self, code: str) -> list[str]:
        status, errors, printed = self.end(self.begin(code))
        assert status == "ok", errors
        return printed

    def press(self) -> None:
        self.manager.interrupt_kernel()

    def waits(self, name: str) -> None:
        until((self.folder / name).exists, f"{name} to run")

    def phase(self, name: str) -> str:
        return json.loads(cli("get", "run", name, "-o", "json"))["phase"]

    def close(self) -> None:
        (self.folder / "go").touch()
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


def cli(*words: str) -> str:
    done = subprocess.run([sys.executable, "-m", "flytenb.cli", *words], capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def pressed(home: Path, ipykernel: str, tmp_path: Path) -> Iterator[Pressed]:
    made = Pressed(tmp_path)
    yield made
    made.close()


WAITS = {
    "wait": "run.wait()",
    "outputs": "run.outputs()",
    "wait for its start and end": 'run.wait(wait_for="running"); run.wait()',
    "await": "await run",
    "await wait": "await run.wait.aio()",
    "await in a function": "async def later():\n    return await run.outputs.aio()\nawait later()",
}


@pytest.mark.parametrize("words", WAITS.values(), ids=WAITS)
def test_the_first_ends_the_cell_and_the_run_goes_on(pressed: Pressed, words: str) -> None:
    request = pressed.begin(f'run = flyte.run(gated, {str(pressed.folder)!r}, "one", )\n{words}')
    pressed.waits("one")
    engine = json.loads((Path(os.environ["FLYTENB_HOME"]) / "engine.json").read_text())["pid"]
    time.sleep(0.3)  # the cell is in its wait, which gives no event
    pressed.press()
    queued = pressed.begin("1/1")  # as 'Run All' would have it
    status, errors, _ = pressed.end(request)
    assert status == "error"  # what was to follow does not
    pressed.end(queued)
    (name,) = [line.strip() for line in pressed.run_cell("print(run.name)")]
    assert errors == [
        f"run {name} goes on in the background; interrupt again within 3 s to cancel it, or `%flyte_show {name}`"
    ]
    time.sleep(3.2)
    pressed.press()  # too late for anything
    assert pressed.phase(name) == "running"
    (pressed.folder / "go").touch()
    assert pressed.run_cell("print(run.outputs()[0])") == ["went one\n"]
    assert json.loads((Path(os.environ["FLYTENB_HOME"]) / "engine.json").read_text())["pid"] == engine


@pytest.mark.parametrize("words", [WAITS["wait"], WAITS["await"]], ids=["wait", "await"])
def test_a_second_one_cancels(pressed: Pressed, words: str) -> None:
    pressed.run_cell(PATIENT)
    request = pressed.begin(f'run = flyte.run(gated, {str(pressed.folder)!r}, "one")\n{words}')
    pressed.waits("one")
    time.sleep(0.3)
    pressed.press()
    status, errors, _ = pressed.end(request)
    assert (status, len(errors)) == ("error", 1)
    time.sleep(0.3)  # a person's
    pressed.press()
    name = errors[0].split()[1]
    until(lambda: pressed.phase(name) == "aborted", "the run to be cancelled")
    assert "was aborted: interrupted twice" in cli("get", "action", name, "a0", "-o", "json")
    pressed.run_cell("1")  # the kernel is as before
    request = pressed.begin("time.sleep(60)")
    time.sleep(0.5)
    pressed.press()
    status, errors, _ = pressed.end(request)
    assert status == "error"
    assert "KeyboardInterrupt" in errors[0]


def test_a_second_one_in_the_next_cell_cancels(pressed: Pressed) -> None:
    pressed.run_cell(PATIENT)
    request = pressed.begin(f'run = flyte.run(gated, {str(pressed.folder)!r}, "one")\nrun.wait()')
    pressed.waits("one")
    time.sleep(0.3)
    pressed.press()
    pressed.end(request)
    request = pressed.begin("run.wait()")
    time.sleep(0.5)
    pressed.press()
    status, errors, _ = pressed.end(request)
    name = errors[0].split()[1]
    assert (status, errors) == ("error", [f"run {name} is being cancelled"])
    until(lambda: pressed.phase(name) == "aborted", "the run to be cancelled")


def test_another_cancel_of_a_wait_is_no_interrupt(pressed: Pressed) -> None:
    code = f"""
run = flyte.run(gated, {str(pressed.folder)!r}, "one")
try:
    await asyncio.wait_for(run.wait.aio(), 1)
except asyncio.TimeoutError:
    print("late")
"""
    assert pressed.run_cell(code)[-1].strip() == "late"
    (name,) = [line.strip() for line in pressed.run_cell("print(run.name)")]
    assert pressed.phase(name) == "running"


def test_nobody_watches(home: Path, tmp_path: Path) -> None:
    """A program that executes a notebook interrupts once: nobody would look after the run."""
    code = f"""
import threading, signal
def press():
    while not os.path.exists({str(tmp_path / "one")!r}):
        time.sleep(0.02)
    time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=press).start()
run = flyte.run(gated, {str(tmp_path)!r}, "one")
run.wait()
"""
    notebook = execute(SETUP, code, "print(run.name, run.phase)", allow_errors=True)
    name, phase = texts(notebook.cells[2])[0].split()
    assert any(
        f"run {name} is being cancelled: it was interrupted where nobody watches" in text
        for text in texts(notebook.cells[1])
    )
    assert phase == "aborted"
