"""A program inside a container that runs: its output as it comes, its exit status, its end when it is not wanted."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
from collections.abc import Callable, Mapping, Sequence

from flytenb.containers.client import Docker, is_missing, said
from flytenb.errors import ContainerStartError

#: Marks a program's processes, for their end where this machine does not see them.
_MARK = "FLYTENB_INSIDE"
_KILL = 'for one in /proc/[0-9]*; do grep -qa "$1" "$one/environ" 2>/dev/null && kill -9 "${one#/proc/}"; done'


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
    mark = secrets.token_hex(8)
    variables = {**(environment or {}), _MARK: mark}
    try:
        ident = api.exec_create(container, list(command), environment=variables, workdir=workdir)["Id"]
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
        _end(docker, container, ident, mark)
        raise
    return int(api.exec_inspect(ident)["ExitCode"] or 0)


def _why(error: BaseException, command: Sequence[str]) -> str:
    words = said(error)
    if is_missing(error):
        return f"nothing can be run in the container any more: {words}"
    return f"{command[0]} cannot be run in the container: {words}"


def _end(docker: Docker, container: str, ident: str, mark: str) -> None:
    """The engine has no call for it. Here the process is one of this machine too, and of the same user."""
    api = docker.api
    with contextlib.suppress(Exception):  # it may have ended, or be another user's
        state = api.exec_inspect(ident)
        if not state["Running"] or not state["Pid"]:
            return
        if docker.facts.is_near:
            os.kill(state["Pid"], signal.SIGKILL)
        else:  # its number is one of another machine
            killer = api.exec_create(container, ["/bin/sh", "-c", _KILL, "sh", f"{_MARK}={mark}"])["Id"]
            api.exec_start(killer)
