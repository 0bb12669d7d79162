"""Programs that make virtual environments, and the locks that keep two from making the same."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import signal
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

_KEPT_LINES = 60
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


async def run_command(
    command: Sequence[str], env: dict[str, str], hear: Callable[[str], None], pid_path: Path | None = None
) -> tuple[int, list[str]]:
    """Exit status and last lines of a command; a cancel ends it with all that it started."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env=env,
        cwd=os.sep,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
        limit=1 << 20,
    )
    if pid_path is not None:
        pid_path.write_text(str(process.pid))
    lines: deque[str] = deque(maxlen=_KEPT_LINES)
    assert process.stdout is not None
    try:
        async for raw in process.stdout:
            line = _ANSI.sub("", raw.decode(errors="replace")).rstrip()
            if line:
                lines.append(line)
                hear(line)
        return await process.wait(), list(lines)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await asyncio.shield(process.wait())


@contextlib.asynccontextmanager
async def locked(path: Path, on_wait: Callable[[], None]) -> AsyncIterator[None]:
    """Hold a file's lock, which other processes respect and the system frees when the holder dies."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            on_wait()
            await _flock_in_thread(file.fileno())
        yield


async def _flock_in_thread(descriptor: int) -> None:
    """Wait for the lock without the loop. Its own thread and descriptor: a cancel leaves it waiting, and harmless."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    own = os.dup(descriptor)

    def wait() -> None:
        try:
            fcntl.flock(own, fcntl.LOCK_EX)
        finally:
            os.close(own)  # the lock stays with the other descriptor, if that is open still
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(lambda: None if done.done() else done.set_result(None))

    threading.Thread(target=wait, name="flytenb-lock", daemon=True).start()
    await done
