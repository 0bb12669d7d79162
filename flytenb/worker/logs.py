"""Output of bodies as data: `sys.stdout` and `sys.stderr` become routers that know which action writes.

What no action wrote goes where it went before. Lines are sent whole, in batches; of a line that rewrites itself with
carriage returns (a progress bar) only the last state is kept.
"""

from __future__ import annotations

import codecs
import io
import logging
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from threading import RLock
from typing import Any, TextIO

from flytenb.context import current_action
from flytenb.redaction import Redactor
from flytenb.wire import tags
from flytenb.worker.bars import Bars, Reading, held_from, unnested

#: Text waits this long for more of it, and leaves earlier when it reaches this size.
FLUSH_S = 0.25
BATCH_CHARACTERS = 64 << 10
#: One attempt's output; what comes after is dropped with a note.
MAX_ATTEMPT_CHARACTERS = 16 << 20

#: The source of text that came through a descriptor.
NATIVE = "\0native"
#: Said once in a log that takes what no action can be told from another.
DOUBT = "[several actions share this process: output of subprocesses and native code below may belong to another one]\n"


class AttemptLog:
    """What one attempt wrote and has not been sent.

    Args:
        hidden: takes values of secrets out, line by line: a write may hold the half of one.
    """

    __slots__ = (
        "_action",
        "_attempt",
        "_bars",
        "_hidden",
        "_is_doubted",
        "_lines",
        "_lock",
        "_send",
        "_size",
        "_tails",
        "_total",
        "on_bar",
    )

    def __init__(
        self, action: int, attempt: int, send: Callable[[Any], None], lock: RLock, hidden: Redactor | None = None
    ) -> None:
        self._action, self._attempt, self._send, self._lock = action, attempt, send, lock
        self._hidden = hidden if hidden is not None else Redactor()
        self._lines: list[tuple[str, str]] = []
        self._tails: dict[str, str] = {}
        self._size = self._total = 0
        self._is_doubted = False
        #: Hears of progress bars in the output; None when nobody wants to know.
        self.on_bar: Callable[[Reading], None] | None = None
        self._bars: Bars | None = None

    def write(self, stream: str, text: str, source: str = "") -> None:
        """Take text; whole lines leave when there are enough of them, or with the next flush.

        Args:
            source: where a secret may come in pieces, lines are made of text of one source only.
        """
        own = stream + source if self._hidden else stream
        with self._lock:
            if self._total > MAX_ATTEMPT_CHARACTERS:
                return
            self._total += len(text)
            if "\r" in text and self.on_bar is not None:
                self._look_for_bars(text)
            text = self._tails.get(own, "") + text
            held = ""
            if "\r" in text:
                text = unnested(text)
                start = held_from(text)
                text, held = text[:start], text[start:]
            end = text.rfind("\n")
            whole, tail = (text[: end + 1], text[end + 1 :]) if end >= 0 else ("", text)
            self._tails[own] = held or ("\r" + _last_state(tail, is_open=True) if "\r" in tail else tail)
            if whole:
                if "\r" in whole:
                    whole = "".join(_last_state(line) + "\n" for line in whole[:-1].split("\n"))
                self._lines.append((stream, whole))
                self._size += len(whole)
            if len(tail) > BATCH_CHARACTERS:
                self._cut_line(own)
            if self._total > MAX_ATTEMPT_CHARACTERS:
                megabytes = MAX_ATTEMPT_CHARACTERS >> 20
                self._lines.append((stream, f"… more than {megabytes} MB of output: the rest is not kept\n"))
            if self._size >= BATCH_CHARACTERS:
                self.flush()

    def _cut_line(self, own: str) -> None:
        """A line without end goes in pieces; what may be the beginning of a secret's value stays for the next one."""
        held = max(0, self._hidden.longest - 1)
        shown = self._hidden.text(self._tails[own]) if held else self._tails[own]
        self._end_line(own, shown[: len(shown) - held])
        self._tails[own] = shown[len(shown) - held :]

    def _look_for_bars(self, text: str) -> None:
        if self._bars is None:
            self._bars = Bars()
        reading = self._bars.read(text[-4096:])
        if reading is not None and self.on_bar is not None:
            self.on_bar(reading)

    def doubt(self, stream: str) -> None:
        """Say once that what comes below Python's own output may be of another action."""
        with self._lock:
            if not self._is_doubted:
                self._is_doubted = True
                self.write(stream, DOUBT)

    def flush(self) -> None:
        """Send the whole lines, neighbours of one stream together."""
        with self._lock:
            lines, self._lines, self._size = self._lines, [], 0
            now = time.time()
            start = 0
            while start < len(lines):
                stream, end, size = lines[start][0], start, 0
                while end < len(lines) and lines[end][0] == stream and size < BATCH_CHARACTERS:
                    size += len(lines[end][1])
                    end += 1
                text = self._hidden.text("".join(text for _, text in lines[start:end]))
                self._send((tags.LOG, self._action, self._attempt, stream, now, _encodable(text)))
                start = end

    def close(self) -> None:
        """Send everything, unfinished lines too."""
        with self._lock:
            self._end_lines()
            self.flush()

    def _end_lines(self) -> None:
        for own, tail in self._tails.items():
            self._end_line(own, tail)
        self._tails.clear()

    def _end_line(self, own: str, tail: str) -> None:
        if tail.rstrip("\r\n"):
            lines = tail.rstrip("\r\n").split("\n")
            self._lines.append((own.removesuffix(NATIVE), "".join(_last_state(line) + "\n" for line in lines)))


def _last_state(line: str, *, is_open: bool = False) -> str:
    """What a terminal would show of a line with carriage returns."""
    stripped = line.rstrip("\r")
    shown = stripped[stripped.rfind("\r") + 1 :]
    return shown + "\r" if is_open and line.endswith("\r") else shown


def _encodable(text: str) -> str:
    """Lone surrogates cannot be sent as UTF-8."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


#: Finds the log of the action that writes now; None when no action of this process does.
FindLog = Callable[[], "AttemptLog | None"]


class Router(io.TextIOBase):
    """A text stream that belongs to whichever action writes to it."""

    def __init__(self, stream: str, original: TextIO, find: FindLog, *, is_tee: bool = False) -> None:
        super().__init__()
        self.stream, self.original, self.is_tee = stream, original, is_tee
        self._find = find
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        log = self._find()
        if log is not None:
            log.write(self.stream, text)
        if log is None or self.is_tee:
            self.original.write(text)
        return len(text)

    def flush(self) -> None:
        if self._find() is None or self.is_tee:
            self.original.flush()

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.original.fileno()

    @property
    def buffer(self) -> Any:
        """For code that writes bytes."""
        return _ByteRouter(self)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        return "backslashreplace"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.original, name)


class _ByteRouter(io.RawIOBase):
    def __init__(self, router: Router) -> None:
        super().__init__()
        self._router = router

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._router.write(self._router._decoder.decode(bytes(data)))
        return len(data)

    def flush(self) -> None:
        self._router.flush()


class _LastResort(logging.Handler):
    """Warnings of loggers without handlers: to the action's log, as Python would print them to stderr."""

    def __init__(self, find: FindLog, original: logging.Handler | None) -> None:
        super().__init__(logging.WARNING)
        self._find, self._original = find, original

    def emit(self, record: logging.LogRecord) -> None:
        log = self._find()
        if log is not None:
            log.write("log", f"{record.levelname} {record.name}: {self.format(record)}\n")
        elif self._original is not None:
            self._original.emit(record)


class Capture:
    """Installs the routers; one per process, counted, so that two local workers do not wrap twice."""

    def __init__(self, find: FindLog, *, is_tee: bool = False) -> None:
        self._find, self._is_tee = find, is_tee
        self._restore: list[Callable[[], None]] = []

    def install(self) -> None:
        """From now on output is routed."""
        for name in ("stdout", "stderr"):
            original = getattr(sys, name)
            router = Router(name, original, self._find, is_tee=self._is_tee)
            setattr(sys, name, router)
            self._restore.append(partial(_put_back, name, router, original))
        last_resort = logging.lastResort
        if not self._is_tee:
            logging.lastResort = _LastResort(self._find, last_resort)
            self._restore.append(lambda: setattr(logging, "lastResort", last_resort))

    def remove_in_forks(self) -> None:
        """A process that a body forks is no worker: nobody would send what its copy of a log takes."""
        os.register_at_fork(before=self._flush_originals, after_in_child=self.remove)

    def _flush_originals(self) -> None:
        if self._restore:
            for stream in (sys.__stdout__, sys.__stderr__):
                if stream is not None:
                    stream.flush()

    def remove(self) -> None:
        """As it was before, where nobody else has put something there meanwhile."""
        while self._restore:
            self._restore.pop()()


def _put_back(name: str, router: Router, original: Any) -> None:
    if getattr(sys, name) is router:
        setattr(sys, name, original)


def finder(logs: Callable[[int, int], AttemptLog | None]) -> FindLog:
    """Find the current attempt's log through the context."""

    def find() -> AttemptLog | None:
        context = current_action.get()
        return logs(context.action, context.attempt) if context is not None else None

    return find
