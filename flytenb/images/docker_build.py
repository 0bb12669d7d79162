"""The one way to an image of Docker's: found by its name, or built once for all who ask in this process.

Cheap to import: the rest loads with the first image.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from flytenb.images.hooks import hooks
from flytenb.model.build import Built
from flytenb.model.image import ImageSpec

if TYPE_CHECKING:
    from flytenb.images.builds import Builds
    from flytenb.images.progress import Progress


_builds: Builds | None = None


async def build_image(
    spec: ImageSpec,
    *,
    home: Path,
    news: Callable[[str], None],
    follow: Callable[[Progress], None] | None = None,
    engine: str = "",
    force: bool = False,
    is_asked: bool = True,
) -> Built:
    """The image that a spec describes, found or built. A build that nobody waits for any more is given up.

    Args:
        spec: what it is made of; a base without layers is used as it is, pulled when it is not there.
        home: the state directory: files of layers are among its objects.
        news: hears in words how far it is, at most once a second.
        follow: gets the build itself, if there is one.
        engine: address of the container engine; "" as the docker client finds it.
        force: build it although it is there; layers that are there are used again.
        is_asked: it is found out what Python is in it.

    Raises:
        ContainerEngineError: no container engine answers.
        ImageBuildError: it cannot be built; with the line that failed and the last lines of the log.
        ImagePullBackOffError: its base is not here and cannot be pulled.
    """
    global _builds
    if _builds is None:
        from flytenb.images.builds import Builds

        _builds = Builds(hooks)
    return await _builds.image(spec, home=home, news=news, follow=follow, engine=engine, force=force, is_asked=is_asked)


async def stop_builds() -> None:
    """Give up all that is being built; nothing of it stays."""
    if _builds is not None:
        await _builds.stop()
