"""Processes that are stopped (SIGSTOP) and never go on: they are replaced, and nobody waits for ever."""

from __future__ import annotations

import os
import signal

import pytest

from tests.integration.conftest import Home, _is_alive, until

pytestmark = pytest.mark.engine

ONCE = """
    import os, sys, time
    import flytenb as flyte

    env = flyte.TaskEnvironment(name="frozen")

    @env.task
    def patient(folder: str) -> int:
        with open(f"{folder}/pids", "a") as f:
            f.write(f"{os.getpid()} {os.getppid()}\\n")
        while not os.path.exists(f"{folder}/go"):
            time.sleep(0.01)
        return 42

    @env.task
    def quick() -> int:
        return 1

    if __name__ == "__main__":
        if sys.argv[1] == "quick":
            print(flyte.run(quick).outputs()[0])
        else:
            print(flyte.run(patient, folder=sys.argv[1]).outputs()[0])
"""


def _pids(home: Home) -> list[list[int]]:
    path = home.path.parent / "pids"
    return [[int(word) for word in line.split()] for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.timeout(90)
def test_a_stopped_worker_is_given_up(home: Home) -> None:
    script = home.script("once.py", ONCE)
    process = home.popen(str(script), str(home.path.parent))
    until(lambda: len(_pids(home)) == 1, "the task to begin")
    frozen = _pids(home)[0][0]
    os.kill(frozen, signal.SIGSTOP)
    until(lambda: len(_pids(home)) == 2, "the second attempt", 45)
    assert not _is_alive(frozen)
    (home.path.parent / "go").touch()
    out, err = process.communicate(timeout=60)
    assert out.strip() == "42", err + home.engine_log()
    [(why, failure)] = home.rows("SELECT why, failure FROM attempt")
    assert why == "lose"
    assert b"its process was stopped (SIGSTOP) and said nothing for" in failure
    assert b"system" in failure


@pytest.mark.timeout(90)
def test_a_busy_loop_is_no_stopped_process(home: Home) -> None:
    """An async body that never awaits for longer than any bound is left alone."""
    script = home.script(
        "busy.py",
        """
        import time
        import flytenb as flyte

        env = flyte.TaskEnvironment(name="busy")

        @env.task
        async def busy() -> int:
            time.sleep(25)
            return 7

        if __name__ == "__main__":
            print(flyte.run(busy).outputs()[0])
        """,
    )
    assert home.python(str(script), timeout=80).stdout.strip() == "7"
    assert home.rows("SELECT count(*) FROM attempt") == [(0,)]


@pytest.mark.timeout(90)
def test_a_stopped_starter_of_workers_is_replaced(home: Home) -> None:
    script = home.script("once.py", ONCE)
    process = home.popen(str(script), str(home.path.parent))
    until(lambda: len(_pids(home)) == 1, "the task to begin")
    [[_, zygote]] = _pids(home)
    os.kill(zygote, signal.SIGSTOP)
    # The running task blocks its worker; each of these may need a new one.
    for _ in range(3):
        assert home.python(str(script), "quick", timeout=60).stdout.strip() == "1", home.engine_log()
    (home.path.parent / "go").touch()
    out, err = process.communicate(timeout=60)
    assert out.strip() == "42", err + home.engine_log()
    assert len(_pids(home)) == 1, "the running task went on"


@pytest.mark.timeout(90)
def test_a_killed_starter_of_workers_takes_nothing_along(home: Home) -> None:
    script = home.script("once.py", ONCE)
    process = home.popen(str(script), str(home.path.parent))
    until(lambda: len(_pids(home)) == 1, "the task to begin")
    os.kill(_pids(home)[0][1], signal.SIGKILL)
    assert home.python(str(script), "quick", timeout=60).stdout.strip() == "1", home.engine_log()
    (home.path.parent / "go").touch()
    out, err = process.communicate(timeout=60)
    assert out.strip() == "42", err + home.engine_log()
    assert len(_pids(home)) == 1
