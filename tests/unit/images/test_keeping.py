"""What images leave behind goes when nobody used it for long, and never while somebody does."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flytenb.engine.tidying import Tidying
from flytenb.images.keeping import DAY_S, folders, prune_folders
from flytenb.images.venv import MARKER


def environment(home: Path, name: str, days: float) -> Path:
    folder = home / "environments" / name
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    marker = folder / MARKER
    marker.write_text(json.dumps({"image": f"image {name}", "python": "3.11.7", "distributions": []}))
    _age(marker, days)
    return folder


def _age(path: Path, days: float) -> None:
    moment = time.time() - days * DAY_S
    os.utime(path, (moment, moment))


def test_what_is_old_goes_and_what_is_young_stays(tmp_path: Path) -> None:
    old, young = environment(tmp_path, "old", 40), environment(tmp_path, "young", 3)
    files = tmp_path / "environments" / "files-12"
    files.mkdir()
    _age(files, 31)
    runtime = tmp_path / "runtime" / "own-12"
    runtime.mkdir(parents=True)
    _age(runtime, 31)
    assert [(one.kind, one.text) for one in folders(tmp_path)] == [
        ("files", "files of an image"),
        ("environment", "image old"),
        ("environment", "image young"),
        ("runtime", "what workers import"),
    ]
    gone = prune_folders(tmp_path, 30 * DAY_S)
    assert {one.name for one in gone} == {str(old), str(files), str(runtime)}
    assert not old.exists()
    assert young.exists()
    assert [one.name for one in (tmp_path / "environments").iterdir() if one.is_dir()] == ["young"]


def test_what_was_used_a_moment_ago_stays(tmp_path: Path) -> None:
    environment(tmp_path, "fresh", 0)
    assert not prune_folders(tmp_path, 0.0)


def test_what_a_process_runs_with_stays(tmp_path: Path) -> None:
    folder = environment(tmp_path, "busy", 90)
    with subprocess.Popen([folder / "bin" / "python", "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert folders(tmp_path)[0].is_used
        assert not prune_folders(tmp_path, 0.0)
        process.communicate(b"\n")
    assert prune_folders(tmp_path, 0.0)


def test_what_is_being_made_stays(tmp_path: Path) -> None:
    folder = environment(tmp_path, "made", 90)
    with folder.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert not prune_folders(tmp_path, 0.0)
    assert prune_folders(tmp_path, 0.0)
    assert not list((tmp_path / "environments").iterdir())


@pytest.mark.parametrize(("days", "is_gone"), [("", True), ("0", False), ("60", False), ("ten", False)])
def test_an_idle_engine_tidies_once_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: str, is_gone: bool
) -> None:
    if days:
        monkeypatch.setenv("FLYTENB_KEEP_DAYS", days)
    folder = environment(tmp_path, "old", 40)

    async def idle() -> None:
        tidying = Tidying()
        tidying.soon(tmp_path, 10.0)
        assert tidying._task is None
        tidying.soon(tmp_path, 61.0)
        if tidying._task is not None:
            await tidying._task

    asyncio.run(idle())
    assert folder.exists() != is_gone
    environment(tmp_path, "other", 40)
    asyncio.run(idle())
    assert (tmp_path / "environments" / "other").exists()
