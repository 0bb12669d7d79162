"""The one way to an image of Docker's: found by its name, or built once for all who ask."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flytenb.images.builds import Builds
from flytenb.model.build import Built
from flytenb.model.image import ImageSpec

#: All builds of this process: an image is built once, whichever worker, notebook or command asks.
builds = Builds()


async def build_image(
    spec: ImageSpec, *, home: Path, news: Callable[[str], None], engine: str = "", force: bool = False
) -> Built:
    """The image that a spec describes, found or built; see `Builds.image`."""
    return await builds.image(spec, home=home, news=news, engine=engine, force=force)
