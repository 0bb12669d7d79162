"""All builds of one process: one flight per image, whoever asks; who wants to know hears of each change."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

from flytenb.containers.client import connect
from flytenb.containers.labels import home_id, labels
from flytenb.containers.leftovers import owner_mark, remove_orphaned_builds
from flytenb.images.hooks import Hooks
from flytenb.images.making import Making
from flytenb.images.plan import WORK
from flytenb.images.progress import Progress
from flytenb.images.settings import person_settings, without_folders
from flytenb.images.stepwise import PRIVATE, Bench
from flytenb.model.build import Built
from flytenb.model.image import ImageSpec, SecretSpec, image_digest

#: Seconds between two tellings of how long a step takes.
_NEWS_S = 1.0


class _Flight:
    """One build that goes on, with all who wait for it."""

    def __init__(self) -> None:
        self.progress: Progress | None = None
        self.making: Making | None = None
        #: Hear of the build when there is one: most images are there.
        self.followers: list[Callable[[Progress], None]] = []
        self.waiters = 0
        self.is_cancelled = False
        self.done: asyncio.Future[Built] = asyncio.get_running_loop().create_future()


class Builds:
    """Everything that is built in this process, and what was."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._flights: dict[tuple[str, str], _Flight] = {}

    async def image(
        self,
        spec: ImageSpec,
        *,
        home: Path,
        news: Callable[[str], None],
        follow: Callable[[Progress], None] | None = None,
        engine: str = "",
        force: bool = False,
        is_asked: bool = True,
    ) -> Built:
        """See `docker_build.build_image`."""
        key = (engine, image_digest(spec) + ("!" if force else "") + ("" if is_asked else "-"))
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight()
            flight.done.add_done_callback(lambda _: self._forget(key, flight))
            self._start(flight, home, engine, lambda bench: Making(bench, spec, force=force, is_asked=is_asked))
        if follow is not None:
            flight.followers.append(follow)
            if flight.progress is not None:
                follow(flight.progress)
        flight.waiters += 1
        try:
            while not flight.done.done():
                await asyncio.wait([flight.done], timeout=_NEWS_S)
                if flight.progress is not None and not flight.done.done():
                    news(flight.progress.row.words(time.time()))
            return flight.done.result()
        finally:
            flight.waiters -= 1
            if not flight.waiters and not flight.done.done():
                self._forget(key, flight)  # who asks from now on begins anew, with the layers that are good
                flight.is_cancelled = True
                if flight.making is not None:
                    # In a thread: containers are removed.
                    asyncio.get_running_loop().run_in_executor(None, flight.making.cancel)

    def _forget(self, key: tuple[str, str], flight: _Flight) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]

    async def stop(self) -> None:
        """Give up all that is being built; their containers are gone afterwards."""
        flights = list(self._flights.values())
        for flight in flights:
            if flight.making is not None:
                await asyncio.to_thread(flight.making.cancel)
        if flights:
            await asyncio.wait([flight.done for flight in flights], timeout=5)

    def _start(self, flight: _Flight, home: Path, engine: str, new: Callable[[Bench], Making]) -> None:
        loop = asyncio.get_running_loop()

        def tell(progress: Progress) -> None:
            if flight.progress is None:
                flight.progress = progress
                for follow in flight.followers:
                    follow(progress)
            self._hooks.on_change(progress)

        def changed(progress: Progress) -> None:
            loop.call_soon_threadsafe(tell, progress)

        def work() -> None:
            try:
                bench = _bench(engine, home, self._hooks.reveal, changed)
                flight.making = making = new(bench)
                if flight.is_cancelled:
                    making.cancel()
                built = making.built()
            except BaseException as error:
                _settle(loop, flight.done, error)
            else:
                _settle(loop, flight.done, built)

        # A thread of its own: builds take minutes, and the loop's pool also reads the store.
        threading.Thread(target=work, name="flytenb-build", daemon=True).start()


def _settle(loop: asyncio.AbstractEventLoop, future: asyncio.Future[Built], outcome: Built | BaseException) -> None:
    def settle() -> None:
        if isinstance(outcome, BaseException):
            future.set_exception(outcome)
            future.exception()  # whoever waits gets it; nobody may wait
        else:
            future.set_result(outcome)

    if not loop.is_closed():
        loop.call_soon_threadsafe(settle)


def _bench(
    engine: str, home: Path, reveal: Callable[[SecretSpec], str | None], changed: Callable[[Progress], None]
) -> Bench:
    docker = connect(engine)
    facts = docker.facts
    with contextlib.suppress(Exception):  # tried again with the next build
        remove_orphaned_builds(docker, home_id(home))
    settings = person_settings(WORK, PRIVATE)
    objects = home / "objects"
    return Bench(
        docker=docker,
        labels=labels(home_id(home), "build", engine=owner_mark()),
        read=lambda digest: (objects / digest[:2] / digest).read_bytes(),
        reveal=reveal,
        settings=settings if facts.is_local and not facts.desktop else without_folders(settings),
        home=home,
        on_change=changed,
    )
