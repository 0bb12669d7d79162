"""The port that every executor implements."""

from __future__ import annotations

from typing import Protocol

from flytenb.model import Launch


class OnExit(Protocol):
    """Hears that a worker's process has ended.

    `status` is the exit code, negative for a signal. `cause` is "exit", "killed" (by us), "oom" (over its memory
    limit), or "start" (it never ran); `detail` says it in words, "" when there is nothing to add.
    """

    def __call__(self, worker: str, status: int, cause: str, detail: str = "") -> None: ...


class Executor(Protocol):
    """Starts, watches and stops worker processes. Everything is called in the engine's loop and returns at once."""

    async def start(self) -> None:
        """Prepare what makes the first worker quick."""

    def spawn(self, worker: str, launch: Launch, memory_bytes: int = 0) -> None:
        """Start a worker; it connects by itself. With a limit it is killed when it uses more memory."""

    def kill(self, worker: str) -> None:
        """End a worker's process at once; `on_exit` follows."""

    async def stop(self) -> None:
        """End everything that was started."""
