"""What is redrawn in place in a terminal while other threads print: each drawing and each print is whole.

rich takes the height of what is drawn when it renders, and writes later; a print of another thread in between would
leave lines of an older drawing behind. Here both hold one lock from the first to the last.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import IO, Any

from rich.console import Console
from rich.live import Live


class _WholeConsole(Console):
    """A console of which one thread at a time renders and writes."""

    def __init__(self, **settings: Any) -> None:
        self._whole = threading.RLock()
        super().__init__(**settings)

    def print(self, *objects: Any, **settings: Any) -> None:
        with self._whole:  # what is drawn in place is looked for before the console is entered
            super().print(*objects, **settings)

    def __enter__(self) -> _WholeConsole:
        self._whole.acquire()
        super().__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            super().__exit__(kind, error, trace)
        finally:
            self._whole.release()


def console_of(file: IO[str], **settings: Any) -> Console:
    """A console on a file; `settings` as rich has them."""
    return _WholeConsole(file=file, highlight=False, emoji=False, **settings)


class Redrawn:
    """Something drawn in place, until the end of the block; what is printed meanwhile stands above it.

    Args:
        console: of `console_of`.
        first: what is drawn at the beginning, for rich.
        redirects_stdout: whether `print` of this process goes through the console, too.
    """

    def __init__(self, console: Console, first: Any, *, redirects_stdout: bool) -> None:
        self._console = console
        self._live = Live(
            first, console=console, auto_refresh=False, transient=True, redirect_stdout=redirects_stdout,
            redirect_stderr=True,
        )  # fmt: skip

    # The console's lock comes before that of rich's own, as in each print.
    def __enter__(self) -> Redrawn:
        with self._console:
            self._live.start(refresh=True)
        return self

    def update(self, shown: Any) -> None:
        """Draw this instead."""
        with self._console:
            self._live.update(shown, refresh=True)

    def __exit__(self, *_: object) -> None:
        with self._console:
            self._live.stop()
