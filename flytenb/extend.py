"""`flyte.extend`: what plugins build on."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from flytenb.client.builders import ImageBuildEngine
from flytenb.sdk.builders import Architecture, ImageBuilder, ImageChecker
from flytenb.sdk.later import Later
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
