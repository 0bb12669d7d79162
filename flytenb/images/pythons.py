"""Finding what makes virtual environments: uv, and an interpreter of the right version. Nothing is downloaded."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

_FIND_S = 10.0
_SHOW = "import sys; print(sys.version_info[0], sys.version_info[1], sys.implementation.name)"
_pythons: dict[tuple[int, int], str] = {}


def find_uv(python: str = "") -> str:
    """Path of uv, "" when there is none: on PATH, beside the caller's interpreter, as a package, or in a home's bin.

    Args:
        python: the caller's interpreter.
    """
    on_path = shutil.which("uv")
    if on_path:
        return on_path
    near = (Path(python).parent / "uv", Path.home() / ".local/bin/uv", Path.home() / ".cargo/bin/uv")
    for path in near:
        if os.access(path, os.X_OK):
            return str(path)
    try:
        from uv import find_uv_bin
    except ImportError:
        return ""
    try:
        return str(find_uv_bin())
    except FileNotFoundError:
        return ""


def find_python(minor: tuple[int, int], uv: str = "") -> str:
    """An interpreter of this version on this machine, "" when there is none. Blocks for some 100 ms at first."""
    known = _pythons.get(minor, "")
    if known and os.access(known, os.X_OK):
        return known
    for candidate in _candidates(minor, uv):
        if _is(candidate, minor):
            _pythons[minor] = candidate
            return candidate
    return ""


def _candidates(minor: tuple[int, int], uv: str) -> Iterator[str]:
    name = f"python{minor[0]}.{minor[1]}"
    for folder in os.get_exec_path():
        path = os.path.join(folder, name)
        if os.access(path, os.X_OK):
            yield path
    roots = (Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv"), Path.home() / ".local/share/mise/installs")
    for pattern in (f"versions/{minor[0]}.{minor[1]}.*/bin/{name}", f"python/{minor[0]}.{minor[1]}.*/bin/{name}"):
        for root in roots:
            yield from map(str, sorted(root.glob(pattern), reverse=True))
    if uv:
        env = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
        env.pop("VIRTUAL_ENV", None)
        command = [uv, "python", "find", "--no-project", f"{minor[0]}.{minor[1]}"]
        yield from _said(command, env).splitlines()[:1]


def _is(python: str, minor: tuple[int, int]) -> bool:
    return _said([python, "-I", "-c", _SHOW], dict(os.environ)).split()[:3] == [*map(str, minor), "cpython"]


def _said(command: list[str], env: dict[str, str]) -> str:
    try:
        done = subprocess.run(command, env=env, cwd=os.sep, capture_output=True, text=True, timeout=_FIND_S, check=True)
    except (OSError, subprocess.SubprocessError):  # a shim that knows no such version, a program for another machine
        return ""
    return done.stdout.strip()
