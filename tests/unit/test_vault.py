"""The home's own store of secrets, and the faces that handle it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from flytenb import errors, remote
from flytenb.cli.app import app
from flytenb.vault import Vault


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FLYTENB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


NAMES = [
    ("api-key", ""),
    ("api-key", "team"),
    ("a/b", "../c"),
    ("..", ""),
    ("@", "@"),
    ("käse 1", "x@y"),
    (".hidden", ""),
]


def test_any_name_is_kept_apart_and_inside(home: Path) -> None:
    vault = Vault(home)
    for number, (key, group) in enumerate(NAMES):
        vault.write(key, b"\0%d\xff" % number, group)
    for number, (key, group) in enumerate(NAMES):
        assert vault.read(key, group) == b"\0%d\xff" % number
    assert {(entry.key, entry.group) for entry in vault.entries()} == set(NAMES)
    assert [path.name for path in home.iterdir()] == ["secrets"]
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in (home / "secrets").iterdir())
    assert stat.S_IMODE((home / "secrets").stat().st_mode) == 0o700
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    for key, group in NAMES:
        assert vault.remove(key, group)
        assert not vault.remove(key, group)
        assert vault.read(key, group) is None


def test_what_cannot_be_stored(home: Path) -> None:
    with pytest.raises(ValueError, match="needs a name"):
        Vault(home).write("", b"x")
    with pytest.raises(ValueError, match=r"'odd'.*regular, image_pull"):
        Vault(home).write("k", b"hush", kind="odd")


def test_flytes_class(home: Path) -> None:
    remote.Secret.create("key", "hush")
    remote.Secret.create("registry", b"hush", type="image_pull", group="g")
    assert [(one.name, one.group, one.type) for one in remote.Secret.listall()] == [
        ("registry", "g", "image_pull"),
        ("key", "", "regular"),
    ]
    found = remote.Secret.get("key")
    assert "hush" not in f"{found!r} {found.to_dict()} {vars(found)}"
    remote.Secret.delete("key")
    with pytest.raises(errors.SecretNotFoundError, match="no secret 'key' is stored in"):
        remote.Secret.get("key")
    with pytest.raises(LookupError):
        remote.Secret.delete("key")


def test_commands(home: Path) -> None:
    def call(*words: str, text: str | None = None, fails: bool = False) -> str:
        done = CliRunner().invoke(app, list(words), input=text)
        assert bool(done.exit_code) is fails, done.output
        return done.output

    assert call("secret", "set", "api-key", "--stdin", text="hush\n") == "secret api-key is stored\n"
    assert Vault(home).read("api-key") == b"hush"
    call("secret", "set", "pem", "--group", "tls", "--stdin", text="one\ntwo\n")
    assert Vault(home).read("pem", "tls") == b"one\ntwo\n"
    assert "empty" in call("secret", "set", "none", "--stdin", text="", fails=True)
    call("create", "secret", "other", "--value", "hush2")
    shown = call("secret", "ls") + call("secret", "ls", "-o", "json") + call("get", "secret", "other")
    assert "hush" not in shown
    assert "pem" in shown
    call("delete", "secret", "other")
    call("secret", "rm", "pem", "--group", "tls")
    assert [entry.key for entry in Vault(home).entries()] == ["api-key"]
