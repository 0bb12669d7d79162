"""Each thing that the doctor looks at, when it is wrong: one line that says what it is and what to do."""

from __future__ import annotations

import os
import shutil
import types
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from flytenb.client import doctor
from flytenb.containers import client as containers
from flytenb.errors import ContainerEngineError, FlytenbError
from flytenb.model.version import VERSION
from flytenb.wire import tags
from tests.unit.client.fake_engine import FakeEngine

Usage = namedtuple("Usage", "total used free")


def of(found: doctor.Finding) -> str:
    return doctor.lines([found])[0]


def test_a_disk_that_is_full(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda place: Usage(100 << 30, 99 << 30, 300 << 20))
    assert of(doctor._disk(tmp_path / "not" / "yet")) == (
        f"BAD disk 300 MiB free where {tmp_path}/not/yet is; make room (flytenb runs prune, flytenb cache prune), or "
        "set FLYTENB_HOME to another disk"
    )


def test_a_home_that_is_not_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "access", lambda place, mode: False)  # as for anybody but root
    assert of(doctor._home(tmp_path)).endswith("cannot be written; set FLYTENB_HOME to a directory of yours")


def test_a_home_over_a_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "_file_system", lambda place: "nfs4")
    assert of(doctor._home(tmp_path)) == (
        f"BAD home {tmp_path} lies on nfs4; set FLYTENB_HOME to a disk of this machine"
    )


def test_a_store_that_is_no_database(tmp_path: Path) -> None:
    fix = "; flytenb doctor --repair saves what can be read; otherwise the next run begins a new store"
    store = tmp_path / "store.db"
    store.write_bytes(b"this is no database" * 100)
    assert of(doctor._store(tmp_path)) == f"BAD store {store} is no database{fix}"
    store.unlink()
    store.mkdir()
    assert of(doctor._store(tmp_path)) == f"BAD store {store} cannot be read: Is a directory{fix}"
    store.rmdir()
    store.touch()
    assert of(doctor._store(tmp_path)) == "ok  store 0 B"


def test_an_engine_of_another_version(tmp_path: Path) -> None:
    engine = FakeEngine(tmp_path, greeting=(tags.WELCOME, tags.PROTOCOL + 1, "9.9", 4242))
    try:
        line = of(doctor._engine(tmp_path))
    finally:
        engine.die()
    assert line.startswith("BAD engine ")
    assert line.endswith("; flytenb engine restart")
    assert "9.9" in line
    assert VERSION in line


@pytest.mark.parametrize(
    ("told", "line"),
    [
        ({"trouble": "the store cannot be written: disk full"},
         "BAD engine the store cannot be written: disk full; flytenb engine logs"),
        (FlytenbError("the engine does not answer"), "BAD engine the engine does not answer; flytenb engine restart"),
    ],
)  # fmt: skip
def test_an_engine_in_trouble(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told: Any, line: str) -> None:
    def status(state: Path) -> Any:
        if isinstance(told, Exception):
            raise told
        return told

    monkeypatch.setattr(doctor, "status", status)
    assert of(doctor._engine(tmp_path)) == line


def connected(monkeypatch: pytest.MonkeyPatch, **facts: Any) -> None:
    """A Docker engine of which these facts are known."""
    monkeypatch.setattr(containers, "connect", lambda: types.SimpleNamespace(facts=types.SimpleNamespace(**facts)))


def test_gpus_that_docker_does_not_hand_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "_asked", lambda state: {"gpus_words": "2 × H100 80 GB"})
    connected(monkeypatch, has_gpu=False)
    assert of(doctor._gpus(tmp_path)) == (
        "BAD GPUs 2 × H100 80 GB; Docker cannot hand them to containers; install the NVIDIA Container Toolkit, then: "
        "sudo nvidia-ctk runtime configure && sudo systemctl restart docker"
    )
    connected(monkeypatch, has_gpu=True)
    assert of(doctor._gpus(tmp_path)) == "ok  GPUs 2 × H100 80 GB; Docker hands them to containers"


def test_gpus_without_docker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse() -> None:
        raise ContainerEngineError("no Docker engine")

    monkeypatch.setattr(doctor, "_has_driver", lambda: True)
    monkeypatch.setattr(containers, "connect", refuse)
    assert of(doctor._gpus(tmp_path)) == (
        "ok  GPUs a driver is here; the engine tells more when it runs; no Docker engine that could hand them to "
        "containers"
    )
    monkeypatch.setattr(doctor, "_has_driver", lambda: False)
    assert of(doctor._gpus(tmp_path)) == "--  GPUs none on this machine"


def test_a_docker_that_was_named_and_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    line = of(doctor._docker(tmp_path))
    assert line.startswith(f"BAD docker no Docker engine at unix://{tmp_path}/none.sock (from DOCKER_HOST): ")
    assert "start Docker" in line
    assert line.endswith("only images and containers need it")
