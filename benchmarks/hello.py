"""Script to printed result: from starting `python script.py` to the line with the result on its output."""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from timing import clock

HERE = Path(__file__).resolve().parent


def environment(home: Path) -> dict[str, str]:
    """This environment, with an engine of the benchmark's own; all sides keep their bytecode, as users' Pythons do."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
        "FLYTENB_HOME": str(home),
    }


@contextlib.contextmanager
def own_home(folder: Path) -> Iterator[Path]:
    """A state directory on the disk of the checkout, removed afterwards."""
    home = Path(tempfile.mkdtemp(prefix="home-", dir=folder))
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)


def stop_engine(home: Path) -> None:
    """Stop the engine of a home, if one runs, and wait until it has gone."""
    program = "import sys; from flytenb.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "engine", "stop"]
    subprocess.run(command, env=environment(home), capture_output=True, timeout=60, check=False)


def seconds_to_result(python: Path | str, script: Path, env: dict[str, str]) -> float:
    """One start of a script."""
    start = clock()
    with subprocess.Popen(
        [str(python), str(script)], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for line in process.stdout:
            if line.strip() == "result 42":
                took = clock() - start
                process.stdout.read()
                process.stderr.read()
                return took
        raise RuntimeError(f"{script.name} printed no result: {process.stderr.read()[-300:].strip()}")


def script_times(folder: Path, flyte: Path | None, rounds: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(measure, side, result): ours with the engine stopped and running, and flyte, in turn; the first turn is not
    counted, so that byte code and file caches are warm for both.
    """
    theirs: list[float] = []
    stopped: list[float] = []
    running: list[float] = []
    script, peer_script = HERE / "hello_ours.py", HERE / "peers" / "hello_flyte.py"
    with own_home(folder) as home, tempfile.TemporaryDirectory(prefix="bench-hello-") as flyte_home:
        peer_env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        peer_env.update(HOME=flyte_home, FLYTE_INTERNAL_LOG_LEVEL="40")
        try:
            for _ in range(rounds + 1):
                if flyte is not None:
                    theirs.append(seconds_to_result(flyte, peer_script, peer_env))
                stop_engine(home)
                time.sleep(0.2)
                stopped.append(seconds_to_result(sys.executable, script, environment(home)))
                running.append(seconds_to_result(sys.executable, script, environment(home)))
        finally:
            stop_engine(home)
    for measure, ours in (("script_stopped", stopped), ("script_running", running)):
        yield measure, "flytenb", {"value": statistics.median(ours[1:]), "n": rounds, "checked": "result printed"}
        if theirs:
            yield measure, "flyte", {"value": statistics.median(theirs[1:]), "n": rounds}
