"""Which worker processes of a home live, whoever started them: a locked file each, unlocked by the kernel at their end.

The file names the process too. Its number alone says nothing: numbers are given again, and mean nothing after the
machine has started anew. Only a number whose file is locked, and whose process began when the file says, may be
signalled.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path

#: Kept open until the process ends.
_held: list[int] = []


def folder(home: Path) -> Path:
    """Where the files are."""
    return home / "alive"


def hold(home: Path, worker: str) -> None:
    """Tell that this process is that worker, until it ends. Where the file system knows no locks, nothing is told."""
    with contextlib.suppress(OSError):
        folder(home).mkdir(mode=0o700, exist_ok=True)
        _lock(folder(home) / worker, 0o600, f"{os.getpid()} {born(os.getpid())} {boot()}")


def hold_contained(shared: Path, worker: str) -> None:
    """The same in a container, in the folder that it shares with its executor."""
    with contextlib.suppress(OSError):
        _lock(shared / "alive", 0o666, worker)  # the folder is private, and this user may be another one


def _lock(path: Path, mode: int, words: str) -> None:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    os.ftruncate(descriptor, 0)
    os.write(descriptor, words.encode())
    _held.append(descriptor)


def living(home: Path) -> dict[str, int]:
    """Workers that live and their processes; the files of others are removed."""
    found: dict[str, int] = {}
    with contextlib.suppress(OSError):
        for path in folder(home).iterdir():
            pid = _process_of(path)
            if pid:
                found[path.name] = pid
            else:
                path.unlink(missing_ok=True)
    return found


def contained(home: Path) -> dict[str, str]:
    """Workers that live in containers of this machine, and the names of these."""
    found: dict[str, str] = {}
    with contextlib.suppress(OSError):
        for shared in (home / "containers").iterdir():
            words = _words_of(shared / "alive")
            if len(words) == 1:
                found[words[0]] = shared.name
    return found


def is_alive(home: Path, worker: str) -> int:
    """The process of a worker that lives, else 0."""
    return _process_of(folder(home) / worker)


def forget(home: Path, worker: str) -> None:
    """That worker has ended."""
    (folder(home) / worker).unlink(missing_ok=True)


def _words_of(path: Path) -> list[str]:
    """What a locked file says; nothing when nobody holds its lock."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.read(descriptor, 256).decode("ascii", "replace").split()
    except OSError:
        return []
    else:
        return []
    finally:
        os.close(descriptor)


def _process_of(path: Path) -> int:
    words = _words_of(path)
    if len(words) != 3 or not words[0].isdigit() or words[2] != boot():
        return 0
    pid = int(words[0])
    return pid if born(pid) == words[1] else 0  # else a process that it forked has the lock still


def boot() -> str:
    """Names the time since the machine started; "-" where the system has no such name."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip() or "-"
    except OSError:
        return "-"


def born(pid: int) -> str:
    """When a process began, in the system's own words; "" when it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            words = file.read().rpartition(b")")[2].split()
    except OSError:
        return _born_elsewhere(pid)
    return "" if words[0] in (b"Z", b"X") else words[19].decode()


def _born_elsewhere(pid: int) -> str:
    if os.path.exists("/proc/self/stat"):
        return ""
    import psutil  # systems without /proc

    try:
        process = psutil.Process(pid)
        return "" if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.Error:
        return ""


def is_stopped(pid: int) -> bool:
    """Whether a process is stopped (SIGSTOP): it will not answer before somebody lets it go on."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] == b"T"
    except OSError:
        if os.path.exists("/proc/self/stat"):
            return False
        import psutil  # systems without /proc

        try:
            return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)
        except psutil.Error:
            return False
