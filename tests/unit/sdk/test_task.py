from __future__ import annotations

import asyncio
import copy
import inspect
import pickle
import warnings
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from flytenb.errors import (
    MissingTypeHintError,
    SyncTaskCallInAsyncContextError,
    TraceDoesNotAllowNestedTasksError,
)
from flytenb.model.declaration import Launch, ResourceRequest
from flytenb.sdk.cache import Cache
from flytenb.sdk.environment import TaskEnvironment
from flytenb.sdk.image import Image
from flytenb.sdk.interface import NO_DEFAULT
from flytenb.sdk.plugins import TaskPluginRegistry
from flytenb.sdk.policy import Backoff, RetryStrategy, ReusePolicy, Timeout
from flytenb.sdk.resources import Resources
from flytenb.sdk.scope import Entered
from flytenb.sdk.sleep import Sleep
from flytenb.sdk.task import AsyncFunctionTaskTemplate
from flytenb.sdk.trigger import Trigger

env = TaskEnvironment("tests", resources=Resources(cpu=1))
LAUNCH = Launch(python="python", cwd="/")


@env.task
def double(x: int) -> int:
    """Twice as much."""
    return 2 * x


@env.task
async def triple(x: int, *, plus: int = 0) -> int:
    return 3 * x + plus


# ---- outside actions ---------------------------------------------------------------------------------------------
def test_outside_an_action_a_call_is_a_plain_call():
    assert double(2) == 4
    assert double.forward(2) == double.func(2) == 4
    assert inspect.iscoroutine(pending := triple(2))
    assert asyncio.run(pending) == 6
    assert asyncio.run(double.aio(2)) == 4
    assert asyncio.run(triple.aio(2, plus=1)) == 7


def test_an_exception_of_a_plain_call_is_itself():
    @env.task
    def fails() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        fails()


def test_it_shows_the_function():
    assert double.__name__ == "double"
    assert double.__doc__ == "Twice as much."
    assert str(inspect.signature(triple)) == "(x: 'int', *, plus: 'int' = 0) -> 'int'"
    assert "tests.double" in repr(double)
    assert __file__ in repr(double)
    assert double.docs.description == "Twice as much."
    assert double.source_file == __file__


# ---- in an action ------------------------------------------------------------------------------------------------
def test_in_an_action_a_call_submits_a_child(port):
    async def body():
        return await asyncio.gather(triple(1), double.aio(2), triple.aio(3, plus=1))

    assert asyncio.run(body()) == [3, 4, 10]
    assert double(5) == 10
    assert [call[0] for call in port.calls] == ["tests.triple", "tests.double", "tests.triple", "tests.double"]
    assert port.calls[2] == ("tests.triple", (3,), {"plus": 1}, "")


def test_a_sync_call_on_a_loop_says_what_to_write(port):
    async def body():
        double(1)

    with pytest.raises(SyncTaskCallInAsyncContextError, match=r'write "await double\.aio\(…\)"'):
        asyncio.run(body())
    assert port.calls == []


def test_no_tasks_in_traces(port):
    with Entered(is_in_trace=True):
        for call in (lambda: double(1), lambda: triple(1), lambda: double.aio(1)):
            with pytest.raises(TraceDoesNotAllowNestedTasksError, match="inside a traced function"):
                call()
        assert double.forward(1) == 2


# ---- what cannot be a task ---------------------------------------------------------------------------------------
def test_a_missing_hint_names_parameter_place_and_fix():
    with pytest.raises(MissingTypeHintError) as caught:

        @env.task
        def bad(x, y: int) -> int:
            return y

    text = str(caught.value)
    assert 'task "tests.bad"' in text
    assert 'parameter "x" has no type hint' in text
    assert f"{__file__}:" in text
    assert '"x: int"' in text
    assert "tests.bad" not in env.tasks


def test_other_functions_that_are_refused():
    def varargs(*args: int) -> None: ...
    def keywords(**kwargs: int) -> None: ...
    def generator() -> Any:
        yield 1

    async def async_generator() -> Any:
        yield 1

    for func in (varargs, keywords, generator, async_generator):
        with pytest.raises(ValueError, match=r"not allowed|returns its value"):
            env.task(func)
    for thing in (3, int, print, double):
        with pytest.raises((TypeError, ValueError)):
            env.task(thing)


# ---- settings ----------------------------------------------------------------------------------------------------
def test_settings_are_normal_forms():
    @env.task(retries=2, timeout=timedelta(minutes=1), cache=True, triggers=Trigger.daily(), links=[])
    def f() -> None: ...

    assert f.retries == RetryStrategy(2)
    assert f.cache.behavior == "auto"
    assert isinstance(f.image, Image)
    assert f.triggers == (Trigger.daily(),)
    for wrong in ({"retries": 1.5}, {"timeout": "5"}, {"cache": "always"}, {"isolation": "none"}):
        with pytest.raises(ValueError):
            env.task(**wrong)(_nothing)


def _nothing() -> None: ...


def test_overriding():
    @env.task(retries=3, timeout=9)
    def f(x: int) -> int:
        return x

    changed = f.override(
        resources=Resources(memory="1Gi"), short_name="other", cache="auto", retries=1, timeout=5, env_vars={"A": "b"}
    )
    assert (changed.name, changed.short_name, changed.resources.memory) == ("tests.f", "other", "1Gi")
    assert (changed.retries.count, changed.timeout, changed.cache.behavior) == (1, 5, "auto")
    assert changed.interface is not None
    assert changed(2) == 2
    assert (f.short_name, f.retries.count, f.resources.cpu) == ("f", 3, 1)
    kept = changed.override(retries=0, timeout=0, env_vars={})
    assert (kept.retries.count, kept.timeout, kept.env_vars) == (1, 5, {"A": "b"})
    assert f.override(interruptible=True).override(interruptible=False).interruptible is False


def test_what_cannot_be_overridden():
    for name in ("name", "image", "docs", "interface"):
        with pytest.raises(ValueError, match=f"{name} cannot be overridden"):
            double.override(**{name: "x"})
    with pytest.raises(TypeError, match="did you mean retries"):
        double.override(retrys=1)
    warm = TaskEnvironment("warm", reusable=ReusePolicy())

    @warm.task
    def f() -> None: ...

    with pytest.raises(ValueError, match='add reusable="off"'):
        f.override(resources=Resources(cpu=2))
    assert f.override(resources=Resources(cpu=2), reusable="off").reusable is None


def test_interface():
    inputs = triple.native_interface.inputs
    assert inputs == {"x": (int, NO_DEFAULT), "plus": (int, 0)}
    assert triple.native_interface.required_inputs() == ["x"]
    assert triple.native_interface.outputs == {"o0": int}
    assert triple.json_schema["required"] == ["x"]
    assert triple.override(short_name="z").interface is triple.interface
    assert pickle.loads(pickle.dumps(NO_DEFAULT)) is NO_DEFAULT


# ---- for the engine ----------------------------------------------------------------------------------------------
def test_a_plain_declaration():
    declaration = double.declaration(LAUNCH, "p" * 64, key="ab")
    assert (declaration.name, declaration.entry, declaration.environment) == ("tests.double", "double", "tests")
    assert declaration.resources == ResourceRequest(cpu=1.0)
    assert (declaration.cache, declaration.key, declaration.image, declaration.is_async) == ("disable", "", "", False)
    assert declaration.launch == LAUNCH
    assert declaration.source == __file__
    assert declaration.source_line > 0


def test_a_full_declaration():
    full = TaskEnvironment("full", env_vars={"A": "task", "B": "b"}, image="x:1", isolation="strict")

    @full.task(
        retries=RetryStrategy(2, Backoff(timedelta(seconds=1), 2.0, timedelta(seconds=9))),
        timeout=Timeout(1, 2, 3),
        cache=Cache("auto", salt="s"),
        report=True,
    )
    async def f(x: int) -> int:
        return x

    launch = Launch(python="python", cwd="/", env_vars={"A": "run"})
    declaration = f.declaration(launch, "p", "entry", key="ab", doubts=("global x",))
    assert (declaration.backoff_base_s, declaration.backoff_factor, declaration.backoff_cap_s) == (1, 2, 9)
    assert (declaration.timeout_s, declaration.queue_timeout_s, declaration.deadline_s) == (1, 2, 3)
    assert declaration.launch.env_vars == {"A": "run", "B": "b"}
    assert (declaration.launch.isolation, declaration.image, declaration.entry) == ("strict", "x:1", "entry")
    assert declaration.key not in ("", "ab")
    assert declaration.key_doubts == ("global x",)
    assert declaration.has_report
    assert declaration.retries == 2


def test_a_modules_task_travels_by_name():
    assert pickle.loads(pickle.dumps(double)) is double


def test_another_task_travels_by_value_without_its_environment():
    import cloudpickle

    def local(x: int) -> int:
        return 2 * x

    there = pickle.loads(cloudpickle.dumps(env.task(local)))
    assert there.parent_env is None
    assert there.name == "tests.local"
    assert there(2) == 4
    copied = copy.copy(double)
    assert copied is not double
    assert copied.parent_env() is env


# ---- plugins -----------------------------------------------------------------------------------------------------
@dataclass
class Twice:
    times: int = 2


@dataclass(kw_only=True)
class TwiceTask(AsyncFunctionTaskTemplate):
    task_type: str = "twice"

    async def execute(self, *args, **kwargs):
        return self.plugin_config.times * await super().execute(*args, **kwargs)


def test_a_plugins_configuration_makes_its_class():
    TaskPluginRegistry.register(Twice, TwiceTask)
    plugged = TaskEnvironment("plugged", plugin_config=Twice(3))

    @plugged.task
    async def f(x: int) -> int:
        return x

    assert isinstance(f, TwiceTask)
    assert f.has_hooks
    assert not double.has_hooks
    assert asyncio.run(f.execute(2)) == 6
    rebuilt = double.override(plugin_config=Twice())
    assert isinstance(rebuilt, TwiceTask)
    assert (rebuilt.task_type, rebuilt.name, rebuilt.resources) == ("twice", "tests.double", Resources(cpu=1))
    with pytest.raises(ValueError, match="no task plugin is registered for object"):
        TaskEnvironment("unknown", plugin_config=object()).task(_nothing)


def test_hooks_run_around_the_body(port):
    seen = []

    class Hooked(AsyncFunctionTaskTemplate):
        async def pre(self, *args, **kwargs):
            seen.append(("pre", args))
            return {"answer": 42}

        async def post(self, value):
            seen.append(("post", value))

    from flytenb.sdk.ctx import ctx

    def body(x: int) -> int:
        return x + ctx()["answer"]

    task = Hooked(name="e.body", func=body)
    assert asyncio.run(task.execute(1)) == 43
    assert seen == [("pre", (1,)), ("post", 43)]


def test_timers():
    pause = TaskEnvironment("pause", plugin_config=Sleep())

    @pause.task
    async def wait(duration: timedelta) -> None: ...

    assert wait.declaration(LAUNCH, "p").is_timer
    assert not double.declaration(LAUNCH, "p").is_timer
    assert asyncio.run(wait.execute(timedelta(0))) is None
    with pytest.raises(ValueError, match=r"duration: timedelta"):

        @pause.task
        async def no_input() -> None: ...


def test_nothing_warns():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        double.override(short_name="x")
