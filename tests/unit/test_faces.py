"""The public faces that do more than hand on names."""

import asyncio
from pathlib import Path

import pytest

from flytenb import config, durable, extend, models, notify, storage, types
from flytenb.errors import NotAvailableError
from flytenb.syncify import Syncify, syncify


# ---- storage -------------------------------------------------------------------------------------------------------
def test_storage_on_this_machine(tmp_path):
    async def body():
        source = tmp_path / "a.txt"
        source.write_bytes(b"hello")
        copied = await storage.put(str(source), str(tmp_path / "b.txt"))
        assert await storage.exists(copied)
        back = await storage.get(copied)
        assert Path(back).read_bytes() == b"hello"
        assert Path(back).name == "b.txt"
        assert [piece async for piece in storage.get_stream(copied, chunk_size=3)] == [b"hel", b"lo"]

        async def pieces():
            yield b"1"
            yield b"2"

        assert Path(await storage.put_stream(pieces(), to_path=str(tmp_path / "c"))).read_bytes() == b"12"
        assert Path(await storage.put_stream(b"x", name="d.bin")).name == "d.bin"
        async with await storage.open(copied) as file:
            assert await file.read(2) == b"he"

    asyncio.run(body())
    assert not storage.exists_sync(str(tmp_path / "none"))
    assert storage.get_random_local_directory().is_dir()


def test_addresses():
    assert storage.is_remote("s3://bucket/x")
    assert not storage.is_remote("/tmp/x")
    assert not storage.is_remote(Path("x"))
    assert not storage.is_remote("file:///tmp/x")
    assert storage.join("s3://b/", "/x/", "y") == "s3://b/x/y"


def test_storage_settings(monkeypatch):
    monkeypatch.setenv("FLYTE_AWS_ENDPOINT", "http://e")
    assert storage.S3.auto(region="eu").get_fsspec_kwargs() == {
        "endpoint_url": "http://e",
        "client_kwargs": {"region_name": "eu"},
    }
    assert storage.S3.auto(region="eu").region == "eu"
    assert storage.S3.for_sandbox().get_fsspec_kwargs(anonymous=True)["anon"] is True
    assert storage.get_configured_fsspec_kwargs("s3")["endpoint_url"] == "http://e"
    assert storage.get_configured_fsspec_kwargs("file") == {}


# ---- config --------------------------------------------------------------------------------------------------------
def test_configuration_from_a_file(tmp_path, monkeypatch):
    file = tmp_path / "c.yaml"
    file.write_text(
        "admin: {endpoint: dns:///x, insecure: true}\ntask: {project: p, domain: d}\nlocal: {persistence: true}\n"
    )
    found = config.auto(file)
    assert (found.platform.endpoint, found.platform.insecure) == ("dns:///x", True)
    assert (found.task.project, found.task.domain, found.local.persistence, found.source) == ("p", "d", True, file)
    monkeypatch.setenv("FLYTE_TASK_PROJECT", "other")
    assert config.auto(file).task.project == "other"
    assert found.with_params(task=config.TaskConfig(project="q")).task.project == "q"


def test_configuration_without_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("UCTL_CONFIG", "FLYTECTL_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    assert config.get_config_file() is None
    assert config.auto() == config.Config()
    (tmp_path / "config.yaml").write_text("")
    assert config.get_config_file() == Path("config.yaml")
    assert config.set_if_exists({}, "a", False) == {"a": False}
    assert config.set_if_exists({}, "a", "") == {}


# ---- notify --------------------------------------------------------------------------------------------------------
def test_notifications():
    phases = (models.ActionPhase.FAILED, models.ActionPhase.TIMED_OUT)
    email = notify.Email(on_phase=phases, recipients=("a@b",))
    assert email.on_phase == phases
    assert notify.Slack(on_phase="failed", webhook_url="u").on_phase == (models.ActionPhase.FAILED,)
    assert notify.Webhook(on_phase=phases, url="u").method == "POST"
    assert notify.Teams(on_phase=phases, webhook_url="u").card is None
    assert notify.NamedDelivery(on_phase=phases, name="n").name == "n"
    for make in (
        lambda: notify.Email(on_phase=phases, recipients=()),
        lambda: notify.Slack(on_phase=models.ActionPhase.RUNNING, webhook_url="u"),
        lambda: notify.Slack(on_phase=(), webhook_url="u"),
        lambda: notify.Slack(on_phase="exploded", webhook_url="u"),
        lambda: notify.Webhook(on_phase=phases, url=""),
        lambda: notify.NamedRule(""),
    ):
        with pytest.raises(ValueError):
            make()


# ---- types, extend -------------------------------------------------------------------------------------------------
def test_types():
    def f(x: int, y: str = "a") -> float: ...

    assert types.guess_interface(f).required_inputs() == ["x"]
    literal = asyncio.run(types.TypeEngine.to_literal([1, 2], list[int]))
    assert repr(literal) == "Literal(list[2]: [1, 2])"
    assert asyncio.run(types.TypeEngine.to_python_value(literal, list[int])) == [1, 2]
    assert issubclass(types.TypeTransformerFailedError, (TypeError, ValueError))
    assert types.literal_string_repr({"a": "b"}) == {"a": "'b'"}


def test_extend():
    assert extend.is_initialized()
    assert extend.lazy_module("json").dumps(1) == "1"
    missing = extend.lazy_module("no_such_module_here")
    with pytest.raises(ImportError, match="pip install"):
        missing.anything
    with pytest.raises(NotAvailableError):
        extend.get_proto_resources()


# ---- durable, syncify ----------------------------------------------------------------------------------------------
def test_clocks_outside_actions():
    assert abs(durable.time() - asyncio.run(durable.time.aio())) < 5
    assert durable.now().year >= 2025
    durable.sleep(0)
    asyncio.run(durable.sleep.aio(0.001))


def test_syncify():
    class Client:
        @syncify
        async def get(self, x):
            return x + 1

        @classmethod
        @syncify
        async def make(cls):
            return cls.__name__

    @syncify
    async def items(n):
        """Counts."""
        for i in range(n):
            yield i

    assert Client().get(1) == 2
    assert asyncio.run(Client().get.aio(1)) == 2
    assert list(items(3)) == [0, 1, 2]
    assert items.__doc__ == "Counts."

    async def collect():
        return [i async for i in items.aio(2)]

    assert asyncio.run(collect()) == [0, 1]
    own = Syncify("other")

    @own
    async def inner():
        return outer_blocking()

    outer_blocking = own(asyncio.sleep)
    with pytest.raises((RuntimeError, TypeError)):
        inner()
