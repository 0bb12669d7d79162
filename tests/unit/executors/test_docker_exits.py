"""How a container's end is read: what process 1 has left, and what the engine says where it left nothing."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flytenb.executors.docker.exits import Exit, read_exit, start_words

MIB = 1 << 20


def _docker(status: int = 0, *, is_oom: bool = False, log: str = "") -> Any:
    """What the engine says of the container."""
    state = {"ExitCode": status, "OOMKilled": is_oom}
    return SimpleNamespace(
        api=SimpleNamespace(inspect_container=lambda ident: {"State": state}, logs=lambda ident, tail: log.encode())
    )


def _read(folder: Path, docker: Any = None, **report: Any) -> Exit:
    if report:
        (folder / "exit.json").write_text(json.dumps({"python": "3.12.1", **report}))
    return read_exit(docker or _docker(), "c", folder, "img:1", 64 * MIB)


def test_over_its_memory(tmp_path: Path) -> None:
    end = _read(tmp_path, status=-9, is_oom=True, limit_bytes=64 * MIB, peak_bytes=63 * MIB)
    assert end.cause == "oom"
    assert end.detail == ("it used 63 MiB and its task asks for 64 MiB; give the task more with Resources(memory=…)")


def test_killed_by_a_signal_of_its_own(tmp_path: Path) -> None:
    assert _read(tmp_path, status=-11, is_oom=False) == Exit(
        status=-11, cause="exit", detail="killed by signal 11 (SIGSEGV)"
    )


def test_ended_as_it_should(tmp_path: Path) -> None:
    end = _read(tmp_path, status=0, is_oom=False, cache_tag="cpython-312")
    assert end == Exit(status=0, cause="exit", is_failure=False, cache_tag="cpython-312")


def test_stopped_from_outside(tmp_path: Path) -> None:
    assert "docker stop" in _read(tmp_path, status=-15, is_stopped=True).detail


def test_too_old_a_python(tmp_path: Path) -> None:
    end = _read(tmp_path, status=71, python="3.8.18", error="python")
    assert (end.cause, end.code) == ("refused", "ContainerStartError")
    assert end.detail == 'image "img:1" has Python 3.8.18; a worker needs CPython 3.10 or newer'


def test_a_worker_that_cannot_begin(tmp_path: Path) -> None:
    (tmp_path / "error.txt").write_text("Traceback …\nModuleNotFoundError: No module named 'uuid'\n")
    end = _read(tmp_path, status=71, is_oom=False)
    assert end.cause == "refused"
    assert "cannot begin in image \"img:1\" (Python 3.12.1): ModuleNotFoundError: No module named 'uuid'" in end.detail


@pytest.mark.parametrize(
    ("docker", "has_boot", "cause", "words"),
    [
        (_docker(137, is_oom=True), False, "oom", "it used all it had and its task asks for 64 MiB"),
        (_docker(137), False, "exit", "killed from outside (docker kill"),
        (_docker(137), True, "exit", "killed from outside (docker kill"),
        (_docker(2, log="python3: no such option\n"), True, "refused", "exit status 2: python3: no such option"),
        (_docker(5), False, "exit", "its container ended with status 5"),
    ],
)
def test_without_a_report(tmp_path: Path, docker: Any, has_boot: bool, cause: str, words: str) -> None:
    if has_boot:
        (tmp_path / "boot.json").write_text("{}")
    end = _read(tmp_path, docker)
    assert end.cause == cause
    assert words in end.detail


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ('exec: "python3": executable file not found in $PATH', 'image "img:1" has no python3'),
        ('could not select device driver "" with capabilities: [[gpu]]', "NVIDIA container toolkit"),
        ("network lab not found", "docker network create lab"),
        ("write /x: no space left on device", "docker system prune"),
        ("something new", 'a container of image "img:1" cannot be started: something new'),
    ],
)
def test_what_the_engine_says_of_a_start(said: str, words: str) -> None:
    assert words in start_words(RuntimeError(said), "img:1", "lab")
