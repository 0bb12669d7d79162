"""Workers in containers, one each. Docker is called in threads; the loop hears of ends by one stream of events.

The engine owns a container until it is gone: it is named and labelled before it exists, so that a later engine of the
same home finds what an earlier one left, and removes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from flytenb.containers.client import Docker, connect, forget, is_missing, said
from flytenb.containers.kept import keep
from flytenb.containers.labels import home_id, is_kept, list_own, remove, remove_own
from flytenb.errors import BaseRuntimeError, ContainerEngineError, ContainerStartError
from flytenb.executors.base import RETURN_S, TRY_S, Contained, Owner
from flytenb.executors.docker import container, exits, listing, runtime
from flytenb.executors.docker.attached import Attached
from flytenb.executors.docker.container import Place
from flytenb.executors.docker.entry import Entry
from flytenb.executors.docker.exits import Exit
from flytenb.executors.docker.leavings import Leavings
from flytenb.executors.docker.measure import measure, task_containers
from flytenb.executors.docker.stream import Stream
from flytenb.executors.docker.volumes import Volumes, clear_states
from flytenb.executors.docker.watch import Watch
from flytenb.executors.usage import Look
from flytenb.model import Grant, Launch
from flytenb.wire import alive
from flytenb.wire.paths import workers_socket_path
from flytenb.wire.tokens import worker_token

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
_THREADS = 12
#: Seconds that a look at what containers use may take.
_MEASURE_S = 5
#: Seconds that a container may outlive its worker's link.
_END_S = 10
#: Seconds for what a container says last, when it is known to have ended.
_REPORT_S = 5
#: What an engine says of a folder of this machine that it does not see.
UNSEEN = "bind source path does not exist"
#: Seconds for the end of all containers; what a slow Docker engine leaves is removed by the next engine of this home.
_STOP_S = 10


class DockerExecutor:
    """Containers on this machine.

    Args:
        home: the engine's home.
        owner: hears of every worker, in the loop.
    """

    def __init__(self, home: Path, owner: Owner) -> None:
        self._home, self._owner = home, owner
        self._home_id, self._engine_id = home_id(home), secrets.token_hex(6)
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="flytenb-docker")
        self._workers: dict[str, Entry] = {}
        self._by_ident: dict[str, Entry] = {}
        self._ready: asyncio.Task[Place] | None = None
        self._docker: Docker | None = None
        self._watch: Watch | None = None
        #: Where the engine does not see this machine's files.
        self._far: Volumes | None = None
        self._secret = b""
        self._tasks: set[asyncio.Task[Any]] = set()
        #: Cache tags of Pythons whose bytecode is made or being made.
        self._compiled: set[str] = set()
        #: An earlier engine may have left containers, which could not be looked for yet.
        self._has_orphans = False
        self._left = Leavings(home, self._home_id, self._engine_id)
        self._is_stopping = False

    @property
    def has_begun(self) -> bool:
        """Whether there was a container engine."""
        return self._docker is not None

    # ---- the port --------------------------------------------------------------------------------------------------
    async def start(self) -> None:
        """Remove what an engine that died left behind, if it had containers at all."""
        folder = self._home / "containers"
        if folder.is_dir() and any(folder.iterdir()):
            self._has_orphans = True
            self._left.spared = set(alive.contained(self._home).values())
            self._spawn(self._remove_orphans())

    def settle(self) -> None:
        """What was not adopted goes now."""
        if self._left.spared:
            self._left.spared = set()
            self._spawn(self._remove_orphans())

    def adopt(self, worker: str, launch: Launch, grant: Grant, name: str) -> None:
        """Go on with a worker in a container that an engine before this one made."""
        entry = self._workers[worker] = Entry(worker, launch, grant, "", "")
        entry.name = name
        self._left.adopted.add(name)
        entry.task = self._spawn(self._take_over(entry))

    async def _take_over(self, entry: Entry) -> None:
        deadline = asyncio.get_running_loop().time() + RETURN_S
        while True:
            try:
                found = await self._found(entry)
            except Exception as error:  # docker, requests and urllib3 share no class
                _log.warning("container %s cannot be taken over: %s", entry.name, said(error))
                is_late = self._is_stopping or asyncio.get_running_loop().time() > deadline
                if entry.name and not is_missing(error) and not is_late:
                    await asyncio.sleep(TRY_S)  # the engine gives no event when it comes back
                    continue
                detail = f"its container {entry.name} is not found any more: {said(error)}"
                self._told(entry, Exit(status=-9, cause="exit", detail=detail))
                return
            break
        if entry.is_killed:
            await self._remove(entry)
        elif not found["State"]["Running"]:
            await self._close(entry)
        elif entry.has_left:
            await self._await_end(entry)

    async def _found(self, entry: Entry) -> dict[str, Any]:
        """A container of another engine, known here from now on."""
        await self._prepared()
        docker = self._docker
        assert docker is not None
        found = await self._thread(docker.api.inspect_container, entry.name)
        entry.ident, entry.image, entry.is_started = found["Id"], found["Config"]["Image"], True
        self._by_ident[entry.ident] = entry
        # Once more: an end before this moment was told of a container that nobody knew.
        found = await self._thread(docker.api.inspect_container, entry.ident)
        return dict(found)

    def spawn(self, worker: str, launch: Launch, grant: Grant, image: str, python: str = "") -> None:
        """Start a worker in a container of an image."""
        entry = self._workers[worker] = Entry(worker, launch, grant, image, python or "python3")
        entry.task = self._spawn(self._open(entry))

    def kill(self, worker: str) -> None:
        """End a worker's container at once."""
        entry = self._workers.get(worker)
        if entry is None:
            return
        entry.is_killed = True
        if entry.ident:
            self._spawn(self._remove(entry))
        # Else it is being made: whoever makes it sees that it is not wanted any more.

    def look_after(self, worker: str) -> bool:
        """Its link has closed: find out how its container ended, or end it."""
        entry = self._workers.get(worker)
        if entry is None:
            return False
        if not entry.ident:
            entry.has_left = True
        elif not entry.is_ending:
            self._spawn(self._await_end(entry))
        return True

    async def measure(self, workers: Iterable[str], *, is_of_tasks: bool) -> dict[str, Look]:
        """What workers' containers use now, or with `is_of_tasks` those that workers have started for their actions."""
        docker: Docker | None
        try:
            if is_of_tasks:
                docker = await self._thread(connect)
                known = await self._thread(task_containers, docker, self._home_id)
                idents = {worker: known[worker] for worker in workers if worker in known}
            else:
                docker = self._docker
                entries = {worker: self._workers[worker] for worker in workers if worker in self._workers}
                idents = {worker: entry.ident for worker, entry in entries.items() if entry.ident}
            if docker is None or not idents:
                return {}
            looks = [self._thread(measure, docker, ident) for ident in idents.values()]
            found = await asyncio.wait_for(asyncio.gather(*looks), _MEASURE_S)
        except Exception as error:  # docker, requests and urllib3 share no class; the next look may see more
            _log.debug("containers cannot be measured: %s", error)
            return {}
        return {worker: look for worker, look in zip(idents, found, strict=True) if look is not None}

    async def listed(self) -> tuple[str, list[Contained]]:
        """The engine's address and all containers of this home."""
        docker = await self._thread(connect)
        found = await self._thread(listing.contained, docker, self._home, self._home_id, self._engine_id)
        return docker.address.url, found

    async def remove_kept(self, names: list[str]) -> list[str]:
        """Remove containers that are kept for a person."""
        docker = await self._thread(connect)
        gone = await self._thread(listing.remove_kept, docker, self._home, self._home_id, names)
        await self._thread(clear_states, docker, self._home_id, self._engine_id)
        return gone

    async def stop(self) -> None:
        """Remove all containers of this engine, except those that are kept for a person."""
        self._is_stopping = True
        for worker in list(self._workers):
            self.kill(worker)
        try:
            await asyncio.wait_for(self._end_all(), _STOP_S)
        except asyncio.TimeoutError:
            _log.warning("the Docker engine did not remove all containers within %d s", _STOP_S)
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _end_all(self) -> None:
        if self._tasks:
            await asyncio.wait(list(self._tasks))
        if self._watch is not None:
            self._watch.close()
        if self._docker is None and self._left.adopted:
            with contextlib.suppress(ContainerEngineError):
                self._docker = await self._thread(connect)
        if self._docker is not None:
            with contextlib.suppress(Exception):  # Docker is gone: the next engine removes what is left
                await self._thread(remove_own, self._docker, self._home_id, kind="worker", is_wanted=self._left.is_mine)
                if self._far is not None:
                    await self._thread(self._far.clear, self._docker, is_end=True)
            await self._thread(self._left.clear_folders, self._docker, self._names)

    # ---- a container's start ---------------------------------------------------------------------------------------
    async def _open(self, entry: Entry) -> None:
        try:
            place = await self._prepared()
            await self._begin(entry, place)
        except BaseRuntimeError as error:
            self._told(entry, Exit(status=1, cause="refused", detail=str(error), code=error.code))
        except Exception as error:
            _log.exception("the container of worker %s could not be started", entry.worker)
            detail = f"its container could not be started: {type(error).__name__}: {error}"
            self._told(entry, Exit(status=1, cause="refused", detail=detail, code="ContainerStartError"))

    async def _begin(self, entry: Entry, place: Place) -> None:
        """Create and start; an engine that goes away meanwhile is waited for."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + RETURN_S
        while not entry.is_killed:
            docker = await self._connected(entry, deadline)
            try:
                await self._thread(self._start, docker, place, entry)
            except ContainerStartError:
                raise
            except Exception as error:  # docker, requests and urllib3 share no class
                # Its end is nobody's from now on: the engine may have started it, and only the answer was lost.
                self._by_ident.pop(entry.ident, None)
                self._spawn(self._thread(self._discard, docker, place, entry.name, entry.ident))
                entry.ident, entry.is_started = "", False
                if entry.is_killed:
                    break
                if self._far is None and UNSEEN in said(error):
                    self._far = self._volumes(docker, place)
                    continue
                if getattr(error, "response", None) is not None:
                    words = exits.start_words(error, entry.image, container.network(entry.launch))
                    self._told(entry, Exit(status=1, cause="refused", detail=words, code="ContainerStartError"))
                    return
                if loop.time() > deadline:
                    raise
                forget(docker)
                self._owner.on_worker_news(entry.worker, "waits for the Docker engine, which went away")
                await asyncio.sleep(TRY_S)  # it gives no event when it comes back
            else:
                if entry.is_killed:
                    await self._remove(entry)
                return
        self._told(entry, Exit(status=-9, cause="killed"))

    async def _connected(self, entry: Entry, deadline: float) -> Docker:
        """The engine; one that was there before and is not now is waited for."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                return await self._thread(connect)
            except ContainerEngineError:
                if loop.time() > deadline or entry.is_killed or self._is_stopping:
                    raise
                self._owner.on_worker_news(entry.worker, "waits for the Docker engine, which went away")
                await asyncio.sleep(TRY_S)  # it gives no event when it comes back

    def _start(self, docker: Docker, place: Place, entry: Entry) -> None:
        entry.name = container.new_name(place, entry.worker)
        far, launch = self._far, entry.launch
        boot = container.boot_words(
            place, entry.worker, worker_token(self._secret, entry.worker), launch, is_far=far is not None
        )
        container.write_boot(place, entry.name, boot if far is None else {})

        def create(config: dict[str, Any]) -> str:
            return container.create(docker, config, entry.image, entry.python)

        mounts = far.prepare(docker, create) if far is not None else None
        ident = create(container.configuration(docker, place, entry.name, entry.worker, launch, entry.grant, mounts))
        entry.ident = ident
        self._by_ident[ident] = entry
        if entry.is_killed:
            return
        if far is None:
            docker.api.start(ident)
            entry.is_started = True
            return
        entry.stream = stream = self._stream(docker, place, entry)
        try:
            docker.api.start(ident)
            entry.is_started = True
            stream.begin(boot)
        except BaseException:
            stream.close()
            raise

    def _stream(self, docker: Docker, place: Place, entry: Entry) -> Stream:
        return Stream(
            self._loop,
            Attached(docker, entry.ident),
            folder=place.folder(entry.name),
            home=self._home,
            door=place.socket,
            on_lost=lambda has_ended: self._on_stream_lost(entry, has_ended=has_ended),
        )

    def _on_stream_lost(self, entry: Entry, *, has_ended: bool) -> None:
        entry.stream_ended.set()
        if self._far is not None and entry.stream is not None:
            self._far.add_moved(entry.stream.moved_bytes)
        if not has_ended:
            self.look_after(entry.worker)

    # ---- a container's end -----------------------------------------------------------------------------------------
    def _on_died(self, ident: str) -> None:
        entry = self._by_ident.get(ident)
        if entry is not None and not entry.is_ending and not entry.is_killed:
            self._spawn(self._close(entry))

    async def _close(self, entry: Entry) -> None:
        """It has ended by itself: tell how, then let it go."""
        if entry.is_ending:
            return
        entry.is_ending = True
        place, docker = await self._prepared(), self._docker
        assert docker is not None
        if entry.stream is not None and not entry.stream_ended.is_set():
            with contextlib.suppress(asyncio.TimeoutError):  # its report comes that way
                await asyncio.wait_for(entry.stream_ended.wait(), 0 if self._has_report(place, entry) else _REPORT_S)
        asked = entry.grant.memory_bytes
        ended = await self._thread(exits.read_exit, docker, entry.ident, place.folder(entry.name), entry.image, asked)
        if entry.is_killed:
            ended = Exit(status=-9, cause="killed")
        if entry.grant.gpus and not ended.is_held:
            await self._ended(entry, docker)
        self._told(entry, ended)
        is_kept = entry.launch.keep_on_failure and ended.is_failure and ended.cause not in ("refused", "killed")
        if is_kept:
            with contextlib.suppress(Exception):  # it may be gone
                await self._thread(keep, docker, entry.ident, entry.name)
                self._spawn(self._thread(listing.thin, docker, self._home, self._home_id))
                return
        await self._thread(self._discard, docker, place, entry.name, entry.ident)
        self._compile_for(place, docker, entry, ended.cache_tag)

    async def _remove(self, entry: Entry) -> None:
        """It is not wanted any more."""
        if entry.is_ending:
            return
        entry.is_ending = True
        place, docker = await self._prepared(), self._docker
        assert docker is not None
        await self._thread(self._discard, docker, place, entry.name, entry.ident)
        if entry.grant.gpus:
            await self._ended(entry, docker)
        self._told(entry, Exit(status=-9, cause="killed"))

    async def _ended(self, entry: Entry, docker: Docker) -> None:
        """Until nothing of it computes, so that its GPUs are free; a Docker engine that is away is waited for."""
        while not self._is_stopping:
            try:
                await self._thread(docker.api.kill, entry.ident)
            except Exception as error:  # docker, requests and urllib3 share no class
                if is_missing(error):
                    return  # it is gone, or does not run
                await asyncio.sleep(TRY_S)  # the engine gives no event when it comes back

    async def _await_end(self, entry: Entry) -> None:
        """The worker is gone and its container has not been heard to end: it is held, or it is late, or it hangs."""
        place, docker = await self._prepared(), self._docker
        assert docker is not None
        if not self._has_report(place, entry):
            with contextlib.suppress(Exception):  # it may be gone already, or the engine is
                await self._thread(docker.api.wait, entry.ident, timeout=_END_S)
        if not entry.is_ending:
            await self._close(entry)

    @staticmethod
    def _has_report(place: Place, entry: Entry) -> bool:
        return (place.folder(entry.name) / "exit.json").exists()

    def _told(self, entry: Entry, ended: Exit) -> None:
        if self._workers.pop(entry.worker, None) is None:
            return
        self._by_ident.pop(entry.ident, None)
        if entry.stream is not None:
            entry.stream.close()
        if not self._is_stopping:
            self._owner.on_worker_exit(entry.worker, ended.status, ended.cause, ended.detail, ended.code)

    @staticmethod
    def _discard(docker: Docker, place: Place, name: str, ident: str) -> None:
        if ident:
            try:
                remove(docker, ident)
            except Exception as error:  # the next engine of this home removes it
                _log.warning("container %s could not be removed: %s", name, error)
        if name:
            shutil.rmtree(place.folder(name), ignore_errors=True)

    # ---- what all share --------------------------------------------------------------------------------------------
    async def _prepared(self) -> Place:
        """Everything that is done once, before the first container."""
        if self._ready is None or (self._ready.done() and (self._ready.cancelled() or self._ready.exception())):
            self._ready = asyncio.get_running_loop().create_task(self._prepare())
        return await asyncio.shield(self._ready)

    async def _prepare(self) -> Place:
        docker = await self._thread(connect)
        facts = await self._thread(lambda: docker.facts)
        socket = workers_socket_path(self._home)
        self._secret = await self._owner.listen_for_workers(socket)
        made = await self._thread(runtime.make_runtime, self._home)
        loop = asyncio.get_running_loop()

        def hear(call: Callable[..., None], *values: Any) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(call, *values)

        self._watch = Watch(
            docker, self._home_id, lambda ident: hear(self._on_died, ident), lambda: hear(self._on_return)
        )
        await self._thread(self._watch.start)
        place = Place(home=self._home, home_id=self._home_id, engine=self._engine_id, runtime=made, socket=socket)
        self._docker, self._loop = docker, loop
        if not facts.is_near:
            self._far = self._volumes(docker, place)
        if self._has_orphans:
            self._spawn(self._remove_orphans())
        return place

    def _volumes(self, docker: Docker, place: Place) -> Volumes:
        return Volumes(self._home_id, self._engine_id, place.runtime, container.user_of(docker))

    def _on_return(self) -> None:
        """The engine was away: what ended meanwhile was not heard."""
        self._spawn(self._reconcile())

    async def _reconcile(self) -> None:
        assert self._docker is not None
        # One that begins to run after the list was made is not in it, and has not ended.
        started = [ident for ident, entry in list(self._by_ident.items()) if entry.is_started]
        listed = await self._thread(list_own, self._docker, self._home_id, kind="worker")
        # One that was made before the list has its name here by now.
        known = self._names()
        running = {one["Id"] for one in listed if one["State"] == "running"}
        for ident in started:
            if ident not in running:
                self._on_died(ident)
        for one in listed:  # what could not be removed while the engine was away
            if self._left.is_mine(one) and not is_kept(one) and one["Names"][0].lstrip("/") not in known:
                with contextlib.suppress(Exception):  # the end of this engine tries again
                    await self._thread(remove, self._docker, one["Id"])

    def _compile_for(self, place: Place, docker: Docker, entry: Entry, cache_tag: str) -> None:
        """Bytecode for another Python, once: its later workers start sooner."""
        if not cache_tag or cache_tag in self._compiled or self._is_stopping:
            return
        self._compiled.add(cache_tag)
        if self._far is not None or not runtime.is_compiled(place.runtime, cache_tag):
            self._spawn(self._compile(place, docker, entry, cache_tag))

    async def _compile(self, place: Place, docker: Docker, entry: Entry, cache_tag: str) -> None:
        await self._thread(container.compile_runtime, docker, place, entry.image, entry.python, self._far)
        if self._far is not None:
            return
        runtime.mark_compiled(place.runtime, cache_tag)

    async def _remove_orphans(self) -> None:
        try:
            docker = await self._thread(connect)
            await self._thread(self._left.remove_orphans, docker, self._names)
            if self._far is not None:
                await self._thread(self._far.clear, docker)
            self._has_orphans = False
        except Exception as error:  # docker and requests share no class; tried again with the first container
            _log.warning("containers of an earlier engine could not be looked for: %s", error)

    def _names(self) -> set[str]:
        """Of the containers that are here or are about to be."""
        return {entry.name for entry in list(self._workers.values())}

    async def _thread(self, call: Callable[..., _T], *values: Any, **named: Any) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: call(*values, **named))

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("work on containers failed", exc_info=task.exception())
