"""`flyte.extend`: what plugins build on."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from flytenb.sdk import builders
from flytenb.sdk.builders import Architecture, ImageBuilder, ImageChecker
from flytenb.sdk.image import Image
from flytenb.sdk.later import ImageBuild, Later
from flytenb.sdk.plugins import TaskPluginRegistry
from flytenb.sdk.task import AsyncFunctionTaskTemplate, TaskTemplate

__all__ = [
    "PRIMARY_CONTAINER_DEFAULT_NAME",
    "Architecture",
    "AsyncFunctionTaskTemplate",
    "ImageBuildEngine",
    "ImageBuilder",
    "ImageChecker",
    "RuntimeTaskTemplate",
    "TaskPluginRegistry",
    "TaskTemplate",
    "download_code_bundle",
    "get_proto_extended_resources",
    "get_proto_resources",
    "is_initialized",
    "lazy_module",
    "pod_spec_from_resources",
]

PRIMARY_CONTAINER_DEFAULT_NAME = "primary"
RuntimeTaskTemplate = AsyncFunctionTaskTemplate

_CLUSTER = "there is no cluster to describe it for"
download_code_bundle = Later("flyte.extend.download_code_bundle", "code lies in the object store already")
get_proto_resources = Later("flyte.extend.get_proto_resources", _CLUSTER)
get_proto_extended_resources = Later("flyte.extend.get_proto_extended_resources", _CLUSTER)
pod_spec_from_resources = Later("flyte.extend.pod_spec_from_resources", _CLUSTER)


def is_initialized() -> bool:
    """Always: nothing has to be set up before a run."""
    return True


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
        from flytenb.client.building import build  # whoever extends something else does not pay for it

        done: ImageBuild = await build.aio(image, dry_run=dry_run, force=force, wait=wait)
        return done


class _Missing(ModuleType):
    """Stands for a module that is not installed, until it is used."""

    def __getattr__(self, name: str) -> Any:
        raise ImportError(f"module {self.__name__} is not installed; pip install it to use {self.__name__}.{name}")


def lazy_module(fullname: str) -> ModuleType:
    """A module, or a stand-in that fails with its first use when it is not installed."""
    try:
        return importlib.import_module(fullname)
    except ModuleNotFoundError:
        return _Missing(fullname)
