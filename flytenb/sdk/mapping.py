"""`flyte.map`: a task over many inputs, in parallel, results in the order of the inputs."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from flytenb.context import current_action
from flytenb.errors import TraceDoesNotAllowNestedTasksError
from flytenb.sdk.task import TaskTemplate

if TYPE_CHECKING:
    import asyncio

Start = Callable[[tuple[Any, ...]], Awaitable[Any]]

_INSTEAD = "`async for result in flyte.map.aio(task, values): …`"


def _task_and_start(
    func: TaskTemplate[Any, Any, Any] | partial[Any], group_name: str | None
) -> tuple[TaskTemplate[Any, Any, Any], Start]:
    """The task, and how to submit one call of it."""
    given = func.args if isinstance(func, partial) else ()
    named = dict(func.keywords) if isinstance(func, partial) else {}
    task = func.func if isinstance(func, partial) else func
    if not isinstance(task, TaskTemplate):
        raise TypeError(f"flyte.map({task!r}): give a task, or functools.partial of one")
    free = _free_parameter(task, given, named) if isinstance(func, partial) else None
    action = current_action.get()
    if action is not None and action.is_in_trace:
        raise TraceDoesNotAllowNestedTasksError(
            f'flyte.map of task "{task.name}" inside a traced function; call it from the task itself'
        )
    group = f"{task.name}_{group_name or 'map'}"

    def start(values: tuple[Any, ...]) -> Awaitable[Any]:
        args, kwargs = (values, named) if free is None else (given, {**named, free: values[0]})
        if action is None:
            return task.aio(*args, **kwargs)
        return action.port.call(task, args, kwargs, group)

    return task, start


def _free_parameter(task: TaskTemplate[Any, Any, Any], given: tuple[Any, ...], named: dict[str, Any]) -> str:
    names = [parameter.name for parameter in task.interface.parameters]
    twice = [name for name in names[: len(given)] if name in named]
    if twice:
        raise TypeError(f'partial of task "{task.name}" gives {", ".join(twice)} twice')
    left = [name for name in names[len(given) :] if name not in named]
    if len(left) != 1:
        raise TypeError(
            f'partial of task "{task.name}" leaves {len(left)} parameters open ({", ".join(left) or "none"}); '
            "flyte.map needs exactly one"
        )
    return left[0]


async def _in_order(
    start: Start, values: Iterator[tuple[Any, ...]], concurrency: int, ends_on_error: bool
) -> AsyncIterator[Any]:
    """The calls' futures, each done, in order; at most `concurrency` of them (0 = all) are running at a time."""
    import asyncio  # who has no loop yet gets one now

    pending: deque[asyncio.Future[Any]] = deque()
    running: set[asyncio.Future[Any]] = set()
    is_more = True
    try:
        while True:
            is_over = ends_on_error and bool(pending) and _has_failed(pending[0])
            while is_more and not is_over and (not concurrency or len(running) < concurrency):
                item = next(values, None)
                if item is None:
                    is_more = False
                    break
                future: asyncio.Future[Any] = asyncio.ensure_future(start(item))
                pending.append(future)
                if concurrency:
                    running.add(future)
                    future.add_done_callback(running.discard)
            if not pending:
                return
            head = pending[0]
            if not head.done():
                await _first_done(running if concurrency and is_more else (head,))
                continue
            yield pending.popleft()
    finally:
        for future in pending:
            future.cancel()
        for future in pending:
            if not future.done():
                await _first_done((future,))
            if not future.cancelled():
                future.exception()  # seen: nobody will ask for it


def _has_failed(future: asyncio.Future[Any]) -> bool:
    return future.done() and (future.cancelled() or future.exception() is not None)


async def _first_done(futures: Iterable[asyncio.Future[Any]]) -> None:
    """Return when one of them is done, well or not.

    Not `asyncio.wait`: it refuses a worker's calls, which are futures and coroutines at once.
    """
    import asyncio

    waiter = asyncio.get_running_loop().create_future()

    def wake(_: Any) -> None:
        if not waiter.done():
            waiter.set_result(None)

    watched = list(futures)
    for future in watched:
        future.add_done_callback(wake)
    try:
        await waiter
    finally:
        for future in watched:
            future.remove_done_callback(wake)


def _outcome(future: asyncio.Future[Any], return_exceptions: bool) -> Any:
    try:
        return future.result()
    except Exception as error:
        if not return_exceptions:
            raise
        return error


async def _next(results: AsyncIterator[Any]) -> Any:
    return await results.__anext__()


def _check_concurrency(concurrency: int) -> None:
    if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 0:
        raise ValueError(f"flyte.map(concurrency={concurrency!r}) must be 0 (all at once) or a count")


class _Mapper:
    """`flyte.map` and `flyte.map.aio`."""

    def __call__(
        self,
        func: TaskTemplate[Any, Any, Any] | partial[Any],
        *args: Iterable[Any],
        group_name: str | None = None,
        concurrency: int = 0,
        return_exceptions: bool = True,
    ) -> Iterator[Any]:
        """Call a task with the items of one or more iterables; a generator of its results, in order.

        Args:
            func: a task, or `functools.partial` of one that leaves one parameter open.
            args: iterables; the shortest ends it.
            group_name: shown with the task's name.
            concurrency: calls at a time; 0 = all at once.
            return_exceptions: errors are yielded in place of results; False raises the first.

        Example:
            scores = list(flyte.map(fit, [0.1, 1, 10]))
        """
        _check_concurrency(concurrency)
        if not args:
            return
        from flytenb.sdk.pump import Stepper  # asyncio

        _, start = _task_and_start(func, group_name)
        is_in_action = current_action.get() is not None
        with Stepper(is_in_action, _INSTEAD) as stepper:
            results: Any = _in_order(start, zip(*args, strict=False), concurrency, not return_exceptions)
            try:
                while True:
                    try:
                        future = stepper.step(_next(results))
                    except StopAsyncIteration:
                        return
                    yield _outcome(future, return_exceptions)
            finally:
                stepper.step(results.aclose())

    async def aio(
        self,
        func: TaskTemplate[Any, Any, Any] | partial[Any],
        *args: Iterable[Any],
        group_name: str | None = None,
        concurrency: int = 0,
        return_exceptions: bool = True,
    ) -> AsyncIterator[Any]:
        """The same as an async generator: `async for score in flyte.map.aio(fit, cs): …`."""
        _check_concurrency(concurrency)
        if not args:
            return
        _, start = _task_and_start(func, group_name)
        results: Any = _in_order(start, zip(*args, strict=False), concurrency, not return_exceptions)
        try:
            async for future in results:
                yield _outcome(future, return_exceptions)
        finally:
            await results.aclose()

    def __repr__(self) -> str:
        return "<flyte.map>"


map = _Mapper()  # noqa: A001  Flyte's name
