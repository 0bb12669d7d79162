"""Files and folders that are one user's alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from stat import S_ISDIR


def write(path: Path, data: bytes) -> None:
    """Replace a file in one step, mode 0600."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    _fill(part, data)
    part.replace(path)


def made_once(path: Path, make: Callable[[], bytes]) -> bytes:
    """A file's content; who finds none makes it, and of several at once one is heard."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    _fill(part, make())
    try:
        os.link(part, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        if not path.exists():
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path.read_bytes()


def _fill(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def is_own_folder(folder: Path) -> bool:
    """Whether it is a real folder of this user into which nobody else can write."""
    stat = os.lstat(folder)
    return S_ISDIR(stat.st_mode) and stat.st_uid == os.getuid() and not stat.st_mode & 0o022


def home_key(home: Path) -> bytes:
    """What this home's pickles are signed with: 32 bytes that nobody else can read."""
    return made_once(home / "key", lambda: os.urandom(32))
