"""What an interpreter has: its version and distributions, asked once and again only when its folders change."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from flytenb.errors import ImageBuildError

#: Seconds an interpreter has for telling what it has.
_TELL_S = 30.0
# Reads the heads of metadata files only: a hundred distributions take some 20 ms that way, 150 ms through email.
_PROBE = """
import sys
sys.path[:] = [one for one in sys.path if one]
import json, os, platform
from importlib import metadata
found = {}
for dist in metadata.distributions():
    head = {"Name": [], "Version": [], "Requires-Dist": []}
    text = dist.read_text("METADATA") or dist.read_text("PKG-INFO") or ""
    for line in text.splitlines():
        if not line:
            break
        name, _, value = line.partition(": ")
        if name in head:
            head[name].append(value)
    if head["Name"] and head["Version"]:
        found.setdefault(head["Name"][0], (head["Version"][0], head["Requires-Dist"]))
implementation = sys.implementation
version = "{0.major}.{0.minor}.{0.micro}".format(implementation.version)
print(json.dumps({
    "version": sys.version_info[:3],
    "path": [one for one in sys.path if os.path.isdir(one)],
    "distributions": found,
    "markers": {
        "implementation_name": implementation.name,
        "implementation_version": version,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_release": platform.release(),
        "platform_system": platform.system(),
        "platform_version": platform.version(),
        "python_full_version": platform.python_version(),
        "python_version": ".".join(platform.python_version_tuple()[:2]),
        "sys_platform": sys.platform,
    },
}))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """An interpreter and what can be imported with it."""

    python: str
    version: tuple[int, int, int]
    #: What markers of requirements are compared with (PEP 508).
    markers: dict[str, str]
    #: Normalised name → (version, what it requires).
    distributions: dict[str, tuple[str, tuple[str, ...]]]
    #: The distributions as "name==version", sorted.
    lock: tuple[str, ...]
    #: Folders that were looked at, and when they changed last.
    seen: tuple[tuple[str, int], ...] = field(default=(), repr=False)

    @property
    def minor(self) -> tuple[int, int]:
        """`(3, 11)`."""
        return self.version[:2]


_known: dict[str, Interpreter] = {}


def look_at(python: str) -> Interpreter:
    """What an interpreter has. Blocks for some 100 ms when that is not known yet.

    Raises:
        ImageBuildError: it cannot be asked.
    """
    known = _known.get(python)
    if known is None or known.seen != _changes([python, *(path for path, _ in known.seen[1:])]):
        known = _known[python] = _ask(python)
    return known


def _changes(paths: list[str]) -> tuple[tuple[str, int], ...]:
    found = []
    for path in paths:
        try:
            found.append((path, os.stat(path).st_mtime_ns))
        except OSError:
            found.append((path, 0))
    return tuple(found)


def _ask(python: str) -> Interpreter:
    try:
        done = subprocess.run(
            [python, "-c", _PROBE], capture_output=True, text=True, timeout=_TELL_S, cwd=os.sep, check=True
        )
        told = json.loads(done.stdout.splitlines()[-1])
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or [f"exit status {error.returncode}"])[-1]
        raise ImageBuildError(f"the interpreter {python} does not tell its distributions: {last}") from error
    except (OSError, subprocess.TimeoutExpired, ValueError, IndexError) as error:
        raise ImageBuildError(f"the interpreter {python} does not tell its distributions: {error}") from error
    return made(python, told)


def made(python: str, told: dict[str, object]) -> Interpreter:
    """An interpreter from what the probe told."""
    named: dict[str, tuple[str, list[str]]] = told["distributions"]  # type: ignore[assignment]
    distributions = {canonical(name): (version, tuple(needs)) for name, (version, needs) in named.items()}
    return Interpreter(
        python=python,
        version=tuple(told["version"]),  # type: ignore[arg-type]
        markers=told["markers"],  # type: ignore[arg-type]
        distributions=distributions,
        lock=tuple(sorted(f"{name}=={version}" for name, (version, _) in distributions.items())),
        seen=_changes([python, *told["path"]]),  # type: ignore[misc]
    )


def canonical(name: str) -> str:
    """A distribution's name as all of its spellings are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def folder_of(python: str) -> Path:
    """The folder of an interpreter's environment: `<prefix>` of `<prefix>/bin/python`."""
    return Path(python).parent.parent
