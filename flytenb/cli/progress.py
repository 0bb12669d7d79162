"""How far actions are, in a terminal: one line that is written again; elsewhere a line for each tenth."""

from __future__ import annotations

import shutil
import time
from typing import Any, TextIO

from flytenb.views import progress
from flytenb.views.marks import is_terminal

_MAX_COLUMNS = 100


def _columns() -> int:
    """What fits into one line of this terminal: a line that wraps cannot be written again."""
    return max(10, min(_MAX_COLUMNS, shutil.get_terminal_size().columns - 1))


class ProgressLines:
    """Shows what changes of a run say of progress."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_live = stream.isatty()
        self._is_shown = False
        self._told: dict[str, int] = {}
        #: Actions that go on and say how far they are.
        self._going: dict[str, Any] = {}

    def show(self, change: Any) -> None:
        """Show where the actions of a change are."""
        for action in change.actions:
            if is_terminal(action.phase):
                self._going.pop(action.name, None)
            elif action.progress is not None:
                self._going[action.name] = action
        now = time.time()
        if not self._is_live:
            self._tell(now)
            return
        self.clear()
        parts = [f"{name} {progress.line(action, now)}" for name, action in list(self._going.items())[:3]]
        more = f" · {len(self._going) - 3} more" if len(self._going) > 3 else ""
        if parts:
            self._stream.write(("\r" + " · ".join(parts) + more)[: _columns() + 1])
            self._stream.flush()
            self._is_shown = True

    def _tell(self, now: float) -> None:
        for name, action in self._going.items():
            share = action.progress.share
            tenth = int(share * 10) if share is not None else -1
            if self._told.get(name) != tenth:
                self._told[name] = tenth
                print(f"{name} | {progress.words_of(action, now)}", file=self._stream, flush=True)

    def clear(self) -> None:
        """Take the line away, so that other output begins at the left."""
        if self._is_shown:
            self._stream.write("\r" + " " * _columns() + "\r")
            self._stream.flush()
            self._is_shown = False
