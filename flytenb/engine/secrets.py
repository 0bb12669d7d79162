"""Where the rules find values of secrets on this machine, and the files that workers make of them."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from flytenb.rules import State
from flytenb.vault import Vault
from flytenb.wire import alive
from flytenb.wire.paths import secrets_folder


def connect(state: State, home: Path) -> None:
    """Let the rules look into the home's store and into the engine's own environment."""
    state.find_secret = Vault(home).read
    state.find_variable = _variable
    living = alive.living(home)
    left = secrets_folder(home, "")
    for worker in os.listdir(left) if left.is_dir() else ():  # what workers of an engine before this one left
        if worker not in living:
            forget(home, worker)


def _variable(name: str) -> bytes | None:
    value = os.environ.get(name)
    return os.fsencode(value) if value is not None else None


def without_values(words: str, secrets: Iterable[tuple[str, str, str, bytes]]) -> str:
    """What a worker said last, without the secrets that it had, and no longer than it is told of others.

    An engine that took a worker over does not know what it was given: then nothing of it is told.
    """
    from flytenb.redaction import Redactor  # few workers have any

    hidden = Redactor(value for *_, value in secrets)
    told, mark, last = hidden.text(words).partition("its last words: ")
    return told + mark + (last[-200:] if hidden else "not told, it had secrets") if mark else told


def forget(home: Path, worker: str = "") -> None:
    """Remove the files of a worker that is gone, or of all."""
    folder = secrets_folder(home, worker)
    if folder.exists():
        from shutil import rmtree  # few homes need it

        rmtree(folder, ignore_errors=True)
