"""`flyte.syncify`: give an async function a blocking form, with the async one as `.aio`."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial, update_wrapper
from inspect import isasyncgenfunction
from typing import Any

__all__ = ["Syncify", "syncify"]

_END = object()


class _Both:
    """A function that blocks, whose `.aio` awaits."""

    def __init__(self, func: Callable[..., Any], owner: Syncify) -> None:
        self._func, self._owner = func, owner
        update_wrapper(self, func)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if isasyncgenfunction(self._func):
            return self._iterate(self._func(*args, **kwargs))
        return self._owner.run(self._func(*args, **kwargs))

    def _iterate(self, source: AsyncIterator[Any]) -> Iterator[Any]:
        async def following() -> Any:
            return await anext(source, _END)

        while (item := self._owner.run(following())) is not _END:
            yield item

    def aio(self, *args: Any, **kwargs: Any) -> Any:
        """The async form."""
        return self._func(*args, **kwargs)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else _Both(partial(self._func, instance), self._owner)


class Syncify:
    """A background loop of its own, on which the blocking forms run."""

    def __init__(self, name: str = "flytenb_syncify") -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    def __call__(self, func: Any) -> Any:
        if isinstance(func, (classmethod, staticmethod)):
            return type(func)(_Both(func.__func__, self))
        return _Both(func, self)

    def run(self, awaitable: Awaitable[Any]) -> Any:
        """The result of an awaitable, waited for by this thread."""
        context = contextvars.copy_context()

        async def go() -> Any:
            return await awaitable

        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=self._loop.run_forever, name=self._name, daemon=True).start()
        loop = self._loop
        if asyncio._get_running_loop() is loop:
            raise RuntimeError(f"this blocks the loop {self._name} that it needs; await its .aio(…)")
        return context.run(asyncio.run_coroutine_threadsafe, go(), loop).result()


syncify = Syncify()
