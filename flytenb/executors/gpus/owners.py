"""Whose a process is, in words: "kernel train.ipynb", "python serve.py (process 4711)"."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
from collections.abc import Collection, Iterator
from pathlib import Path

_KERNEL = re.compile(r"kernel-([0-9A-Za-z-]+)\.json$")
_MODULES = ("ipykernel_launcher", "ipykernel", "colab_kernel_launcher")
_WORDS = 48


def is_of(pid: int, workers: Collection[int]) -> bool:
    """Whether a process is one of these workers or was started by one (they lead process groups of their own)."""
    if pid in workers:
        return True
    with contextlib.suppress(OSError):
        if os.getpgid(pid) in workers:
            return True
    return any(above in workers for above in _above(pid))


def _above(pid: int) -> Iterator[int]:
    for _ in range(64):
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
            pid = int(stat.rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return
        if pid <= 1:
            return
        yield pid


def is_contained(pid: int) -> bool:
    """Whether a process runs in a container."""
    try:
        groups = Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return False
    return any(word in groups for word in ("docker", "containerd", "libpod", "kubepods"))


def words(pid: int) -> str:
    """Who it is. Kernels by their notebook, which Jupyter tells them; others by their command."""
    command = _command(pid)
    if not command:
        return f"process {pid} of another user" if Path(f"/proc/{pid}").exists() else f"process {pid}"
    connection = next((match for part in command if (match := _KERNEL.search(part))), None)
    if connection is not None or any(module in part for part in command for module in _MODULES):
        return f"kernel {_notebook(pid) or _where(pid, connection.group(1) if connection else '')}"
    return f"{_short(command)} (process {pid})"


def is_kernel(pid: int) -> bool:
    """Whether a process is a Jupyter kernel in Python, or one that a server has started."""
    command = _command(pid)
    return any(_KERNEL.search(part) for part in command[1:]) or any(part in _MODULES for part in command)


def _command(pid: int) -> list[str]:
    try:
        return [part for part in Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0") if part]
    except OSError:
        return []


def _notebook(pid: int) -> str:
    """The notebook's path as its server or editor told the kernel."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return ""
    named = dict(variable.partition("=")[::2] for variable in variables)
    return os.path.basename(named.get("JPY_SESSION_NAME", ""))


def _where(pid: int, kernel: str) -> str:
    """A kernel whose server did not name its notebook: by that server's list of sessions, else by its directory."""
    if kernel and (name := _session(kernel)):
        return name
    try:
        folder = os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        folder = ""
    said = f"{kernel[:8]} (process {pid})" if kernel else f"process {pid}"
    return f"{said} in {folder}" if folder else said


def _session(kernel: str) -> str:
    from urllib.parse import quote
    from urllib.request import Request, urlopen

    for server in _servers():
        url, token = str(server.get("url", "")), str(server.get("token", ""))
        if not url.startswith(("http://127.0.0.1", "http://localhost", "http://[::1]")):
            continue
        request = Request(f"{url}api/sessions", headers={"Authorization": f"token {quote(token)}"} if token else {})
        with contextlib.suppress(OSError, ValueError), urlopen(request, timeout=1.0) as answer:
            for session in json.loads(answer.read()):
                if session.get("kernel", {}).get("id") == kernel:
                    return os.path.basename(str(session.get("path", "")))
    return ""


def _servers() -> list[dict[str, object]]:
    """The user's own Jupyter servers, from the files they leave in their run-time folder."""
    given = os.environ.get("JUPYTER_RUNTIME_DIR")
    folder = Path(given) if given else Path.home() / ".local" / "share" / "jupyter" / "runtime"
    found = []
    for path in sorted(folder.glob("jpserver-*.json")):
        with contextlib.suppress(OSError, ValueError):
            found.append(json.loads(path.read_text()))
    return found


def _short(command: list[str]) -> str:
    """A command's program and script, without folders and options."""
    program = os.path.basename(command[0])
    rest = [part for part in command[1:] if not part.startswith("-")][:1]
    if "-m" in command[1:3]:
        rest = ["-m", *rest]
    text = shlex.join([program, *(os.path.basename(part) for part in rest)])
    return text if len(text) <= _WORDS else f"{text[: _WORDS - 1]}…"
