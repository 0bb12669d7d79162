"""Triggers, checkpoints, apps, and what comes later."""

import asyncio
import pickle
from datetime import timedelta

import pytest

from flytenb.errors import NotAvailableError
from flytenb.sdk import app, later
from flytenb.sdk.checkpoint import Checkpoint, latest_checkpoint
from flytenb.sdk.resources import Resources
from flytenb.sdk.trigger import (
    Cron,
    FixedRate,
    OnArtifact,
    Trigger,
    TriggeredArtifact,
    TriggeredPartition,
    TriggerTime,
)


# ---- triggers ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "expression"),
    [
        ("minutely", "* * * * *"),
        ("hourly", "0 * * * *"),
        ("daily", "0 0 * * *"),
        ("weekly", "0 0 * * 0"),
        ("monthly", "0 0 1 * *"),
    ],
)
def test_ready_made_triggers(name, expression):
    trigger = getattr(Trigger, name)("at", inputs={"x": 1})
    assert (trigger.name, trigger.automation) == (name, Cron(expression))
    assert trigger.inputs == {"at": TriggerTime, "x": 1}
    assert getattr(Trigger, name)(name="other", queue="q").queue == "q"


@pytest.mark.parametrize(
    "given",
    [
        {"name": ""},
        {"name": "t", "inputs": {"a": TriggeredArtifact}, "automation": Cron("0 0 * * *")},
        {"name": "t", "inputs": {"a": TriggeredArtifact, "b": TriggeredArtifact}, "automation": OnArtifact("m")},
        {"name": "t", "inputs": {"a": TriggeredPartition("d")}},
        {"name": "t", "inputs": {"a": TriggerTime}},
        {"name": "t", "inputs": {"a": TriggerTime}, "automation": OnArtifact("m")},
        {"name": "t", "max_action_concurrency": 1},
        {"name": "t", "max_action_concurrency": -1},
    ],
)
def test_triggers_that_contradict_themselves(given):
    with pytest.raises(ValueError):
        Trigger(**given)


def test_parts_of_triggers():
    assert str(Cron("0 6 * * 1", "Europe/Berlin")) == "Cron Trigger: CRON_TZ=Europe/Berlin 0 6 * * 1"
    assert str(FixedRate(5)) == "FixedRate Trigger: every 5 minutes"
    artifact = OnArtifact("m", "v1", {"a": "b"}, region="us")
    assert str(artifact) == "Artifact Trigger: on new version of m@v1 [a=b, region=us]"
    assert pickle.loads(pickle.dumps(TriggerTime)) is TriggerTime
    for make in (
        lambda: Cron("daily"),
        lambda: FixedRate(0),
        lambda: OnArtifact(""),
        lambda: TriggeredPartition(""),
    ):
        with pytest.raises(ValueError):
            make()
    for make in (lambda: FixedRate(1.5), lambda: OnArtifact("m", region=1)):
        with pytest.raises(TypeError):
            make()


# ---- checkpoints ---------------------------------------------------------------------------------------------------
def test_checkpoints_hold_bytes_files_and_directories(tmp_path):
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "a.txt").write_text("a")
    (tmp_path / "file").write_text("f")
    for data in (b"bytes", tmp_path / "file", str(tmp_path / "file"), tmp_path / "dir"):
        Checkpoint(str(tmp_path / "1" / "c")).save_sync(data)
        nxt = Checkpoint(f"file://{tmp_path}/2/c", f"file://{tmp_path}/1/c")
        assert nxt.prev_exists()
        found = nxt.load_sync()
        if data == tmp_path / "dir":
            assert (found / "a.txt").read_text() == "a"
        else:
            assert found == nxt.path / "payload"
            assert found.read_bytes() == (data if isinstance(data, bytes) else b"f")


def test_checkpoints_without_an_earlier_attempt(tmp_path):
    assert Checkpoint(str(tmp_path / "c")).load_sync() is None
    (tmp_path / "empty").write_bytes(b"")
    again = Checkpoint(str(tmp_path / "c"), str(tmp_path / "empty"))
    assert asyncio.run(again.load()) is None
    asyncio.run(again.save(b"x"))
    assert again.remote_source == str(tmp_path / "empty")
    assert (tmp_path / "c").read_bytes() == b"x"
    with pytest.raises(FileNotFoundError):
        again.save_sync(tmp_path / "missing")
    with pytest.raises(ValueError, match="not on this machine"):
        Checkpoint("s3://bucket/c").save_sync(b"x")


def test_the_latest_checkpoint(tmp_path):
    import os

    for i, name in enumerate(("a", "b")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "last.ckpt").write_text("x")
        os.utime(tmp_path / name / "last.ckpt", (i, i))
    assert latest_checkpoint(tmp_path) == tmp_path / "b" / "last.ckpt"
    assert latest_checkpoint(tmp_path, key=lambda path: path.parent.name != "b") == tmp_path / "a" / "last.ckpt"
    assert latest_checkpoint(tmp_path, "*.none") is None


# ---- apps ----------------------------------------------------------------------------------------------------------
def test_apps_are_declared():
    env = app.FastAPIAppEnvironment(name="my-app", app=print, limits=Resources(cpu="1", mem="2Gi"), port=8000)
    assert (env.resources.memory, env.get_port().port, env.type) == ("2Gi", 8000, "FastAPI")
    assert env.clone_with("other", port=8001).get_port().port == 8001

    @env.server
    def serve(): ...

    @env.on_startup
    def start(): ...

    @env.on_shutdown
    def stop(): ...

    assert env.handlers == {"server": serve, "on_startup": start, "on_shutdown": stop}
    with pytest.raises(NotAvailableError, match="start the server yourself"):
        env.endpoint


@pytest.mark.parametrize(
    "make",
    [
        lambda: app.AppEnvironment("my_app"),
        lambda: app.AppEnvironment("a", port=9090),
        lambda: app.Port(8012),
        lambda: app.AppEnvironment("a", cluster="c", cluster_pool="p"),
        lambda: app.Scaling(replicas=-1),
        lambda: app.AppEnvironment("a", command="x", parameters=[app.Parameter("p")]),
        lambda: app.Scaling(replicas=(2, 1)),
        lambda: app.Scaling.Concurrency(0),
        lambda: app.Scaling.RequestRate(0),
        lambda: app.Timeouts(request=4000),
        lambda: app.RunOutput(type="string"),
    ],
)
def test_apps_that_are_refused(make):
    with pytest.raises(ValueError):
        make()


@pytest.mark.parametrize("given", [{"args": 3}, {"scaling": 3}, {"domain": "x"}, {"timeouts": 3}, {"depends_on": [1]}])
def test_apps_of_wrong_types(given):
    with pytest.raises(TypeError):
        app.AppEnvironment("a", **given)


def test_more_of_apps():
    with pytest.raises(TypeError, match="FastAPI application"):
        app.FastAPIAppEnvironment(name="a", app=None)
    for make in (
        lambda: app.Scaling(replicas="1"),
        lambda: app.Scaling(metric=3),
        lambda: app.Scaling(scaledown_after="1"),
        lambda: app.Timeouts(request="1"),
    ):
        with pytest.raises(TypeError):
            make()
    assert app.Scaling(metric=app.Scaling.Concurrency(5), scaledown_after=timedelta(1)).replicas == (0, 1)


# ---- later ---------------------------------------------------------------------------------------------------------
def test_what_comes_later_says_what_to_use():
    with pytest.raises(NotAvailableError, match=r"flyte.load_interactive_ctx is not available .*; run the task with"):
        later.load_interactive_ctx()
    with pytest.raises(NotImplementedError):
        asyncio.run(later.load_interactive_ctx.aio())
    thing = later.later_class("flyte.Thing", "use another")
    assert thing.__name__ == "Thing"
    with pytest.raises(NotAvailableError, match="use another"):
        thing(1, b=2)


def test_plugin_configurations(tmp_path):
    file = tmp_path / "p.yaml"
    file.write_text("plugin: flytenb.sdk.resources.Resources\nconfig: {cpu: 2}")
    assert later.load_plugin_config(file) == Resources(cpu=2)
    file.write_text("config: {}")
    with pytest.raises(ValueError, match="names no plugin class"):
        later.load_plugin_config(file)
