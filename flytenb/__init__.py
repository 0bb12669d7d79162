"""flytenb: the Flyte 2 programming model for Jupyter notebooks. `import flytenb as flyte`.

Every name loads on first use, so that importing any room of the house costs nothing. Nothing inside imports this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import logging

    from flytenb import app as app
    from flytenb import config as config
    from flytenb import errors as errors
    from flytenb import extras as extras
    from flytenb import io as io
    from flytenb import models as models
    from flytenb import remote as remote
    from flytenb import report as report
    from flytenb import storage as storage
    from flytenb import types as types
    from flytenb.batches.execute import batch as batch
    from flytenb.batches.sweep import sweep as sweep
    from flytenb.client import build as build
    from flytenb.client import build_images as build_images
    from flytenb.client import compare as compare
    from flytenb.client import current_domain as current_domain
    from flytenb.client import current_project as current_project
    from flytenb.client import deploy as deploy
    from flytenb.client import init as init
    from flytenb.client import init_from_api_key as init_from_api_key
    from flytenb.client import init_from_config as init_from_config
    from flytenb.client import init_in_cluster as init_in_cluster
    from flytenb.client import init_passthrough as init_passthrough
    from flytenb.client import is_control_plane_available as is_control_plane_available
    from flytenb.client import plan as plan
    from flytenb.client import rerun as rerun
    from flytenb.client import run as run
    from flytenb.client import run_python_script as run_python_script
    from flytenb.client import runs as runs
    from flytenb.client import serve as serve
    from flytenb.client import spin as spin
    from flytenb.client import where as where
    from flytenb.client import with_runcontext as with_runcontext
    from flytenb.client import with_servecontext as with_servecontext
    from flytenb.codec.files import Dir as Directory
    from flytenb.codec.files import File as File
    from flytenb.notebook import load_ipython_extension as load_ipython_extension
    from flytenb.notebook import unload_ipython_extension as unload_ipython_extension
    from flytenb.sdk.cache import Cache as Cache
    from flytenb.sdk.cache import CachePolicy as CachePolicy
    from flytenb.sdk.cache import CacheRequest as CacheRequest
    from flytenb.sdk.checkpoint import BaseCheckpoint as BaseCheckpoint
    from flytenb.sdk.checkpoint import Checkpoint as Checkpoint
    from flytenb.sdk.checkpoint import latest_checkpoint as latest_checkpoint
    from flytenb.sdk.condition import ConditionWebhook as ConditionWebhook
    from flytenb.sdk.condition import new_condition as new_condition
    from flytenb.sdk.ctx import ctx as ctx
    from flytenb.sdk.ctx import custom_context as custom_context
    from flytenb.sdk.ctx import get_custom_context as get_custom_context
    from flytenb.sdk.devices import AMD_GPU as AMD_GPU
    from flytenb.sdk.devices import APPLE_SILICON as APPLE_SILICON
    from flytenb.sdk.devices import GPU as GPU
    from flytenb.sdk.devices import HABANA_GAUDI as HABANA_GAUDI
    from flytenb.sdk.devices import TPU as TPU
    from flytenb.sdk.devices import Device as Device
    from flytenb.sdk.devices import DeviceClass as DeviceClass
    from flytenb.sdk.devices import GPUAccelerator as GPUAccelerator
    from flytenb.sdk.devices import Neuron as Neuron
    from flytenb.sdk.docs import Documentation as Documentation
    from flytenb.sdk.docs import Link as Link
    from flytenb.sdk.environment import Environment as Environment
    from flytenb.sdk.environment import TaskEnvironment as TaskEnvironment
    from flytenb.sdk.group import group as group
    from flytenb.sdk.image import Image as Image
    from flytenb.sdk.later import AppHandle as AppHandle
    from flytenb.sdk.later import ImageBuild as ImageBuild
    from flytenb.sdk.later import load_interactive_ctx as load_interactive_ctx
    from flytenb.sdk.later import load_plugin_config as load_plugin_config
    from flytenb.sdk.mapping import map as map  # noqa: A004
    from flytenb.sdk.pod import PodTemplate as PodTemplate
    from flytenb.sdk.policy import Backoff as Backoff
    from flytenb.sdk.policy import RetryStrategy as RetryStrategy
    from flytenb.sdk.policy import ReusePolicy as ReusePolicy
    from flytenb.sdk.policy import Timeout as Timeout
    from flytenb.sdk.policy import TimeoutType as TimeoutType
    from flytenb.sdk.progress import progress as progress
    from flytenb.sdk.resources import Resources as Resources
    from flytenb.sdk.secret import Secret as Secret
    from flytenb.sdk.secret import SecretRequest as SecretRequest
    from flytenb.sdk.task import AsyncFunctionTaskTemplate as AsyncFunctionTaskTemplate
    from flytenb.sdk.template import TaskTemplate as TaskTemplate
    from flytenb.sdk.trace import trace as trace
    from flytenb.sdk.trigger import Cron as Cron
    from flytenb.sdk.trigger import FixedRate as FixedRate
    from flytenb.sdk.trigger import OnArtifact as OnArtifact
    from flytenb.sdk.trigger import Trigger as Trigger
    from flytenb.sdk.trigger import TriggeredArtifact as TriggeredArtifact
    from flytenb.sdk.trigger import TriggeredPartition as TriggeredPartition
    from flytenb.sdk.trigger import TriggerTime as TriggerTime

    __version__: str
    logger: logging.Logger
    system_logger: logging.Logger

#: Room → the names that it gives.
_ROOMS: dict[str, tuple[str, ...]] = {
    "batches.execute": ("batch",),
    "batches.sweep": ("sweep",),
    "client": (
        *("build", "build_images", "compare", "current_domain", "current_project", "deploy", "init"),
        *("init_from_api_key", "init_from_config", "init_in_cluster", "init_passthrough", "is_control_plane_available"),
        *("plan", "rerun", "run", "run_python_script", "runs", "serve", "spin", "where", "with_runcontext"),
        *("with_servecontext",),
    ),
    "codec.files": ("File",),
    "notebook": ("load_ipython_extension", "unload_ipython_extension"),
    "sdk.cache": ("Cache", "CachePolicy", "CacheRequest"),
    "sdk.checkpoint": ("BaseCheckpoint", "Checkpoint", "latest_checkpoint"),
    "sdk.condition": ("ConditionWebhook", "new_condition"),
    "sdk.ctx": ("ctx", "custom_context", "get_custom_context"),
    "sdk.devices": (
        *("AMD_GPU", "APPLE_SILICON", "GPU", "HABANA_GAUDI", "TPU", "Device", "DeviceClass", "GPUAccelerator"),
        "Neuron",
    ),
    "sdk.docs": ("Documentation", "Link"),
    "sdk.environment": ("Environment", "TaskEnvironment"),
    "sdk.group": ("group",),
    "sdk.image": ("Image",),
    "sdk.later": ("AppHandle", "ImageBuild", "load_interactive_ctx", "load_plugin_config"),
    "sdk.mapping": ("map",),
    "sdk.pod": ("PodTemplate",),
    "sdk.policy": ("Backoff", "RetryStrategy", "ReusePolicy", "Timeout", "TimeoutType"),
    "sdk.progress": ("progress",),
    "sdk.resources": ("Resources",),
    "sdk.secret": ("Secret", "SecretRequest"),
    "sdk.task": ("AsyncFunctionTaskTemplate", "TaskTemplate"),
    "sdk.trace": ("trace",),
    "sdk.trigger": (
        *("Cron", "FixedRate", "OnArtifact", "Trigger", "TriggerTime", "TriggeredArtifact", "TriggeredPartition"),
    ),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}
_FACES = frozenset(
    (
        *("app", "clustered", "compat", "config", "durable", "errors", "extend", "extras", "io", "models", "nb"),
        *("notify", "remote", "report", "storage", "syncify", "types"),
    )
)

__all__ = [
    "AMD_GPU",
    "APPLE_SILICON",
    "GPU",
    "HABANA_GAUDI",
    "TPU",
    "AppHandle",
    "AsyncFunctionTaskTemplate",
    "Backoff",
    "BaseCheckpoint",
    "Cache",
    "CachePolicy",
    "CacheRequest",
    "Checkpoint",
    "ConditionWebhook",
    "Cron",
    "Device",
    "DeviceClass",
    "Directory",
    "Documentation",
    "Environment",
    "File",
    "FixedRate",
    "GPUAccelerator",
    "Image",
    "ImageBuild",
    "Link",
    "Neuron",
    "OnArtifact",
    "PodTemplate",
    "Resources",
    "RetryStrategy",
    "ReusePolicy",
    "Secret",
    "SecretRequest",
    "TaskEnvironment",
    "TaskTemplate",
    "Timeout",
    "TimeoutType",
    "Trigger",
    "TriggerTime",
    "TriggeredArtifact",
    "TriggeredPartition",
    "__version__",
    "batch",
    "build",
    "build_images",
    "compare",
    "ctx",
    "current_domain",
    "current_project",
    "custom_context",
    "deploy",
    "get_custom_context",
    "group",
    "init",
    "init_from_api_key",
    "init_from_config",
    "init_in_cluster",
    "init_passthrough",
    "is_control_plane_available",
    "latest_checkpoint",
    "load_interactive_ctx",
    "load_plugin_config",
    "logger",
    "map",
    "new_condition",
    "plan",
    "progress",
    "rerun",
    "run",
    "run_python_script",
    "runs",
    "serve",
    "spin",
    "sweep",
    "system_logger",
    "trace",
    "version",
    "where",
    "with_runcontext",
    "with_servecontext",
]


def version() -> str:
    """The version of flytenb."""
    return str(__getattr__("__version__"))


def __getattr__(name: str) -> Any:
    # `import flytenb as flyte` followed by `flyte.io.File` works without an import of the submodule.
    from importlib import import_module

    value: Any
    room = _ROOM_OF.get(name)
    if room is not None:
        value = getattr(import_module(f"flytenb.{room}"), name)
    elif name in _FACES:
        return import_module(f"flytenb.{name}")
    elif name == "Directory":
        value = import_module("flytenb.codec.files").Dir
    elif name == "__version__":
        from importlib import metadata

        value = metadata.version("flytenb")
    elif name in ("logger", "system_logger"):
        import logging

        value = logging.getLogger("flytenb.user" if name == "logger" else "flytenb")
    else:
        raise AttributeError(f"module 'flytenb' has no attribute {name!r}{_near(name)}")
    globals()[name] = value
    return value


def _near(name: str) -> str:
    import difflib

    near = [] if name.startswith("_") else difflib.get_close_matches(name, [*__all__, *_FACES], 2)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_FACES})


def _join_kernel() -> None:
    # In a kernel the import is enough: views, magics and known cells without `%load_ext flytenb`.
    import sys

    ask = getattr(sys.modules.get("IPython"), "get_ipython", None)
    shell: Any = ask() if ask is not None else None
    if getattr(shell, "kernel", None) is None:
        return
    import threading

    if threading.current_thread() is threading.main_thread():
        shell.extension_manager.load_extension("flytenb")


_join_kernel()
