"""Where the container engine is: as the docker client finds it, and in words when it is not there."""

from __future__ import annotations

import json
import os
import socket
from hashlib import sha256
from pathlib import Path

import pytest

from flytenb.containers.address import Address, find_address
from flytenb.containers.client import connect
from flytenb.errors import ContainerEngineError


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A docker client's configuration of its own."""
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    return tmp_path


def _context(config: Path, name: str, url: str) -> None:
    folder = config / "contexts" / "meta" / sha256(name.encode()).hexdigest()
    folder.mkdir(parents=True)
    meta = {"Name": name, "Endpoints": {"docker": {"Host": url, "SkipTLSVerify": False}}}
    (folder / "meta.json").write_text(json.dumps(meta))


def test_a_name_wins_over_all(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://other:1")
    assert find_address("unix:///x") == Address("unix:///x")


def test_docker_host_wins_over_contexts(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _context(config, "mine", "unix:///mine")
    monkeypatch.setenv("DOCKER_CONTEXT", "mine")
    assert find_address() == Address("unix:///mine", 'context "mine"')
    monkeypatch.setenv("DOCKER_HOST", "unix:///run/d.sock")
    assert find_address() == Address("unix:///run/d.sock", "DOCKER_HOST", "", False)


def test_the_configured_context(config: Path) -> None:
    _context(config, "rootless", "unix:///run/user/7/docker.sock")
    (config / "config.json").write_text('{"currentContext": "rootless"}')
    assert find_address().url == "unix:///run/user/7/docker.sock"


def test_certificates_of_docker_host(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://far:2376")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    assert find_address() == Address("tcp://far:2376", "DOCKER_HOST", str(config), True)


def test_a_context_that_is_not_there(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "gone")
    with pytest.raises(ContainerEngineError, match=r'context "gone" does not exist; see `docker context ls`'):
        connect()


def test_no_socket_is_told_with_who_named_it(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/d.sock")
    with pytest.raises(ContainerEngineError, match=r"from DOCKER_HOST.*no such socket; start Docker"):
        connect()


def test_nobody_listens(config: Path, tmp_path: Path) -> None:
    path = tmp_path / "d.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with pytest.raises(ContainerEngineError, match="no Docker engine listens at"):
        connect(f"unix://{path}")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may use every socket")
def test_no_permission(config: Path, tmp_path: Path) -> None:
    path = tmp_path / "d.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        path.chmod(0)
        with pytest.raises(ContainerEngineError, match="group docker"):
            connect(f"unix://{path}")


def test_something_else_answers(config: Path, tmp_path: Path) -> None:
    from threading import Thread

    path = tmp_path / "d.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-hello\r\n")

        thread = Thread(target=answer)
        thread.start()
        with pytest.raises(ContainerEngineError, match="does not answer"):
            connect(f"unix://{path}")
        thread.join()
