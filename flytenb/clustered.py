"""`flyte.clustered`: tasks over several machines come later; their settings can be named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from flytenb.sdk.later import Later, later_class

__all__ = [
    "ClusterFailurePolicy",
    "ClusteredTaskEnvironment",
    "ClusteredTaskTemplate",
    "JaxRun",
    "Runtime",
    "TorchRun",
    "jax_initialize",
]

_INSTEAD = "start torchrun from a task of a TaskEnvironment"


@dataclass(frozen=True)
class TorchRun:
    """Processes as torchrun starts them."""

    rdzv_backend: str = "static"
    max_restarts: int = 0


@dataclass(frozen=True)
class JaxRun:
    """Processes as JAX wants them."""


@dataclass(frozen=True)
class ClusterFailurePolicy:
    """What happens when a process fails."""

    max_restarts: int = 0
    restart_on_host_maintenance: bool = False


Runtime: TypeAlias = TorchRun | JaxRun
ClusteredTaskEnvironment = later_class("flyte.clustered.ClusteredTaskEnvironment", _INSTEAD)
ClusteredTaskTemplate = later_class("flyte.clustered.ClusteredTaskTemplate", _INSTEAD)
jax_initialize = Later("flyte.clustered.jax_initialize", _INSTEAD)
