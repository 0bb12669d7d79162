"""One engine per home: the lock, the token, the info file, and the word to whoever started it."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
from pathlib import Path
from typing import Any

from flytenb.wire.paths import info_path, token_path


class Refused(Exception):
    """The engine cannot start; the text is the sentence for the person."""


def prepare_home(home: Path) -> None:
    """The state directory, private to the user.

    Raises:
        Refused: it cannot be made or written.
    """
    try:
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe = home / ".writable"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise Refused(
            f"the state directory {home} cannot be written ({error.strerror}); set FLYTENB_HOME to a folder of yours"
        ) from error


def take_lock(home: Path) -> int | None:
    """The descriptor that holds the home's lock while this process lives; None when another engine has it."""
    descriptor = os.open(home / "engine.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def read_token(home: Path) -> str:
    """The home's secret, made on first use, readable by the user only."""
    path = token_path(home)
    with contextlib.suppress(FileNotFoundError):
        token = path.read_text().strip()
        if token:
            return token
    token = base64.urlsafe_b64encode(os.urandom(32)).decode().rstrip("=")
    write_private(path, token.encode())
    return token


def write_private(path: Path, data: bytes) -> None:
    """Replace a file in one step, mode 0600."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, data)
    finally:
        os.close(descriptor)
    part.replace(path)


def write_info(state: Path, /, **facts: Any) -> None:
    """Tell where the engine is. By rename: a half-written file has hung clients before."""
    write_private(info_path(state), json.dumps(facts).encode())


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
