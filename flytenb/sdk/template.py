"""What every task has: settings, calls, variants. Inside an action a call submits a child; outside it is plain."""

from __future__ import annotations

import inspect
import sys
import weakref
from collections.abc import Callable, Coroutine
from dataclasses import MISSING, dataclass, fields, replace
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, Literal, ParamSpec, TypeVar, cast, overload

from flytenb.codec.interface import Interface
from flytenb.context import current_action
from flytenb.errors import SyncTaskCallInAsyncContextError, TraceDoesNotAllowNestedTasksError
from flytenb.model.declaration import Launch, ResourceRequest, TaskDeclaration
from flytenb.sdk.cache import Cache, VersionParameters
from flytenb.sdk.docs import Documentation, Link
from flytenb.sdk.image import Image, image_of
from flytenb.sdk.interface import NativeInterface
from flytenb.sdk.plugins import TaskPluginRegistry
from flytenb.sdk.pod import PodTemplate
from flytenb.sdk.policy import RetryStrategy, ReusePolicy, Timeout
from flytenb.sdk.resources import Resources
from flytenb.sdk.secret import Secret, SecretRequest, check_secrets, secret_spec, secrets_of
from flytenb.sdk.source import in_words

if TYPE_CHECKING:
    from flytenb.sdk.environment import TaskEnvironment
    from flytenb.sdk.trigger import Trigger

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

MAX_INLINE_IO_BYTES = 10 << 20
Isolation = Literal["shared", "strict"]

_NEVER_OVERRIDDEN = ("name", "image", "docs", "interface")


EXECUTORS = ("auto", "process", "docker")


def check_executor(name: str | None) -> None:
    """Raises ValueError unless it is an executor's name or None."""
    if name is not None and name not in EXECUTORS:
        raise ValueError(f"executor={name!r} must be one of {', '.join(EXECUTORS)}")


def _is_loop_running() -> bool:
    # A thread with a running loop has imported asyncio; nobody else pays for it.
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None


@dataclass(kw_only=True, eq=False, repr=False)
class TaskTemplate(Generic[P, R, F]):
    """What is known of a task: its name, what it needs, how it is retried, cached and shown.

    After construction `.cache` is a `Cache`, `.retries` a `RetryStrategy`, `.image` an `Image`.
    """

    __flytenb_task__ = True

    name: str
    short_name: str = ""
    task_type: str = "python"
    task_type_version: int = 0
    image: str | Image | None = "auto"
    resources: Resources | None = None
    cache: Any = "disable"
    interruptible: bool = False
    retries: Any = 0
    reusable: ReusePolicy | None = None
    docs: Documentation | None = None
    env_vars: dict[str, str] | None = None
    secrets: SecretRequest | None = None
    service_account: str | None = None
    timeout: Timeout | timedelta | int | float | None = None
    pod_template: str | PodTemplate | None = None
    report: bool = False
    queue: str | None = None
    debuggable: bool = False
    entrypoint: bool = False
    produces_artifacts: bool = False
    parent_env: weakref.ReferenceType[TaskEnvironment] | None = None
    parent_env_name: str | None = None
    max_inline_io_bytes: int = MAX_INLINE_IO_BYTES
    triggers: tuple[Trigger, ...] = ()
    links: tuple[Link, ...] = ()
    #: "shared" = warm worker, "strict" = a fresh process for every action.
    isolation: Isolation = "shared"
    #: "auto", "process" or "docker"; None = as the run or `flyte.init` says.
    executor: str | None = None
    #: Of a container: "none", "bridge", "host" or a network's name; None = the machine's default.
    network: str | None = None
    #: A container whose action failed stays, to be looked at.
    keep_on_failure: bool = False

    def __post_init__(self) -> None:
        self.image = image_of(self.image)
        self.cache = Cache.of(self.cache)
        self.retries = RetryStrategy.of(self.retries)
        Timeout.of(self.timeout)
        check_secrets(self.secrets)
        self.short_name = self.short_name or self.name.rpartition(".")[2]
        if self.resources is not None and not isinstance(self.resources, Resources):
            raise TypeError(f"resources={self.resources!r} must be flyte.Resources(…)")
        if self.service_account is not None and not isinstance(self.service_account, str):
            raise TypeError(f"service_account={self.service_account!r} must be text")
        if self.isolation not in ("shared", "strict"):
            raise ValueError(f'isolation={self.isolation!r} must be "shared" or "strict"')
        check_executor(self.executor)
        if self.reusable is not None and self.isolation == "strict":
            raise ValueError(f'task "{self.name}": reusable= and isolation="strict" exclude each other')

    # ---- facts ----------------------------------------------------------------------------------------------------

    @property
    def is_async(self) -> bool:
        """Whether its body is a coroutine."""
        return True

    @property
    def is_timer(self) -> bool:
        """Whether the engine waits instead of running code."""
        return False

    @property
    def interface(self) -> Interface:
        """The compiled signature."""
        raise NotImplementedError(f'task "{self.name}" ({type(self).__name__}) has no interface')

    @property
    def native_interface(self) -> NativeInterface:
        """Names and types of inputs and outputs."""
        return NativeInterface.of(self.interface)

    @property
    def json_schema(self) -> dict[str, Any]:
        """JSON schema of the inputs."""
        return self.native_interface.json_schema

    @property
    def source_file(self) -> str | None:
        """The file that declares it."""
        return None

    @property
    def environment_name(self) -> str:
        """The environment it belongs to."""
        return self.parent_env_name or self.name.rpartition(".")[0]

    @property
    def secret_requests(self) -> list[Secret]:
        """The secrets it needs."""
        return secrets_of(self.secrets)

    # ---- calls ----------------------------------------------------------------------------------------------------

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """A child action inside an action, a plain call outside."""
        action = current_action.get()
        if action is None:
            return self.forward(*args, **kwargs)
        if action.is_in_trace:
            raise self._called_in_trace()
        if self.is_async:
            return cast("R", action.port.call(self, args, kwargs, action.group))
        if _is_loop_running():
            raise SyncTaskCallInAsyncContextError(
                f'"{self.short_name}(…)" would block the event loop, because task "{self.name}" is not async; '
                f'write "await {self.short_name}.aio(…)"'
            )
        return cast("R", action.port.call_blocking(self, args, kwargs, action.group))

    @overload
    def aio(
        self: TaskTemplate[P, Coroutine[Any, Any, T], Any], *args: P.args, **kwargs: P.kwargs
    ) -> Coroutine[Any, Any, T]: ...

    @overload
    def aio(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]: ...

    def aio(self, *args: Any, **kwargs: Any) -> Any:
        """The awaitable form of a call, for sync tasks too: `await asyncio.gather(*(fit.aio(c) for c in cs))`."""
        action = current_action.get()
        if action is None:
            return self._forward_later(args, kwargs)
        if action.is_in_trace:
            raise self._called_in_trace()
        return action.port.call(self, args, kwargs, action.group)

    async def _forward_later(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        result = self.forward(*args, **kwargs)
        return await cast("Any", result) if inspect.isawaitable(result) else result

    def _called_in_trace(self) -> TraceDoesNotAllowNestedTasksError:
        return TraceDoesNotAllowNestedTasksError(
            f'task "{self.name}" was called inside a traced function; call it from the task itself, '
            "or take @flyte.trace off the function"
        )

    def forward(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The plain call, never an action."""
        raise NotImplementedError(f'task "{self.name}" ({type(self).__name__}) cannot be called as a function')

    # ---- for people -----------------------------------------------------------------------------------------------

    def form(self, **inputs: Any) -> Any:
        """A form for its inputs, of ipywidgets: checks what is typed, runs the task, writes the call as code.

        Args:
            **inputs: what fields begin with, in place of the task's defaults.

        Example:
            fit.form(c=0.5)     # the last line of a cell

        Raises:
            MissingPackageError: ipywidgets is not installed.
        """
        # Forms are above tasks: reached by name.
        return import_module("flytenb.notebook.forms").form_of(self, inputs)

    # ---- for plugins ----------------------------------------------------------------------------------------------

    async def pre(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Before the body; what it returns is merged into `ctx().data`."""
        return {}

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        """The body, with `pre` before and `post` after it."""
        raise NotImplementedError(f'task "{self.name}" ({type(self).__name__}) has no body')

    async def post(self, return_vals: Any) -> Any:
        """After the body."""
        return return_vals

    @property
    def has_hooks(self) -> bool:
        """Whether a subclass changed how the body is run, so that `execute` must be used in place of the function."""
        return False

    # ---- variants -------------------------------------------------------------------------------------------------

    def override(
        self,
        *,
        short_name: str | None = None,
        resources: Resources | None = None,
        cache: Any = None,
        retries: int | RetryStrategy = 0,
        timeout: Timeout | timedelta | float | None = None,
        reusable: ReusePolicy | Literal["off"] | None = None,
        env_vars: dict[str, str] | None = None,
        secrets: SecretRequest | None = None,
        service_account: str | None = None,
        max_inline_io_bytes: int | None = None,
        pod_template: str | PodTemplate | None = None,
        queue: str | None = None,
        interruptible: bool | None = None,
        entrypoint: bool | None = None,
        produces_artifacts: bool | None = None,
        links: tuple[Link, ...] = (),
        plugin_config: Any = None,
        isolation: Isolation | None = None,
        **kwargs: Any,
    ) -> TaskTemplate[P, R, F]:
        """The same task with some settings changed; an empty value keeps what is there.

        Example:
            `await fit.override(resources=flyte.Resources(memory="16Gi"))(x)`

        Raises:
            ValueError: a setting that cannot be changed, or not while workers are reused.
            TypeError: no such setting.
        """
        self._check_override(kwargs)
        kept = None if reusable == "off" else (reusable or self.reusable)
        given: dict[str, Any] = {
            "resources": resources,
            "env_vars": env_vars,
            "secrets": secrets,
            "service_account": service_account,
        }
        if kept is not None:
            for setting, value in given.items():
                if value is not None:
                    raise ValueError(
                        f'task "{self.name}": {setting} cannot be overridden while its workers are reused; '
                        f'add reusable="off"'
                    )
        given |= {
            "short_name": short_name,
            "cache": cache,
            "retries": retries,
            "timeout": timeout,
            "max_inline_io_bytes": max_inline_io_bytes,
            "pod_template": pod_template,
            "queue": queue,
            "links": links,
            "plugin_config": plugin_config,
            "isolation": isolation,
        }
        changes: dict[str, Any] = {name: value for name, value in given.items() if value}
        plain = {"interruptible": interruptible, "entrypoint": entrypoint, "produces_artifacts": produces_artifacts}
        changes |= {name: value for name, value in plain.items() if value is not None}
        new = self._replaced(reusable=kept, **changes)
        if plugin_config is not None:
            plugin = TaskPluginRegistry.task_class(plugin_config)
            if not isinstance(new, plugin):
                return cast("TaskTemplate[P, R, F]", _as_class(new, plugin))
        return new

    def _check_override(self, unknown: dict[str, Any]) -> None:
        for name in unknown:
            if name in _NEVER_OVERRIDDEN:
                raise ValueError(f'task "{self.name}": {name} cannot be overridden; declare another task')
        if unknown:
            import difflib

            names = [one.name for one in fields(self)]
            near = difflib.get_close_matches(next(iter(unknown)), names, 2)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise TypeError(f"override() has no setting {', '.join(unknown)}{hint}")

    def _replaced(self, **changes: Any) -> TaskTemplate[P, R, F]:
        return replace(self, **changes)

    # ---- for the engine -------------------------------------------------------------------------------------------

    def declaration(
        self, launch: Launch, program: str, entry: str = "", *, key: str = "", doubts: tuple[str, ...] = ()
    ) -> TaskDeclaration:
        """What the engine must know to run it.

        Args:
            launch: the worker process it needs; the task's own env_vars and isolation are added.
            program: digest of the program that holds its code.
            entry: its name inside the program; default the function's qualified name.
            key: the key of its code, hex; "" when it has none.
            doubts: why the key may be incomplete.
        """
        retries, backoff = self.retry_strategy.count, self.retry_strategy.backoff
        timeout_s, queue_timeout_s, deadline_s = Timeout.of(self.timeout).seconds
        cache = self.cache_policy
        source, line = self.place
        return TaskDeclaration(
            name=self.name,
            short_name=self.short_name,
            environment=self.environment_name,
            launch=self._launch(launch),
            program=program,
            entry=entry or self.short_name,
            is_async=self.is_async,
            resources=self.resources.to_request() if self.resources else ResourceRequest(),
            retries=retries,
            backoff_base_s=backoff.base.total_seconds() if backoff else 0.0,
            backoff_factor=float(backoff.factor) if backoff else 1.0,
            backoff_cap_s=backoff.cap.total_seconds() if backoff and backoff.cap else 0.0,
            timeout_s=timeout_s,
            queue_timeout_s=queue_timeout_s,
            deadline_s=deadline_s,
            has_report=self.report,
            cache=cache.behavior,
            key=cache.get_version(VersionParameters(self._function(), self.image, code_key=key)),
            code=key,
            key_doubts=doubts if cache.needs_code_key else (),
            cache_max_age_s=cache.max_age_s if cache.is_enabled() else 0.0,
            is_serialized=cache.serialize and cache.is_enabled(),
            cache_settings=cache.settings() if cache.is_enabled() else None,
            interface=self.interface.describe(),
            source=source,
            source_line=line,
            image="" if not isinstance(self.image, Image) or self.image.is_plain else str(self.image),
            is_timer=self.is_timer,
        )

    def _launch(self, launch: Launch) -> Launch:
        reuse = self.reusable
        return Launch(
            python=launch.python,
            cwd=launch.cwd,
            files=launch.files,
            env_vars={**(self.env_vars or {}), **launch.env_vars},
            isolation="strict" if "strict" in (self.isolation, launch.isolation) else "shared",
            image=self.image.spec() if isinstance(self.image, Image) else None,
            executor=launch.run_executor or self.executor or launch.default_executor or "auto",
            run_executor=launch.run_executor,
            default_executor=launch.default_executor,
            images=launch.images,
            network=self.network or "",
            secrets=tuple(secret_spec(one) for one in self.secret_requests),
            reuse=reuse.to_model() if reuse is not None else None,
            keep_on_failure=self.keep_on_failure,
        )

    @property
    def retry_strategy(self) -> RetryStrategy:
        """`.retries`, typed."""
        return cast("RetryStrategy", self.retries)

    @property
    def cache_policy(self) -> Cache:
        """`.cache`, typed."""
        return cast("Cache", self.cache)

    @property
    def place(self) -> tuple[str, int]:
        """Cell or file, and line."""
        return "", 0

    def _function(self) -> Callable[..., Any] | None:
        return None

    def __repr__(self) -> str:
        kind = "async task" if self.is_async else "task"
        place = in_words(self.place)
        return f"<{kind} {self.name}{' from ' + place if place else ''}>"

    def __copy__(self) -> TaskTemplate[P, R, F]:
        new = type(self).__new__(type(self))
        new.__dict__.update(self.__dict__)
        return new

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state["parent_env"] = None  # a weak reference cannot travel
        return state


def _as_class(task: TaskTemplate[Any, Any, Any], plugin: type) -> Any:
    """The task as another class; what was never set takes that class's own default."""
    old = {one.name: one.default for one in fields(task)}
    carried = {}
    for one in fields(plugin):
        if not one.init or one.name not in old:
            continue
        value = getattr(task, one.name)
        is_untouched = old[one.name] is not MISSING and value == old[one.name]
        if not (is_untouched and one.default is not MISSING and one.default != old[one.name]):
            carried[one.name] = value
    return plugin(**carried)
