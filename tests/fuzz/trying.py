"""Tries inputs in a process of their own: a crash, a hang or too much memory there names the input that did it."""

from __future__ import annotations

import mmap
import os
import pickle
import random
import resource
import signal
import struct
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import pytest

if sys.platform != "linux":
    pytest.skip("these tests read /proc", allow_module_level=True)

COUNT = int(os.environ.get("FLYTENB_FUZZ", "250"))
#: The same inputs every time where nobody says otherwise; `make fuzz` draws a seed.
SEED = os.environ.get("FLYTENB_FUZZ_SEED", "1")
_AT = os.environ.get("FLYTENB_FUZZ_AT", "")
#: What one input may take: of a processor, and of a person's day.
SECONDS, WAITED_S = 5.0, 60.0
MEGABYTES = 1024


def randoms(surface: str, count: int = 0) -> Iterator[tuple[int, random.Random]]:
    """Number and source of randomness of each input of a surface."""
    for index in [int(_AT)] if _AT else range(count or COUNT):
        yield index, random.Random(f"{SEED}/{surface}/{index}")


def again(surface: str, index: int) -> str:
    """How to repeat one input."""
    return f"{surface} {index}: repeat with FLYTENB_FUZZ_SEED={SEED} FLYTENB_FUZZ_AT={index} FLYTENB_FUZZ={COUNT}"


class Hung(BaseException):
    """An input took too long."""


def try_all(surface: str, attempt: Callable[[random.Random], None], allowed: tuple[type[BaseException], ...]) -> None:
    """Try every input of a surface; an exception that is not one of those allowed, a crash or a hang fails the test."""
    place = mmap.mmap(-1, 8)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        status = 1
        try:
            told = _try_here(surface, attempt, allowed, place)
            with os.fdopen(write, "wb") as file:
                file.write(pickle.dumps(told))
            status = 0
        finally:
            os._exit(status)
    os.close(write)
    with os.fdopen(read, "rb") as file:
        data = file.read()
    _, status = os.waitpid(pid, 0)
    index = struct.unpack("<q", place[:8])[0]
    assert status == 0, f"the process died ({_death(status)}) at input {again(surface, index)}"
    told = pickle.loads(data)
    assert not told, told


def _death(status: int) -> str:
    return f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"status {os.waitstatus_to_exitcode(status)}"


def _try_here(surface: str, attempt: Any, allowed: Any, place: mmap.mmap) -> str:
    limit = _size() + (MEGABYTES << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for number in (signal.SIGALRM, signal.SIGPROF):
        signal.signal(number, _hang)
    for index, rng in randoms(surface):
        place[:8] = struct.pack("<q", index)
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        signal.setitimer(signal.ITIMER_REAL, WAITED_S)
        try:
            attempt(rng)
        except allowed:
            pass
        except BaseException:
            return f"{again(surface, index)}\n{traceback.format_exc()[-4000:]}"
        finally:
            for timer in (signal.ITIMER_REAL, signal.ITIMER_PROF):
                signal.setitimer(timer, 0)
    return ""


def _hang(*_: Any) -> None:
    raise Hung(f"more than {SECONDS} s of a processor, or {WAITED_S} s")


def _size() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


# ---- material ------------------------------------------------------------------------------------------------------

WORDS = [
    "", " ", "a", "x" * 300, "\0", "\ud800", "../../etc/passwd", "/etc/passwd", "a/../b", "..", ".", "~", "nb:f",
    "os:system", "builtins:eval", "subprocess:Popen", "<script>alert(1)</script>", '"onload="alert(1)', "javascript:x",
    "' OR 1=1 --", "%00", "%2e%2e%2f", "\r\nX-Injected: 1", "\x1b[31m", "\u202e", "\ufeff", "${jndi:ldap://x}",
    "{{7*7}}",
    "__class__", "__proto__", "nan", "inf", "-0", "1e999", "0" * 64, "f" * 64, "größe-中文-🙂", "a\u0300" * 50,
    "\n" * 50,
]  # fmt: skip
NUMBERS = [
    0, 1, -1, 2, 7, 127, 128, 255, 256, 1 << 31, (1 << 32) - 1, 1 << 32, (1 << 62), (1 << 63) - 1,
    1 << 63, (1 << 64) - 1,
    -(1 << 63), 0.0, -0.0, 0.5, 1e308, -1e308, float("inf"), float("-inf"), float("nan"), 5e-324,
]  # fmt: skip


def word(rng: random.Random) -> str:
    """Text that somebody might have written to do harm."""
    text = rng.choice(WORDS)
    if rng.random() < 0.3:
        text += rng.choice(WORDS) + "".join(chr(rng.randrange(1, 0xD7FF)) for _ in range(rng.randrange(6)))
    return text


def data(rng: random.Random, most: int = 40) -> bytes:
    """Bytes."""
    return rng.randbytes(rng.randrange(most))


def value(rng: random.Random, depth: int = 4) -> Any:
    """Plain data of any kind, for msgpack or JSON."""
    kind = rng.randrange(9 if depth else 6)
    if kind == 0:
        return word(rng)
    if kind == 1:
        return rng.choice(NUMBERS)
    if kind == 2:
        return rng.choice([None, True, False])
    if kind == 3:
        return data(rng)
    if kind in (4, 5):
        return rng.randrange(-5, 300)
    if kind == 6:
        return {word(rng): value(rng, depth - 1) for _ in range(rng.randrange(5))}
    return [value(rng, depth - 1) for _ in range(rng.randrange(6))]


def mutated(rng: random.Random, given: bytes) -> bytes:
    """The same with some bytes changed, cut out, doubled or put in."""
    made = bytearray(given)
    for _ in range(rng.choice([1, 1, 1, 2, 4, 16])):
        if not made:
            return data(rng)
        at = rng.randrange(len(made))
        how = rng.randrange(7)
        if how == 0:
            made[at] ^= 1 << rng.randrange(8)
        elif how == 1:
            made[at] = rng.choice([0, 1, 0x7F, 0x80, 0x90, 0x9F, 0xC0, 0xC1, 0xC6, 0xC9, 0xDB, 0xDD, 0xDF, 0xFF])
        elif how == 2:
            del made[at : at + rng.randrange(1, 9)]
        elif how == 3:
            made[at:at] = rng.randbytes(rng.randrange(1, 9))
        elif how == 4:
            made[at:at] = made[at : at + rng.randrange(1, 40)]
        elif how == 5:
            made[at:] = b""
        else:
            made[at:at] = rng.choice([b"\x91", b"\x81\xa1x", b"("]) * rng.choice([10, 600, 5000])
    return bytes(made)
