"""What engines that are no more have left behind: their containers, and the folders of containers that are gone."""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flytenb.containers.client import Docker
from flytenb.containers.labels import ENGINE, is_kept, list_own, remove_own
from flytenb.containers.leftovers import is_owner_alive

_log = logging.getLogger(__name__)


class Leavings:
    """Tells what is this engine's from what nobody wants any more.

    Args:
        home: the engine's home.
        home_id: what stands for it in labels.
        engine: what stands for this engine process in labels.
    """

    def __init__(self, home: Path, home_id: str, engine: str) -> None:
        self._home, self._home_id, self._engine = home, home_id, engine
        #: Containers of an engine before this one whose workers live, and those of them that go on with this one.
        self.spared: set[str] = set()
        self.adopted: set[str] = set()

    def is_mine(self, listed: dict[str, Any]) -> bool:
        """Whether this engine made it, or goes on with it."""
        is_kept_on = any(name.lstrip("/") in self.adopted for name in listed["Names"])
        return is_kept_on or bool(listed["Labels"].get(ENGINE) == self._engine)

    def remove_orphans(self, docker: Docker, names: Callable[[], set[str]]) -> None:
        """Remove what engines that are no more have left. Blocking.

        Args:
            docker: the engine of containers.
            names: tells the containers that are here or are about to be.
        """
        gone = remove_own(docker, self._home_id, is_wanted=self._is_orphan)
        if gone:
            _log.warning("removed %d containers that an earlier engine of this home had left", gone)
        self.clear_folders(docker, names)

    def clear_folders(self, docker: Docker, names: Callable[[], set[str]]) -> None:
        """Folders of containers that are gone go; those of kept ones stay. Blocking."""
        there = {
            name.lstrip("/").replace("flytenb-kept-", "flytenb-", 1)
            for one in list_own(docker, self._home_id, kind="worker")
            for name in one["Names"]
            if is_kept(one) or self.is_mine(one)
        }
        with contextlib.suppress(OSError):
            for folder in list((self._home / "containers").iterdir()):
                if folder.name not in there | names() | self.spared:
                    shutil.rmtree(folder, ignore_errors=True)

    def _is_orphan(self, listed: dict[str, Any]) -> bool:
        """Of an engine that is no more; an image may be built by any process, which is named by its label."""
        if any(name.lstrip("/") in self.spared for name in listed["Names"]):
            return False
        return not (self.is_mine(listed) or is_owner_alive(str(listed["Labels"].get(ENGINE, ""))))
