"""Scripts of tasks for containers, and how a test follows one."""

from __future__ import annotations

import json
import threading

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
