"""Batches of many callers' items."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flytenb as flyte
from flytenb.extras import BatchStats, DynamicBatcher, Prompt, TokenBatcher, serialize, serialize_env


class Recorder:
    def __init__(self):
        self.batches = []

    async def __call__(self, batch):
        self.batches.append(batch)
        await asyncio.sleep(0)
        return [item * 2 for item in batch]


def run(items, **options):
    async def main():
        record = Recorder()
        async with DynamicBatcher(record, **options) as batcher:
            results = await asyncio.gather(*await batcher.submit_batch(items))
        return record.batches, results, batcher.stats

    return asyncio.run(main())


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 9), max_size=30),
    st.integers(1, 12),
    st.integers(1, 20),
    st.integers(1, 5),
    st.integers(1, 4),
)
def test_every_item_is_worked_on_once_in_order_and_within_bounds(items, most, target, least, queue):
    batches, results, stats = run(
        items, max_batch_size=most, target_batch_cost=target, min_batch_size=least, max_queue_size=queue,
        cost_estimator=lambda item: item, batch_timeout_s=0.001,
    )  # fmt: skip
    assert results == [item * 2 for item in items]
    assert [item for batch in batches for item in batch] == items
    assert all(len(batch) <= most for batch in batches)
    assert all(sum(batch[:-1]) < target or len(batch) <= least for batch in batches)
    assert (stats.total_submitted, stats.total_completed, stats.total_batches) == (len(items), len(items), len(batches))
    assert stats.total_batch_cost == sum(items)


def test_a_full_batch_does_not_wait_for_the_time():
    batches, _, _ = run(range(8), max_batch_size=4, batch_timeout_s=60)
    assert [len(batch) for batch in batches] == [4, 4]


def test_the_end_does_not_wait_for_the_time():
    async def main():
        record = Recorder()
        batcher = DynamicBatcher(record, batch_timeout_s=60)
        await batcher.start()
        future = await batcher.submit(1)
        await batcher.stop()
        assert not batcher.is_running
        return await future

    assert asyncio.run(main()) == 2


def test_an_error_goes_to_the_items_of_its_batch_only():
    async def process(batch):
        if 3 in batch:
            raise ValueError("three")
        return batch

    async def main():
        async with DynamicBatcher(process, max_batch_size=2, batch_timeout_s=60) as batcher:
            futures = await batcher.submit_batch([1, 2, 3, 4])
            return await asyncio.gather(*futures, return_exceptions=True)

    assert [str(one) for one in asyncio.run(main())] == ["1", "2", "three", "three"]


def test_too_few_results_are_an_error():
    async def process(batch):
        return []

    async def main():
        async with DynamicBatcher(process) as batcher:
            await (await batcher.submit(1))

    with pytest.raises(ValueError, match="0 results for a batch of 1"):
        asyncio.run(main())


def test_submit_waits_while_the_queue_is_full():
    async def main():
        gate = asyncio.Event()

        async def process(batch):
            await gate.wait()
            return batch

        async with DynamicBatcher(process, max_batch_size=1, max_queue_size=1, prefetch_batches=1) as batcher:
            taken = 0

            async def produce():
                nonlocal taken
                for number in range(10):
                    await batcher.submit(number)
                    taken += 1

            producer = asyncio.create_task(produce())
            for _ in range(50):
                await asyncio.sleep(0)
            before = taken
            gate.set()
            await producer
        return before, taken, batcher.stats.total_completed

    before, after, done = asyncio.run(main())
    assert before <= 4
    assert (after, done) == (10, 10)


def test_it_must_run():
    async def main():
        batcher = DynamicBatcher(Recorder())
        with pytest.raises(RuntimeError, match="does not run"):
            await batcher.submit(1)
        await batcher.stop()
        async with batcher:
            with pytest.raises(RuntimeError, match="is running already"):
                await batcher.start()
            with pytest.raises(ValueError, match="give each one"):
                await batcher.submit_batch([1, 2], estimated_cost=[1])

    asyncio.run(main())


@dataclass
class Known:
    cost: int

    def estimate_cost(self):
        return self.cost


def test_costs_and_tokens():
    async def same(batch):
        return batch

    async def main():
        async with DynamicBatcher(same) as plain, TokenBatcher(same, default_token_estimate=7) as tokens:
            for item in (Known(5), "x"):
                await plain.submit(item)
            await plain.submit("y", estimated_cost=10)
            for item in (Prompt("a" * 40), Known(5), "x"):
                await tokens.submit(item)
            await tokens.submit("y", estimated_tokens=100)
        return plain.stats.total_batch_cost, tokens.stats.total_batch_cost

    assert asyncio.run(main()) == (16, 11 + 5 + 7 + 100)
    with pytest.raises(TypeError, match="needs a function"):
        TokenBatcher()
    assert BatchStats(busy_time_s=3, idle_time_s=1).utilization == 0.75
    assert BatchStats().utilization == 0


def test_declarations_without_an_engine():
    env = flyte.TaskEnvironment("told", resources=flyte.Resources(cpu=2))

    @env.task(retries=3)
    async def fit(x: int) -> str: ...

    assert serialize(fit).resources.cpu == 2
    assert [one.name for one in serialize_env(env)] == ["told.fit"]
    with pytest.raises(TypeError, match="give a task"):
        serialize(len)
