"""`flyte.progress`: how far a task's body is, shown in the view of its run while it goes on.

Bars of tqdm are shown likewise, without any change: the worker reads them in the task's output.
"""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
from typing import Any, Generic, TypeVar, overload

from flytenb.context import ActionContext, current_action

T = TypeVar("T")
_MAX_TEXT = 200
#: Where an action keeps the moment of its first word: in the context's own data it would be the user's.
_began: dict[tuple[int, int], float] = {}


@overload
def progress(done: float, /, total: float | None = None, text: object = "") -> None: ...


@overload
def progress(items: Iterable[T] | AsyncIterable[T], /, total: float | None = None, text: object = "") -> Steps[T]: ...


def progress(done: Any, /, total: float | None = None, text: object = "") -> Any:
    """Tell how far this action is, or count while its items are taken.

    At most four messages a second are sent, so it may be called as often as you like. Outside tasks it does nothing.

    Args:
        done: how many are done, or an iterable (also an asynchronous one) whose items are counted.
        total: how many there are; None when nobody knows, or when the iterable has a length.
        text: what is being done, in a few words.

    Returns:
        None; for an iterable, one that gives the same items.

    Raises:
        TypeError: `done` is neither a number nor iterable.
        ValueError: a number is negative, infinite or NaN.

    Example:
        for epoch in flyte.progress(range(20), text="epochs"): ...
        flyte.progress(340, 1000, "batches")
    """
    if hasattr(done, "__iter__") or hasattr(done, "__aiter__"):
        return Steps(done, total, text)
    _say(done, total, text)
    return None


def _say(done: Any, total: Any, text: object) -> None:
    done, total = _number("done", done), _number("total", 0.0 if total is None else total)
    action = current_action.get()
    if action is not None:
        action.port.progress(done, total, str(text)[:_MAX_TEXT], _since(action))


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(
            f"flyte.progress: {name} is a {type(value).__name__}; write a number, or an iterable to be counted"
        ) from None
    if not math.isfinite(number) or number < 0:
        raise ValueError(f"flyte.progress: {name} is {value}; write a number from 0 on")
    return number


def _since(action: ActionContext) -> float:
    """Seconds since this action said for the first time how far it is."""
    now = time.monotonic()
    key = (action.action, action.attempt)
    first = _began.get(key)
    if first is None:
        if len(_began) >= 256:  # of actions that have ended long ago
            _began.pop(next(iter(_began)), None)
        first = _began[key] = now
    return now - first


class Steps(Generic[T]):
    """An iterable that tells how many of its items were taken."""

    def __init__(self, items: Iterable[T] | AsyncIterable[T], total: float | None, text: object) -> None:
        self._items, self._text = items, text
        self._total = total
        if total is None:
            try:
                self._total = len(items)  # type: ignore[arg-type]
            except TypeError:
                self._total = None

    def __len__(self) -> int:
        if self._total is None:
            raise TypeError("the length of what flyte.progress counts is not known; give it total=…")
        return int(self._total)

    def __iter__(self) -> Iterator[T]:
        if not isinstance(self._items, Iterable):
            raise TypeError("these items come asynchronously; write `async for … in flyte.progress(…)`")
        done = 0
        for item in self._items:
            _say(done, self._total, self._text)
            yield item
            done += 1
        _say(done, self._total, self._text)

    async def __aiter__(self) -> AsyncIterator[T]:
        done = 0
        if isinstance(self._items, AsyncIterable):
            async for item in self._items:
                _say(done, self._total, self._text)
                yield item
                done += 1
        else:
            for item in self._items:
                _say(done, self._total, self._text)
                yield item
                done += 1
        _say(done, self._total, self._text)
