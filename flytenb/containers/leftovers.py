"""Containers of tasks whose worker was killed: found by their folders, removed with them.

A worker that starts containers keeps a folder for each (`new_folder`), which says whose it is. A guard, a shell that
waits for its standard input to close, outlives a worker that is killed and calls this module.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from flytenb.containers.client import Docker, connect, is_missing
from flytenb.containers.labels import ENGINE, kept_name, remove, remove_own

_OWNER, _PRIVATE, _KEPT = "owner", "private", "kept"
#: Ends when a line comes; when its input just closes and there is something to do, it becomes a Python that does it.
_GUARD = 'read -r _ || { [ -n "$(ls -A "$0" 2>/dev/null)" ] && exec "$@"; }'


def new_folder(tasks: Path, name: str) -> Path:
    """A folder for the container `name`, below that for all; this process owns it. Remove it with `drop`."""
    tasks.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = Path(tempfile.mkdtemp(prefix=".", dir=tasks))
    (made / _OWNER).write_text(f"{os.getpid()} {_born(os.getpid())}")
    return made.rename(tasks / name)


def new_private_folder(folder: Path) -> Path:
    """A folder for secrets that belongs to `folder`: in memory, where the machine has such a place."""
    memory = Path("/dev/shm")
    made = Path(tempfile.mkdtemp(prefix="flytenb-", dir=memory if os.access(memory, os.W_OK) else folder))
    (folder / _PRIVATE).symlink_to(made)
    return made


def keep_folder(folder: Path) -> None:
    """Its container stays and so does what it sees, but no secret."""
    (folder / _KEPT).touch()
    with contextlib.suppress(OSError):
        for one in (folder / _PRIVATE).readlink().rglob("*"):
            if not one.is_dir():
                one.unlink()


def owner_mark() -> str:
    """This process, for the label of a container that goes when it is gone."""
    return f"{os.getpid()}-{_born(os.getpid())}"


def is_owner_alive(mark: str) -> bool:
    """Whether the process behind a mark lives; one that nobody has buried does not."""
    pid, _, born = mark.partition("-")
    found = _born(int(pid)) if pid.isdigit() else ""
    return bool(found) and born in ("", found)


def remove_orphaned_builds(docker: Docker, home: str) -> int:
    """Remove containers of builds whose process is gone; how many. Blocking."""

    def is_orphan(listed: dict[str, Any]) -> bool:
        mark = str(listed["Labels"].get(ENGINE, ""))
        return "-" in mark and not is_owner_alive(mark)

    return remove_own(docker, home, kind="build", is_wanted=is_orphan)


def drop(folder: Path) -> None:
    """Remove a container's folder and what belongs to it."""
    private = folder / _PRIVATE
    with contextlib.suppress(OSError):
        shutil.rmtree(private.readlink())
    shutil.rmtree(folder, ignore_errors=True)


def clear(tasks: Path, dead: int = 0) -> int:
    """Remove containers and folders of processes that are gone; how many. Blocking.

    Args:
        tasks: the folder for all.
        dead: a process that is known to be gone.
    """
    gone = 0
    with contextlib.suppress(FileNotFoundError):
        for folder in list(tasks.iterdir()):
            if (folder / _KEPT).exists():
                if not _is_there(kept_name(folder.name)):
                    drop(folder)
            elif not folder.name.startswith(".") and not _is_owned(folder, dead):
                remove(connect(), folder.name)
                drop(folder)
                gone += 1
    return gone


def _is_there(name: str) -> bool:
    try:
        connect().api.inspect_container(name)
    except Exception as error:  # docker and requests share no class
        if is_missing(error):
            return False
        raise
    return True


def _is_owned(folder: Path, dead: int) -> bool:
    try:
        pid, born = (folder / _OWNER).read_text().split()
    except (OSError, ValueError):
        return False
    return int(pid) != dead and _born(int(pid)) == born


def _born(pid: int) -> str:
    """When a process began; "" when it is gone."""
    import psutil

    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.Error:
        return ""


def start_guard(tasks: Path) -> subprocess.Popen[bytes]:
    """Have somebody clear up after this process, should it be killed."""
    work = [sys.executable, "-m", __name__, str(tasks), str(os.getpid())]
    return subprocess.Popen(
        ["/bin/sh", "-c", _GUARD, str(tasks), *work],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


if __name__ == "__main__":
    clear(Path(sys.argv[1]), int(sys.argv[2]))
