"""Environments: what a group of tasks has in common, and the decorator that makes tasks."""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeVar, overload

from flytenb.sdk.cache import Cache, CacheRequest, check_ignored
from flytenb.sdk.devices import Device
from flytenb.sdk.docs import Documentation, Link, documentation_of
from flytenb.sdk.image import Image
from flytenb.sdk.misspelt import names_nearest
from flytenb.sdk.plugins import TaskPluginRegistry
from flytenb.sdk.pod import PodTemplate
from flytenb.sdk.policy import RetryStrategy, ReusePolicy, Timeout
from flytenb.sdk.resources import Resources
from flytenb.sdk.secret import SecretRequest, check_secrets
from flytenb.sdk.source import declaring_file
from flytenb.sdk.task import MAX_INLINE_IO_BYTES, AsyncFunctionTaskTemplate, Isolation, TaskTemplate, check_signature
from flytenb.sdk.template import check_executor

if TYPE_CHECKING:
    from flytenb.sdk.trigger import Trigger

P = ParamSpec("P")
R = TypeVar("R")

_NAME = re.compile(r"[a-z0-9]+(?:[_-][a-z0-9]+)*")
_MAX_DESCRIPTION = 255

#: Every environment by name; running a notebook cell again replaces its environments.
_registry: dict[str, Environment] = {}


def environments() -> list[Environment]:
    """All environments that exist, in the order of their declaration."""
    return list(_registry.values())


def _check(name: str, field_name: str, value: object, types: type | tuple[type, ...], expected: str) -> None:
    if value is not None and not isinstance(value, types):
        raise TypeError(f'environment "{name}": {field_name}={value!r} must be {expected}')


@dataclass(eq=False)
class Environment:
    """What tasks or an app have in common; use `TaskEnvironment`.

    Args:
        name: lower-case letters and digits, joined by `-` or `_`.
        depends_on: environments that are deployed with this one.
        pod_template: recorded.
        description: at most 255 characters; the rest is cut.
        secrets: names of secrets, or `Secret`s.
        env_vars: environment variables of the worker.
        resources: what each action needs.
        interruptible: may run on machines that can be taken away.
        image: an `Image`, the name of one, or "auto".
        include: further files to ship, relative to the declaring file.
        service_account: recorded.
        limits, accelerator: the older spelling of `resources`.

    Raises:
        ValueError: a bad name.
        TypeError: a setting of the wrong type.
    """

    __flytenb_environment__: ClassVar[bool] = True

    name: str
    depends_on: list[Environment] = field(default_factory=list)
    pod_template: str | PodTemplate | None = None
    description: str | None = None
    secrets: SecretRequest | None = None
    env_vars: dict[str, str] | None = None
    resources: Resources | None = None
    interruptible: bool = False
    image: str | Image | None = "auto"
    include: tuple[str, ...] = ()
    service_account: str | None = None
    limits: InitVar[Resources | None] = field(default=None, kw_only=True)
    accelerator: InitVar[str | Device | None] = field(default=None, kw_only=True)
    _declaring_file: str | None = field(default=None, init=False, repr=False)

    def __post_init__(self, limits: Resources | None, accelerator: str | Device | None) -> None:
        self._check_name()
        self._take_older_spelling(limits, accelerator)
        name = self.name
        _check(name, "image", self.image, (str, Image), 'a flyte.Image, the name of an image or "auto"')
        check_secrets(self.secrets)
        _check(name, "service_account", self.service_account, str, "text")
        _check(name, "resources", self.resources, Resources, "flyte.Resources(…)")
        _check(name, "env_vars", self.env_vars, dict, "a dict of text to text")
        for variable, value in (self.env_vars or {}).items():
            if not isinstance(variable, str) or not isinstance(value, str):
                raise TypeError(f'environment "{name}": env_vars[{variable!r}]={value!r} must be text to text')
        _check(name, "pod_template", self.pod_template, (str, PodTemplate), "a name or a flyte.PodTemplate")
        if not isinstance(self.depends_on, (list, tuple)):
            raise TypeError(f'environment "{name}": depends_on={self.depends_on!r} must be a list of environments')
        self.depends_on = list(self.depends_on)
        for other in self.depends_on:
            _check(name, "depends_on", other, Environment, "environments")
        if self.description is not None and len(self.description) > _MAX_DESCRIPTION:
            self.description = self.description[: _MAX_DESCRIPTION - 1] + "…"
        self._take_include()
        self._declaring_file = declaring_file()
        _registry.pop(name, None)
        _registry[name] = self

    def _check_name(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(f"environment name {self.name!r} must be text")
        if not _NAME.fullmatch(self.name):
            better = "_".join(re.findall(r"[a-z0-9]+", self.name.lower())) or "my_env"
            raise ValueError(
                f'environment name "{self.name}" must be lower-case letters and digits joined by - or _; '
                f'write for example "{better}"'
            )

    def _take_older_spelling(self, limits: Resources | None, accelerator: str | Device | None) -> None:
        _check(self.name, "limits", limits, Resources, "flyte.Resources(…)")
        if limits is not None:
            if self.resources is not None:
                raise ValueError(f'environment "{self.name}": resources= and limits= mean the same; give resources=')
            self.resources = limits
        if accelerator is not None:
            _check(self.name, "accelerator", accelerator, (str, Device), "a flyte.GPUAccelerator")
            self.resources = (self.resources or Resources()).with_accelerator(accelerator)

    def _take_include(self) -> None:
        if isinstance(self.include, str):
            raise TypeError(f'environment "{self.name}": include="{self.include}" must be a tuple: ("{self.include}",)')
        self.include = tuple(self.include)
        for path in self.include:
            _check(self.name, "include", path, str, "paths as text")

    def add_dependency(self, *env: Environment) -> None:
        """Deploy these environments with this one, too.

        Raises:
            TypeError: not an environment.
            ValueError: the environment itself.
        """
        for other in env:
            if not isinstance(other, Environment):
                raise TypeError(f'environment "{self.name}": {other!r} is no environment')
            if other is self or other.name == self.name:
                raise ValueError(f'environment "{self.name}" cannot depend on itself')
        for other in env:
            if other not in self.depends_on:
                self.depends_on.append(other)

    def clone_with(
        self,
        name: str,
        image: str | Image | None = None,
        resources: Resources | None = None,
        env_vars: dict[str, str] | None = None,
        secrets: SecretRequest | None = None,
        depends_on: list[Environment] | None = None,
        description: str | None = None,
        interruptible: bool | None = None,
        include: tuple[str, ...] | None = None,
        service_account: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """The same under another name, with what is given here instead; None inherits. It has no tasks.

        Raises:
            TypeError: no such setting.
        """
        given = {
            "image": image,
            "resources": resources,
            "env_vars": env_vars,
            "secrets": secrets,
            "depends_on": depends_on,
            "description": description,
            "interruptible": interruptible,
            "include": include,
            "service_account": service_account,
        }
        changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
        changes.setdefault("depends_on", list(self.depends_on))
        unknown = [key for key in kwargs if key not in self._CLONED]
        if unknown:
            raise TypeError(
                f'environment "{self.name}": clone_with() has no setting {", ".join(unknown)}; '
                f"further ones are {', '.join(self._CLONED)}"
            )
        changes |= {key: value for key, value in kwargs.items() if value is not None or key == "reusable"}
        if kwargs.get("limits") is not None and resources is None:
            changes["resources"] = None
        return replace(self, name=name, **changes)

    #: Settings that `clone_with` takes beside the common ones.
    _CLONED: ClassVar[tuple[str, ...]] = ("pod_template", "limits", "accelerator")


@dataclass(eq=False)
class TaskEnvironment(Environment):
    """What a group of tasks has in common. All arguments of `Environment` are arguments of it, too.

    Args:
        cache: "auto", "override", "disable", a bool or a `Cache`; the default of its tasks.
        reusable: keep its workers warm.
        plugin_config: makes another class of tasks, for example `flyte.extras.Sleep()`.
        queue: recorded.
        isolation: "shared" = warm workers, "strict" = a fresh process for every action.
        executor: "auto", "process" or "docker"; default what the run or `flyte.init` says.
        network: of its containers: "none", "bridge", "host" or the name of a network.
        keep_on_failure: a container whose action failed stays, for `%%flyte_exec`.

    Example:
        env = flyte.TaskEnvironment(name="digits", resources=flyte.Resources(cpu=1, memory="1Gi"))

        @env.task
        async def fit(c: float) -> float: ...
    """

    cache: CacheRequest | bool = "disable"
    reusable: ReusePolicy | None = None
    plugin_config: Any = None
    queue: str | None = None
    isolation: Isolation = field(default="shared", kw_only=True)
    executor: str | None = field(default=None, kw_only=True)
    network: str | None = field(default=None, kw_only=True)
    keep_on_failure: bool = field(default=False, kw_only=True)
    _tasks: dict[str, TaskTemplate[Any, Any, Any]] = field(default_factory=dict, init=False, repr=False)

    _CLONED: ClassVar[tuple[str, ...]] = (
        *("cache", "reusable", "queue", "plugin_config", "isolation", "executor", "network", "keep_on_failure"),
        *Environment._CLONED,
    )

    def __post_init__(self, limits: Resources | None, accelerator: str | Device | None) -> None:
        _check(self.name, "reusable", self.reusable, ReusePolicy, "a flyte.ReusePolicy")
        _check(self.name, "cache", self.cache, (str, bool, Cache), '"auto", "override", "disable" or a flyte.Cache')
        if self.isolation not in ("shared", "strict"):
            raise ValueError(f'environment "{self.name}": isolation={self.isolation!r} must be "shared" or "strict"')
        check_executor(self.executor)
        _check(self.name, "network", self.network, str, 'the name of a network, "none", "bridge" or "host"')
        if self.reusable is not None and self.isolation == "strict":
            raise ValueError(f'environment "{self.name}": reusable= and isolation="strict" exclude each other')
        if self.reusable is not None and self.plugin_config is not None:
            plugin = TaskPluginRegistry.find(type(self.plugin_config))
            if not getattr(plugin, "supports_reuse_policy", False):
                raise ValueError(f'environment "{self.name}": plugin_config= and reusable= exclude each other')
        super().__post_init__(limits, accelerator)

    @property
    def tasks(self) -> dict[str, TaskTemplate[Any, Any, Any]]:
        """Its tasks by full name."""
        return self._tasks

    @overload
    def task(self, _func: Callable[P, R], /) -> AsyncFunctionTaskTemplate[P, R, Callable[P, R]]: ...

    @overload
    def task(
        self,
        *,
        short_name: str | None = None,
        cache: CacheRequest | bool | None = None,
        retries: int | RetryStrategy = 0,
        timeout: Timeout | timedelta | float = 0,
        docs: Documentation | None = None,
        pod_template: str | PodTemplate | None = None,
        service_account: str | None = None,
        report: bool = False,
        interruptible: bool | None = None,
        max_inline_io_bytes: int = MAX_INLINE_IO_BYTES,
        queue: str | None = None,
        triggers: Trigger | tuple[Trigger, ...] | list[Trigger] = (),
        links: Link | tuple[Link, ...] | list[Link] = (),
        task_resolver: Any = None,
        entrypoint: bool = False,
        produces_artifacts: bool = False,
        isolation: Isolation | None = None,
    ) -> Callable[[Callable[P, R]], AsyncFunctionTaskTemplate[P, R, Callable[P, R]]]: ...

    @names_nearest  # type: ignore[misc]  # mypy takes the free ParamSpec of the decorator's form for a parameter
    def task(
        self,
        _func: Callable[..., Any] | None = None,
        /,
        *,
        short_name: str | None = None,
        cache: CacheRequest | bool | None = None,
        retries: int | RetryStrategy = 0,
        timeout: Timeout | timedelta | float = 0,
        docs: Documentation | None = None,
        pod_template: str | PodTemplate | None = None,
        service_account: str | None = None,
        report: bool = False,
        interruptible: bool | None = None,
        max_inline_io_bytes: int = MAX_INLINE_IO_BYTES,
        queue: str | None = None,
        triggers: Any = (),
        links: Any = (),
        task_resolver: Any = None,
        entrypoint: bool = False,
        produces_artifacts: bool = False,
        isolation: Isolation | None = None,
    ) -> Any:
        """Make a task of a function; `@env.task` or `@env.task(retries=2)`.

        What is not described is recorded, for Flyte's sake.

        Args:
            short_name: shown in place of the function's name.
            cache: in place of the environment's.
            retries: attempts after the first, or a `RetryStrategy`.
            timeout: seconds, timedelta or a `Timeout`; 0 = no bound.
            docs: in place of the docstring.
            report: the task writes a report.
            max_inline_io_bytes: bound of the encoded inputs and outputs.
            triggers, links: one or several.
            isolation: in place of the environment's.

        Raises:
            MissingTypeHintError: a parameter without a type hint.
            ValueError: `*args`, `**kwargs`, or settings that contradict the environment's.
        """
        if self.reusable is not None:
            self._check_reusable(pod_template, service_account)
        settings: dict[str, Any] = {
            "short_name": short_name,
            "cache": self.cache if cache is None else cache,
            "retries": retries,
            "timeout": timeout,
            "docs": docs,
            "pod_template": pod_template or self.pod_template,
            "service_account": service_account or self.service_account,
            "report": report,
            "interruptible": self.interruptible if interruptible is None else interruptible,
            "max_inline_io_bytes": max_inline_io_bytes,
            "queue": queue or self.queue,
            "triggers": tuple(triggers) if isinstance(triggers, (tuple, list)) else (triggers,),
            "links": tuple(links) if isinstance(links, (tuple, list)) else (links,),
            "task_resolver": task_resolver,
            "entrypoint": entrypoint,
            "produces_artifacts": produces_artifacts,
            "isolation": isolation or self.isolation,
        }
        if _func is None:
            return lambda func: self._make(func, settings)
        return self._make(_func, settings)

    def _check_reusable(self, pod_template: object, service_account: str | None) -> None:
        for setting, value in (("pod_template", pod_template), ("service_account", service_account)):
            if value is not None and value != getattr(self, setting):
                raise ValueError(
                    f'environment "{self.name}" reuses its workers, so {setting}= cannot differ by task; '
                    f"give it to the environment, or leave out reusable="
                )

    def _make(self, func: Callable[..., Any], settings: dict[str, Any]) -> AsyncFunctionTaskTemplate[Any, Any, Any]:
        if isinstance(func, TaskTemplate):
            raise TypeError(f"@env.task on task {func.name}: it is a task already; decorate the function once")
        short = getattr(func, "__name__", None)
        if not callable(func) or short is None or isinstance(func, type):
            raise TypeError(f"@env.task on {func!r}: only a function (def or async def) can be a task")
        name = f"{self.name}.{short}"
        check_signature(func, name)
        if settings["cache"] is not self.cache:  # the environment's is for tasks with other parameters, too
            check_ignored(settings["cache"], func, name)
        cls: Any = AsyncFunctionTaskTemplate
        if self.plugin_config is not None:
            cls = TaskPluginRegistry.task_class(self.plugin_config)
        settings = {
            **settings,
            "short_name": settings["short_name"] or short,
            "docs": settings["docs"] or documentation_of(func),
        }
        task: AsyncFunctionTaskTemplate[Any, Any, Any] = cls(
            func=func,
            name=name,
            image=self.image,
            resources=self.resources,
            env_vars=self.env_vars,
            secrets=self.secrets,
            reusable=self.reusable,
            executor=self.executor,
            network=self.network,
            keep_on_failure=self.keep_on_failure,
            plugin_config=self.plugin_config,
            parent_env=weakref.ref(self),
            parent_env_name=self.name,
            **settings,
        )
        self._tasks[name] = task
        return task

    @classmethod
    def from_task(
        cls, name: str, *tasks: TaskTemplate[Any, Any, Any], depends_on: list[Environment] | None = None
    ) -> TaskEnvironment:
        """An environment around tasks that have none.

        Raises:
            ValueError: no task, a task with an environment, or tasks with different images.
        """
        if not tasks:
            raise ValueError(f'TaskEnvironment.from_task("{name}") needs at least one task')
        for task in tasks:
            if task.parent_env is not None and task.parent_env() is not None:
                raise ValueError(f'task "{task.name}" belongs to environment "{task.parent_env_name}" already')
        if len({str(task.image) for task in tasks}) > 1:
            raise ValueError(f'TaskEnvironment.from_task("{name}"): the tasks have different images; give each its own')
        first = tasks[0]
        env = cls(name, depends_on=list(depends_on or ()), image=first.image, resources=first.resources)
        for task in tasks:
            task.parent_env, task.parent_env_name = weakref.ref(env), name
            env._tasks[task.name] = task
        return env


TaskEnvironment.__init__ = names_nearest(TaskEnvironment.__init__)  # type: ignore[method-assign]
