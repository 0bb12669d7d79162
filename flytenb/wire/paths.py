"""Where an engine's state and sockets are. Shared by everyone who wants to meet it."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from flytenb.private import is_own_folder

#: A Unix socket's path must fit into 104 (macOS) or 108 (Linux) bytes.
_MAX_SOCKET_BYTES = 100


def home() -> Path:
    """The state directory: `FLYTENB_HOME`, or the platform's user data directory."""
    named = os.environ.get("FLYTENB_HOME")
    if named:
        return Path(named).expanduser().absolute()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "flytenb"
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "flytenb"


def home_mark(state: Path) -> str:
    """Twelve characters that tell one state directory from others, without its path."""
    return hashlib.blake2b(os.fsencode(state.resolve()), digest_size=6).hexdigest()


def _socket(state: Path, name: str) -> Path:
    near = state / name
    if len(os.fsencode(near)) <= _MAX_SOCKET_BYTES:
        return near
    return _short(state, name)


def _short(state: Path, name: str) -> Path:
    base = os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(base) / "flytenb" if base else Path(f"/tmp/flytenb-{os.getuid()}")
    return folder / f"{hashlib.blake2b(os.fsencode(state), digest_size=8).hexdigest()}-{name}"


def require_own(folder: Path) -> None:
    """Refuse a folder of sockets where another user could have put one: what is said there, says the token.

    Raises:
        PermissionError: it is not a folder of this user's alone.
    """
    if os.path.lexists(folder) and not is_own_folder(folder):
        raise PermissionError(
            f"{folder}, where the engine's socket belongs, is not a folder of yours alone: somebody else could listen "
            "there; remove it, or set XDG_RUNTIME_DIR to a private folder"
        )


def socket_path(state: Path) -> Path:
    """Where workers and clients meet the engine."""
    return _socket(state, "engine.sock")


def http_socket_path(state: Path) -> Path:
    """Where the HTTP API listens."""
    return _socket(state, "http.sock")


def workers_socket_path(state: Path) -> Path:
    """Where workers in containers meet the engine: in a folder of its own, which is all of this that they see."""
    near = state / "run" / "worker.sock"
    return near if len(os.fsencode(near)) <= _MAX_SOCKET_BYTES else _short(state, "run") / near.name


def info_path(state: Path) -> Path:
    """JSON that tells who the engine is: pid, version, protocol, socket, http_socket, port."""
    return state / "engine.json"


def secrets_folder(state: Path, worker: str) -> Path:
    """Where the files of a worker process's mounted secrets are."""
    return state / "mounted" / worker


def tasks_folder(state: Path) -> Path:
    """Where worker processes keep what the containers that they have started need, a folder each."""
    return state / "tasks"


def task_folder(state: Path, name: str) -> Path:
    """That of one such container; a kept one goes by a second name."""
    return tasks_folder(state) / name.replace("flytenb-kept-", "flytenb-", 1)


def container_folder(state: Path, name: str) -> Path:
    """What a worker's container shares with this machine alone; a kept one goes by a second name."""
    return state / "containers" / name.replace("flytenb-kept-", "flytenb-", 1)


def object_path(state: Path, digest: str) -> Path:
    """Where the content with this digest is: for those who read objects and write none.

    Raises:
        ValueError: it is no digest.
    """
    if len(digest) != 64 or not digest.isascii() or not digest.isalnum():
        raise ValueError(f"{digest[:80]!r} is no digest of an object")
    return state / "objects" / digest[:2] / digest


def token_path(state: Path) -> Path:
    """The secret that every link shows; readable by the user only."""
    return state / "token"
