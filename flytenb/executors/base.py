"""The port that every executor implements."""

from __future__ import annotations

from typing import Protocol

from flytenb.model import Grant, Launch, Placement


class Owner(Protocol):
    """Hears of workers. Everything is called in the engine's loop."""

    def on_worker_exit(self, worker: str, status: int, cause: str, detail: str = "", code: str = "") -> None:
        """A worker's process has ended, or none could be had.

        Args:
            worker: its name.
            status: the exit code, negative for a signal.
            cause: "exit", "killed" (by us), "oom" (over its memory limit), "start" (it never ran), or "refused" (no
                worker of its kind can be had: what waits for one fails with `code`).
            detail: in words, "" when there is nothing to add.
            code: class of `errors` for "refused".
        """

    def on_worker_placed(self, worker: str, placement: Placement, is_single: bool = False) -> None:
        """It is settled where the worker runs and with what software; before its first message.

        Args:
            worker: its name.
            placement: where and with what software.
            is_single: it is made for one action and ends with it.
        """

    def on_worker_news(self, worker: str, words: str) -> None:
        """What a worker that is not there yet waits for."""


class Executor(Protocol):
    """Starts, watches and stops workers. Everything is called in the engine's loop and returns at once."""

    async def start(self) -> None:
        """Prepare what makes the first worker quick."""

    def spawn(self, worker: str, launch: Launch, grant: Grant) -> None:
        """Start a worker; it connects by itself."""

    def kill(self, worker: str) -> None:
        """End a worker's process at once; `on_worker_exit` follows."""

    async def stop(self) -> None:
        """End everything that was started."""
