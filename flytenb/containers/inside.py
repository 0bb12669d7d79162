"""A program inside a container that runs: its output as it comes, its exit status, its end when it is not wanted."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flytenb.containers.client import Docker, is_missing, said
from flytenb.errors import ContainerStartError


def run_inside(
    docker: Docker,
    container: str,
    command: Sequence[str],
    on_output: Callable[[str, bytes], None],
    *,
    environment: Mapping[str, str] | None = None,
    workdir: str | None = None,
) -> int:
    """Run a program in a container; its exit status. An exception here, a KeyboardInterrupt above all, ends it.

    Args:
        docker: the engine.
        container: its id.
        command: the program and its arguments.
        on_output: gets "stdout" or "stderr" and what came.
        environment: beside the container's own.
        workdir: None = the container's own.

    Raises:
        ContainerStartError: the container does not run, or has no such program.
    """
    api = docker.api
    try:
        ident = api.exec_create(container, list(command), environment=dict(environment or {}), workdir=workdir)["Id"]
        output = api.exec_start(ident, stream=True, demux=True)
    except Exception as error:  # docker and requests share no class
        raise ContainerStartError(_why(error, command)) from error
    try:
        for out, err in output:
            if out:
                on_output("stdout", out)
            if err:
                on_output("stderr", err)
    except BaseException:
        _end(api, ident)
        raise
    return int(api.exec_inspect(ident)["ExitCode"] or 0)


def _why(error: BaseException, command: Sequence[str]) -> str:
    words = said(error)
    if is_missing(error):
        return f"nothing can be run in the container any more: {words}"
    return f"{command[0]} cannot be run in the container: {words}"


def _end(api: Any, ident: str) -> None:
    """The engine has no call for it: the process is one of this machine too, and of the same user."""
    with contextlib.suppress(Exception):  # it may have ended, or be another user's
        state = api.exec_inspect(ident)
        if state["Running"] and state["Pid"]:
            os.kill(state["Pid"], signal.SIGKILL)
