"""Methods with an `.aio` twin: one blocking body, and the same awaitable on any running asyncio loop."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial, update_wrapper
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

#: Told of a cancelled wait, with the error.
OnCancel = Callable[..., None]
#: Given the call's arguments: what must have happened before the body runs without blocking for long.
Before = Callable[..., "Future[Any] | None"]


class Twin:
    """A bound or free function that also has `.aio`."""

    def __init__(
        self, body: Callable[..., Any], before: Before | None = None, on_cancel: OnCancel | None = None
    ) -> None:
        self._body, self._before, self._on_cancel = body, before, on_cancel
        update_wrapper(self, body)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._body(*args, **kwargs)

    async def aio(self, *args: Any, **kwargs: Any) -> Any:
        """The same without blocking the loop: long waits hold no thread, the short rest runs in one."""
        import asyncio  # who has a running loop has it loaded already

        if self._before is not None:
            first = self._before(*args, **kwargs)
            if first is not None:
                try:
                    await asyncio.wait([asyncio.wrap_future(first)])
                except asyncio.CancelledError as error:
                    if self._on_cancel is not None:
                        self._on_cancel(error)
                    raise
        return await asyncio.to_thread(self._body, *args, **kwargs)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        before = None if self._before is None else partial(self._before, instance)
        on_cancel = None if self._on_cancel is None else partial(self._on_cancel, instance)
        return Twin(partial(self._body, instance), before, on_cancel)

    def __repr__(self) -> str:
        return f"<{getattr(self, '__qualname__', 'function')} with .aio>"


class ClassTwin(Twin):
    """The same for class methods."""

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return Twin(partial(self._body, owner or type(instance)))


def twin(body: Callable[P, R]) -> Any:
    """Give a function or method an `.aio` twin."""
    return Twin(body)


def twin_after(before: Before, on_cancel: OnCancel | None = None) -> Callable[[Callable[P, R]], Any]:
    """The same, for a body that waits: the twin awaits the future that `before` gives, then runs the body.

    `on_cancel` hears of a wait that was cancelled.
    """
    return lambda body: Twin(body, before, on_cancel)


def class_twin(body: Callable[..., R]) -> Any:
    """Give a class method an `.aio` twin."""
    return ClassTwin(body)
