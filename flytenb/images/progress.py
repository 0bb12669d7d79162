"""How far one build is: written by its thread, read by everybody."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable

from msgspec.structs import replace

from flytenb.images.words import hidden, without_credentials
from flytenb.model.build import BUILDING, CACHED, DONE, FAILED, GIVEN_UP, BuildLayer, BuildLog, BuildRow

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
#: Lines that are kept of a layer: its last ones.
_KEPT_LINES = 5_000
#: Lines that are kept for those who follow a build live.
_KEPT_NEWS = 2_000


class Progress:
    """One build while it goes on, and after.

    Args:
        row: what is known at the beginning.
        on_change: called from the build's thread after each change.
    """

    def __init__(self, row: BuildRow, on_change: Callable[[Progress], None]) -> None:
        self._row = row
        self._on_change = on_change
        self._lock = threading.Lock()
        self._lines: list[list[str]] = []
        self._partial: list[str] = []
        #: (layer, line) as they came, and how many came before these.
        self._news: list[tuple[int, str]] = []
        self._forgotten = 0

    @property
    def row(self) -> BuildRow:
        """What it is now."""
        return self._row

    def logs(self) -> list[BuildLog]:
        """What each layer wrote so far."""
        with self._lock:
            return [
                BuildLog(layer=n, title=layer.title, text="\n".join([*lines, *([hidden.text(rest)] if rest else [])]))
                for n, (layer, lines, rest) in enumerate(
                    zip(self._row.layers, self._lines, self._partial, strict=True), 1
                )
            ]

    def last_lines(self, n: int, limit: int = 12) -> list[str]:
        """The end of a layer's log."""
        with self._lock:
            return [one for one in (*self._lines[n], hidden.text(self._partial[n])) if one.strip()][-limit:]

    def lines_since(self, seen: int) -> tuple[list[tuple[int, str]], int]:
        """(layer, line) of what came after the first `seen` lines, and how many lines there are."""
        with self._lock:
            return self._news[max(0, seen - self._forgotten) :], self._forgotten + len(self._news)

    def add(self, title: str) -> int:
        """One more layer; its index."""
        with self._lock:
            self._lines.append([])
            self._partial.append("")
            layers = (*self._row.layers, BuildLayer(title=without_credentials(title)))
            self._row = replace(self._row, layers=layers, version=self._row.version + 1)
        return len(layers) - 1

    def begin(self, n: int) -> None:
        """A layer is being built now."""
        self._layer(n, phase=BUILDING, started_at=time.time())

    def cached(self, n: int) -> None:
        """A layer was there."""
        self._layer(n, phase=CACHED)

    def done(self, n: int, phase: str = DONE) -> None:
        """A layer is there now, or failed."""
        begun = self._row.layers[n].started_at
        self._layer(n, phase=phase, seconds=time.time() - begun if begun else 0.0)

    def log(self, n: int, data: bytes | str) -> None:
        """A layer wrote something."""
        text = without_credentials(data if isinstance(data, str) else data.decode(errors="replace"))
        with self._lock:
            *whole, rest = (self._partial[n] + text.replace("\r\n", "\n")).split("\n")
            lines = self._lines[n]
            whole = [hidden.text(_ANSI.sub("", line).rpartition("\r")[2]) for line in whole]
            lines += whole
            del lines[:-_KEPT_LINES]
            self._news += [(n + 1, line) for line in whole]
            surplus = max(0, len(self._news) - _KEPT_NEWS)
            del self._news[:surplus]
            self._forgotten += surplus
            self._partial[n] = rest
        self._layer(n, line_count=len(lines) + bool(rest))

    def say(self, n: int, words: str) -> None:
        """How far a layer is, instead of what was said of it before."""
        with self._lock:
            self._partial[n] = words
        self._layer(n, said=words)

    def end(self, *, image_id: str = "", error: str = "", is_given_up: bool = False) -> None:
        """It is over."""
        phase = GIVEN_UP if is_given_up else FAILED if error else DONE
        self._change(phase=phase, image_id=image_id, error=error, ended_at=time.time())

    def named(self, **changes: object) -> None:
        """What became known of it: its name."""
        self._change(**changes)

    def _layer(self, n: int, **changes: object) -> None:
        with self._lock:
            layers = list(self._row.layers)
            layers[n] = replace(layers[n], **changes)
            self._row = replace(self._row, layers=tuple(layers), version=self._row.version + 1)
        self._on_change(self)

    def _change(self, **changes: object) -> None:
        with self._lock:
            self._row = replace(self._row, **changes, version=self._row.version + 1)
        self._on_change(self)
