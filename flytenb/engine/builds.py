"""Builds of images as the engine's clients see them: live from memory, past ones from the store."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from flytenb.errors import BaseRuntimeError
from flytenb.images.docker_build import build_image
from flytenb.images.hooks import from_environment, hooks
from flytenb.model.build import BUILDING, FAILED, BuildLayer, BuildLog, BuildNews, BuildRow, Built
from flytenb.model.image import ImageSpec, SecretSpec, image_digest
from flytenb.rules import Out

if TYPE_CHECKING:
    from flytenb.engine.core import Engine
    from flytenb.images.progress import Progress

#: Seconds that a question for news waits for some.
_WAIT_S = 10.0
_INTERRUPTED = "the engine ended while it was built; what was built before stays, so build it again"


class BuildRefused(Exception):
    """A build that cannot be had, with the class of `errors` that says so."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class BuildDesk:
    """Starts builds for clients, and tells of all that this engine makes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._next = 0
        #: Number and build by what goes on.
        self._numbers: dict[Progress, int] = {}
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
            of_it = [one for one in self._numbers if one.row.digest == digest]
            progress = next((one for one in reversed(of_it) if not one.row.is_over or one.row.ended_at >= since), None)
            if progress is not None and progress.row.version > version:
                lines, count = progress.lines_since(seen)
                return BuildNews(row=replace(progress.row, id=self._numbers[progress]), lines=tuple(lines), seen=count)
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                return BuildNews(seen=seen)
            await asyncio.wait([asyncio.ensure_future(self._bell.wait())], timeout=left)

    # ---- read -------------------------------------------------------------------------------------------------

    def rows(self, limit: int, number: int = 0) -> list[BuildRow]:
        """Builds, newest first, or one."""
        live = {number: progress.row for progress, number in self._numbers.items()}
        found: list[BuildRow] = []
        for row, layers in self._engine.reader.builds(limit, number):
            if row[0] in live:
                found.append(replace(live[row[0]], id=row[0]))
            else:
                found.append(_stored(row, layers))
        return found

    def logs(self, number: int) -> list[BuildLog]:
        """What the layers of a build wrote."""
        for progress, each in self._numbers.items():
            if each == number:
                return progress.logs()
        return [BuildLog(layer=n, title=title, text=text) for n, title, text in self._engine.reader.build_logs(number)]

    # ---- what builds tell -------------------------------------------------------------------------------------

    def _reveal(self, secret: SecretSpec) -> str | None:
        value = self._engine.state.find_secret(secret.key, secret.group)
        return from_environment(secret) if value is None else value.decode()

    def _changed(self, progress: Progress) -> None:
        number = self._numbers.get(progress)
        if number is None:
            if progress.row.is_over:
                return
            self._next = number = max(self._next, self._engine.reader.next_build() - 1) + 1
            self._numbers[progress] = number
            self._write(progress, number)
        if progress.row.is_over:
            self._write(progress, number)
            # Those who follow it must see its end first.
            self._engine.loop.call_later(_WAIT_S, self._numbers.pop, progress, None)
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    def _write(self, progress: Progress, number: int) -> None:
        row, out = progress.row, Out()
        out.builds.append(
            (
                number,
                row.digest,
                row.image,
                row.text,
                row.engine,
                row.phase,
                row.image_id,
                row.error,
                row.started_at,
                row.ended_at or None,
            )
        )
        for log, layer in zip(progress.logs(), row.layers, strict=True):
            out.build_layers.append(
                (number, log.layer, layer.title, layer.phase, layer.started_at, layer.seconds, log.text)
            )
        self._engine.journal.append(out, urgent=row.is_over)


def _stored(row: tuple[Any, ...], layers: list[tuple[Any, ...]]) -> BuildRow:
    number, digest, image, text, engine, phase, image_id, error, started_at, ended_at = row
    is_torn = phase == BUILDING
    return BuildRow(
        id=number,
        digest=digest,
        image=image,
        text=text,
        engine=engine,
        phase=FAILED if is_torn else phase,
        image_id=image_id,
        error=_INTERRUPTED if is_torn else error,
        started_at=started_at,
        ended_at=ended_at or started_at,
        layers=tuple(
            BuildLayer(title=title, phase=phase, started_at=begun, seconds=seconds)
            for title, phase, begun, seconds in layers
        ),
    )
