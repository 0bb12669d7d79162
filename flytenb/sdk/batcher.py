"""`flyte.extras.DynamicBatcher`: many callers, one function that works best on many items at once.

Items wait in one queue; a batch leaves when it is worth enough, is as long as it may be, or its first item has waited
long enough. One batch is worked on at a time, and a few are made ready ahead. Everything happens in one event loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, runtime_checkable

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

ProcessFn: TypeAlias = Callable[[list[ItemT]], Awaitable[list[ResultT]]]
CostEstimatorFn: TypeAlias = Callable[[ItemT], int]


@runtime_checkable
class CostEstimator(Protocol):
    """An item that knows its cost."""

    def estimate_cost(self) -> int:
        """In units of the batcher."""


@runtime_checkable
class TokenEstimator(Protocol):
    """An item that knows its tokens."""

    def estimate_tokens(self) -> int:
        """How many."""


@dataclass
class Prompt:
    """A text for a language model, of about a token every four characters."""

    text: str

    def estimate_tokens(self) -> int:
        """How many tokens it is about."""
        return len(self.text) // 4 + 1


@dataclass
class BatchStats:
    """What a batcher has done.

    Attributes:
        total_submitted, total_completed: items taken, and items with a result or an error.
        total_batches, total_batch_cost: batches, and the cost of all.
        avg_batch_size, avg_batch_cost: of one batch.
        busy_time_s, idle_time_s: time in the function, and time without a batch.
    """

    total_submitted: int = 0
    total_completed: int = 0
    total_batches: int = 0
    total_batch_cost: int = 0
    avg_batch_size: float = 0.0
    avg_batch_cost: float = 0.0
    busy_time_s: float = 0.0
    idle_time_s: float = 0.0

    @property
    def utilization(self) -> float:
        """The part of the time that was spent in the function, 0 to 1."""
        total = self.busy_time_s + self.idle_time_s
        return self.busy_time_s / total if total > 0 else 0.0

    def _add(self, size: int, cost: int, busy_s: float) -> None:
        self.total_batches += 1
        self.total_completed += size
        self.total_batch_cost += cost
        self.busy_time_s += busy_s
        self.avg_batch_size = self.total_completed / self.total_batches
        self.avg_batch_cost = self.total_batch_cost / self.total_batches


@dataclass(slots=True)
class _Waiting(Generic[ItemT, ResultT]):
    item: ItemT
    cost: int
    future: asyncio.Future[ResultT]
    since: float


class DynamicBatcher(Generic[ItemT, ResultT]):
    """Collects items of many callers into batches for one async function.

    Args:
        process_fn: gets a list of items and returns as many results, in the same order.
        cost_estimator: the cost of an item; else its own `estimate_cost()`, else `default_cost`.
        target_batch_cost: a batch of this cost leaves.
        max_batch_size: a batch of this many items leaves.
        min_batch_size: a batch of the target cost waits for this many items, within the time.
        batch_timeout_s: a batch whose first item has waited so long leaves.
        max_queue_size: `submit` waits while so many items wait.
        prefetch_batches: batches made ready while one is worked on.
        default_cost: of an item without an estimate.

    Example:
        async with DynamicBatcher(embed_many, target_batch_cost=64) as batcher:
            futures = await batcher.submit_batch(texts)
            vectors = await asyncio.gather(*futures)
    """

    def __init__(
        self,
        process_fn: ProcessFn[ItemT, ResultT],
        *,
        cost_estimator: CostEstimatorFn[ItemT] | None = None,
        target_batch_cost: int = 32_000,
        max_batch_size: int = 256,
        min_batch_size: int = 1,
        batch_timeout_s: float = 0.05,
        max_queue_size: int = 5_000,
        prefetch_batches: int = 2,
        default_cost: int = 1,
    ) -> None:
        for name, value in (("max_batch_size", max_batch_size), ("max_queue_size", max_queue_size)):
            if value < 1:
                raise ValueError(f"{type(self).__name__}({name}={value}) must be at least 1")
        self._process, self._estimator, self._default_cost = process_fn, cost_estimator, default_cost
        self._target_cost, self._most = target_batch_cost, max_batch_size
        self._least = min(min_batch_size, max_batch_size)
        self._timeout_s, self._queue_size = batch_timeout_s, max_queue_size
        self._prefetch = max(prefetch_batches, 1)
        self._stats = BatchStats()
        self._waiting: deque[_Waiting[ItemT, ResultT]] = deque()
        self._tasks: list[asyncio.Task[None]] = []
        self._is_stopping = False

    @property
    def stats(self) -> BatchStats:
        """What it has done so far."""
        return self._stats

    @property
    def is_running(self) -> bool:
        """Whether it takes items."""
        return bool(self._tasks)

    # ---- life -----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin.

        Raises:
            RuntimeError: it has begun already.
        """
        if self._tasks:
            raise RuntimeError(f"{type(self).__name__} is running already")
        self._is_stopping = False
        self._arrived, self._room = asyncio.Event(), asyncio.Semaphore(self._queue_size)
        self._ready: asyncio.Queue[list[_Waiting[ItemT, ResultT]] | None] = asyncio.Queue(self._prefetch)
        self._tasks = [asyncio.create_task(self._collect()), asyncio.create_task(self._work())]

    async def stop(self) -> None:
        """Work on all that waits, then end."""
        if not self._tasks:
            return
        self._is_stopping = True
        self._arrived.set()
        try:
            await asyncio.gather(*self._tasks)
        finally:
            for task in self._tasks:
                task.cancel()
            self._tasks = []

    async def __aenter__(self) -> DynamicBatcher[ItemT, ResultT]:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    # ---- items ----------------------------------------------------------------------------------------------------

    async def submit(self, record: ItemT, *, estimated_cost: int | None = None) -> asyncio.Future[ResultT]:
        """Add an item; waits while the queue is full.

        Returns:
            A future of its result.

        Raises:
            RuntimeError: the batcher does not run.
        """
        self._check()
        cost = estimated_cost if estimated_cost is not None else self._cost_of(record)
        await self._room.acquire()
        self._check()
        loop = asyncio.get_running_loop()
        waiting: _Waiting[ItemT, ResultT] = _Waiting(record, cost, loop.create_future(), monotonic())
        self._waiting.append(waiting)
        self._stats.total_submitted += 1
        self._arrived.set()
        return waiting.future

    async def submit_batch(
        self, records: Sequence[ItemT], *, estimated_cost: Sequence[int] | None = None
    ) -> list[asyncio.Future[ResultT]]:
        """Add several items; futures of their results."""
        if estimated_cost is not None and len(estimated_cost) != len(records):
            raise ValueError(f"estimated_cost has {len(estimated_cost)} values for {len(records)} items; give each one")
        costs: Sequence[int | None] = estimated_cost if estimated_cost is not None else [None] * len(records)
        return [await self.submit(one, estimated_cost=cost) for one, cost in zip(records, costs, strict=True)]

    def _check(self) -> None:
        if not self._tasks or self._is_stopping:
            raise RuntimeError(f"{type(self).__name__} does not run; write 'async with' around it, or call start()")

    def _cost_of(self, item: ItemT) -> int:
        if self._estimator is not None:
            return self._estimator(item)
        return item.estimate_cost() if isinstance(item, CostEstimator) else self._default_cost

    # ---- batches --------------------------------------------------------------------------------------------------

    async def _collect(self) -> None:
        """Make batches of what waits."""
        while True:
            await self._until(lambda: bool(self._waiting), None)
            if not self._waiting:
                break
            await self._until(self._is_full, self._waiting[0].since + self._timeout_s)
            await self._ready.put(self._take())
        await self._ready.put(None)

    async def _until(self, is_so: Callable[[], bool], deadline: float | None) -> None:
        """Wait for a state of the queue, the time, or the end."""
        while not is_so() and not self._is_stopping:
            self._arrived.clear()
            left = None if deadline is None else deadline - monotonic()
            if left is not None and left <= 0:
                return
            try:
                await asyncio.wait_for(self._arrived.wait(), left)
            except asyncio.TimeoutError:
                return

    def _is_full(self) -> bool:
        cost = 0
        for count, one in enumerate(self._waiting, 1):
            cost += one.cost
            if count >= self._most or (cost >= self._target_cost and count >= self._least):
                return True
        return False

    def _take(self) -> list[_Waiting[ItemT, ResultT]]:
        batch: list[_Waiting[ItemT, ResultT]] = []
        cost = 0
        while self._waiting and len(batch) < self._most and (cost < self._target_cost or len(batch) < self._least):
            one = self._waiting.popleft()
            self._room.release()
            batch.append(one)
            cost += one.cost
        return batch

    async def _work(self) -> None:
        """Work on one batch after the other."""
        while True:
            idle_since = monotonic()
            batch = await self._ready.get()
            began = monotonic()
            self._stats.idle_time_s += began - idle_since
            if batch is None:
                return
            await self._do(batch)
            self._stats._add(len(batch), sum(one.cost for one in batch), monotonic() - began)

    async def _do(self, batch: list[_Waiting[ItemT, ResultT]]) -> None:
        try:
            results = await self._process([one.item for one in batch])
            if len(results) != len(batch):
                raise ValueError(
                    f"process_fn returned {len(results)} results for a batch of {len(batch)}; return one for each item"
                )
        except Exception as error:
            for one in batch:
                if not one.future.done():
                    one.future.set_exception(error)
        except BaseException:
            for one in batch:
                one.future.cancel()
            raise
        else:
            for one, result in zip(batch, results, strict=True):
                if not one.future.done():
                    one.future.set_result(result)


class TokenBatcher(DynamicBatcher[ItemT, ResultT]):
    """A `DynamicBatcher` that counts tokens.

    Args:
        inference_fn: as `process_fn`.
        token_estimator: the tokens of an item; else its own `estimate_tokens()` or `estimate_cost()`.
        target_batch_tokens: a batch of so many tokens leaves.
        default_token_estimate: of an item without an estimate.
        process_fn, cost_estimator, target_batch_cost, default_cost, **options: as of `DynamicBatcher`.

    Example:
        async with TokenBatcher(answer_many, target_batch_tokens=8_000) as batcher:
            answer = await (await batcher.submit(Prompt("What is 2 + 2?")))
    """

    def __init__(
        self,
        inference_fn: ProcessFn[ItemT, ResultT] | None = None,
        *,
        process_fn: ProcessFn[ItemT, ResultT] | None = None,
        token_estimator: CostEstimatorFn[ItemT] | None = None,
        cost_estimator: CostEstimatorFn[ItemT] | None = None,
        target_batch_tokens: int | None = None,
        target_batch_cost: int = 32_000,
        default_token_estimate: int | None = None,
        default_cost: int = 1,
        **options: Any,
    ) -> None:
        function = inference_fn or process_fn
        if function is None:
            raise TypeError("TokenBatcher needs a function: TokenBatcher(inference_fn=…)")
        super().__init__(
            function,
            cost_estimator=token_estimator or cost_estimator,
            target_batch_cost=target_batch_cost if target_batch_tokens is None else target_batch_tokens,
            default_cost=default_cost if default_token_estimate is None else default_token_estimate,
            **options,
        )

    async def submit(
        self, record: ItemT, *, estimated_tokens: int | None = None, estimated_cost: int | None = None
    ) -> asyncio.Future[ResultT]:
        """Add an item, with its tokens where they are known."""
        cost = estimated_tokens if estimated_tokens is not None else estimated_cost
        return await super().submit(record, estimated_cost=cost)

    def _cost_of(self, item: ItemT) -> int:
        if self._estimator is None and isinstance(item, TokenEstimator):
            return item.estimate_tokens()
        return super()._cost_of(item)
