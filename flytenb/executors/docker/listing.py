"""The containers of a home as Docker lists them, with the actions that they run or are kept for. Blocking."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import Any

from flytenb.containers import kept
from flytenb.containers.client import Docker
from flytenb.containers.labels import ENGINE, KIND, WORKER, is_kept, list_own
from flytenb.containers.leftovers import drop
from flytenb.executors.base import Contained
from flytenb.wire.paths import container_folder, task_folder

_RUN, _ACTION = "flytenb.run", "flytenb.action"


def contained(docker: Docker, home: Path, home_id: str, engine: str) -> list[Contained]:
    """All of them, oldest first.

    Args:
        docker: the engine.
        home: whose they are.
        home_id: what stands for it in labels.
        engine: what stands for this engine process in labels.
    """
    found = [_read(one, home, engine) for one in list_own(docker, home_id)]
    return sorted(found, key=lambda one: one.created_at)


def _read(listed: dict[str, Any], home: Path, engine: str) -> Contained:
    labels, name = listed["Labels"], listed["Names"][0].lstrip("/")
    return Contained(
        name=name,
        id=listed["Id"],
        kind=labels.get(KIND, ""),
        image=listed["Image"],
        worker=labels.get(WORKER, ""),
        is_mine=labels.get(ENGINE) == engine,
        is_kept=is_kept(listed),
        is_running=listed["State"] == "running",
        created_at=float(listed["Created"]),
        actions=_actions(container_folder(home, name)) if is_kept(listed) else (),
        run=labels.get(_RUN, ""),
        action=labels.get(_ACTION, ""),
    )


def _actions(folder: Path) -> tuple[int, ...]:
    """Numbers of those that failed in it; the one that was running last, where the worker was killed."""
    for name, first in (("failed", 0), ("actions", -1)):
        with contextlib.suppress(OSError, ValueError):
            numbers = [int(line.split()[0]) for line in (folder / name).read_text().splitlines()]
            if numbers:
                return tuple(numbers[first:])
    return ()


def remove_kept(docker: Docker, home: Path, home_id: str, names: list[str]) -> list[str]:
    """Remove kept containers with their folders; the names of those that are gone now."""
    return kept.remove_kept(docker, home_id, names, lambda name: _drop_folders(home, name))


def thin(docker: Docker, home: Path, home_id: str) -> list[str]:
    """Remove the oldest of more than may be kept; their names."""
    return kept.thin(docker, home_id, lambda name: _drop_folders(home, name))


def _drop_folders(home: Path, name: str) -> None:
    shutil.rmtree(container_folder(home, name), ignore_errors=True)
    drop(task_folder(home, name))
