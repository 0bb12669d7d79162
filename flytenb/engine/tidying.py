"""When the engine idles, what images left behind and nobody has used for long is removed, once a day."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from pathlib import Path

_log = logging.getLogger(__name__)

#: Days without use, and seconds between two times of tidying.
KEEP_DAYS = 30.0
_EVERY_S = 86_400.0
#: Seconds of idleness before it begins.
IDLE_S = 60.0


class Tidying:
    """Removes what is old; `FLYTENB_KEEP_DAYS` says what that is, 0 keeps all."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None
        self._is_done = False

    def soon(self, home: Path, idle_s: float) -> None:
        """Begin, when it is time."""
        if self._is_done or self._task is not None or idle_s < IDLE_S:
            return
        self._is_done = True
        days = _days()
        if days > 0 and _is_due(home):
            self._task = asyncio.get_running_loop().create_task(self._tidy(home, days))

    async def _tidy(self, home: Path, days: float) -> None:
        from flytenb.images.keeping import DAY_S, tidy  # not before there is time

        for one in await asyncio.to_thread(tidy, home, days * DAY_S):
            _log.info("%s %s was not used for %g days: removed", one.kind, one.name, days)


def _days() -> float:
    try:
        return float(os.environ.get("FLYTENB_KEEP_DAYS", KEEP_DAYS))
    except ValueError:
        _log.error("FLYTENB_KEEP_DAYS is %r: give a number of days", os.environ["FLYTENB_KEEP_DAYS"])
        return 0.0


def _is_due(home: Path) -> bool:
    """Whether the last time is a day ago; if so, this is one."""
    if not ((home / "environments").is_dir() or (home / "images").is_dir()):
        return False
    path = home / "tidied"
    with contextlib.suppress(OSError):
        if time.time() - path.stat().st_mtime < _EVERY_S:
            return False
    path.touch()
    return True
