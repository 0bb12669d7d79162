"""Kernels come and go: several clients share one engine, and a run outlives the kernel that began it."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest
from jupyter_client.manager import KernelManager, start_new_kernel

pytestmark = [pytest.mark.notebook, pytest.mark.engine, pytest.mark.usefixtures("ipykernel")]

SUCCEEDED = 5

# A task tells that it runs and waits for a file: nothing here depends on how fast the machine is.
TASKS = """
import asyncio
import os
import flytenb as flyte

env = flyte.TaskEnvironment(name="kernels")

@env.task
async def square(x: int) -> int:
    return x * x

@env.task
async def gated(folder: str, n: int) -> int:
    open(f"{folder}/began", "w").close()
    while not os.path.exists(f"{folder}/go"):
        await asyncio.sleep(0.02)
    return sum(await asyncio.gather(*(square(x) for x in range(n))))
"""


def until(claim: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Wait for another process's state, which gives no event."""
    deadline = time.monotonic() + seconds
    while not claim():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.02)


class Kernel:
    """A kernel somebody watches: cells return at once, views are live."""

    def __init__(self) -> None:
        self.manager: KernelManager
        self.manager, self.client = start_new_kernel(kernel_name="python3")
        self.execute("%load_ext flytenb")

    def execute(self, code: str) -> str:
        """What a cell prints or displays, as text; not the updates of other views that fall into its time."""
        shown: list[str] = []

        def keep(message: dict[str, Any]) -> None:
            if message["msg_type"] in ("stream", "display_data", "execute_result"):
                content = message["content"]
                shown.append(content.get("text") or content["data"].get("text/plain", ""))

        reply = self.client.execute_interactive(
            code, allow_stdin=True, stdin_hook=lambda _: None, output_hook=keep, timeout=90
        )
        assert reply["content"]["status"] == "ok", reply["content"]
        return "\n".join(shown).strip()

    def restart(self) -> None:
        """As the button does."""
        self.manager.restart_kernel()
        self.client.wait_for_ready(timeout=60)
        self.execute("%load_ext flytenb")

    def kill(self) -> None:
        """SIGKILL, and wait until the process is gone."""
        pid = int(self.execute("import os; print(os.getpid())"))
        os.kill(pid, signal.SIGKILL)
        until(lambda: not self.manager.is_alive(), "the kernel to die")

    def close(self) -> None:
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture
def kernels(home: Path, ipykernel: str) -> Iterator[Callable[[], Kernel]]:
    """Starts kernels, which end with the test."""
    made: list[Kernel] = []

    def start() -> Kernel:
        made.append(Kernel())
        return made[-1]

    yield start
    for kernel in made:
        kernel.close()


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Path]:
    """The folder whose file `go` lets the tasks end; it is there at the latest when the test ends."""
    yield tmp_path
    (tmp_path / "go").touch()


def phases(home: Path) -> dict[str, int]:
    """Run names and phases, as another connection reads them."""
    try:
        with closing(sqlite3.connect(f"file:{home / 'store.db'}?mode=ro", uri=True, timeout=10)) as connection:
            return dict(connection.execute("SELECT name, phase FROM run").fetchall())
    except sqlite3.OperationalError:  # not made yet
        return {}


def engines(home: Path) -> list[int]:
    """Engine processes of this state directory; not those forked from one, which bear its command line."""
    parents: dict[int, int] = {}
    for process in psutil.process_iter():
        try:
            if "flytenb.engine" in process.cmdline() and process.environ().get("FLYTENB_HOME") == str(home):
                parents[process.pid] = process.ppid()
        except psutil.Error:
            continue
    return [pid for pid, parent in parents.items() if parent not in parents]


def test_two_kernels_and_a_command_line_share_one_engine(home: Path, kernels: Callable[[], Kernel], gate: Path) -> None:
    """There is no engine, and all three start it; no run ends before all have begun."""
    script = gate / "gate.py"
    script.write_text(TASKS)

    def in_kernel(kernel: Kernel, n: int) -> str:
        kernel.execute(TASKS)
        kernel.execute(f"run = flyte.run(gated, folder={str(gate)!r}, n={n})")
        return kernel.execute("print(run.outputs()[0])")

    def on_command_line(n: int) -> str:
        words = ["--folder", str(gate), "--n", str(n)]
        done = subprocess.run(
            [sys.executable, "-m", "flytenb.cli", "run", str(script), "gated", *words],
            capture_output=True,
            text=True,
            timeout=90,
            cwd=gate,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    left, right = kernels(), kernels()
    with ThreadPoolExecutor(3) as pool:
        from_left = pool.submit(in_kernel, left, 5)
        from_right = pool.submit(in_kernel, right, 6)
        from_script = pool.submit(on_command_line, 7)
        until(lambda: len(phases(home)) == 3, "three runs")
        (gate / "go").touch()
        assert (from_left.result(), from_right.result()) == ("30", "55")
        assert "91" in from_script.result()
    assert list(phases(home).values()) == [SUCCEEDED] * 3
    assert len(engines(home)) == 1


def _begin(kernel: Kernel, folder: Path) -> str:
    """A run that goes on until the file `go` is there; returns its name."""
    kernel.execute(TASKS)
    kernel.execute(f"run = flyte.run(gated, folder={str(folder)!r}, n=4)")
    until((folder / "began").exists, "the task to begin")
    return kernel.execute("print(run.name)")


def _end(home: Path, folder: Path, name: str) -> None:
    assert phases(home)[name] < SUCCEEDED
    (folder / "go").touch()
    until(lambda: phases(home)[name] == SUCCEEDED, "the run to end")


def test_a_restarted_kernel_shows_the_run_it_left_behind(home: Path, kernels: Callable[[], Kernel], gate: Path) -> None:
    kernel = kernels()
    name = _begin(kernel, gate)
    kernel.restart()
    going_on = kernel.execute("%flyte_show last")
    assert name in going_on
    assert "Running" in going_on
    _end(home, gate, name)
    shown = kernel.execute("%flyte_show last")
    assert shown.startswith("✔ gated"), shown
    assert name in shown
    assert "5 actions" in shown


def test_a_run_outlives_a_killed_kernel(home: Path, kernels: Callable[[], Kernel], gate: Path) -> None:
    kernel = kernels()
    name = _begin(kernel, gate)
    kernel.kill()
    _end(home, gate, name)
    another = kernels()
    assert another.execute("%flyte_show last").startswith("✔ gated")
    read = f"import flytenb.remote\nprint(flytenb.remote.Run.get({name!r}).outputs()[0])"
    assert another.execute(textwrap.dedent(read)) == "14"
