import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from flytenb.codec.interface import Interface
from flytenb.context import current_action
from flytenb.errors import NonRecoverableError, RuntimeUserError
from flytenb.model.outcome import decode_failure
from flytenb.sdk.ctx import ctx
from flytenb.sdk.environment import TaskEnvironment
from flytenb.sdk.trace import trace


@pytest.fixture
def called():
    return []


def test_outside_an_action_it_is_the_function():
    @trace
    def plus(x: int, *, y: int = 1) -> int:
        """Adds."""
        return x + y

    assert plus(1, y=2) == 3
    assert (plus.__name__, plus.__doc__) == ("plus", "Adds.")


def test_every_form_is_recorded_and_replayed(port, called):
    @trace
    def sync(x: int) -> int:
        called.append(x)
        return x + 1

    @trace
    async def asynchronous(x: int) -> dict[str, int]:
        called.append(x)
        return {"x": x}

    @trace
    def generator(n: int) -> Iterator[int]:
        for i in range(n):
            called.append(i)
            yield i

    @trace
    async def async_generator(n: int) -> AsyncIterator[int]:
        for i in range(n):
            called.append(i)
            yield i

    async def both():
        return await asynchronous(3), [x async for x in async_generator(2)]

    def body():
        return sync(1), sync(1), sync(2), asyncio.run(both()), list(generator(3))

    first = body()
    count = len(called)
    assert [row[0] for row in port.traces] == ["sync", "sync", "sync", "asynchronous", "async_generator", "generator"]
    assert [row[2] for row in port.traces[:3]] == [1, 2, 1]
    assert all(row[3] for row in port.traces)
    port.next_attempt()
    assert body() == first
    assert len(called) == count
    assert sync(9) == 10
    assert len(called) == count + 1


def test_the_key_is_the_name_and_the_inputs(port):
    @trace
    def f(x: int, y: int = 2) -> int:
        return x

    @trace
    def g(x: int, y: int = 2) -> int:
        return x

    f(1), f(1, 2), f(x=1, y=2), f(2), g(1)
    keys = [row[1] for row in port.traces]
    assert keys[0] == keys[1] == keys[2]
    assert len(set(keys)) == 3
    assert {len(key) for key in keys} == {16}


def test_inputs_and_outputs_can_be_read_back(port):
    @trace
    def f(x: int, y: list[str]) -> float:
        return 0.5

    f(1, ["a"])
    interface = Interface.of(f.__wrapped__, task_name="f")
    from flytenb.codec.current import objects

    assert interface.decode_inputs(port.traces[0][4], objects()) == [1, ["a"]]
    assert interface.decode_outputs(port.traces[0][5], objects()) == 0.5


def test_errors_are_recorded_and_tried_again(port, called):
    @trace
    def fails(x: int) -> int:
        called.append(x)
        raise KeyError("no")

    with pytest.raises(KeyError):
        fails(1)
    assert port.traces[0][3] is False
    assert decode_failure(port.traces[0][5]).code == "KeyError"
    port.next_attempt()
    with pytest.raises(KeyError):
        fails(1)
    assert called == [1, 1]


def test_final_errors_are_raised_again_without_a_call(port, called):
    @trace
    async def fails(x: int) -> int:
        called.append(x)
        raise NonRecoverableError("never")

    with pytest.raises(NonRecoverableError):
        asyncio.run(fails(1))
    port.next_attempt()
    with pytest.raises(RuntimeUserError, match="never"):
        asyncio.run(fails(1))
    assert called == [1]


def test_what_cannot_travel_is_traced_without_replay(port, called):
    @trace
    def locked(lock) -> int:
        called.append(1)
        return 5

    @trace
    def makes(x: int):
        called.append(2)
        return threading.Lock()

    lock = threading.Lock()
    assert locked(lock) == 5
    makes(1)
    assert [row[0] for row in port.traces] == ["locked", "makes"]
    port.next_attempt()
    assert locked(lock) == 5
    makes(1)
    assert called == [1, 2, 1, 2]


def test_any_signature(port, called):
    @trace
    def f(a, *rest, key=None, **more):
        called.append(a)
        return [a, rest, key, more]

    assert f(1, 2, key=3, z=4) == [1, (2,), 3, {"z": 4}]
    port.next_attempt()
    assert f(1, 2, key=3, z=4)[0] == 1
    assert called == [1]
    with pytest.raises(TypeError):
        f()


def test_methods(port):
    class Model:
        def __init__(self):
            self.weight = 2

        @trace
        def predict(self, x: int) -> int:
            return self.weight * x

    assert Model().predict(3) == 6
    assert port.traces[0][0] == "predict"


def test_a_generator_that_is_left_is_not_replayed(port, called):
    @trace
    def numbers() -> Iterator[int]:
        for i in range(5):
            called.append(i)
            yield i

    for number in numbers():
        if number == 1:
            break
    assert called == [0, 1]
    port.next_attempt()
    assert list(numbers()) == [0, 1, 2, 3, 4]


def test_the_marks_hold_only_inside(port):
    seen = []

    @trace
    def inner() -> None:
        seen.append((current_action.get().is_in_trace, ctx().action.name))
        ctx().data["kept"] = 1

    @trace
    def numbers() -> Iterator[int]:
        seen.append(current_action.get().is_in_trace)
        yield 1

    inner()
    seen.extend(current_action.get().is_in_trace for _ in numbers())
    assert seen == [(True, "a0"), True, False]
    assert ctx().data["kept"] == 1
    assert not current_action.get().is_in_trace


def test_a_record_that_cannot_be_read_is_made_again(port, called):
    @trace
    def f(x: int) -> int:
        called.append(x)
        return x

    f(1)
    port.next_attempt()
    port.replay = dict.fromkeys(port.replay, (True, b"\xc1"))
    assert f(1) == 1
    assert called == [1, 1]


def test_what_is_refused():
    env = TaskEnvironment("traced")

    @env.task
    def task(x: int) -> int:
        return x

    for thing in (task, 3, int):
        with pytest.raises(TypeError):
            trace(thing)
