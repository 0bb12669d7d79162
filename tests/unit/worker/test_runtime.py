"""The runtime against a fake engine, in one process and one loop."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import msgpack
import pytest

from flytenb import errors
from flytenb.codec.objects import ObjectStore
from flytenb.context import current_action
from flytenb.model.outcome import decode_failure
from flytenb.wire import tags
from flytenb.worker.programs import LiveTasks
from flytenb.worker.runtime import Runtime
from tests.unit.worker.fake_engine import Failed, FakeEngine, PlainTask

TASKS: dict[str, PlainTask] = {}
VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE", default="clean")
EVENTS: list[Any] = []


def task(func: Callable[..., Any]) -> PlainTask:
    made = PlainTask(func, asyncio.iscoroutinefunction(func))
    TASKS[made.name] = made
    return made


def call(child: PlainTask, *args: Any) -> Any:
    return current_action.get().port.call(child, args, {}, "")


def call_blocking(child: PlainTask, *args: Any) -> Any:
    return current_action.get().port.call_blocking(child, args, {}, "")


@task
async def leaf(x: int) -> int:
    return x


@task
def plain_leaf(x: int) -> int:
    return x


@task
async def fails(x: int) -> int:
    raise ValueError(f"bad {x}")


@task
async def fan(n: int) -> int:
    return sum(await asyncio.gather(*[call(leaf, i) for i in range(n)]))


@task
async def plain_fan(n: int) -> int:
    return sum(await asyncio.gather(*[call(plain_leaf, i) for i in range(n)]))


@task
def blocking_parent(n: int) -> int:
    return sum(call_blocking(leaf, i) for i in range(n))


@task
def loop_in_thread(n: int) -> int:
    async def inside() -> int:
        return sum(await asyncio.gather(*[call(leaf, i) for i in range(n)]))

    return asyncio.run(inside())


@task
async def with_tasks(n: int) -> int:
    made = [asyncio.create_task(call(leaf, i)) for i in range(n)]
    return sum([await one for one in made])


@task
async def tree(depth: int) -> int:
    if depth == 0:
        return 1
    return 1 + sum(await asyncio.gather(*[call(tree, depth - 1) for _ in range(3)]))


def run(scenario: Callable[[FakeEngine, Runtime], Any], tmp_path: Any) -> Any:
    async def main() -> Any:
        objects = ObjectStore(tmp_path / "objects", is_durable=False)
        engine = FakeEngine(str(tmp_path / "s"), objects)
        await engine.start()
        EVENTS.clear()
        ends: list[str] = []
        runtime = Runtime(LiveTasks(dict(TASKS)), objects, ident="w0", token="t", on_end=ends.append)
        runtime.capture.install()
        try:
            await runtime.connect(engine.path)
            await engine.hello
            return await scenario(engine, runtime)
        finally:
            runtime.capture.remove()
            runtime.lane.close()
            runtime.link.close()
            await engine.stop()

    interval = sys.getswitchinterval()
    try:
        return asyncio.run(main())
    finally:
        sys.setswitchinterval(interval)


@pytest.mark.parametrize(
    ("parent", "argument", "expected"),
    [
        (leaf, 7, 7),
        (plain_leaf, 7, 7),
        (fan, 200, 19900),
        (plain_fan, 50, 1225),
        (blocking_parent, 5, 10),
        (loop_in_thread, 5, 10),
        (with_tasks, 5, 10),
        (tree, 3, 40),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_runs(tmp_path, parent, argument, expected):
    async def scenario(engine, runtime):
        assert await engine.run(parent, argument) == expected
        assert not runtime.actions
        assert runtime.lane._running == 0

    run(scenario, tmp_path)


def test_hello_tells_who_it_is(tmp_path):
    async def scenario(engine, runtime):
        hello = await engine.hello
        assert hello[:2] == [tags.HELLO, tags.PROTOCOL]
        assert hello[3:5] == ["worker", "w0"]
        assert hello[6] == "t"

    run(scenario, tmp_path)


def test_equal_calls_are_numbered_and_declared_once(tmp_path):
    @task
    async def twice(x: int) -> int:
        return await call(leaf, x) + await call(leaf, x) + await call(leaf, x + 1)

    async def scenario(engine, runtime):
        await engine.run(twice, 1)
        submits = engine.all(tags.SUBMIT)
        assert [message[5] for message in submits] == [1, 2, 1]
        assert submits[0][4] == submits[1][4] != submits[2][4]
        assert len({message[2] for message in submits}) == 3
        assert len(engine.all(tags.DECLARE)) == 1

    run(scenario, tmp_path)


def test_one_action_at_a_time_until_it_waits_for_a_child(tmp_path):
    @task
    async def naps(x: int) -> int:
        EVENTS.append(("begin", x))
        await asyncio.sleep(0.02)
        EVENTS.append(("end", x))
        return x

    async def scenario(engine, runtime):
        await asyncio.gather(*[engine.run(naps, i) for i in range(3)])
        assert [(word, i) for i in range(3) for word in ("begin", "end")] == EVENTS

    run(scenario, tmp_path)


def test_active_seconds_leave_waiting_out(tmp_path):
    @task
    async def slow(x: int) -> int:
        time.sleep(0.5)
        return x

    @task
    async def waits(x: int) -> int:
        return await call(slow, x)

    async def scenario(engine, runtime):
        await engine.run(waits, 1)
        child, parent = engine.all(tags.FINISHED)
        assert child[5] >= 0.5
        assert parent[5] < child[5]

    run(scenario, tmp_path)


def test_a_long_action_does_not_hold_back_the_result_before_it(tmp_path):
    @task
    async def takes(s: float) -> int:
        time.sleep(s)
        return 0

    async def scenario(engine, runtime):  # both sides share the loop, so this looks at what is written
        written: list[float] = []
        flush = runtime.link.flush

        def noted() -> None:
            if any(message[0] == tags.FINISHED for message in runtime.link._out):
                written.append(time.perf_counter())
            flush()

        runtime.link.flush = noted
        engine.begin(takes, 0.0)
        _, done = engine.begin(takes, 0.3)
        await done
        assert written[1] - written[0] > 0.25

    run(scenario, tmp_path)


def test_context_variables_do_not_leak(tmp_path):
    @task
    async def dirty(x: int) -> str:
        found = VARIABLE.get()
        VARIABLE.set("dirty")
        return found

    @task
    def dirty_thread(x: int) -> str:
        found = VARIABLE.get()
        VARIABLE.set("dirty")
        return found

    async def scenario(engine, runtime):
        for _ in range(2):
            assert await engine.run(dirty, 1) == "clean"
            assert await engine.run(dirty_thread, 1) == "clean"

    run(scenario, tmp_path)


def test_a_childs_error_is_caught_by_its_class_and_as_a_user_error(tmp_path):
    @task
    async def catches(x: int) -> str:
        try:
            await call(fails, x)
        except ValueError as error:
            return f"{isinstance(error, errors.RuntimeUserError)} {error.code}: {error}"
        return "nothing"

    @task
    def catches_blocking(x: int) -> str:
        try:
            call_blocking(fails, x)
        except errors.RuntimeUserError as error:
            return f"{isinstance(error, ValueError)} {error.code}: {error}"
        return "nothing"

    async def scenario(engine, runtime):
        assert await engine.run(catches, 3) == "True ValueError: bad 3"
        assert await engine.run(catches_blocking, 3) == "True ValueError: bad 3"

    run(scenario, tmp_path)


def test_a_failure_names_the_users_frames_through_parents(tmp_path):
    @task
    async def passes_on(x: int) -> int:
        return await call(fails, x)

    async def scenario(engine, runtime):
        with pytest.raises(Failed) as caught:
            await engine.run(passes_on, 4)
        failure = caught.value.failure
        assert (failure.code, failure.message) == ("ValueError", "bad 4")
        assert [frame.function for frame in failure.frames] == ["passes_on", "fails"]
        assert "flytenb/worker" not in failure.traceback
        assert "in fails" in failure.traceback

    run(scenario, tmp_path)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), MemoryError(), StopIteration(1)], ids=repr)
@pytest.mark.parametrize("is_async", [True, False])
def test_nothing_a_body_raises_ends_the_worker(tmp_path, error, is_async):
    def body(x: int) -> int:
        raise error

    async def async_body(x: int) -> int:
        raise error

    raises = task(async_body if is_async else body)

    async def scenario(engine, runtime):
        with pytest.raises(Failed) as caught:
            await engine.run(raises, 1)
        expected = {"MemoryError": "OOMError"}.get(type(error).__name__, type(error).__name__)
        if is_async and isinstance(error, StopIteration):
            expected = "RuntimeError"  # Python's own rule for coroutines
        assert caught.value.failure.code == expected
        assert await engine.run(leaf, 1) == 1

    run(scenario, tmp_path)


def test_cancelling_what_waits_forgets_the_child(tmp_path):
    @task
    async def impatient(x: int) -> str:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(call(leaf, x), 0.05)
        driven = asyncio.create_task(call(leaf, x))
        await asyncio.sleep(0)
        driven.cancel()
        never_begun = asyncio.create_task(call(leaf, x))
        never_begun.cancel()
        found = await asyncio.gather(driven, never_begun, return_exceptions=True)
        return str([type(one).__name__ for one in found])

    async def scenario(engine, runtime):
        engine.held.add("leaf")
        assert await engine.run(impatient, 1) == "['CancelledError', 'CancelledError']"
        forgotten = [message[2] for message in engine.all(tags.FORGET)]
        assert forgotten == [message[2] for message in engine.all(tags.SUBMIT)]
        assert runtime.lane._running == 0

    run(scenario, tmp_path)


def test_what_nobody_awaits_is_cancelled_when_the_parent_ends(tmp_path):
    @task
    async def careless(x: int) -> int:
        async def helper() -> None:
            try:
                await call(leaf, 1)
            except asyncio.CancelledError:
                EVENTS.append("helper cancelled")
                raise

        keep = asyncio.create_task(helper())
        EVENTS.append(keep)
        await asyncio.sleep(0)
        return x

    async def scenario(engine, runtime):
        engine.held.add("leaf")
        assert await engine.run(careless, 1) == 1
        assert not engine.all(tags.FORGET)  # the engine knows by itself
        with pytest.raises(asyncio.CancelledError):
            await EVENTS[0]
        assert EVENTS[1:] == ["helper cancelled"]

    run(scenario, tmp_path)


@task
async def sleeps(x: int) -> int:
    await asyncio.sleep(60)
    return x


@task
def spins(x: int) -> int:
    while True:
        time.sleep(0.001)


@task
def blocked_parent(x: int) -> int:
    return call_blocking(leaf, x)


@task
async def waiting_parent(x: int) -> int:
    return await call(leaf, x)


@pytest.mark.parametrize("body", [sleeps, spins, blocked_parent, waiting_parent], ids=lambda body: body.name)
def test_cancel(tmp_path, body):
    async def scenario(engine, runtime):
        engine.held.add("leaf")
        number, done = engine.begin(body, 1)
        await asyncio.sleep(0.05)
        engine.send((tags.CANCEL, number, 2, "not this attempt"))
        await asyncio.sleep(0.01)
        assert not done.done()
        engine.send((tags.CANCEL, number, 1, "enough"))
        ok, payload = await asyncio.wait_for(done, 5)
        failure = decode_failure(payload)
        assert (ok, failure.code, failure.message) == (False, "Aborted", "enough")
        engine.held.clear()
        for kind in (leaf, plain_leaf, blocking_parent):  # nothing is left that could hit a later action
            assert await engine.run(kind, 1) == (1 if kind is not blocking_parent else 0)

    run(scenario, tmp_path)


def test_cancel_and_recall_of_what_has_not_begun(tmp_path):
    async def scenario(engine, runtime):
        first, first_done = engine.begin(sleeps, 1)
        second, second_done = engine.begin(sleeps, 2)
        third, _ = engine.begin(sleeps, 3)
        fourth, _ = engine.begin(sleeps, 4)
        await asyncio.sleep(0.02)
        engine.send((tags.CANCEL, second, 1, "no"))
        assert decode_failure((await second_done)[1]).code == "Aborted"
        engine.send((tags.RECALL, 5))
        await asyncio.sleep(0.02)
        assert engine.all(tags.RETURNED) == [[tags.RETURNED, [fourth, third]]]
        engine.send((tags.CANCEL, first, 1, "no"))
        await first_done

    run(scenario, tmp_path)


def test_output_goes_to_the_action_that_writes(tmp_path):
    logger = logging.getLogger("tests.worker.output")
    logger.propagate = True

    @task
    async def talks(x: int) -> int:
        print("one", x)
        print("two", x, end="")
        print("to stderr", file=sys.stderr)
        sys.stdout.buffer.write("bytes ü\n".encode())
        for i in range(5):
            print(f"\r{i * 25} %", end="", file=sys.stderr)
        return await call(plain_talks, x)

    @task
    def plain_talks(x: int) -> int:
        print("child", x)
        return x

    async def scenario(engine, runtime):
        await engine.run(talks, 1)
        texts: dict[Any, str] = {}
        for _, number, attempt, stream, at, text in engine.all(tags.LOG):
            assert attempt == 1
            assert abs(at - time.time()) < 10
            texts[number & 0xFFFF, stream] = texts.get((number & 0xFFFF, stream), "") + text
        assert texts == {
            (0, "stdout"): "one 1\ntwo 1bytes ü\n",
            (0, "stderr"): "to stderr\n100 %\n",
            (1, "stdout"): "child 1\n",
        }
        last = [message[0] for message in engine.seen][-1]
        assert last == tags.FINISHED

    run(scenario, tmp_path)


def test_output_of_a_long_action_does_not_wait_for_its_end(tmp_path):
    @task
    async def long(x: int) -> int:
        print("early")
        await asyncio.sleep(0.6)
        return x

    async def scenario(engine, runtime):
        await engine.run(long, 1)
        kinds = [message[0] for message in engine.seen]
        assert kinds == [tags.HELLO, tags.STARTED, tags.LOG, tags.FINISHED]
        assert abs(engine.all(tags.STARTED)[0][3] - time.time()) < 5

    run(scenario, tmp_path)


def test_traces_are_numbered_and_replayed(tmp_path):
    @task
    async def traced(x: int) -> str:
        port = current_action.get().port
        found = [port.trace("f", b"k", b"i"), port.trace("f", b"k", b"i")]
        port.traced("f", b"k", 2, 1.0, 0.5, True, b"i", b"o")
        return str(found)

    async def scenario(engine, runtime):
        number, done = engine.begin(traced, 1, replay=[(b"k", 1, True, b"old")])
        ok, payload = await done
        assert ok
        value = traced.interface.decode_outputs(payload, engine.objects)
        assert value == "[(1, (True, b'old')), (2, None)]"
        assert engine.all(tags.TRACE) == [[tags.TRACE, number, 1, b"k", 2, "f", 1.0, 0.5, True, b"i", b"o"]]

    run(scenario, tmp_path)


def test_a_report_travels_by_digest(tmp_path):
    @task
    async def reports(x: int) -> int:
        current_action.get().port.report("<p>hello</p>")
        return x

    async def scenario(engine, runtime):
        await engine.run(reports, 1)
        assert engine.objects.get(engine.all(tags.REPORT)[0][3]) == b"<p>hello</p>"

    run(scenario, tmp_path)


def test_the_context_shows_the_run(tmp_path):
    @task
    async def shows(x: int) -> str:
        context = current_action.get()
        return f"{context.run_name} {context.name} {context.task_name} {context.custom_context} {context.attempt}"

    async def scenario(engine, runtime):
        engine.info = {"name": "r7", "custom_context": {"a": "b"}}
        assert await engine.run(shows, 1) == "r7 a0 test.shows {'a': 'b'} 1"

    run(scenario, tmp_path)


@pytest.mark.parametrize(
    ("info", "mode"), [({}, 1), ({"overwrite_cache": True}, 2), ({"disable_cache": True}, 0)], ids=["", "over", "off"]
)
def test_cached_calls_carry_their_key(tmp_path, info, mode):
    cached = PlainTask(leaf.func, True, cache="auto", key="abc")

    @task
    async def uses(x: int) -> int:
        return await call(cached, x) + await call(cached, x) + await call(plain_leaf, x)

    async def scenario(engine, runtime):
        engine.info = {"name": "r", **info}
        await engine.run(uses, 1)
        first, second, other = engine.all(tags.SUBMIT)
        assert first[7] == second[7] != other[7] == b"" or mode == 0
        assert (first[8], other[8]) == (mode, 0)

    run(scenario, tmp_path)


def test_a_call_after_the_end_of_its_action_is_refused(tmp_path):
    @task
    async def leaves_a_callback(x: int) -> int:
        def late() -> None:
            try:
                call(leaf, 1)
            except RuntimeError as error:
                EVENTS.append(str(error))

        asyncio.get_running_loop().call_later(0.01, late)
        return x

    async def scenario(engine, runtime):
        await engine.run(leaves_a_callback, 1)
        await asyncio.sleep(0.05)
        assert EVENTS == [
            'the action a0 ("test.leaves_a_callback") has ended: await everything that it starts before it returns'
        ]

    run(scenario, tmp_path)


def test_output_of_no_action_passes_through(tmp_path, capsys):
    async def scenario(engine, runtime):
        print("mine")
        assert not engine.all(tags.LOG)

    run(scenario, tmp_path)
    assert capsys.readouterr().out == "mine\n"


def test_importing_the_runtime_is_light():
    code = (
        "import sys; import flytenb.worker.runtime; "
        "print([m for m in ('numpy', 'pandas', 'pydantic', 'IPython', 'rich', 'cloudpickle') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_messages_are_plain_msgpack(tmp_path):
    async def scenario(engine, runtime):
        await engine.run(fan, 2)
        assert msgpack.unpackb(msgpack.packb(engine.seen))

    run(scenario, tmp_path)
