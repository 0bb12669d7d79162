"""Builders of images by name: flytenb's own at the engine, or a plug-in's in this process."""

from __future__ import annotations

from typing import Any

from flytenb.sdk import builders
from flytenb.sdk.image import Image
from flytenb.sdk.later import ImageBuild


class ImageBuildEngine:
    """Flyte's entry for those who extend it: builders by name."""

    @classmethod
    def register(cls, name: str, builder: Any) -> None:
        """Offer a builder (an `ImageBuilder`, or a class of one) under a name for `flyte.init(image_builder=name)`."""
        builders.register(name, builder)

    @staticmethod
    async def image_exists(image: Image) -> str | None:
        """The image's name where a checker of the chosen builder finds it, else None."""
        builder = builders.current
        repository, _, tag = image.uri.rpartition(":")
        for checker in (builder.get_checkers() or ()) if builder is not None else ():
            found = await checker.image_exists(repository, tag, image.platform)  # type: ignore[arg-type]
            if found:
                return found
        return None

    @classmethod
    async def build(
        cls, image: Image, builder: str | None = None, dry_run: bool = False, force: bool = False, wait: bool = True
    ) -> ImageBuild:
        """Build with a builder of this name, or with the chosen one.

        Raises:
            ValueError: there is no builder of this name.
        """
        chosen = builders.current if builder is None else None if builder in builders.OWN else builders.find(builder)
        if chosen is not None:
            return await chosen.build_image(image, dry_run, wait, force)
        from flytenb.client.building import build

        done: ImageBuild = await build.aio(image, dry_run=dry_run, force=force, wait=wait)
        return done


def plugin_build(image: Image, *, dry_run: bool, force: bool, wait: bool) -> ImageBuild | None:
    """What the chosen plug-in builds; None when flytenb's own builder is meant."""
    if builders.current is None:
        return None
    return builders.build_now(builders.current, image, dry_run=dry_run, wait=wait, force=force)
