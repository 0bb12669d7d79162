"""flytenb for workers of other environments: importable there without being installed, and nothing else with it.

A worker of a virtual environment must not see the caller's packages. So it gets two folders: one with flytenb alone,
put first, and one with the three libraries that a worker needs, put last: the environment's own come before them.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path

#: What a worker imports beside the standard library.
NEEDED = ("msgspec", "msgpack", "cloudpickle")
_PACKAGE = Path(__file__).resolve().parent.parent


def own_folder(home: Path) -> Path:
    """A folder that holds this flytenb and nothing else."""
    return _linked(home, "own", {_PACKAGE.name: _PACKAGE})


def library_folder(home: Path, minor: tuple[int, int]) -> Path:
    """Where the needed libraries for a Python are, or are to be installed with `library_requirements`."""
    import sys

    if minor == sys.version_info[:2]:
        return _linked(home, "libraries", _here())
    named = " ".join((f"cp{minor[0]}{minor[1]}", *library_requirements()))
    return home / "runtime" / f"libraries-{_short(named)}"


def library_requirements() -> tuple[str, ...]:
    """The needed libraries in the versions that this process has."""
    return tuple(f"{name}=={version(name)}" for name in NEEDED)


def _here() -> dict[str, Path]:
    found: dict[str, Path] = {}
    for name in NEEDED:
        spec = importlib.util.find_spec(name)
        assert spec is not None, name
        assert spec.origin is not None, name
        found[name] = Path(spec.origin).parent
    return found


def _linked(home: Path, name: str, links: dict[str, Path]) -> Path:
    """A folder of links, made at once or not at all; for other targets it is another folder."""
    named = "\0".join(f"{one}={target}" for one, target in sorted(links.items()))
    folder = home / "runtime" / f"{name}-{_short(named)}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder.parent))
    for one, target in links.items():
        (made / one).symlink_to(target, target_is_directory=True)
    try:
        made.rename(folder)
    except OSError:  # somebody was faster
        shutil.rmtree(made, ignore_errors=True)
        if not folder.is_dir():
            raise
    return folder


def _short(text: str) -> str:
    return blake2b(os.fsencode(text), digest_size=8).hexdigest()
