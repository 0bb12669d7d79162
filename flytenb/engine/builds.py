"""Builds of images as the engine's clients see them: live from memory, past ones from the store."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from flytenb.errors import BaseRuntimeError
from flytenb.images.docker_build import build_image
from flytenb.images.hooks import from_environment, hooks
from flytenb.model.build import BUILDING, FAILED, GIVEN_UP, BuildLayer, BuildLog, BuildNews, BuildRow, Built
from flytenb.model.image import ImageSpec, SecretSpec, image_digest
from flytenb.model.phases import QUEUED
from flytenb.rules import Out

if TYPE_CHECKING:
    from flytenb.engine.core import Engine
    from flytenb.images.progress import Progress

#: Seconds that a question for news waits for some.
_WAIT_S = 10.0
#: Seconds between two looks at which runs wait for a build.
_LOOK_S = 0.2
#: Lines of a layer that a run's snapshot has.
_LINES = 12
_INTERRUPTED = "the engine ended while it was built; what was built before stays, so build it again"


class BuildRefused(Exception):
    """A build that cannot be had, with the class of `errors` that says so."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class _Live:
    """A build that this engine makes or has made a moment ago."""

    def __init__(self, progress: Progress, number: int) -> None:
        self.progress, self.number = progress, number
        #: Numbers of runs that waited for it, and when was looked for them.
        self.runs: set[int] = set()
        self.looked_at = 0.0

    @property
    def row(self) -> BuildRow:
        return replace(self.progress.row, id=self.number)

    @property
    def shown(self) -> BuildRow:
        """The row with the last lines of what goes on or failed."""
        row = self.row
        layers = tuple(
            replace(layer, lines=tuple(self.progress.last_lines(n, _LINES)))
            if layer.phase in (BUILDING, FAILED)
            else layer
            for n, layer in enumerate(row.layers)
        )
        return replace(row, layers=layers)


class BuildDesk:
    """Starts builds for clients, and tells of all that this engine makes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._next = 0
        self._live: dict[Progress, _Live] = {}
        #: Workers that wait for a build.
        self._workers: dict[Progress, set[str]] = {}
        self._bell = asyncio.Event()
        hooks.on_change = self._changed
        hooks.reveal = self._reveal

    # ---- asked for by clients ---------------------------------------------------------------------------------

    async def build(self, body: bytes, *, force: bool) -> Built:
        """Build an image, or find it, or join who builds it.

        Raises:
            BuildRefused: it cannot be had.
        """
        try:
            spec = msgspec.msgpack.decode(body, type=ImageSpec)
        except msgspec.MsgspecError as error:
            raise BuildRefused("BadQuery", f"that is no image: {error}") from error
        try:
            return await build_image(spec, home=self._engine.home, news=lambda words: None, force=force)
        except BaseRuntimeError as error:
            raise BuildRefused(error.code, str(error)) from error

    async def news(self, body: bytes, version: int, seen: int, since: float) -> BuildNews:
        """What changed in the build of an image since `version` and the first `seen` lines; waits for it a while.

        One that had ended before `since` is not meant.
        """
        digest = image_digest(msgspec.msgpack.decode(body, type=ImageSpec))
        deadline = asyncio.get_running_loop().time() + _WAIT_S
        while True:
            of_it = [one for one in self._live.values() if one.progress.row.digest == digest]
            live = next((one for one in reversed(of_it) if not one.row.is_over or one.row.ended_at >= since), None)
            if live is not None and live.row.version > version:
                lines, count = live.progress.lines_since(seen)
                return BuildNews(row=live.row, lines=tuple(lines), seen=count)
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                return BuildNews(seen=seen)
            await asyncio.wait([asyncio.ensure_future(self._bell.wait())], timeout=left)

    # ---- read -------------------------------------------------------------------------------------------------

    def rows(self, limit: int, number: int = 0) -> list[BuildRow]:
        """Builds, newest first, or one."""
        live = {one.number: one.row for one in self._live.values()}
        return [live.get(row[0]) or _stored(row, layers) for row, layers in self._engine.reader.builds(limit, number)]

    def logs(self, number: int) -> list[BuildLog]:
        """What the layers of a build wrote."""
        for each in self._live.values():
            if each.number == number:
                return each.progress.logs()
        return [BuildLog(layer=n, title=title, text=text) for n, title, text in self._engine.reader.build_logs(number)]

    def live_of(self, run: int) -> dict[int, BuildRow]:
        """By number what this engine makes or has just made for a run."""
        for one in self._live.values():
            self._find_runs(one)
        return {one.number: one.shown for one in self._live.values() if run in one.runs}

    async def of_run(self, run: int) -> tuple[BuildRow, ...]:
        """All builds that a run waited for, oldest first."""
        live = self.live_of(run) if self._live else {}
        past = [number for number in self._engine.reader.builds_of(run) if number not in live]
        found = await asyncio.to_thread(lambda: [self._read(number) for number in past]) if past else []
        return tuple(sorted([*live.values(), *filter(None, found)], key=lambda row: row.id))

    def _read(self, number: int) -> BuildRow | None:
        for stored, layers in self._engine.reader.builds(1, number):
            row = _stored(stored, layers)
            if row.phase != FAILED:
                return row
            texts = {n: text for n, _, text in self._engine.reader.build_logs(number)}
            shown = tuple(
                replace(layer, lines=tuple(texts.get(n, "").splitlines()[-_LINES:]))
                if layer.phase in (BUILDING, FAILED)
                else layer
                for n, layer in enumerate(row.layers, 1)
            )
            return replace(row, layers=shown)
        return None

    # ---- what builds tell -------------------------------------------------------------------------------------

    def follow(self, worker: str, progress: Progress) -> None:
        """A worker waits for a build."""
        self._workers.setdefault(progress, set()).add(worker)
        if not progress.row.is_over:
            self._changed(progress)

    def _reveal(self, secret: SecretSpec) -> str | None:
        value = self._engine.state.find_secret(secret.key, secret.group)
        return from_environment(secret) if value is None else value.decode()

    def _changed(self, progress: Progress) -> None:
        live = self._live.get(progress)
        is_over = progress.row.is_over
        if live is None:
            if is_over:
                return
            self._next = number = max(self._next, self._engine.reader.next_build() - 1) + 1
            live = self._live[progress] = _Live(progress, number)
            self._write(live)
        now = self._engine.loop.time()
        if is_over or now - live.looked_at > _LOOK_S:
            live.looked_at = now
            self._find_runs(live)
        if is_over:
            self._workers.pop(progress, None)
            self._write(live)
            # Those who follow it must see its end first.
            self._engine.loop.call_later(_WAIT_S, self._live.pop, progress, None)
        for run in live.runs:
            self._engine.publisher.tell_builds(run)
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    def _find_runs(self, live: _Live) -> None:
        """Remember the runs whose actions wait for it."""
        lanes = (self._engine.state.lanes.get(worker) for worker in self._workers.get(live.progress, ()))
        shapes = {id(lane.shape): lane.shape for lane in lanes if lane is not None and lane.shape is not None}
        runs = {action.run.id for shape in shapes.values() for action in shape.queue if action.phase == QUEUED}
        if new := runs - live.runs:
            live.runs |= new
            out = Out()
            out.run_builds += [(run, live.number) for run in new]
            self._engine.journal.append(out, urgent=False)

    def _write(self, live: _Live) -> None:
        row, out = live.row, Out()
        out.builds.append(
            (
                row.id,
                row.digest,
                row.image,
                row.text,
                row.engine,
                row.phase,
                row.image_id,
                row.error,
                row.started_at,
                row.ended_at or None,
                row.kind,
            )
        )
        for log, layer in zip(live.progress.logs(), row.layers, strict=False):
            out.build_layers.append(
                (row.id, log.layer, layer.title, layer.phase, layer.started_at, layer.seconds, log.text)
            )
        self._engine.journal.append(out, urgent=row.is_over)


def _stored(row: tuple[Any, ...], layers: list[tuple[Any, ...]]) -> BuildRow:
    number, digest, image, text, engine, phase, image_id, error, started_at, ended_at, kind = row
    is_torn = phase == BUILDING
    return BuildRow(
        id=number,
        digest=digest,
        image=image,
        text=text,
        engine=engine,
        phase=GIVEN_UP if is_torn else phase,
        image_id=image_id,
        error=_INTERRUPTED if is_torn else error,
        started_at=started_at,
        ended_at=ended_at or started_at,
        kind=kind,
        layers=tuple(
            BuildLayer(title=title, phase=GIVEN_UP if phase == BUILDING else phase, started_at=begun, seconds=seconds)
            for title, phase, begun, seconds in layers
        ),
    )
