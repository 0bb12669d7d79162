import asyncio
import itertools
from functools import partial

import pytest

from flytenb.errors import TraceDoesNotAllowNestedTasksError
from flytenb.sdk.environment import TaskEnvironment
from flytenb.sdk.mapping import map as flyte_map
from flytenb.sdk.scope import Entered

env = TaskEnvironment("mapped")


@env.task
async def square(x: int) -> int:
    if x == 3:
        raise ValueError("three")
    return x * x


@env.task
def add(x: int, y: int = 0, z: int = 0) -> int:
    return x + 10 * y + 100 * z


async def collect(*args, **kwargs):
    return [item async for item in flyte_map.aio(*args, **kwargs)]


def in_sync_body(*args, **kwargs):
    return list(flyte_map(*args, **kwargs))


def in_async_body(*args, **kwargs):
    async def body():
        return list(flyte_map(*args, **kwargs))

    return asyncio.run(body())


def by_aio(*args, **kwargs):
    return asyncio.run(collect(*args, **kwargs))


everywhere = pytest.mark.parametrize("call", [in_sync_body, in_async_body, by_aio])


@everywhere
@pytest.mark.parametrize("concurrency", [0, 1, 2, 50])
def test_results_come_in_order(port, call, concurrency):
    port.delay_s = 0.002
    assert call(add, range(6), concurrency=concurrency) == list(range(6))
    assert port.most_running == (min(concurrency, 6) if concurrency else 6)
    assert {row[3] for row in port.calls} == {"mapped.add_map"}


@everywhere
def test_outside_actions_they_are_plain_calls(call):
    assert call(add, range(3), [1, 1, 1, 1]) == [10, 11, 12]
    assert call(square, [1, 2]) == [1, 4]


@everywhere
def test_errors_are_values(port, call):
    results = call(square, [2, 3, 4])
    assert (results[0], results[2]) == (4, 16)
    assert isinstance(results[1], ValueError)


@everywhere
def test_or_raised_and_the_rest_is_cancelled(port, call):
    port.delay_s = 0.01
    with pytest.raises(ValueError, match="three"):
        call(square, [3, *range(4, 10)], return_exceptions=False, concurrency=3)
    assert len(port.calls) <= 4
    assert port.running == 0


@everywhere
def test_partial_leaves_one_parameter_open(port, call):
    assert call(partial(add, y=1, z=2), [1, 2]) == [211, 212]
    assert call(partial(add, 1, z=2), [1, 2]) == [211, 221]
    assert call(partial(add, x=5, z=0), [1]) == [15]


@everywhere
@pytest.mark.parametrize(
    ("func", "words"),
    [
        (partial(add, 1), "leaves 2 parameters open"),
        (partial(add, 1, 2, 3), "leaves 0 parameters open"),
        (partial(add, 1, x=2, y=3), "gives x twice"),
        (len, "give a task"),
        (partial(len), "give a task"),
    ],
)
def test_what_cannot_be_mapped(call, func, words):
    with pytest.raises(TypeError, match=words):
        call(func, [1])


@everywhere
def test_names_and_ends(port, call):
    assert call(add) == []
    assert call(add, []) == []
    assert call(add, range(5), range(2)) == [0, 11]
    call(add, [1], group_name="fits")
    assert port.calls[-1][3] == "mapped.add_fits"
    with pytest.raises(ValueError, match="concurrency"):
        call(add, [1], concurrency=-1)


def test_it_is_a_generator_that_can_be_left(port):
    port.delay_s = 0.001
    results = flyte_map(add, itertools.count(), concurrency=3)
    assert [next(results), next(results)] == [0, 1]
    results.close()
    assert port.running == 0

    async def body():
        async for item in flyte_map.aio(add, itertools.count(), concurrency=3):
            if item == 2:
                break
        await asyncio.sleep(0.01)

    asyncio.run(body())


def test_async_bodies_may_map_inside_each_other(port):
    port.delay_s = 0.001

    async def body(k):
        await asyncio.sleep(0.001 * (k % 3))
        inner = list(flyte_map(add, [k, k + 1], concurrency=1))
        await asyncio.sleep(0)
        return inner

    async def main():
        return await asyncio.gather(*(body(k) for k in range(20)))

    assert asyncio.run(main()) == [[k, k + 1] for k in range(20)]


def test_the_rest_of_the_loop_goes_on_meanwhile(port):
    port.delay_s = 0.02
    ticks = []

    async def tick():
        while True:
            ticks.append(1)
            await asyncio.sleep(0.001)

    async def main():
        ticking = asyncio.create_task(tick())
        await asyncio.sleep(0)
        result = list(flyte_map(add, range(3)))
        current = asyncio.current_task()
        ticking.cancel()
        return result, current

    result, current = asyncio.run(main())
    assert result == [0, 1, 2]
    assert current is not None
    assert len(ticks) > 3


def test_no_maps_in_traces(port):
    with Entered(is_in_trace=True), pytest.raises(TraceDoesNotAllowNestedTasksError):
        list(flyte_map(add, [1]))
