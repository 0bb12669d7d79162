"""The steps of a plan, each in a container of its own whose result is kept as an image that later builds reuse.

Nothing stays of a build that fails, but the layers that were good: the last waits as `flytenb/unfinished`, so that a
mended spec goes on from there, and loses that name with the first build that succeeds over it.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import msgspec

from flytenb import errors
from flytenb.containers.client import Docker
from flytenb.containers.steps import StepContainer, TarEntry
from flytenb.images import probe
from flytenb.images.failures import build_error
from flytenb.images.plan import WORK, Copy, Plan, Step
from flytenb.images.progress import Progress
from flytenb.images.settings import Settings, merged
from flytenb.model.build import FAILED
from flytenb.model.image import SecretSpec

#: Labels: what a layer is, with its base; what its Python has.
STEP, FACTS = "flytenb.step", "flytenb.python"
#: Labels of a complete image: digest of its spec, and its last layer.
IMAGE, LAYER = "flytenb.image", "flytenb.layer"
UNFINISHED = "flytenb/unfinished"
#: Files of credentials, in memory only.
PRIVATE = f"{WORK}/private"
_VARIABLE = re.compile(r"(?<!\\)\$(?:(\w+)|\{(\w+)\})")


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What builds work with."""

    docker: Docker
    #: Of containers that a build needs for a while.
    labels: Mapping[str, str]
    #: Contents of files by digest.
    read: Callable[[str], bytes]
    #: Value of a secret, None when nobody has it.
    reveal: Callable[[SecretSpec], str | None]
    settings: Settings
    #: State directory, for what is known of images.
    home: Path
    #: Called from the build's thread after each change.
    on_change: Callable[[Progress], None]


class Stepwise:
    """One image made of steps. `cancel` from any thread."""

    def __init__(self, bench: Bench, progress: Progress, plan: Plan, base: Mapping[str, Any], name: str) -> None:
        self._bench, self._api, self._progress, self._plan, self._base = bench, bench.docker.api, progress, plan, base
        self._name = name
        self._keys = [
            blake2b(f"{base['Id']}\0{step.digest}".encode(), digest_size=16).hexdigest() for step in plan.steps
        ]
        self._first = 0
        self._container: StepContainer | None = None
        self._is_cancelled = False

    def cancel(self) -> None:
        """End it soon: `image` raises."""
        self._is_cancelled = True
        if self._container is not None:
            self._container.remove()

    def image(self, labels: Mapping[str, str], before: Mapping[str, Any] | None = None) -> str:
        """Id of the image.

        Args:
            labels: that it gets.
            before: what has its name now; stays when it is made of the same layers.

        Raises:
            ImageBuildError: a command failed.
        """
        steps, progress = self._plan.steps, self._progress
        self._first = len(progress.row.layers)
        for step in steps:
            progress.add(step.title)
        known = self._layers()
        done = max((n for n, key in enumerate(self._keys) if key in known), default=-1)
        image = known[self._keys[done]] if done >= 0 else self._base["Id"]
        for n in range(done + 1):
            progress.cached(self._first + n)
        kept = -1
        try:
            for n in range(done + 1, len(steps)):
                progress.begin(self._first + n)
                if not steps[n].is_setting:
                    image = self._step(n, image)
                    kept = n
                progress.done(self._first + n)
            if before is not None and (before["Config"].get("Labels") or {}).get(LAYER) == image:
                finished = str(before["Id"])
            else:
                finished = self._finished(image, {LAYER: image, **labels})
        except BaseException:
            if kept >= 0:
                with contextlib.suppress(Exception):
                    self._api.tag(image, UNFINISHED, self._keys[kept])
                self._forget(self._keys[:kept])
            if self._is_cancelled:
                raise errors.ImageBuildError(f"image {self._name}: its build was cancelled") from None
            raise
        self._forget(self._keys)
        return finished

    def _layers(self) -> dict[str, str]:
        """Image by key of all layers that builds have left."""
        found = self._api.images(all=True, filters={"label": [STEP]})
        return {key: one["Id"] for one in found if (key := (one.get("Labels") or {}).get(STEP))}

    def _forget(self, keys: list[str]) -> None:
        for key in keys:
            with contextlib.suppress(Exception):  # most were never unfinished
                self._api.remove_image(f"{UNFINISHED}:{key}", noprune=True)

    # ---- one step ---------------------------------------------------------------------------------------------

    def _step(self, n: int, image: str) -> str:
        step = self._plan.steps[n]
        container = self._open(image, step.title, step)
        try:
            if step.copies:
                container.put(self._entries("", step.copies))
            told: dict[str, Any] = {}
            if not step.commands:
                told = facts_of(self._api.inspect_image(image))
            else:
                container.start()
                self._run(container, n, step)
                if not any(later.commands for later in self._plan.steps[n + 1 :]):
                    told = ask(container)
            labels = {STEP: self._keys[n], FACTS: _as_label(told)}
            return container.commit(self._config(step.env, step.workdir, labels), comment=step.title)
        finally:
            container.remove()

    def _open(self, image: str, title: str, step: Step | None = None) -> StepContainer:
        settings = self._bench.settings
        container = StepContainer(
            self._api,
            image,
            labels=self._bench.labels,
            title=title,
            work=WORK,
            folders=settings.folders if step is not None and step.commands else (),
            tmpfs=sorted({one.mount for one in step.secrets if one.mount}) if step is not None else (),
        )
        self._container = container
        if self._is_cancelled:
            container.remove()
        return container

    def _run(self, container: StepContainer, n: int, step: Step) -> None:
        settings, layer = self._bench.settings, self._first + n
        container.put(
            [
                *self._entries(WORK, step.files),
                *((f"{WORK}/{name}", data, 0o644) for name, data in settings.files.items()),
            ]
        )
        variables, files = self._secrets(step)
        private = {f"{PRIVATE}/{name}": data for name, data in settings.private_files.items()}
        container.put_private({**private, **files})
        env = {**dict(self._environment(step.env)), **merged(settings, step.variables), **variables}
        for command, said in zip(step.commands, step.said or step.commands, strict=True):
            status = container.run(
                command, env=env, workdir=step.workdir, on_output=lambda data: self._progress.log(layer, data)
            )
            if status:
                self._progress.done(layer, FAILED)
                lines = self._progress.last_lines(layer)
                steps = len(self._progress.row.layers)
                raise build_error(self._name, layer + 1, steps, step.title, said, status, lines)

    def _secrets(self, step: Step) -> tuple[dict[str, str], dict[str, bytes]]:
        variables: dict[str, str] = {}
        files: dict[str, bytes] = {}
        for secret in step.secrets:
            value = self._bench.reveal(secret)
            if value is None:
                raise errors.ImageBuildError(
                    f'image {self._name}: layer "{step.title}" needs the secret "{secret.key}", which nobody has; '
                    f"store it with `flytenb create secret {secret.key}`, or set it in the environment"
                )
            if secret.variable:
                variables[secret.variable] = value
            if secret.mount:
                files[f"{secret.mount}/{secret.key}"] = value.encode()
        return variables, files

    def _entries(self, root: str, copies: tuple[Copy, ...]) -> list[TarEntry]:
        return [
            (
                f"{root}/{one.path}" if root else one.path,
                self._bench.read(one.digest) if one.digest else one.data,
                0o755 if one.is_executable else 0o644,
            )
            for one in copies
        ]

    # ---- the image --------------------------------------------------------------------------------------------

    def _finished(self, image: str, labels: Mapping[str, str]) -> str:
        """The last layer with the settings of all steps, under its name."""
        layer = self._api.inspect_image(image)
        told = facts_of(layer)
        container = self._open(image, "settings")
        try:
            if not told:
                container.start()
                told = ask(container)
            config = self._config(self._plan.env, self._plan.workdir, {FACTS: _as_label(told), **labels})
            name, _, tag = self._name.rpartition(":")
            return container.commit(config, comment="flytenb", name=name, tag=tag)
        finally:
            container.remove()

    def _config(self, env: tuple[tuple[str, str], ...], workdir: str, labels: Mapping[str, str]) -> dict[str, Any]:
        base = self._base["Config"]
        config = {
            key: base[key]
            for key in ("Cmd", "Entrypoint", "User", "ExposedPorts", "Volumes", "StopSignal", "Shell", "Healthcheck")
            if base.get(key)
        }
        return {
            **config,
            "Env": [f"{name}={value}" for name, value in self._environment(env).items()],
            "WorkingDir": workdir,
            # Empty, not left out: what is left out comes from the layer below.
            "Labels": {**(base.get("Labels") or {}), STEP: "", FACTS: "", IMAGE: "", LAYER: "", **labels},
        }

    def _environment(self, env: tuple[tuple[str, str], ...]) -> dict[str, str]:
        """The base's variables and those of the steps, where `$NAME` stands for what was said before."""
        found = dict(one.partition("=")[::2] for one in self._base["Config"].get("Env") or ())
        for name, value in env:
            found[name] = _VARIABLE.sub(lambda match: found.get(match[1] or match[2], ""), value)
        return found


def ask(container: StepContainer) -> dict[str, Any]:
    """What the Python in a running container has; `{"python": ""}` when there is none."""
    said = bytearray()
    container.run(probe.COMMAND, env={}, workdir="/", on_output=said.extend)
    return probe.facts(bytes(said)) or {"python": "", "version": "", "distributions": []}


def facts_of(image: Mapping[str, Any]) -> dict[str, Any]:
    """The same from the label of an image, {} when it has none."""
    text = ((image.get("Config") or {}).get("Labels") or {}).get(FACTS)
    if not text:
        return {}
    found: dict[str, Any] = msgspec.json.decode(text)
    return found


def _as_label(told: dict[str, Any]) -> str:
    return msgspec.json.encode(told).decode() if told else ""
