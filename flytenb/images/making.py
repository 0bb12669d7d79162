"""The making of one image in one thread: it is looked up first, and made only when it is not there."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from flytenb import errors
from flytenb.containers.run import PulledLayer, pull
from flytenb.containers.steps import StepContainer
from flytenb.images.failures import engine_error, not_pulled
from flytenb.images.keeping import note_use
from flytenb.images.plan import WORK, make_plan
from flytenb.images.progress import Progress
from flytenb.images.pulling import Pulling
from flytenb.images.stepwise import IMAGE, Bench, Stepwise, ask, facts_of
from flytenb.model.build import BUILDING, FAILED, BuildRow, Built
from flytenb.model.image import ImageSpec, image_digest

_NOT_A_NAME = re.compile(r"[^a-z0-9]+")


class Making:
    """One image, looked up or made. Blocking; `cancel` from any thread.

    Args:
        bench: what is worked with.
        spec: what it is made of.
        force: make it although it is there.
        is_asked: it is found out what Python is in it.
    """

    def __init__(self, bench: Bench, spec: ImageSpec, *, force: bool = False, is_asked: bool = True) -> None:
        self._bench, self._api, self._spec, self._force = bench, bench.docker.api, spec, force
        self._is_asked = is_asked
        self._digest = image_digest(spec)
        self._progress: Progress | None = None
        self._pulling: Pulling | None = None
        self._stepwise: Stepwise | None = None
        #: Ends the engine's own builder.
        self._stop: Callable[[], None] | None = None
        self._is_cancelled = False

    def cancel(self) -> None:
        """End it soon; `built` raises ImageBuildError."""
        self._is_cancelled = True
        if self._stepwise is not None:
            self._stepwise.cancel()
        if self._stop is not None:
            self._stop()

    def built(self) -> Built:
        """The image.

        Raises:
            ImageBuildError: a layer failed, with its last lines; or the engine did.
            ImagePullBackOffError: the base is not here and cannot be pulled.
        """
        try:
            done = self._found_or_made()
        except errors.BaseRuntimeError as error:
            if self._is_cancelled:
                raise self._gone() from error
            self._fail(str(error))
            raise
        except Exception as error:
            if self._is_cancelled:
                raise self._gone() from error
            told = engine_error(error, self._bench.docker.address.url, self._words)
            self._fail(str(told))
            raise told from error
        if self._progress is not None:
            self._progress.end(image_id=done.image_id)
        return done

    def _opened(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        if self._is_cancelled:
            stop()

    def _gone(self) -> errors.ImageBuildError:
        name = self._progress.row.image if self._progress is not None else self._words
        told = errors.ImageBuildError(f"image {name}: its build was given up, because nobody waits for it any more")
        self._fail(str(told))
        return told

    def _heard(self, layer: PulledLayer) -> None:
        if self._is_cancelled:
            raise self._gone()
        assert self._pulling is not None
        self._pulling.take(layer)

    def _fail(self, sentence: str) -> None:
        if self._progress is None:
            return
        for n, layer in enumerate(self._progress.row.layers):
            if layer.phase == BUILDING:
                self._progress.done(n, FAILED)
        self._progress.end(error=sentence, is_given_up=self._is_cancelled)

    def _found_or_made(self) -> Built:
        spec = self._spec
        if spec.dockerfile:
            from flytenb.images.dockerfile_build import from_dockerfile  # few images need it

            name = f"{self._repository}:{blake2b(self._digest.encode(), digest_size=12).hexdigest()}"
            image = None if self._force else self._inspect(name)
            if image is None:
                labels = {IMAGE: self._digest}
                image = from_dockerfile(self._bench, spec, self._begun(name), name, labels, self._opened)
            return self._told(name, image)
        base = self._inspect(spec.base)
        if not spec.layers:
            return self._told(spec.base, base or self._pulled(spec.base))
        if base is None and not self._force:  # a base that was removed since does no harm
            for found in self._api.images(filters={"label": [f"{IMAGE}={self._digest}"]}):
                image = self._inspect(found["Id"])
                if image is not None and image.get("RepoTags"):
                    return self._told(image["RepoTags"][0], image)
        base = base or self._pulled(self._repository)
        tag = blake2b(f"{self._digest}\0{base['Id']}".encode(), digest_size=12).hexdigest()
        name = f"{self._repository}:{tag}"
        before = self._inspect(name)
        if before is not None and not self._force:
            return self._told(name, before)
        return self._made(base, name, before)

    def _made(self, base: dict[str, Any], name: str, before: dict[str, Any] | None) -> Built:
        plan = make_plan(self._spec, self._bench.read, workdir=base["Config"].get("WorkingDir") or "")
        progress = self._begun(name)
        progress.named(image=name)
        self._stepwise = Stepwise(self._bench, progress, plan, base, name)
        if self._is_cancelled:
            self._stepwise.cancel()
        image = self._stepwise.image({IMAGE: self._digest}, before)
        if before is not None and before["Id"] != image:
            with contextlib.suppress(Exception):  # in use: it goes with its last container
                self._api.remove_image(before["Id"], noprune=True)
        found = self._inspect(image)
        if found is None:
            raise errors.ImageBuildError(f"image {name} was removed while it was built; try again")
        return self._told(name, found)

    # ---- names and bases --------------------------------------------------------------------------------------

    @property
    def _words(self) -> str:
        return self._spec.name or self._spec.text or self._short_name

    @property
    def _short_name(self) -> str:
        return _NOT_A_NAME.sub("-", self._spec.name.lower()).strip("-") or "image"

    @property
    def _repository(self) -> str:
        return f"flytenb/{self._short_name}"

    def _inspect(self, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._api.inspect_image(name)
        except Exception as error:
            status = getattr(getattr(error, "response", None), "status_code", None)
            if status == 404:
                return None
            if status == 400:
                raise errors.InvalidImageNameError(
                    "InvalidImageNameError", f'"{name}" is no name of an image; write for example "python:3.12-slim"'
                ) from error
            raise
        return found

    def _begun(self, image: str) -> Progress:
        if self._progress is None:
            row = BuildRow(
                id=0,
                digest=self._digest,
                image=image,
                text=self._spec.text,
                engine=self._bench.docker.address.url,
                started_at=time.time(),
            )
            self._progress = Progress(row, self._bench.on_change)
        return self._progress

    def _pulled(self, image: str) -> dict[str, Any]:
        name = self._spec.base
        pulling = self._pulling = Pulling(self._begun(image), name)
        try:
            pull(self._bench.docker, name, self._heard)
        except errors.ImagePullBackOffError as error:
            raise not_pulled(error, is_default=self._spec.is_debian) from error
        pulling.end()
        found = self._inspect(name)
        assert found is not None
        return found

    # ---- what is told of it -----------------------------------------------------------------------------------

    def _told(self, name: str, image: dict[str, Any]) -> Built:
        facts = facts_of(image) or (self._asked(image) if self._is_asked else {})
        if name.startswith("flytenb/"):
            note_use(self._bench.home, image["Id"])
        version = str(facts.get("version", ""))
        spec = self._spec
        notes = list(self._bench.settings.notes) if self._progress is not None else []
        wanted = ".".join(map(str, spec.python[:2]))
        if spec.is_debian and version and wanted and not f"{version}.".startswith(f"{wanted}."):
            raise errors.ImageBuildError(
                f"image {name}: Python {wanted} was asked for and the base {spec.base} has {version}; name a base for "
                'each version (FLYTENB_BASE_IMAGE="mirror.example/python:{version}-slim"), or ask for that Python'
            )
        return Built(
            name=name,
            image_id=image["Id"],
            python=str(facts.get("python", "")),
            python_version=version,
            distributions=tuple(facts.get("distributions", ())),
            workdir=(image["Config"].get("WorkingDir") or "").rstrip("/"),
            is_new=self._progress is not None,
            notes=tuple(notes),
        )

    def _asked(self, image: dict[str, Any]) -> dict[str, Any]:
        """The same of an image that was not made here: asked once, then known by its id."""
        path = self._bench.home / "images" / image["Id"].rpartition(":")[2]
        with contextlib.suppress(OSError, msgspec.DecodeError):
            known: dict[str, Any] = msgspec.json.decode(path.read_bytes())
            return known
        container = StepContainer(
            self._api, image["Id"], labels=self._bench.labels, title="what Python is here", work=WORK, network="none"
        )
        try:
            container.start()
            told = ask(container)
        except Exception as error:
            if "executable file not found" in str(error) or "no such file" in str(error):
                told = {"python": "", "version": "", "distributions": []}  # not even a shell
            else:
                raise
        finally:
            container.remove()
        _write(path, msgspec.json.encode(told))
        return told


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    partial.write_bytes(data)
    partial.replace(path)
