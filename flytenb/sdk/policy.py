"""How often, how long, how reusable: retries, timeouts, warm workers."""

from __future__ import annotations

import math
import os
from datetime import timedelta
from typing import Literal, TypeAlias

import msgspec

from flytenb.model.declaration import Reuse

_NOTHING = timedelta(0)


def _seconds(field: str, value: timedelta | float | None) -> float:
    """Seconds of a duration; None and 0 are no bound."""
    if value is None:
        return 0.0
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
    elif isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{field}={value!r} is not a duration; write seconds or a timedelta")
    else:
        seconds = float(value)
    if seconds < 0 or not math.isfinite(seconds):
        raise ValueError(f"{field}={value!r} must be 0 (no bound) or a positive duration")
    return seconds


class Backoff(msgspec.Struct, frozen=True):
    """Waits between attempts: before retry n (from 0) it is `min(base * factor**n, cap)`.

    Args:
        base: the first wait.
        factor: growth per retry, at least 1.
        cap: the longest wait; required when the factor is above 1.
    """

    base: timedelta
    factor: float = 1.0
    cap: timedelta | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.base, timedelta) or self.base < _NOTHING:
            raise ValueError(f"Backoff(base={self.base!r}) must be a timedelta of at least 0")
        if isinstance(self.factor, bool) or not isinstance(self.factor, (int, float)) or not math.isfinite(self.factor):
            raise ValueError(f"Backoff(factor={self.factor!r}) must be a finite number")
        if self.factor < 1:
            raise ValueError(f"Backoff(factor={self.factor!r}) must be at least 1.0")
        if self.cap is not None and (not isinstance(self.cap, timedelta) or self.cap < _NOTHING):
            raise ValueError(f"Backoff(cap={self.cap!r}) must be a timedelta of at least 0")
        if self.factor > 1 and self.cap is None:
            raise ValueError(f"Backoff(factor={self.factor!r}) grows without end; give cap=timedelta(…)")

    def compute_delay(self, n: int) -> timedelta:
        """The wait before retry n, counted from 0."""
        if n < 0:
            raise ValueError(f"retry number {n} is negative; count from 0")
        try:
            delay = self.base * self.factor**n
        except OverflowError:
            delay = timedelta.max
        return delay if self.cap is None else min(delay, self.cap)


class RetryStrategy(msgspec.Struct):
    """How often a failed action is tried again.

    Args:
        count: attempts after the first.
        backoff: the waits between them; None = at once.

    Example:
        `@env.task(retries=flyte.RetryStrategy(3, backoff=flyte.Backoff(timedelta(seconds=1))))`
    """

    count: int
    backoff: Backoff | None = None

    def __post_init__(self) -> None:
        if isinstance(self.count, bool) or not isinstance(self.count, int) or self.count < 0:
            raise ValueError(f"retries={self.count!r} must be a count of at least 0")
        if self.backoff is not None and not isinstance(self.backoff, Backoff):
            raise TypeError(f"backoff={self.backoff!r} must be a flyte.Backoff")

    @classmethod
    def of(cls, retries: int | RetryStrategy) -> RetryStrategy:
        """From the `retries=` of a task.

        Raises:
            ValueError: it is neither a count nor a strategy.
        """
        if isinstance(retries, RetryStrategy):
            return retries
        if isinstance(retries, bool) or not isinstance(retries, int):
            raise ValueError(f"retries={retries!r} must be a count or a flyte.RetryStrategy")
        return cls(retries)


class Timeout(msgspec.Struct):
    """Bounds in seconds or as timedelta; None and 0 are no bound.

    Args:
        max_runtime: for one attempt's running.
        max_queued_time: for one attempt's waiting.
        deadline: for all attempts together.
    """

    max_runtime: timedelta | int | float | None = None
    max_queued_time: timedelta | int | float | None = None
    deadline: timedelta | int | float | None = None

    def __post_init__(self) -> None:
        _ = self.seconds

    @property
    def seconds(self) -> tuple[float, float, float]:
        """Running, waiting, altogether; 0 = no bound."""
        return (
            _seconds("max_runtime", self.max_runtime),
            _seconds("max_queued_time", self.max_queued_time),
            _seconds("deadline", self.deadline),
        )

    @classmethod
    def of(cls, timeout: Timeout | timedelta | float | None) -> Timeout:
        """From the `timeout=` of a task: a bare duration bounds the running.

        Raises:
            ValueError: it is neither.
        """
        if isinstance(timeout, Timeout):
            return timeout
        try:
            return cls(max_runtime=timeout)
        except ValueError:
            raise ValueError(f"timeout={timeout!r} must be seconds, a timedelta or a flyte.Timeout") from None


TimeoutType: TypeAlias = Timeout | timedelta | int | float


def _ttl(field: str, value: timedelta | int) -> timedelta:
    ttl = timedelta(seconds=value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(ttl, timedelta) or ttl.total_seconds() < 30:
        raise ValueError(f"ReusePolicy({field}={value!r}) must be at least 30 seconds, as a number or a timedelta")
    return ttl


class ReusePolicy(msgspec.Struct):
    """Keep started workers of an environment warm.

    Args:
        replicas: how many, or (min, max).
        idle_ttl: seconds until all end when none is used; at least 30.
        concurrency: async actions in one worker at a time.
        scaledown_ttl: seconds until one unused worker ends; at least 30.
        scope: "global" shares them between runs, "run" does not.
    """

    replicas: int | tuple[int, int] = 2
    idle_ttl: int | timedelta = 30
    concurrency: int = 1
    scaledown_ttl: int | timedelta = 30
    scope: Literal["global", "run"] = "global"

    def __post_init__(self) -> None:
        if isinstance(self.replicas, int) and not isinstance(self.replicas, bool):
            self.replicas = (self.replicas, self.replicas)
        if (
            not isinstance(self.replicas, tuple)
            or len(self.replicas) != 2
            or not all(isinstance(count, int) for count in self.replicas)
            or not 0 <= self.replicas[0] <= self.replicas[1]
        ):
            raise ValueError(f"ReusePolicy(replicas={self.replicas!r}) must be a count or a pair (min, max)")
        if isinstance(self.concurrency, bool) or not isinstance(self.concurrency, int) or self.concurrency < 1:
            raise ValueError(f"ReusePolicy(concurrency={self.concurrency!r}) must be a count of at least 1")
        if self.scope not in ("global", "run"):
            raise ValueError(f'ReusePolicy(scope={self.scope!r}) must be "global" or "run"')
        self.idle_ttl = _ttl("idle_ttl", self.idle_ttl)
        self.scaledown_ttl = _ttl("scaledown_ttl", self.scaledown_ttl)
        if self.max_replicas == self.concurrency == 1 and "FLYTENB_WORKER" not in os.environ:
            import logging  # few policies need it

            logging.getLogger("flytenb").warning(
                "ReusePolicy(replicas=1, concurrency=1): one action at a time; a task that calls tasks of the same "
                "environment shares its only worker with them. Give replicas=2 or concurrency=2"
            )

    @property
    def min_replicas(self) -> int:
        """Workers that always run."""
        return self.replicas[0] if isinstance(self.replicas, tuple) else self.replicas

    @property
    def max_replicas(self) -> int:
        """Workers at most."""
        return self.replicas[1] if isinstance(self.replicas, tuple) else self.replicas

    def to_model(self) -> Reuse:
        """As the engine reads it."""
        return Reuse(
            min_replicas=self.min_replicas,
            max_replicas=self.max_replicas,
            concurrency=self.concurrency,
            idle_ttl_s=_ttl("idle_ttl", self.idle_ttl).total_seconds(),
            scaledown_ttl_s=self.get_scaledown_ttl().total_seconds(),
            scope=self.scope,
        )

    def get_scaledown_ttl(self) -> timedelta:
        """How long one unused worker stays."""
        return _ttl("scaledown_ttl", self.scaledown_ttl)
