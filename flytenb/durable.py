"""`flyte.durable`: clocks that go on where they were when an action runs again."""

from __future__ import annotations

import time as _time
from datetime import datetime
from typing import Any

from flytenb.sdk.trace import trace

__all__ = ["now", "sleep", "time"]


@trace
def durable_sleep(seconds: float) -> float:
    """When this sleep began."""
    return _time.time()


@trace
def durable_time() -> float:
    """The time of the first attempt."""
    return _time.time()


@trace
def durable_now() -> datetime:
    """The date and time of the first attempt."""
    return datetime.now()


class _Clock:
    """A reading that never waits, with an `.aio` twin."""

    def __init__(self, read: Any, doc: str) -> None:
        self._read, self.__doc__ = read, doc

    def __call__(self) -> Any:
        return self._read()

    async def aio(self) -> Any:
        """The same, awaitable."""
        return self._read()


class _Sleep:
    """Sleep for so many seconds in all, however often the action starts again."""

    @staticmethod
    def _left(seconds: float) -> float:
        return max(0.0, durable_sleep(float(seconds)) + seconds - _time.time())

    def __call__(self, seconds: float) -> None:
        _time.sleep(self._left(seconds))

    async def aio(self, seconds: float) -> None:
        """The same without blocking the loop."""
        import asyncio

        await asyncio.sleep(self._left(seconds))


sleep = _Sleep()
time = _Clock(durable_time, "Seconds since the epoch; the same when the action runs again.")
now = _Clock(durable_now, "The date and time; the same when the action runs again.")
