"""`flyte.app`: apps can be declared, checked and named as dependencies; serving them comes later."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

from flytenb.sdk.app import (
    AppEndpoint,
    AppEnvironment,
    ArtifactValue,
    Domain,
    Link,
    Parameter,
    Port,
    RunOutput,
    Scaling,
    Subdomain,
    Timeouts,
)
from flytenb.sdk.later import Later, later_class

__all__ = [
    "AppContext",
    "AppEndpoint",
    "AppEnvironment",
    "ArtifactValue",
    "ConnectorEnvironment",
    "DeployedAppEnvironment",
    "Domain",
    "Link",
    "Parameter",
    "Port",
    "RunOutput",
    "Scaling",
    "Subdomain",
    "Timeouts",
    "ctx",
    "get_parameter",
]

_INSTEAD = "declare the app and start its server yourself"


@dataclass(frozen=True)
class AppContext:
    """What a running app knows of itself."""

    mode: str = "local"
    project: str = ""
    domain: str = ""
    raw_data_path: str = ""


ConnectorEnvironment = later_class("flyte.app.ConnectorEnvironment", "call the service from a task")
DeployedAppEnvironment = later_class("flyte.app.DeployedAppEnvironment", _INSTEAD)
get_parameter = Later("flyte.app.get_parameter", "read the value from an environment variable")


def ctx() -> AppContext:
    """The running app."""
    return AppContext()


def __getattr__(name: str) -> ModuleType:
    # `flyte.app.extras.FastAPIAppEnvironment` works without an import of the submodule.
    if name != "extras":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return import_module(f"{__name__}.extras")
