"""Apps as declarations: long-running services beside tasks. They are validated and recorded; serving comes later."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, Literal, TypeVar

from flytenb.errors import NotAvailableError
from flytenb.sdk.devices import Device
from flytenb.sdk.environment import Environment
from flytenb.sdk.resources import Resources

F = TypeVar("F", bound=Callable[..., Any])

_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_RESERVED_PORTS = (8012, 8022, 8112, 9090, 9091)
_MAX_REQUEST_S = 3600


@dataclass(frozen=True)
class Port:
    """A port of an app."""

    port: int
    name: str | None = None

    def __post_init__(self) -> None:
        if self.port in _RESERVED_PORTS:
            raise ValueError(f"port {self.port} is reserved; take another than {', '.join(map(str, _RESERVED_PORTS))}")


@dataclass(frozen=True)
class Link:
    """A link shown with an app."""

    path: str
    title: str
    is_relative: bool = False


@dataclass
class Scaling:
    """How many replicas of an app run.

    Args:
        replicas: a count or (min, max).
        metric: `Scaling.Concurrency(n)` or `Scaling.RequestRate(n)`.
        scaledown_after: seconds or timedelta after the last request.
    """

    @dataclass(frozen=True)
    class Concurrency:
        """Requests at a time per replica."""

        val: int

        def __post_init__(self) -> None:
            if self.val < 1:
                raise ValueError(f"Scaling.Concurrency({self.val}) must be at least 1")

    @dataclass(frozen=True)
    class RequestRate:
        """Requests per second and replica."""

        val: int

        def __post_init__(self) -> None:
            if self.val < 1:
                raise ValueError(f"Scaling.RequestRate({self.val}) must be at least 1")

    replicas: int | tuple[int, int] = (0, 1)
    metric: Scaling.Concurrency | Scaling.RequestRate | None = None
    scaledown_after: int | timedelta | None = None

    def __post_init__(self) -> None:
        pair = self.replicas if isinstance(self.replicas, tuple) else (self.replicas, self.replicas)
        if len(pair) != 2 or not all(isinstance(count, int) for count in pair):
            raise TypeError(f"Scaling(replicas={self.replicas!r}) must be a count or a pair (min, max)")
        if pair[0] < 0 or pair[1] < max(1, pair[0]):
            raise ValueError(f"Scaling(replicas={self.replicas!r}) must be 0 ≤ min ≤ max, max at least 1")
        if self.metric is not None and not isinstance(self.metric, (Scaling.Concurrency, Scaling.RequestRate)):
            raise TypeError(f"Scaling(metric={self.metric!r}) must be Scaling.Concurrency or Scaling.RequestRate")
        if not isinstance(self.scaledown_after, (int, timedelta, type(None))):
            raise TypeError(f"Scaling(scaledown_after={self.scaledown_after!r}) must be seconds or a timedelta")


@dataclass
class Timeouts:
    """Bounds of an app: `request` in seconds or timedelta, at most an hour."""

    request: int | timedelta | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.request, (int, timedelta, type(None))):
            raise TypeError(f"Timeouts(request={self.request!r}) must be seconds or a timedelta")
        seconds = self.request.total_seconds() if isinstance(self.request, timedelta) else self.request or 0
        if not 0 <= seconds <= _MAX_REQUEST_S:
            raise ValueError(f"Timeouts(request={self.request!r}) must be between 0 and {_MAX_REQUEST_S} seconds")


@dataclass(frozen=True)
class Subdomain:
    """A subdomain from the app's name or a function; recorded."""

    app_name: str | None = None
    project_domain_suffix: Literal["hash", "default"] = "hash"
    function: Callable[..., str] | None = None

    @classmethod
    def from_app_name(cls, app_name: str, project_domain_suffix: Literal["hash", "default"] = "hash") -> Subdomain:
        """From the app's name."""
        return cls(app_name=app_name, project_domain_suffix=project_domain_suffix)

    @classmethod
    def from_function(cls, function: Callable[..., str]) -> Subdomain:
        """From what a function returns."""
        return cls(function=function)


@dataclass(frozen=True)
class Domain:
    """Where an app is reached; recorded."""

    subdomain: str | Subdomain | None = None
    custom_domain: str | None = None


@dataclass(frozen=True, kw_only=True)
class RunOutput:
    """A parameter's value from the output of a run."""

    type: str
    run_name: str | None = None
    task_name: str | None = None
    task_version: str | None = None
    task_auto_version: str | None = None
    getter: tuple[Any, ...] = (0,)

    def __post_init__(self) -> None:
        if (self.run_name is None) == (self.task_name is None):
            raise ValueError("RunOutput needs either run_name= or task_name=")


@dataclass(frozen=True, kw_only=True)
class ArtifactValue:
    """A parameter's value from an artifact."""

    name: str
    version: str | None = None
    type: str | None = None


@dataclass(frozen=True, kw_only=True)
class AppEndpoint:
    """A parameter's value: the address of another app."""

    app_name: str
    public: bool = False


@dataclass
class Parameter:
    """An input of an app.

    Args:
        name: its name, for `get_parameter` and the app's functions.
        value: text, a File, a Dir, or a delayed value.
        env_var: also give it as an environment variable.
        download: files are local before the app starts.
        mount: where they are.
    """

    name: str
    value: Any = None
    type: Literal["string", "file", "directory", "app_endpoint"] | None = None
    env_var: str | None = None
    download: bool = True
    mount: str | None = None
    ignore_patterns: list[str] = field(default_factory=list)


def _words(name: str, setting: str, value: list[str] | str | None) -> list[str]:
    if value is None:
        return []
    if isinstance(value, str):
        return shlex.split(value)
    if not isinstance(value, list):
        raise TypeError(f'app "{name}": {setting}={value!r} must be text or a list of text')
    return value


@dataclass(eq=False)
class AppEnvironment(Environment):
    """A long-running service and what it needs; all of `Environment`, and:

    Args:
        type: a label, for example "streamlit".
        port: where it listens.
        args, command: how it is started; text is split as in a shell.
        requires_auth, scaling, domain, links, parameters, cluster_pool, cluster, timeouts: recorded.

    Raises:
        ValueError: a name that is no host name, a reserved port.
    """

    type: str | None = None
    port: int | Port = 8080
    args: list[str] | str | None = None
    command: list[str] | str | None = None
    requires_auth: bool = True
    scaling: Scaling = field(default_factory=Scaling)
    domain: Domain | None = field(default_factory=Domain)
    links: list[Link] = field(default_factory=list)
    parameters: list[Parameter] = field(default_factory=list)
    cluster_pool: str = "default"
    cluster: str | None = None
    timeouts: Timeouts = field(default_factory=Timeouts)
    #: The functions given by `@app.server`, `@app.on_startup`, `@app.on_shutdown`.
    handlers: dict[str, Callable[..., Any]] = field(default_factory=dict, init=False, repr=False)

    _CLONED: ClassVar[tuple[str, ...]] = (
        *("type", "port", "args", "command", "requires_auth", "scaling", "domain", "links", "parameters"),
        *("cluster_pool", "cluster", "timeouts", *Environment._CLONED),
    )

    def __post_init__(self, limits: Resources | None, accelerator: str | Device | None) -> None:
        super().__post_init__(limits, accelerator)
        if isinstance(self.port, int):
            self.port = Port(self.port)
        _words(self.name, "args", self.args)
        if _words(self.name, "command", self.command) and self.parameters:
            raise ValueError(f'app "{self.name}": parameters= and command= exclude each other; start it with args=')
        if self.cluster is not None and self.cluster_pool != "default":
            raise ValueError(f'app "{self.name}": cluster= and cluster_pool= exclude each other')
        for setting, value, types in (
            ("scaling", self.scaling, Scaling),
            ("domain", self.domain, (Domain, type(None))),
            ("timeouts", self.timeouts, Timeouts),
        ):
            if not isinstance(value, types):
                raise TypeError(f'app "{self.name}": {setting}={value!r} must be a flyte.app.{setting.capitalize()}')

    def _check_name(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            better = "-".join(re.findall(r"[a-z0-9]+", str(self.name).lower())) or "my-app"
            raise ValueError(
                f'app name "{self.name}" must be lower-case letters and digits joined by -; write "{better}"'
            )

    def get_port(self) -> Port:
        """Where it listens."""
        return self.port if isinstance(self.port, Port) else Port(self.port)

    def on_startup(self, fn: F) -> F:
        """Decorator: called before the server."""
        self.handlers["on_startup"] = fn
        return fn

    def server(self, fn: F) -> F:
        """Decorator: the server itself."""
        self.handlers["server"] = fn
        return fn

    def on_shutdown(self, fn: F) -> F:
        """Decorator: called after the server."""
        self.handlers["on_shutdown"] = fn
        return fn

    @property
    def endpoint(self) -> str:
        """The app's address, once apps are served here."""
        raise NotAvailableError(
            f'the address of app "{self.name}"', "apps are declared only; start the server yourself"
        )


@dataclass(eq=False, kw_only=True)
class FastAPIAppEnvironment(AppEnvironment):
    """An app made of a FastAPI application."""

    app: Any
    type: str | None = "FastAPI"
    uvicorn_config: Any = None

    _CLONED: ClassVar[tuple[str, ...]] = ("app", "uvicorn_config", *AppEnvironment._CLONED)

    def __post_init__(self, limits: Resources | None, accelerator: str | Device | None) -> None:
        super().__post_init__(limits, accelerator)
        if not callable(self.app):
            raise TypeError(f'app "{self.name}": app={self.app!r} must be a FastAPI application')
