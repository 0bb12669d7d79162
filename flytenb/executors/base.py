"""The port that every executor implements."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from flytenb.executors.usage import Look
from flytenb.model import Grant, Launch, Placement

if TYPE_CHECKING:
    from flytenb.images.progress import Progress

#: Seconds for which a container engine that was there and went away is waited for, and between tries.
RETURN_S, TRY_S = 90.0, 0.5


@dataclass(frozen=True, kw_only=True)
class Contained:
    """A container of this home.

    Attributes:
        name, id, kind, image, worker: as it is labelled.
        is_mine: of this engine process.
        is_kept: its action has failed and it stays for a person.
        is_running: something can be run in it.
        created_at: when it was made.
        actions: numbers of the actions that it is kept for.
        run, action: names of the one action that it is, of a task that is a container.
    """

    name: str
    id: str
    kind: str
    image: str
    worker: str
    is_mine: bool
    is_kept: bool
    is_running: bool
    created_at: float
    actions: tuple[int, ...]
    run: str
    action: str


class Owner(Protocol):
    """Hears of workers. Everything is called in the engine's loop."""

    def on_worker_exit(self, worker: str, status: int, cause: str, detail: str = "", code: str = "") -> None:
        """A worker's process has ended, or none could be had.

        Args:
            worker: its name.
            status: the exit code, negative for a signal.
            cause: "exit", "killed" (by us), "oom" (over its memory limit), "start" (it never ran), "prepared" (it was
                not to run, or took long: its software is there now) or "refused" (no worker of its kind can be had:
                what waits for one fails with `code`).
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

    def on_worker_build(self, worker: str, build: Progress) -> None:
        """What is being built for a worker that is not there yet."""

    async def listen_for_workers(self, path: Path) -> bytes:
        """Meet workers at a further Unix socket, which only they may use.

        Returns:
            The secret that their tokens are made with (`wire.tokens`).
        """


class Executor(Protocol):
    """Starts, watches and stops workers. Everything is called in the engine's loop and returns at once."""

    async def start(self) -> None:
        """Prepare what makes the first worker quick."""

    def spawn(self, worker: str, launch: Launch, grant: Grant) -> None:
        """Start a worker; it connects by itself."""

    def adopt(self, worker: str, launch: Launch, grant: Grant, pid: int, executor: str) -> None:
        """Go on with a worker that an engine before this one started with this kind of executor."""

    def settle(self) -> None:
        """All workers that were to be adopted are; what else is left of an engine before this one can go."""

    def kill(self, worker: str, why: str = "") -> None:
        """End a worker's process at once; `on_worker_exit` follows, with these words if there are any."""

    def is_stopped(self, worker: str) -> bool:
        """Whether a worker's process is stopped (SIGSTOP), as far as can be seen without waiting."""

    def end(self, worker: str, why: str = "") -> None:
        """The same, with a moment for the processes that it started to end by themselves."""

    async def measure(self, workers: Iterable[str]) -> dict[str, Look]:
        """What workers use now; those of which nothing can be seen are left out."""

    def measure_now(self, worker: str) -> Look | None:
        """The same for one, at once: only where that takes no time."""

    def look_after(self, worker: str) -> bool:
        """Its link has closed and its end has not been told.

        Returns:
            Whether the executor finds out; `on_worker_exit` follows. Else nobody knows more.
        """

    async def containers(self) -> tuple[str, list[Contained]]:
        """The address of the container engine and all containers of this home; "" and none where it never had one.

        Raises:
            ContainerEngineError: it does not answer.
        """

    async def remove_kept(self, names: list[str]) -> list[str]:
        """Remove containers that are kept for a person; the names of those that are gone now."""

    async def stop(self) -> None:
        """End everything that was started."""
