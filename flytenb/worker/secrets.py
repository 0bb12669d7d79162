"""Values of secrets as a task sees them: environment variables, and files in a folder of this worker alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from flytenb.wire.paths import home, secrets_folder

#: Tells a task's code where its mounted secrets are, in containers and in processes alike.
FOLDER_VARIABLE = "FLYTE_SECRETS_DIR"


def install(secrets: Sequence[Sequence[str | bytes]], ident: str, *, is_container: bool) -> None:
    """Make (key, variable, mount, value) known to this process.

    A container has its mount (in memory) at the very path that was asked for. A process shares the machine's `/etc`, so
    its files are in a folder of the home, told by `FLYTE_SECRETS_DIR`; the engine removes it with the worker.
    """
    for key, variable, mount, value in secrets:
        raw = value.encode() if isinstance(value, str) else value
        if variable:
            os.environ[str(variable)] = os.fsdecode(raw)
        if mount:
            is_own = is_container and os.path.ismount(str(mount))  # a process that starts containers is not in one
            folder = Path(str(mount)) if is_own else secrets_folder(home(), ident)
            _write(folder, str(key), raw)
            os.environ[FOLDER_VARIABLE] = str(folder)


def _write(folder: Path, name: str, value: bytes) -> None:
    for each in (folder.parent, folder):
        each.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / name
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    with os.fdopen(descriptor, "wb") as file:
        file.write(value)
