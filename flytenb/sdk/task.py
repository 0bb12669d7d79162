"""Function tasks: what `@env.task` makes."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

from flytenb.codec.interface import Interface
from flytenb.context import ActionContext, current_action
from flytenb.errors import MissingTypeHintError
from flytenb.sdk.source import in_words, place_of
from flytenb.sdk.template import MAX_INLINE_IO_BYTES, F, Isolation, P, R, TaskTemplate

__all__ = ["MAX_INLINE_IO_BYTES", "AsyncFunctionTaskTemplate", "Isolation", "TaskTemplate", "check_signature"]


@dataclass(kw_only=True, eq=False, repr=False)
class AsyncFunctionTaskTemplate(TaskTemplate[P, R, F]):
    """A task made of a function; what `@env.task` gives."""

    func: F
    plugin_config: Any = None
    task_resolver: Any = None
    debuggable: bool = True
    _interface: Interface | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not inspect.isfunction(self.func):
            raise TypeError(f"@env.task on {self.func!r}: only a function (def or async def) can be a task")
        self._is_async = inspect.iscoroutinefunction(self.func)
        self._place = place_of(self.func)
        # As functools.update_wrapper, so that help(), signatures and `task?` show the function.
        self.__name__, self.__qualname__ = self.func.__name__, self.func.__qualname__
        self.__doc__, self.__module__ = self.func.__doc__, self.func.__module__
        self.__wrapped__ = self.func
        if self.reusable is not None and self.reusable.concurrency > 1 and not self._is_async:
            raise ValueError(
                f'task "{self.name}": ReusePolicy(concurrency={self.reusable.concurrency}) needs "async def"'
            )

    @property
    def is_async(self) -> bool:
        return self._is_async

    @property
    def interface(self) -> Interface:
        if self._interface is None:
            where = in_words(self._place)
            self._interface = Interface.of(self.func, task_name=self.name, where=where)
        return self._interface

    @property
    def source_file(self) -> str | None:
        return self.func.__code__.co_filename

    @property
    def place(self) -> tuple[str, int]:
        return self._place

    def _function(self) -> Callable[..., Any] | None:
        return self.func

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        action = current_action.get()
        if action is None:
            return cast("R", self.func(*args, **kwargs))
        if self._is_async and not action.is_in_trace:
            return cast("R", action.port.call(self, args, kwargs, action.group))
        return super().__call__(*args, **kwargs)

    def forward(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return cast("R", self.func(*args, **kwargs))

    async def execute(self, *args: Any, **kwargs: Any) -> Any:
        data = await self.pre(*args, **kwargs)
        action: ActionContext | None = current_action.get()
        if data and action is not None:
            action.data.update(data)
        result = self.func(*args, **kwargs)
        value = await result if self._is_async else result
        await self.post(value)
        return value

    def __reduce_ex__(self, protocol: Any) -> Any:
        # In a module its name stands for the task; its function could not be pickled, for the name is the task's now.
        module = sys.modules.get(self.__module__)
        if self.__module__ != "__main__" and getattr(module, self.__qualname__, None) is self:
            return self.__qualname__
        return super().__reduce_ex__(protocol)

    @property
    def has_hooks(self) -> bool:
        mine = type(self)
        return any(
            getattr(mine, name) is not getattr(base, name)
            for name, base in (
                ("pre", TaskTemplate),
                ("post", TaskTemplate),
                ("execute", AsyncFunctionTaskTemplate),
            )
        )

    def _replaced(self, **changes: Any) -> TaskTemplate[P, R, F]:
        new = replace(self, **changes)
        new._interface = self._interface
        return new


def check_signature(func: Callable[..., Any], task_name: str) -> None:
    """Refuses a function that cannot be a task.

    Raises:
        MissingTypeHintError: a parameter without a type hint.
        ValueError: `*args`, `**kwargs`, or a generator.
    """
    where = in_words(place_of(func))
    for parameter in inspect.signature(func).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            star = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
            raise ValueError(
                f'task "{task_name}" ({where}): {star}{parameter.name} is not allowed, every input needs a name and a '
                f'type; write for example "{parameter.name}: list[int]"'
            )
        if parameter.annotation is parameter.empty:
            raise MissingTypeHintError(task_name, parameter.name, where)
    if inspect.isgeneratorfunction(func) or inspect.isasyncgenfunction(func):
        raise ValueError(f'task "{task_name}" ({where}) yields; a task returns its value: collect into a list')
