"""Start the worker process starter (zygote) of this interpreter while the engine itself still boots.

It is forked from the engine's process as soon as what both need is imported and before there is any thread: it costs no
interpreter start and shares those pages. Zygotes of other interpreters are started as programs.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
from importlib import import_module
from pathlib import Path
from typing import Protocol

#: The directory that holds the package; appended to a zygote's path, so that it shadows nothing.
PACKAGE_ROOT = str(Path(__file__).resolve().parent.parent.parent)
_BOOT = "import sys; sys.path[:0] = {first!r}; sys.path += {last!r}; from flytenb.worker.zygote import main; main()"
#: What would let the caller's packages into an environment of its own.
_OF_CALLER = ("PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "VIRTUAL_ENV", "CONDA_PREFIX")


class Process(Protocol):
    """What a zygote's owner does with its process."""

    pid: int

    def poll(self) -> int | None:
        """Its exit status when it has ended."""

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, when it has ended.

        Raises:
            TimeoutError: it has not.
        """

    def kill(self) -> None:
        """End it now."""


class Forked:
    """A child that this process forked. `lifeline` is a pipe that ends with it."""

    def __init__(self, pid: int, lifeline: int) -> None:
        self.pid, self._lifeline = pid, lifeline
        self._status: int | None = None

    def poll(self) -> int | None:
        """Its exit status when it has ended."""
        if self._status is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                pid, status = self.pid, 0
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
        return self._status

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, when it has ended."""
        if self._status is None:
            if not select.select([self._lifeline], [], [], timeout)[0]:
                raise TimeoutError(f"process {self.pid} goes on after {timeout} s")
            _, status = os.waitpid(self.pid, 0)
            self._status = os.waitstatus_to_exitcode(status)
        return self._status

    def kill(self) -> None:
        """End it now."""
        if self._status is None:
            os.kill(self.pid, signal.SIGKILL)


_begun: dict[str, tuple[Process, socket.socket]] = {}


def begin() -> None:
    """Fork the zygote of this interpreter. Only while this process has one thread and no open files of its own."""
    ours, theirs = socket.socketpair()
    lifeline, held = os.pipe()
    pid = os.fork()
    if pid == 0:
        _become_zygote(theirs.fileno(), held)
    theirs.close()
    os.close(held)
    _begun[sys.executable] = Forked(pid, lifeline), ours


def _become_zygote(control: int, held: int) -> None:
    status = 1
    try:
        os.setsid()
        os.chdir(os.sep)
        keep = sorted((control, held))
        first = 3
        for descriptor in (*keep, os.sysconf("SC_OPEN_MAX")):  # the starter's pipe among the rest
            os.closerange(first, descriptor)
            first = descriptor + 1
        # By name: the engine's side never imports a worker, and this process is on that side no more.
        import_module("flytenb.worker.zygote").serve(control)
        status = 0
    finally:
        os._exit(status)


def take(python: str, runtime: tuple[str, str] = ("", "")) -> tuple[Process, socket.socket]:
    """The zygote that was begun, or a new one.

    Args:
        python: the interpreter.
        runtime: for an environment without flytenb, the folders that have it: put first, put last on its path.

    Raises:
        OSError: the interpreter cannot be started.
    """
    return _begun.pop(python, None) or _start(python, runtime)


def _start(python: str, runtime: tuple[str, str]) -> tuple[Process, socket.socket]:
    from subprocess import DEVNULL, Popen  # only who needs another interpreter pays for it

    ours, theirs = socket.socketpair()
    lifeline, held = os.pipe()
    first, last = runtime if runtime[0] else ("", PACKAGE_ROOT)
    boot = _BOOT.format(first=[first] if first else [], last=[last])
    command = [python, "-c", boot, "--control", str(theirs.fileno())]
    try:
        process = Popen(
            command,
            stdin=DEVNULL,
            cwd=os.sep,
            env=_environment_of(python) if first else None,
            pass_fds=(theirs.fileno(), held),
            start_new_session=True,
            close_fds=True,
        )
    except OSError:
        ours.close()
        os.close(lifeline)
        raise
    finally:
        theirs.close()
        os.close(held)
    process.returncode = 0  # waited for below, not by Popen
    return Forked(process.pid, lifeline), ours


def _environment_of(python: str) -> dict[str, str]:
    """Variables of an environment that is not the caller's: as after its activation."""
    folder = Path(python).parent
    env = {name: value for name, value in os.environ.items() if name not in _OF_CALLER}
    return {**env, "VIRTUAL_ENV": str(folder.parent), "PATH": f"{folder}{os.pathsep}{env.get('PATH', os.defpath)}"}
