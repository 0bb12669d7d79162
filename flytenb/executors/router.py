"""Which executor gives a worker: asked for, or the one that fits what its environment needs."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Iterable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from flytenb.errors import BaseRuntimeError, ContainerEngineError
from flytenb.executors.base import RETURN_S, TRY_S, Contained, Owner
from flytenb.executors.contained import ContainedWorkers
from flytenb.executors.process import ProcessExecutor
from flytenb.executors.usage import Look, of_processes
from flytenb.model import Grant, Launch, Placement
from flytenb.model.build import IMAGE
from flytenb.wire import alive
from flytenb.wire.paths import home, object_path

if TYPE_CHECKING:
    from flytenb.executors.docker import DockerExecutor
    from flytenb.images.progress import Progress
    from flytenb.images.realise import Realised, Realiser

_log = logging.getLogger(__name__)


class Router:
    """All executors of this machine as one.

    Args:
        socket_path: where workers meet the engine.
        secret: what the tokens that they show there are made with.
        owner: hears of every worker, in the loop.
    """

    def __init__(self, socket_path: str, secret: bytes, owner: Owner) -> None:
        self._owner = owner
        self._home = home()
        self._contained = ContainedWorkers(owner, self._home)
        self._process = ProcessExecutor(socket_path, secret, self._contained)
        self._realiser: Realiser | None = None
        self._docker: DockerExecutor | None = None
        #: Workers whose software is being prepared.
        self._preparing: dict[str, asyncio.Task[None]] = {}
        #: What ends now is asked for again by the rules; the next engine hears of it.
        self._is_stopping = False

    async def start(self) -> None:
        """Prepare the process executor; others begin with their first worker."""
        await self._process.start()
        if (self._home / "containers").is_dir():  # an earlier engine had some
            await self._containers().start()
        self._contained.clear_soon()

    def spawn(self, worker: str, launch: Launch, grant: Grant) -> None:
        """Start a worker where it belongs: at once, or when the software that its environment names is there."""
        if self._is_stopping:
            return
        asks_gpu = bool(grant.gpus or grant.gpus_later)
        if launch.image is None and (launch.executor == "process" or (launch.executor == "auto" and not asks_gpu)):
            reason = "processes were asked for" if launch.executor == "process" else "its environment names no image"
            placement = Placement(executor="process", reason=reason, python=launch.python, notes=grant.notes)
            self._place(worker, launch, placement)
            self._process.spawn(worker, launch, grant)
            return
        task = asyncio.get_running_loop().create_task(self._prepare(worker, launch, grant))
        self._preparing[worker] = task
        task.add_done_callback(lambda _: self._preparing.pop(worker, None))

    def adopt(self, worker: str, launch: Launch, grant: Grant, pid: int, executor: str) -> None:
        """Go on with a worker that an engine before this one started with this kind of executor."""
        if executor == "docker" and not launch.is_contained:
            self._containers().adopt(worker, launch, grant, alive.contained(self._home).get(worker, ""))
            return
        if launch.is_contained:
            self._contained.add(worker)
        self._process.adopt(worker, launch, grant, pid)

    def settle(self) -> None:
        """All workers that were to be adopted are."""
        if self._docker is not None:
            self._docker.settle()

    def is_stopped(self, worker: str) -> bool:
        """Whether a worker's process is stopped (SIGSTOP)."""
        return self._process.is_stopped(worker)

    def kill(self, worker: str, why: str = "") -> None:
        """End a worker's process at once, or the preparation for it."""
        task = self._preparing.get(worker)
        if task is not None and not task.done():
            task.cancel()
            return
        self._process.kill(worker, why)
        if self._docker is not None:
            self._docker.kill(worker)

    def end(self, worker: str, why: str = "") -> None:
        """The same, with a moment for what the worker started to end by itself."""
        if worker in self._preparing:
            self.kill(worker, why)
            return
        self._process.end(worker, why)
        if self._docker is not None:
            self._docker.kill(worker)

    async def measure(self, workers: Iterable[str]) -> dict[str, Look]:
        """What workers use now: processes with all that they started, or containers."""
        asked = [worker for worker in workers if worker not in self._preparing]
        contained = [worker for worker in asked if worker in self._contained]
        pids = self._process.pids(worker for worker in asked if worker not in self._contained)
        others = [worker for worker in asked if worker not in pids and worker not in self._contained]
        looks: list[Awaitable[dict[str, Look]]] = [asyncio.to_thread(of_processes, pids)] if pids else []
        if contained:
            looks.append(self._containers().measure(contained, is_of_tasks=True))
        if others and self._docker is not None:
            looks.append(self._docker.measure(others, is_of_tasks=False))
        found: dict[str, Look] = {}
        for each in await asyncio.gather(*looks):
            found |= each
        return found

    def measure_now(self, worker: str) -> Look | None:
        """The same for a process, at once."""
        return None if worker in self._contained else self._process.measure_now(worker)

    def look_after(self, worker: str) -> bool:
        """Whether the end of a worker whose link has closed is being found out."""
        return worker in self._contained or (self._docker is not None and self._docker.look_after(worker))

    async def containers(self) -> tuple[str, list[Contained]]:
        """The container engine's address and all containers of this home; "" and none where it never had one."""
        has_had = (self._home / "containers").is_dir() or self._contained.has_leftovers
        if not has_had and self._realiser is None:
            return "", []
        try:
            return await self._containers().listed()
        except ContainerEngineError:
            if has_had:
                raise
            return "", []  # images that were made without one

    async def remove_kept(self, names: list[str]) -> list[str]:
        """Remove containers that are kept for a person; the names of those that are gone now."""
        return await self._containers().remove_kept(names)

    async def stop(self) -> None:
        """End everything that was started."""
        try:
            await self._stop()
        finally:
            await self._contained.clear()

    async def _stop(self) -> None:
        self._is_stopping = True
        tasks = list(self._preparing.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._docker is not None:
            await asyncio.gather(self._process.stop(), self._docker.stop())
        else:
            await self._process.stop()

    # ---- images ---------------------------------------------------------------------------------------------------

    async def _prepare(self, worker: str, launch: Launch, grant: Grant) -> None:
        """Start a worker with the software that its environment names."""
        news = _News(self._owner, worker)
        try:
            if launch.is_contained:
                await self._start_contained(worker, launch, grant, news)
                return
            if self._realiser is None:
                self._realiser = await asyncio.to_thread(_new_realiser, self)
            realised = await self._realised(self._realiser, launch, len(grant.gpus) or grant.gpus_later, news)
        except asyncio.CancelledError:
            self._owner.on_worker_exit(worker, -9, "killed", "it was stopped while its image was prepared")
            raise
        except BaseRuntimeError as error:
            self._owner.on_worker_exit(worker, 1, "refused", str(error), error.code)
        except Exception as error:
            _log.exception("the software of worker %s could not be prepared", worker)
            detail = f"its image could not be prepared: {type(error).__name__}: {error}; see engine.log in {self._home}"
            self._owner.on_worker_exit(worker, 1, "refused", detail, "ImageBuildError")
        else:
            if not self._is_only_prepared(worker, grant, news):
                self._start(worker, launch, grant, realised)

    async def _realised(self, realiser: Realiser, launch: Launch, gpu: int, news: _News) -> Realised:
        """The software; a container engine that was there and went away is waited for."""
        loop = asyncio.get_running_loop()
        deadline = 0.0
        while True:
            try:
                return await realiser.realise(launch, news=news.tell, follow=news.follow, gpu=gpu)
            except ContainerEngineError:
                deadline = deadline or loop.time() + RETURN_S
                if self._docker is None or not self._docker.has_begun or loop.time() > deadline:
                    raise
                news.tell("waits for the Docker engine, which went away")
                await asyncio.sleep(TRY_S)  # it gives no event when it comes back

    def _is_only_prepared(self, worker: str, grant: Grant, news: _News) -> bool:
        """Whether a worker ends here: it has no GPUs yet, or has lost them while its software was made."""
        if not grant.gpus_later and not (grant.gpus and news.was_told and not grant.keeps_gpus):
            return False
        self._owner.on_worker_exit(worker, 0, "prepared")
        return True

    async def _start_contained(self, worker: str, launch: Launch, grant: Grant, news: _News) -> None:
        """A process that will start containers: what its environment says is theirs."""
        from flytenb.images.task_image import image_to_run  # with it comes all that knows containers

        assert launch.image is not None
        image, ident = await image_to_run(launch.image, home=self._home, news=news.tell, follow=news.follow)
        if self._is_only_prepared(worker, grant, news):
            return
        placement = Placement(
            executor="docker",
            reason="every action is a container of its own",
            image=image,
            image_id=ident,
            notes=grant.notes,
        )
        self._owner.on_worker_placed(worker, placement, False)
        seen = replace(launch, env_vars={"FLYTENB_TASK_IMAGE": image})
        self._contained.add(worker)
        self._process.spawn(worker, seen, grant)

    def _start(self, worker: str, launch: Launch, grant: Grant, realised: Realised) -> None:
        placement = Placement(
            executor="docker" if realised.kind == "docker" else "process",
            reason=realised.reason,
            python=realised.python,
            image=realised.image or (launch.image.text if launch.image is not None else ""),
            image_id=realised.image_id,
            environment=realised.environment,
            distributions=realised.distributions,
            notes=(*realised.notes, *grant.notes),
        )
        self._place(worker, launch, placement)
        if realised.kind == "docker":
            seen = replace(launch, env_vars={**realised.env_vars, **launch.env_vars}, cwd=realised.cwd or launch.cwd)
            self._containers().spawn(worker, seen, grant, realised.image, realised.python)
            return
        variables = {**realised.env_vars, **launch.env_vars}
        seen = replace(launch, python=realised.python, env_vars=variables, cwd=realised.cwd or launch.cwd)
        self._process.spawn(worker, seen, grant, realised.runtime)

    def _place(self, worker: str, launch: Launch, placement: Placement) -> None:
        is_single = launch.isolation == "strict" or placement.executor == "docker"
        self._owner.on_worker_placed(worker, placement, is_single and launch.reuse is None)

    def _containers(self) -> DockerExecutor:
        if self._docker is None:
            from flytenb.executors.docker import DockerExecutor  # threads and all: only containers pay for it

            self._docker = DockerExecutor(self._home, self._owner)
        return self._docker


class _News:
    """What is told of one worker's software while it is made; the rules give its GPUs to others with the first word."""

    def __init__(self, owner: Owner, worker: str) -> None:
        self._owner, self._worker = owner, worker
        self.was_told = False

    def tell(self, words: str) -> None:
        """In words."""
        self.was_told = True
        self._owner.on_worker_news(self._worker, words)

    def follow(self, progress: Progress) -> None:
        """There is something to build."""
        if progress.row.kind == IMAGE and not progress.row.is_over:  # of others it is told anyway
            self.tell(progress.row.words(time.time()))
        self._owner.on_worker_build(self._worker, progress)


def _new_realiser(router: Router) -> Realiser:
    from flytenb.images.realise import Realiser  # with it come readers of requirements: only images pay for them

    return Realiser(router._home, lambda digest: object_path(router._home, digest))
