"""`flyte.build` and `flyte.build_images`: the engine builds, once for all who ask."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import msgspec

from flytenb.client.session import Session, session
from flytenb.client.submit import objects_of
from flytenb.client.twin import twin
from flytenb.model.build import BuildLog, BuildNews, BuildRow, Built
from flytenb.sdk.builders import plugin_build
from flytenb.sdk.image import Image, image_of
from flytenb.sdk.later import ImageBuild, ImageCache
from flytenb.wire import paths

if TYPE_CHECKING:
    from flytenb.sdk.environment import TaskEnvironment

#: Hears what a build does: (row, new lines as (layer, line)).
Watcher = Callable[[BuildRow, "tuple[tuple[int, str], ...]"], None]


@twin
def build(image: Image | str, dry_run: bool = False, force: bool = False, wait: bool = True) -> ImageBuild:
    """Build an image, unless it is there already.

    Args:
        image: a `flyte.Image`, or the name of one.
        dry_run: only say what would be built: `.dockerfile` has the text.
        force: build it although it is there; layers that are there are used again.
        wait: False returns at once; the build goes on at the engine.

    Returns:
        What it is: `.uri` is the name to run.

    Raises:
        ImageBuildError: it cannot be built; with the line that failed and the last lines of the log.
        ImagePullBackOffError: its base is not here and cannot be pulled.
        ContainerEngineError: no container engine answers.

    Example:
        flyte.build(flyte.Image.from_debian_base().with_pip_packages("pandas")).uri
    """
    return build_watched(image, dry_run=dry_run, force=force, wait=wait)


@twin
def build_images(
    *environments: TaskEnvironment, copy_style: str = "loaded_modules", seed_cache: Any = None
) -> ImageCache:
    """Build the images of environments, and of those that they depend on.

    Args:
        *environments: task environments.
        copy_style, seed_cache: accepted as Flyte's; code is never part of an image here.

    Returns:
        `.image_lookup` has the name of the image of each environment.
    """
    found: dict[str, str] = {}
    for environment in _all(environments):
        image = image_of(environment.image)
        if image is not None and image.spec() is not None:
            found[environment.name] = build_watched(image).uri or ""
    return ImageCache(image_lookup=found)


def build_watched(
    image: Image | str,
    *,
    dry_run: bool = False,
    force: bool = False,
    wait: bool = True,
    watcher: Watcher | None = None,
) -> ImageBuild:
    """The same, telling a watcher of every change."""
    found = image_of(image)
    if found is None:
        raise TypeError(f"flyte.build({image!r}): give a flyte.Image or the name of one")
    other = plugin_build(found, dry_run=dry_run, force=force, wait=wait)
    if other is not None:
        return other
    state = paths.home()
    store = objects_of(state)
    spec = found.buildable()
    if dry_run:
        from flytenb.images.dockerfile import dockerfile  # only who wants to see it

        return ImageBuild(uri=None, dockerfile=dockerfile(spec, store.get))
    body = msgspec.msgpack.encode(spec)
    link = session(state)
    answer = link.ask("build", Built, spec=body, force=force)
    if not wait:
        return ImageBuild(uri=None)
    if watcher is not None:
        _watch(link, body, answer, watcher)
    built: Built = answer.result()
    return ImageBuild(
        uri=built.name,
        image_id=built.image_id,
        python_version=built.python_version,
        distributions=built.distributions,
        is_new=built.is_new,
    )


def read_builds(limit: int = 20, number: int = 0) -> list[BuildRow]:
    """Builds of this home, newest first, or one."""
    found: list[BuildRow] = session().query("builds", list[BuildRow], limit=limit, build=number)
    return found


def read_build_logs(number: int) -> list[BuildLog]:
    """What the layers of a build wrote."""
    found: list[BuildLog] = session().query("build_logs", list[BuildLog], build=number)
    return found


def _watch(link: Session, body: bytes, answer: Future[Any], watcher: Watcher) -> None:
    """Tell all that happens until the build has ended; each question waits at the engine for something new."""
    from concurrent.futures import FIRST_COMPLETED
    from concurrent.futures import wait as wait_for

    since = time.time()
    version = seen = 0
    is_over = False
    while not is_over:
        asked = link.ask("build_news", BuildNews, spec=body, version=version, seen=seen, since=since)
        wait_for([asked, answer], return_when=FIRST_COMPLETED)
        if not asked.done() and answer.done():
            return  # there was nothing to build
        news: BuildNews = asked.result()
        if news.row is not None:
            watcher(news.row, news.lines)
            version, is_over = news.row.version, news.row.is_over
        seen = news.seen
        is_over = is_over or (answer.done() and news.row is None)


def _all(environments: tuple[Any, ...]) -> list[Any]:
    found: list[Any] = []
    waiting = list(environments)
    while waiting:
        one = waiting.pop(0)
        if one not in found:
            found.append(one)
            waiting += list(getattr(one, "depends_on", None) or ())
    return found
