"""How a worker's container ended, in the words and causes of the executors' port."""

from __future__ import annotations

import contextlib
import json
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flytenb.containers.client import Docker, said
from flytenb.model.sizes import size_words

#: The supervisor's: the worker could not begin, or ended by itself after an action had failed.
BROKEN, FAILED = 71, 75
#: What a container without shared folders wrote to its errors' stream; there from its beginning.
STREAM = "stderr"
#: Above this a limit is none.
_NO_LIMIT_BYTES = 1 << 50
_LAST_LINES = 4


@dataclass(frozen=True, kw_only=True)
class Exit:
    """The end of a worker, as `Owner.on_worker_exit` takes it."""

    status: int
    cause: str
    detail: str = ""
    code: str = ""
    #: The container stays: its worker has ended and its process 1 waits for a person.
    is_held: bool = False
    #: Whether an action failed, or the worker did.
    is_failure: bool = True
    #: Of the image's Python ("cpython-312"), where there was no bytecode for it.
    cache_tag: str = ""


def read_exit(docker: Docker, ident: str, folder: Path, image: str, asked_bytes: int) -> Exit:
    """What can be found out. Blocking.

    Args:
        docker: the engine.
        ident: the container.
        folder: what it shares with this executor.
        image: for the words.
        asked_bytes: memory that its task asked for, 0 for none.
    """
    report = _report(folder)
    if report is None:
        return _unreported(docker, ident, folder, image, asked_bytes)
    status = int(report["status"])
    tag = "" if report.get("is_compiled") else str(report.get("cache_tag", ""))
    if report.get("error") == "python":
        return _refused(f'image "{image}" has Python {report["python"]}; a worker needs CPython 3.10 or newer', status)
    if report.get("is_stopped"):
        words = "its container was stopped from outside (docker stop, or the Docker engine stopped)"
        return Exit(status=status, cause="exit", detail=words, cache_tag=tag)
    is_held = bool(report.get("is_held"))
    if report.get("is_oom"):
        words = _memory_words(int(report["peak_bytes"]), asked_bytes or int(report["limit_bytes"]))
        return Exit(status=status, cause="oom", detail=words, is_held=is_held, cache_tag=tag)
    if status == BROKEN and (folder / "error.txt").exists():
        last = (folder / "error.txt").read_text(errors="replace").strip().splitlines()[-1]
        words = f'the worker cannot begin in image "{image}" (Python {report["python"]}): {last}'
        return _refused(f"{words}; the image needs a whole CPython 3.10 or newer, with its standard library", status)
    return Exit(
        status=status,
        cause="exit",
        detail=_signal_words(status) if status < 0 else "",
        is_held=is_held,
        is_failure=status != 0,
        cache_tag=tag,
    )


def _report(folder: Path) -> dict[str, Any] | None:
    with contextlib.suppress(OSError, ValueError):
        found: dict[str, Any] = json.loads((folder / "exit.json").read_bytes())
        return found
    return None


def _unreported(docker: Docker, ident: str, folder: Path, image: str, asked_bytes: int) -> Exit:
    """Process 1 had no time, or never came to it."""
    state: dict[str, Any] = {}
    with contextlib.suppress(Exception):  # it may be gone, or the engine is
        state = docker.api.inspect_container(ident)["State"]
    if (folder / STREAM).exists() and (not state or state.get("Running")):
        words = f"the connection to its container on the Docker engine at {docker.address.url} was lost"
        return Exit(status=-signal.SIGKILL, cause="exit", detail=words)
    status = int(state.get("ExitCode", 137))
    if state.get("OOMKilled"):
        return Exit(status=-signal.SIGKILL, cause="oom", detail=_memory_words(0, asked_bytes))
    if (folder / "boot.json").exists() and status != 128 + signal.SIGKILL:
        last = _last_words(docker, ident, folder)
        return _refused(
            f'image "{image}" has no Python that can run a worker (exit status {status}{last}); '
            "it needs CPython 3.10 or newer as python3 on its PATH",
            status,
        )
    if status == 128 + signal.SIGKILL:
        words = "its container was killed from outside (docker kill, or the Docker engine stopped)"
        return Exit(status=-signal.SIGKILL, cause="exit", detail=words)
    return Exit(status=status, cause="exit", detail=f"its container ended with status {status}")


def _last_words(docker: Docker, ident: str, folder: Path) -> str:
    with contextlib.suppress(Exception):  # no log is no reason to say nothing
        noted = folder / STREAM
        said_all = noted.read_bytes() if noted.exists() else docker.api.logs(ident, tail=_LAST_LINES)
        lines = said_all.decode("utf-8", "replace").splitlines()[-_LAST_LINES:]
        said_last = " · ".join(line.strip() for line in lines if line.strip())
        return f": {said_last}" if said_last else ""
    return ""


def _memory_words(peak_bytes: int, limit_bytes: int) -> str:
    used = f"it used {size_words(peak_bytes)}" if peak_bytes else "it used all it had"
    if not limit_bytes or limit_bytes > _NO_LIMIT_BYTES:
        return f"{used} and the machine had no more"
    return f"{used} and its task asks for {size_words(limit_bytes)}; give the task more with Resources(memory=…)"


def _signal_words(status: int) -> str:
    with contextlib.suppress(ValueError):
        return f"killed by signal {-status} ({signal.Signals(-status).name})"
    return f"killed by signal {-status}"


def _refused(words: str, status: int) -> Exit:
    return Exit(status=status, cause="refused", detail=words, code="ContainerStartError")


def start_words(error: BaseException, image: str, network: str) -> str:
    """Why the engine did not start a container, and what to do."""
    words = said(error)
    if "executable file not found" in words or '"python3"' in words:
        return (
            f'image "{image}" has no python3 on its PATH; a worker needs CPython 3.10 or newer in it: take another '
            'image, or add it with .with_apt_packages("python3")'
        )
    if "device driver" in words and "gpu" in words:
        return (
            "a GPU was asked for and this Docker engine cannot hand out GPUs; install the NVIDIA container toolkit, "
            f"then restart Docker ({words})"
        )
    if "device information" in words:
        return f"a GPU was asked for and the engine's machine has not its device file ({words}); install its driver"
    if "network" in words and "not found" in words:
        return (
            f'there is no Docker network "{network}"; make it (docker network create {network}), or name another with '
            "TaskEnvironment(network=…) or FLYTENB_DOCKER_NETWORK"
        )
    if "no space left" in words:
        return f"the disk of the Docker engine is full ({words}); free some of it (docker system prune), then run again"
    return f'a container of image "{image}" cannot be started: {words}'
