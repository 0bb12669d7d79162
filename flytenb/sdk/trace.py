"""`@flyte.trace`: a call inside an action whose result is recorded, and replayed when the action runs again.

Works on functions, async functions, generators and async generators. A call that was recorded in an earlier attempt is
not made again: its result is returned (a generator's items are yielded), its non-recoverable error raised. What cannot
be encoded is traced without replay.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import update_wrapper, wraps
from hashlib import blake2b
from typing import Any, ParamSpec, TypeVar, cast

from flytenb.codec.current import objects
from flytenb.codec.failure import revive, to_failure
from flytenb.codec.interface import Interface
from flytenb.context import ActionContext, current_action
from flytenb.model.outcome import decode_failure, encode_failure
from flytenb.sdk.scope import Scope
from flytenb.sdk.source import in_words, place_of

P = ParamSpec("P")
R = TypeVar("R")

_NO_REPLAY = b"opaque"


def _any_call(args: tuple, kwargs: dict) -> Any:  # type: ignore[type-arg]  # stands for a function with *args
    ...


def _items() -> list: ...  # type: ignore[type-arg,empty-body]  # stands for what a generator yielded


class _Traced:
    """What is known of one traced function: made with the decorator, compiled at its first call in an action."""

    __slots__ = ("_inputs", "_is_open", "_name_bytes", "_outputs", "func", "is_generator", "name")

    def __init__(self, func: Callable[..., Any], *, is_generator: bool) -> None:
        self.func, self.is_generator = func, is_generator
        self.name = getattr(func, "__name__", type(func).__name__)
        self._name_bytes = b"flytenb.trace/1\0" + self.name.encode() + b"\0"
        self._inputs: Interface | None = None
        self._outputs: Interface | None = None
        self._is_open = False

    def _compile(self) -> tuple[Interface, Interface]:
        where = in_words(place_of(self.func))
        try:
            inputs = Interface.of(self.func, task_name=self.name, where=where, is_strict=False)
        except (ValueError, TypeError):  # *args, **kwargs, or no signature at all
            inputs = Interface.of(_any_call, task_name=self.name, where=where)
            self._is_open = True
        outputs = Interface.of(_items, task_name=self.name, where=where) if self.is_generator else inputs
        self._inputs, self._outputs = inputs, outputs
        return inputs, outputs

    def begin(self, action: ActionContext, args: tuple[Any, ...], kwargs: dict[str, Any]) -> _Call:
        """Number the call and look for its record."""
        inputs, outputs = self._inputs, self._outputs
        if inputs is None or outputs is None:
            inputs, outputs = self._compile()
        payload, key = b"", b""
        try:
            values = (args, kwargs) if self._is_open else inputs.bind(args, kwargs)
            payload = inputs.encode_inputs(values, objects())
            key = blake2b(self._name_bytes + inputs.digest_inputs(payload), digest_size=16).digest()
        except Exception:
            # A value that cannot travel (a client, a lock), or a wrong call: the function itself tells the latter.
            payload, key = b"", blake2b(self._name_bytes + _NO_REPLAY, digest_size=16).digest()
        n, recorded = action.port.trace(self.name, key, payload)
        return _Call(self.name, action, outputs, key, n, payload, recorded if payload else None)


class _Call:
    """One traced call."""

    __slots__ = ("_action", "_began", "_inputs", "_key", "_n", "_name", "_outputs", "_recorded", "_started_at", "scope")

    def __init__(
        self,
        name: str,
        action: ActionContext,
        outputs: Interface,
        key: bytes,
        n: int,
        inputs: bytes,
        recorded: tuple[bool, bytes] | None,
    ) -> None:
        self._name, self._action, self._outputs = name, action, outputs
        self._key, self._n, self._inputs, self._recorded = key, n, inputs, recorded
        self.scope = Scope(action, is_in_trace=True)
        self._started_at, self._began = time.time(), time.perf_counter()

    def replay(self) -> tuple[Any] | None:
        """The recorded result in a tuple, or None when the function must run.

        Raises:
            BaseException: the recorded error, when it was a final one.
        """
        if self._recorded is None:
            return None
        ok, payload = self._recorded
        if ok:
            if not payload:
                return None
            try:
                return (self._outputs.decode_outputs(payload, objects()),)
            except Exception:  # recorded by other code, for example with another return type
                return None
        failure = decode_failure(payload) if payload else None
        if failure is None or failure.is_recoverable:
            return None
        raise revive(failure)

    def ended(self, result: Any) -> None:
        """Record a result; one that cannot be encoded is recorded without its value."""
        duration_s = time.perf_counter() - self._began
        try:
            payload = self._outputs.encode_outputs(result, objects())
        except Exception:
            payload = b""
        self._record(duration_s, True, payload)

    def left(self) -> None:
        """Record that a generator was left before its end: nothing to replay."""
        self._record(time.perf_counter() - self._began, True, b"")

    def failed(self, error: Exception) -> None:
        """Record an error."""
        self._record(time.perf_counter() - self._began, False, encode_failure(to_failure(error)))

    def _record(self, duration_s: float, ok: bool, payload: bytes) -> None:
        self._action.port.traced(
            self._name, self._key, self._n, self._started_at, duration_s, ok, self._inputs, payload
        )


def trace(func: Callable[P, R]) -> Callable[P, R]:
    """Record the calls of a function inside tasks; outside it is the plain function.

    Example:
        @flyte.trace
        async def ask(question: str) -> str: ...

    Raises:
        TypeError: it is no function, or a task already.
    """
    if getattr(func, "__flytenb_task__", False):
        raise TypeError(f"@flyte.trace on task {getattr(func, 'name', func)}: a task's calls are recorded already")
    if not callable(func) or isinstance(func, type):
        raise TypeError(f"@flyte.trace on {func!r}: only functions can be traced")
    if inspect.iscoroutinefunction(func):
        wrapper: Any = _async(func)
    elif inspect.isasyncgenfunction(func):
        wrapper = _async_generator(func)
    elif inspect.isgeneratorfunction(func):
        wrapper = _generator(func)
    else:
        wrapper = _sync(func)
    update_wrapper(wrapper, func)
    wrapper.__flytenb_trace__ = True
    return cast("Callable[P, R]", wrapper)


def _sync(func: Callable[..., Any]) -> Callable[..., Any]:
    traced = _Traced(func, is_generator=False)

    def call(*args: Any, **kwargs: Any) -> Any:
        action = current_action.get()
        if action is None:
            return func(*args, **kwargs)
        record = traced.begin(action, args, kwargs)
        known = record.replay()
        if known is not None:
            return known[0]
        token = current_action.set(record.scope)
        try:
            result = func(*args, **kwargs)
        except Exception as error:
            record.failed(error)
            raise
        finally:
            current_action.reset(token)
        record.ended(result)
        return result

    return call


def _async(func: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
    traced = _Traced(func, is_generator=False)

    @wraps(func)
    async def call(*args: Any, **kwargs: Any) -> Any:
        action = current_action.get()
        if action is None:
            return await func(*args, **kwargs)
        record = traced.begin(action, args, kwargs)
        known = record.replay()
        if known is not None:
            return known[0]
        token = current_action.set(record.scope)
        try:
            result = await func(*args, **kwargs)
        except Exception as error:
            record.failed(error)
            raise
        finally:
            current_action.reset(token)
        record.ended(result)
        return result

    return call


def _generator(func: Callable[..., Iterator[Any]]) -> Callable[..., Any]:
    traced = _Traced(func, is_generator=True)

    def call(*args: Any, **kwargs: Any) -> Iterator[Any]:
        action = current_action.get()
        if action is None:
            yield from func(*args, **kwargs)
            return
        record = traced.begin(action, args, kwargs)
        known = record.replay()
        if known is not None:
            yield from known[0]
            return
        items: list[Any] = []
        source = func(*args, **kwargs)
        try:
            while True:
                # Only while it runs: between items the caller's own code runs, which is not traced.
                token = current_action.set(record.scope)
                try:
                    item = next(source)
                except StopIteration:
                    break
                finally:
                    current_action.reset(token)
                items.append(item)
                yield item
        except GeneratorExit:
            source.close()  # type: ignore[attr-defined]
            record.left()
            raise
        except Exception as error:
            record.failed(error)
            raise
        record.ended(items)

    return call


def _async_generator(func: Callable[..., AsyncIterator[Any]]) -> Callable[..., Any]:
    traced = _Traced(func, is_generator=True)

    async def call(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        action = current_action.get()
        if action is None:
            async for item in func(*args, **kwargs):
                yield item
            return
        record = traced.begin(action, args, kwargs)
        known = record.replay()
        if known is not None:
            for item in known[0]:
                yield item
            return
        items: list[Any] = []
        source = func(*args, **kwargs)
        try:
            while True:
                token = current_action.set(record.scope)
                try:
                    item = await anext(source)
                except StopAsyncIteration:
                    break
                finally:
                    current_action.reset(token)
                items.append(item)
                yield item
        except GeneratorExit:
            await source.aclose()  # type: ignore[attr-defined]
            record.left()
            raise
        except Exception as error:
            record.failed(error)
            raise
        record.ended(items)

    return call
