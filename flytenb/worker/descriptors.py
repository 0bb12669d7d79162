"""Output that does not pass `sys.stdout`: of subprocesses, of native code, of `os.write(1, …)`.

Descriptors 1 and 2 of a worker are pipes. A thread of the worker reads them and gives what comes to the action that
runs; when none does it goes where it went before. Pipes and no files, because `> /dev/stderr` of a shell truncates a
file; a thread and not the loop, because a body may block the loop while it waits for a talkative subprocess.

The zygote keeps the reading ends too. It reads what a dead worker left behind, and empties a pipe that stays full:
native code may write more than a pipe holds while it keeps the GIL, which the thread would need.
"""

from __future__ import annotations

import codecs
import contextlib
import ctypes
import os
import select
import sys
import time
from array import array
from collections.abc import Callable
from fcntl import ioctl
from termios import FIONREAD
from threading import Lock, Thread
from typing import IO, Any, cast

with contextlib.suppress(ImportError):
    from fcntl import F_SETPIPE_SZ, fcntl  # Linux, Python ≥ 3.10

#: A writer waits only when this much has not been read.
PIPE_BYTES = 256 << 10
_CHUNK_BYTES = 64 << 10
#: Reads at an action's end; a background process that never stops writing must not keep the action.
_MOST_CHUNKS = 64
#: A little output waits for more. What native code says just before it aborts is so left to the zygote.
_WAIT_S = 0.02
_NAMES = ("stdout", "stderr")

#: Takes (stream, text) and says whether an action took it.
Take = Callable[[str, str], bool]


class Pipes:
    """Two pipes: what a process writes to its descriptors 1 and 2."""

    def __init__(self) -> None:
        pairs = [os.pipe()]
        try:
            pairs.append(os.pipe())
        except OSError:
            _close(list(pairs[0]))
            raise
        self.reads = [read for read, _ in pairs]
        self.writes = [write for _, write in pairs]
        for read, write in pairs:
            os.set_blocking(read, False)
            with contextlib.suppress(OSError, NameError):  # as large as the system allows
                fcntl(write, F_SETPIPE_SZ, PIPE_BYTES)

    def keep_reads(self) -> None:
        """In the process that only reads."""
        _close(self.writes)

    def close(self) -> None:
        """Forget both ends."""
        _close(self.reads)
        _close(self.writes)

    def connect(self) -> list[int]:
        """Become this process's output; returns what its output was, as new descriptors."""
        before = [os.dup(1), os.dup(2)]
        for write, target in zip(self.writes, (1, 2), strict=True):
            os.dup2(write, target)
        _close(self.writes)
        return before


def _close(descriptors: list[int]) -> None:
    while descriptors:
        with contextlib.suppress(OSError):
            os.close(descriptors.pop())


def pending_bytes(read: int) -> int:
    """How much a pipe holds."""
    held = array("i", [0])
    ioctl(read, FIONREAD, held)
    return held[0]


def read_all(read: int) -> tuple[bytes, bool]:
    """What a pipe holds now, without waiting, and whether nobody can write into it any more."""
    found: list[bytes] = []
    while True:
        try:
            data = os.read(read, _CHUNK_BYTES)
        except BlockingIOError:
            return b"".join(found), False
        if not data:
            return b"".join(found), True
        found.append(data)
        if len(found) > _MOST_CHUNKS:
            return b"".join(found), False


class Descriptors:
    """Reads the pipes of this process.

    Args:
        pipes: made by who wants to read them too; else they are made here.
        take: gives text to an action. Called in the reading thread or in the one that calls `settle`.
        hide: takes secrets out of what belongs to no action.
    """

    def __init__(self, take: Take, pipes: Pipes | None = None, hide: Callable[[str], str] = str) -> None:
        self._take, self._hide = take, hide
        self._pipes = pipes if pipes is not None else Pipes()
        self._lock = Lock()
        self._before: list[int] = []
        self._decoders = [codecs.getincrementaldecoder("utf-8")("replace") for _ in _NAMES]
        #: Asked at each action's end: one call, and nearly always nothing.
        self._glance = select.poll()
        self._native: Any = None

    def install(self) -> None:
        """From now on this process's descriptors 1 and 2 are read here."""
        _flush()
        self._before = self._pipes.connect()
        for read in self._pipes.reads:
            self._glance.register(read, select.POLLIN)
        for stream in (sys.__stdout__, sys.__stderr__):
            if stream is not None:
                cast("Any", stream).reconfigure(line_buffering=True)
        self._native = _line_buffered_native_output()
        Thread(target=self._serve, name="flytenb-output", daemon=True).start()

    def settle(self, *, is_long: bool) -> None:
        """Everything written so far belongs to the action that ends now. Any thread."""
        if is_long and self._native is not None:
            self._native.fflush(None)  # lines that native code has not ended
        with self._lock:  # what the thread has read is where it belongs
            if self._glance.poll(0):
                self._read(_MOST_CHUNKS)

    def finish(self) -> None:
        """Before the process ends."""
        _flush()
        self.settle(is_long=True)

    def _serve(self) -> None:
        waiting = select.poll()
        for read in self._pipes.reads:
            waiting.register(read, select.POLLIN)
        while True:
            waiting.poll()
            if max(map(pending_bytes, self._pipes.reads)) < PIPE_BYTES // 4:
                time.sleep(_WAIT_S)
            with self._lock:
                self._read(1)

    def _read(self, most: int) -> None:
        for index, read in enumerate(self._pipes.reads):
            for _ in range(most):
                try:
                    data = os.read(read, _CHUNK_BYTES)
                except BlockingIOError:
                    break
                text = self._decoders[index].decode(data)
                if text and not self._take(_NAMES[index], text):
                    _write(self._before[index], self._hide(text).encode("utf-8", "replace"))


def _write(descriptor: int, data: bytes) -> None:
    with contextlib.suppress(OSError):  # nobody is left to be told
        while data:
            data = data[os.write(descriptor, data) :]


def _flush() -> None:
    for stream in (sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(OSError, ValueError):
            if stream is not None:
                cast("IO[str]", stream).flush()


def _line_buffered_native_output() -> Any:
    """Have C's `stdout` written line by line, as on a terminal; returns the C library, None where it is not found."""
    try:
        native = ctypes.CDLL(None)
        name = "__stdoutp" if sys.platform == "darwin" else "stdout"
        line_buffered = 1  # _IOLBF in glibc, musl and macOS
        native.setvbuf(ctypes.c_void_p.in_dll(native, name), None, line_buffered, ctypes.c_size_t(0))
        native.fflush.argtypes = [ctypes.c_void_p]
    except (OSError, ValueError, AttributeError):
        return None
    return native
