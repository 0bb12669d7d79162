import re

import pytest

from flytenb.sdk.cache import Cache
from flytenb.sdk.devices import Device, GPUAccelerator
from flytenb.sdk.environment import Environment, TaskEnvironment, environments
from flytenb.sdk.image import Image
from flytenb.sdk.policy import ReusePolicy
from flytenb.sdk.resources import Resources
from flytenb.sdk.secret import Secret
from flytenb.sdk.task import TaskTemplate


@pytest.mark.parametrize("name", ["a", "my_env", "my-env-2", "0a"])
def test_names(name):
    assert TaskEnvironment(name).name == name


@pytest.mark.parametrize(
    ("name", "better"), [("My Env", "my_env"), ("a__b", "a_b"), ("-a", "a"), ("", "my_env"), ("é", "my_env")]
)
def test_bad_names_say_a_better_one(name, better):
    with pytest.raises(ValueError, match=f'"{better}"'):
        TaskEnvironment(name)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"image": 3}, "image=3 must be"),
        ({"secrets": 3}, "secrets=3 must be"),
        ({"secrets": [3]}, "must be a name"),
        ({"env_vars": ["a"]}, "env_vars"),
        ({"env_vars": {"a": 1}}, "env_vars['a']=1 must be text to text"),
        ({"resources": "1Gi"}, "must be flyte.Resources"),
        ({"pod_template": 3}, "flyte.PodTemplate"),
        ({"service_account": 3}, "must be text"),
        ({"depends_on": ["x"]}, "must be environments"),
        ({"depends_on": "x"}, "must be a list"),
        ({"include": "x.txt"}, 'must be a tuple: ("x.txt",)'),
        ({"include": (3,)}, "paths as text"),
        ({"cache": 3}, "cache=3"),
        ({"reusable": 3}, "flyte.ReusePolicy"),
        ({"limits": 3}, "limits=3"),
        ({"accelerator": 3}, "accelerator=3"),
    ],
)
def test_wrong_types(given, words):
    with pytest.raises(TypeError, match=re.escape(words)):
        TaskEnvironment("env", **given)


@pytest.mark.parametrize(
    "given",
    [
        {"resources": Resources(cpu=1), "limits": Resources(cpu=1)},
        {"reusable": ReusePolicy(), "plugin_config": object()},
        {"reusable": ReusePolicy(), "isolation": "strict"},
        {"isolation": "none"},
    ],
)
def test_contradictions(given):
    with pytest.raises(ValueError):
        TaskEnvironment("env", **given)


def test_older_spelling():
    env = TaskEnvironment(
        name="gpu_training", limits=Resources(cpu="8", mem="32Gi", gpu="1"), accelerator=GPUAccelerator.NVIDIA_A10G
    )
    assert env.resources == Resources(cpu="8", memory="32Gi", gpu=Device(1, "GPU", "A10G"))
    assert TaskEnvironment("a", accelerator="T4").resources.get_device() == Device(1, "GPU", "T4")


def test_positions_are_flytes():
    env = TaskEnvironment("e", [], None, "words", ["key"], {"A": "b"}, Resources(cpu=1), True, "img:1", ("a",), "sa")
    assert (env.description, env.interruptible, env.image, env.include, env.service_account) == (
        *("words", True, "img:1", ("a",), "sa"),
    )


def test_a_task_has_what_its_environment_has():
    env = TaskEnvironment(
        "e",
        image=Image.from_base("x:1"),
        resources=Resources(cpu=2),
        env_vars={"A": "b"},
        secrets=Secret("k"),
        cache="auto",
        queue="q",
        interruptible=True,
        isolation="strict",
    )

    @env.task
    def f(x: int) -> int:
        return x

    @env.task(cache="disable", queue="r", interruptible=False, isolation="shared", short_name="F")
    def g(x: int) -> int:
        return x

    assert (f.name, f.short_name, f.resources, f.env_vars, f.queue) == ("e.f", "f", Resources(cpu=2), {"A": "b"}, "q")
    assert (f.cache.behavior, f.interruptible, f.isolation, f.image.uri) == ("auto", True, "strict", "x:1")
    assert (g.cache.behavior, g.interruptible, g.isolation, g.queue, g.short_name) == (
        *("disable", False, "shared", "r", "F"),
    )
    assert f.parent_env() is env
    assert list(env.tasks) == ["e.f", "e.g"]


def test_decorating_a_name_again_replaces_it():
    env = TaskEnvironment("again")

    @env.task
    def f(x: int) -> int:
        return x

    first = f

    @env.task
    def f(x: int) -> int:
        return -x

    assert env.tasks == {"again.f": f}
    assert first is not f


def test_an_environment_of_the_same_name_replaces_it():
    TaskEnvironment("twice")
    second = TaskEnvironment("twice")
    assert [env for env in environments() if env.name == "twice"] == [second]


def test_clones():
    base = TaskEnvironment("base", resources=Resources(cpu=1), cache="auto", reusable=ReusePolicy(), description="d")

    @base.task
    async def f() -> None: ...

    other = base.clone_with("other", resources=Resources(cpu=2), reusable=None, cache=Cache("override"))
    assert (other.name, other.resources.cpu, other.reusable, other.description) == ("other", 2, None, "d")
    assert other.cache.behavior == "override"
    assert other.tasks == {}
    assert base.clone_with("third").reusable is base.reusable
    assert base.clone_with("fourth", limits=Resources(cpu=3)).resources.cpu == 3
    with pytest.raises(TypeError, match="no setting nonsense"):
        base.clone_with("fifth", nonsense=1)
    other.depends_on.append(base)
    assert base.clone_with("sixth").depends_on == []


def test_dependencies():
    a, b = TaskEnvironment("a"), TaskEnvironment("b")
    a.add_dependency(b, b)
    a.add_dependency(b)
    assert a.depends_on == [b]
    with pytest.raises(TypeError):
        a.add_dependency("b")
    with pytest.raises(ValueError, match="cannot depend on itself"):
        a.add_dependency(a)


def test_long_descriptions_are_cut():
    assert len(Environment("e", description="x" * 300).description) == 255


def test_the_declaring_file_is_the_users():
    assert TaskEnvironment("here")._declaring_file == __file__


def test_reused_workers_are_all_alike():
    env = TaskEnvironment("warm", reusable=ReusePolicy(concurrency=2), service_account="sa")
    for given in ({"pod_template": "p"}, {"service_account": "other"}):
        with pytest.raises(ValueError, match="reuses its workers"):
            env.task(**given)(_nothing)
    assert env.task(service_account="sa")(_nothing).service_account == "sa"
    with pytest.raises(ValueError, match="async def"):

        @env.task
        def f() -> None: ...


async def _nothing() -> None: ...


def test_environments_around_tasks():
    one, two = TaskTemplate(name="one", image="x:1"), TaskTemplate(name="two", image="x:2")
    with pytest.raises(ValueError, match="different images"):
        TaskEnvironment.from_task("e", one, two)
    with pytest.raises(ValueError, match="at least one task"):
        TaskEnvironment.from_task("e")
    env = TaskEnvironment.from_task("e", one)
    assert env.tasks == {"one": one}
    assert one.parent_env_name == "e"
    with pytest.raises(ValueError, match="belongs to environment"):
        TaskEnvironment.from_task("f", one)
