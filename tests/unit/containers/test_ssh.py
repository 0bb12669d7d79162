"""Engines behind ssh: what is run, and what is said when it does not reach them."""

from __future__ import annotations

from pathlib import Path

import pytest

from flytenb.containers.client import connect
from flytenb.containers.ssh import command_for
from flytenb.errors import ContainerEngineError


@pytest.mark.parametrize(
    ("url", "end"),
    [
        ("ssh://far", ["--", "far", "docker system dial-stdio"]),
        ("ssh://me@far:2222", ["-l", "me", "-p", "2222", "--", "far", "docker system dial-stdio"]),
        ("ssh://far/run/d.sock", ["--", "far", "docker --host unix:///run/d.sock system dial-stdio"]),
    ],
)
def test_what_is_run(url: str, end: list[str]) -> None:
    assert command_for(url)[-len(end) :] == end


def _connects(monkeypatch: pytest.MonkeyPatch, path: Path, url: str) -> str:
    monkeypatch.setenv("PATH", str(path))
    with pytest.raises(ContainerEngineError) as caught:
        connect(url)
    return str(caught.value)


def test_what_ssh_says_is_in_the_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "ssh"
    program.write_text("#!/bin/sh\necho 'me@far: Permission denied (publickey).' >&2\nexit 255\n")
    program.chmod(0o755)
    words = _connects(monkeypatch, tmp_path, "ssh://me@far")
    assert "ssh://me@far does not answer: me@far: Permission denied (publickey)." in words
    assert "see that `ssh` reaches the host without a password" in words


def test_no_ssh_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    words = _connects(monkeypatch, tmp_path, "ssh://me@nowhere")
    assert "is met through ssh, and there is no ssh here: install it (OpenSSH)" in words
