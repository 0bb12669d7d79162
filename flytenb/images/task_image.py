"""The image of a container task: any image, it needs no Python."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from flytenb.containers.client import Docker, connect
from flytenb.containers.run import image_id
from flytenb.errors import ContainerEngineError
from flytenb.images.docker_build import build_image
from flytenb.images.progress import Progress
from flytenb.model.image import ImageSpec


async def image_to_run(
    spec: ImageSpec, *, home: Path, news: Callable[[str], None], follow: Callable[[Progress], None] | None = None
) -> tuple[str, str]:
    """Name and id of an image, pulled or built when it is not there.

    Args:
        spec: what it is made of.
        home: the state directory.
        news: hears in words what goes on.
        follow: gets the build, if there is one.

    Raises:
        ContainerEngineError: no container engine answers.
        ImageBuildError: it cannot be built.
        ImagePullBackOffError: it, or its base, is not here and cannot be pulled.
    """
    docker = await asyncio.to_thread(_connect, spec)
    if not spec.dockerfile and not spec.layers and (found := await asyncio.to_thread(image_id, docker, spec.base)):
        return spec.base, found
    built = await build_image(spec, home=home, news=news, follow=follow, is_asked=False)
    return built.name, built.image_id


def _connect(spec: ImageSpec) -> Docker:
    try:
        return connect()
    except ContainerEngineError as error:
        # Here there is no way without.
        words = str(error).replace(', or run without containers: executor="process"', "")
        raise ContainerEngineError(f'a container of image "{spec.text}" cannot run: {words}') from error
