"""A run in real terminals: IPython, Python's prompt and the command line; narrow, without colour, dumb."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pexpect
import pytest

from tests.integration.conftest import Home
from tests.screen import Screen

pytestmark = [pytest.mark.engine, pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")]

TASKS = """
import asyncio, os, sys, threading, time
import flytenb as flyte
env = flyte.TaskEnvironment("term")

@env.task
async def leaf(x: int) -> int:
    await asyncio.sleep(1.5)
    return x

@env.task
async def a_task_whose_name_is_long(n: int) -> int:
    return sum(await asyncio.gather(*(leaf(x) for x in range(n))))

@env.task
async def steps() -> int:
    for i in range(6):
        flyte.progress(i, 6, "steps of a task with long words")
        print(f"step {i} is done")
        await asyncio.sleep(0.3)
    return 6

def talk():
    for i in range(5):
        time.sleep(0.3)
        print(f"said {i} and no more")
"""
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
WAIT = "threading.Thread(target=talk).start(); run = flyte.run(a_task_whose_name_is_long, n=3); print(run.value())"


@pytest.fixture
def script(home: Home) -> Path:
    return home.script("term.py", TASKS)


def written(home: Home, words: list[str], lines: list[str], prompt: str, columns: int = 100, **env: str) -> str:
    """All that a program wrote into its terminal while it was given lines."""
    variables = {
        **home.env,
        "PYTHONPATH": str(home.path.parent / "work"),
        "TERM": "xterm",
        "COLUMNS": str(columns),
        "PYTHON_BASIC_REPL": "1",
        "LINES": "40",
    } | env
    variables = {name: value for name, value in variables.items() if value}
    child = pexpect.spawn(
        words[0], words[1:], env=variables, cwd=str(home.path.parent / "work"), encoding="utf-8", timeout=60,
        dimensions=(40, columns), echo=False,
    )  # fmt: skip
    told = ""
    try:
        for line in lines:
            child.expect(prompt)
            told += child.before + child.after
            child.sendline(line)
        child.expect(pexpect.EOF)
        return told + child.before
    finally:
        child.close(force=True)


def python(home: Home, script: Path, **more: object) -> str:
    lines = [f"from {script.stem} import *", WAIT, "exit()"]
    return written(home, [sys.executable, "-q"], lines, ">>> ", **more)  # type: ignore[arg-type]


def test_at_pythons_prompt(home: Home, script: Path) -> None:
    told = python(home, script)
    assert "Running" in ANSI.sub("", told), "the view is there while it is waited for"
    assert "leaf ×3" in ANSI.sub("", told)
    assert "\x1b[94m▶" in told, "blue, in the sixteen colours of an xterm"
    shown = [line.rstrip() for line in Screen(told, 100).lines]
    for i in range(5):
        assert any(line.endswith(f"said {i} and no more") for line in shown), shown
    assert any(re.match(r"✔ a_task_whose_name_is_long \S+  Succeeded  4 actions, ", line) for line in shown), shown
    assert "3" in shown
    assert not any("Running" in line for line in shown), shown


def test_narrow_and_without_colour(home: Home, script: Path) -> None:
    told = python(home, script, columns=40, NO_COLOR="1")
    assert "Running" in ANSI.sub("", told) or "…" in told
    assert not re.search(r"\x1b\[[0-9;]*(3[0-9]|9[0-7])[;m]", told)
    shown = [line.rstrip() for line in Screen(told, 40).lines]
    assert "said 4 and no more" in "\n".join(shown)
    assert not any(line.startswith("▶") for line in shown), shown


def test_a_dumb_terminal_gets_lines(home: Home, script: Path) -> None:
    told = python(home, script, TERM="dumb")
    assert "\x1b" not in told
    assert "said 4 and no more" in told


def test_in_ipython(home: Home, script: Path) -> None:
    words = [sys.executable, "-m", "IPython", "--simple-prompt", "--no-banner", "--colors=NoColor", "--no-confirm-exit"]
    lines = ["%load_ext flytenb", f"from {script.stem} import *", WAIT, "run", "await run", "exit"]
    told = written(home, words, lines, r"In \[\d+\]: ", IPYTHONDIR=str(home.path.parent / "ipython"))
    plain = ANSI.sub("", told)
    assert "leaf ×3" in plain
    shown = [line.rstrip() for line in Screen(told, 100).lines]
    assert any("said 4 and no more" in line for line in shown), shown
    assert any(line.startswith("✔ a_task_whose_name_is_long") for line in shown), shown
    assert not any("▶" in line for line in shown), shown
    assert "Out[5]: 3" in plain


def test_on_the_command_line(home: Home, script: Path) -> None:
    words = [sys.executable, "-m", "flytenb.cli", "run", str(script), "a_task_whose_name_is_long", "--n", "3"]
    told = written(home, words, [], "")
    assert "leaf ×3" in ANSI.sub("", told)
    shown = [line.rstrip() for line in Screen(told, 100).lines]
    assert any("completed successfully" in line for line in shown), shown
    assert not any("leaf" in line for line in shown), shown


def test_a_pipe_gets_no_view(home: Home, script: Path) -> None:
    done = home.cli("run", str(script), "a_task_whose_name_is_long", "--n", "2")
    assert "\x1b" not in done.stdout + done.stderr
    assert "leaf" not in done.stdout + done.stderr


def test_progress_of_a_followed_run_fits_a_narrow_terminal(home: Home, script: Path) -> None:
    words = [sys.executable, "-m", "flytenb.cli", "run", "--follow", str(script), "steps"]
    told = written(home, words, [], "", columns=44)
    assert "steps of a task" in told
    shown = [line.rstrip() for line in Screen(told, 44).lines]
    for i in range(6):
        assert f"a0 | step {i} is done" in shown, shown
    assert not any("▰" in line or "steps of a task" in line for line in shown), shown
