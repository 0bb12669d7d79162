"""Images of Dockerfiles: built by the engine's own builder, shown as the same layers as all others."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import Any

from flytenb.containers.builder import BuildEvent, build
from flytenb.containers.buildx import NoClient, build_with_client, mounts
from flytenb.containers.steps import tar_of
from flytenb.errors import ImageBuildError
from flytenb.images.failures import dockerfile_error
from flytenb.images.progress import Progress
from flytenb.images.stepwise import UNFINISHED, Bench
from flytenb.model.build import CACHED, DONE, FAILED
from flytenb.model.image import ImageSpec, SecretSpec

#: Syntax that only BuildKit knows.
_NEEDS_BUILDKIT = re.compile(r"(?mi)^\s*(RUN|COPY|ADD)\s+--(mount|security|network|link|chmod)\b|<<-?['\"]?[A-Z]+")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY")


def from_dockerfile(
    bench: Bench,
    spec: ImageSpec,
    progress: Progress,
    name: str,
    labels: dict[str, str],
    on_open: Callable[[Callable[[], None]], None],
) -> dict[str, Any]:
    """Build it; the image as the engine describes it. `on_open` is given what ends it from another thread.

    Raises:
        ImageBuildError: an instruction failed.
    """
    entries = [
        (f"/{one.path}", bench.read(one.digest), 0o755 if one.is_executable else 0o644) for one in spec.dockerfile
    ]
    text = entries[0][1].decode(errors="replace")
    variables = bench.settings.variables
    proxies = {key: value for key, value in variables.items() if key.upper() in _PROXIES}
    shown = _Shown(progress)
    unfinished = (UNFINISHED, name.rpartition("/")[2].partition(":")[0])
    try:
        _take_all(bench, spec, shown, name, labels, tar_of(entries), proxies, text, on_open)
    except ImageBuildError:
        if shown.kept:
            bench.docker.api.tag(shown.kept, *unfinished)
        raise
    with contextlib.suppress(Exception):  # it had none
        bench.docker.api.remove_image(":".join(unfinished), noprune=True)
    found: dict[str, Any] = bench.docker.api.inspect_image(shown.image)
    return found


def _take_all(
    bench: Bench,
    spec: ImageSpec,
    shown: _Shown,
    name: str,
    labels: dict[str, str],
    context: bytes,
    proxies: dict[str, str],
    text: str,
    on_open: Callable[[Callable[[], None]], None],
) -> None:
    dockerfile, platform = spec.dockerfile[0].path, spec.platform[0] if len(spec.platform) == 1 else ""
    secrets, is_ssh = mounts(text)
    if secrets or is_ssh:
        events = build_with_client(
            bench.docker,
            context,
            dockerfile=dockerfile,
            tag=name,
            labels=labels,
            arguments=proxies,
            secrets=_secrets(bench, name, secrets),
            with_ssh=is_ssh,
            on_open=on_open,
            platform=platform,
        )
    else:
        events = build(
            bench.docker,
            context,
            dockerfile=dockerfile,
            tag=name,
            labels=labels,
            arguments=proxies,
            with_buildkit=bench.docker.facts.has_buildkit or bool(_NEEDS_BUILDKIT.search(text)),
            on_open=on_open,
            platform=platform,
        )
    try:
        for event in events:
            shown.take(event, name)
    except NoClient as error:
        raise ImageBuildError(
            f"image {name}: its Dockerfile mounts {'secrets' if secrets else 'the SSH agent'}, and {error}; or use "
            "Image.with_commands(…, secret_mounts=…), which needs neither"
        ) from error


def _secrets(bench: Bench, name: str, wanted: list[str]) -> dict[str, bytes]:
    values: dict[str, bytes] = {}
    for one in wanted:
        value = bench.reveal(SecretSpec(key=one))
        if value is None:
            raise ImageBuildError(
                f'image {name}: its Dockerfile mounts the secret "{one}", which nobody has; store it with '
                f"`flytenb create secret {one}`, or set it in the environment"
            )
        values[one] = value.encode()
    return values


class _Shown:
    """A builder's events as layers of a build."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._layers: dict[str, int] = {}
        self.image = ""
        #: The last layer that was good, where the builder leaves it without a name.
        self.kept = ""

    def take(self, event: BuildEvent, name: str) -> None:
        """One event."""
        progress = self._progress
        if event.what == "image":
            self.image = event.text
            return
        if event.what == "kept":
            self.kept = event.text
            return
        if event.title.startswith("LABEL flytenb."):
            return
        n = self._layers.get(event.layer, -1)
        if n < 0 and event.title:
            n = self._layers[event.layer] = progress.add(event.title)
        if event.what == "begin":
            progress.begin(n)
        elif event.what == "log":
            progress.log(n, event.text)
        elif event.what in ("done", "cached"):
            progress.done(n, CACHED if event.what == "cached" else DONE)
        elif event.what == "failed":
            lines = progress.last_lines(n) if n >= 0 else []
            if n >= 0:
                progress.done(n, FAILED)
            raise dockerfile_error(name, n + 1, event.title, event.text, lines)
