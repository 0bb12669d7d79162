"""One engine per home: the lock, the token, the info file, and the word to whoever started it."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import Any

from flytenb import private
from flytenb.wire.paths import info_path, token_path

#: What a home's files begin with; a folder that holds nothing else is made private.
_OURS = (
    *("alive", "bundles", "containers", "engine.", "environments", "gpus", "http.sock", "mounted", "named", "objects"),
    *("key", "raw"),
    *("run", "secrets", "start.lock", "store.db", "tasks", "token", ".token", ".writable"),
)
_SECRET_BYTES = 32


class Refused(Exception):
    """The engine cannot start; the text is the sentence for the person."""


def prepare_home(home: Path) -> None:
    """The state directory, private to the user.

    Raises:
        Refused: it cannot be made or written.
    """
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        _keep_private(home)
        probe = home / ".writable"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise Refused(
            f"the state directory {home} cannot be written ({error.strerror}); set FLYTENB_HOME to a folder of yours"
        ) from error


def _keep_private(home: Path) -> None:
    """Who can write here runs code as this user, who can read here reads all values."""
    stat = home.stat()
    if stat.st_uid != os.getuid():
        raise Refused(
            f"the state directory {home} belongs to another user (number {stat.st_uid}), who could have tasks run as "
            "you; set FLYTENB_HOME to a folder of yours"
        )
    if stat.st_mode & 0o077 and all(_is_ours(path.name) for path in home.iterdir()):
        home.chmod(0o700)
    elif stat.st_mode & 0o022:
        raise Refused(
            f"others may write into the state directory {home} (mode {stat.st_mode & 0o777:o}), which holds more than "
            f"flytenb's files; run 'chmod 700 {home}', or set FLYTENB_HOME to a folder of its own"
        )
    with contextlib.suppress(FileNotFoundError):
        (home / "engine.log").chmod(0o600)  # its first lines are written by whoever starts the engine


def _is_ours(name: str) -> bool:
    return name.startswith(_OURS)


def take_lock(home: Path) -> int | None:
    """The descriptor that holds the home's lock while this process lives; None when another engine has it."""
    descriptor = os.open(home / "engine.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def new_token(home: Path) -> str:
    """A new secret of the home, readable by the user only; the one before opens nothing any more."""
    path = token_path(home)
    token = base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")
    private.write(path, token.encode())
    return token


def workers_secret(home: Path, *, is_kept: bool) -> bytes:
    """What tokens of workers are made with: another one for each engine, except while workers of the last one live.

    Args:
        home: the state directory.
        is_kept: those workers may come back.
    """
    path = home / "engine.workers"
    with contextlib.suppress(OSError):
        found = path.read_bytes() if is_kept else b""
        if len(found) == _SECRET_BYTES:
            return found
    made = os.urandom(_SECRET_BYTES)
    private.write(path, made)
    return made


def write_info(state: Path, /, **facts: Any) -> None:
    """Tell where the engine is. By rename: a half-written file has hung clients before."""
    private.write(info_path(state), json.dumps(facts).encode())


class Starter:
    """The pipe to whoever started the engine: one line, "ready" or "error: …"."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def say(self, line: str) -> None:
        """Send the line and close; only the first counts."""
        if self._descriptor is None:
            return
        with contextlib.suppress(OSError):
            os.write(self._descriptor, f"{line}\n".encode())
            os.close(self._descriptor)
        self._descriptor = None
