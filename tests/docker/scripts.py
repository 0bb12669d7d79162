"""Scripts of tasks for containers, and how a test follows one."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time

from tests.docker.conftest import DockerHome
from tests.integration.conftest import until

HEAD = """
    import asyncio, dataclasses, json, os, pathlib, socket, sys, time
    import flytenb as flyte
    from flytenb import errors
    from flytenb.io import Dir, File

    IMAGE = "flytenb-test/python:3.11"
"""


def result(output: str) -> object:
    """The last line that a script printed, as data."""
    return json.loads(output.strip().splitlines()[-1])


def run_beside(home: DockerHome, text: str) -> tuple[threading.Thread, list[str]]:
    """A script in a thread, and what it will have printed. Its task sees `objects`, which is of the home."""
    printed: list[str] = []
    shared = home.path / "objects"

    def work() -> None:
        printed.append(home.run(HEAD + text, str(shared)))

    thread = threading.Thread(target=work)
    thread.start()
    until((shared / "begun").exists, "the action to begin")
    return thread, printed


def said(home: DockerHome, words: str) -> bool:
    """Whether a task has printed it."""
    with contextlib.suppress(sqlite3.OperationalError):  # there is no store yet
        return bool(home.rows("select 1 from log where text like ?", f"%{words}%"))
    return False


def in_thread(home: DockerHome, text: str, *arguments: str, head: str = HEAD) -> tuple[threading.Thread, list[str]]:
    """A script, and what it will have printed."""
    printed: list[str] = []
    thread = threading.Thread(target=lambda: printed.append(home.run(head + text, *arguments, check=False)))
    thread.start()
    return thread, printed


WAITS = """
    env = flyte.TaskEnvironment(name="box", image=IMAGE)

    @env.task
    async def waits(until_s: float) -> int:
        if time.time() > until_s:
            return 42
        print("has begun", until_s, flush=True)
        await asyncio.sleep(60)
        return 0

    if __name__ == "__main__":
        flyte.init()
        flyte.run(waits, until_s=0.0).wait()
        run = flyte.run(waits, until_s=time.time() + 3)
        try:
            run.wait()
            print(run.outputs()[0])
        except Exception as error:
            print(type(error).__name__, error)
"""


def begun(home: DockerHome) -> tuple[threading.Thread, list[str]]:
    """An action that runs, and would end at once if it began now."""
    thread, printed = in_thread(home, WAITS)
    until(lambda: said(home, "has begun"), "the action to begin", 60)
    until_s = float(home.rows("select text from log where text like 'has begun%'")[0][0].split()[2])
    time.sleep(max(0.0, until_s - time.time()))
    return thread, printed
