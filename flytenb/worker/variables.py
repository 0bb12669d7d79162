"""Environment variables of actions that run in somebody else's process: set while they run, put back after.

A worker is started with its variables. A kernel has its own, and one `os.environ` for all that runs in it: when two
actions that run at once ask for different values of one variable, both see those of the one that began last.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from threading import Lock


class Variables:
    """What `os.environ` gets from the actions that run in this process."""

    def __init__(self) -> None:
        self._lock = Lock()
        #: In order of their beginning.
        self._asked: dict[int, Mapping[str, str]] = {}
        #: What was there before the first action that asked for it.
        self._before: dict[str, str | None] = {}

    def enter(self, action: int, wanted: Mapping[str, str]) -> None:
        """An action begins that asks for these."""
        if wanted:
            with self._lock:
                self._asked[action] = wanted
                for name in wanted:
                    self._before.setdefault(name, os.environ.get(name))
                os.environ.update(wanted)

    def leave(self, action: int) -> None:
        """It has ended."""
        with self._lock:
            for name in self._asked.pop(action, ()):
                wanted = [asked[name] for asked in self._asked.values() if name in asked]
                value = wanted[-1] if wanted else self._before.pop(name)
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
