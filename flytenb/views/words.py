"""Numbers in words: durations, sizes, counts, moments, lists of indices."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo

from flytenb.model.sizes import size_words


def duration(seconds: float) -> str:
    """`92 ms`, `1.2 s`, `28.5 s`, `2 m 01 s`, `1 h 05 m`, `2 d 03 h`."""
    if seconds < 0.9995:
        return f"{max(0, round(seconds * 1000))} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} m {whole % 60:02d} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} m"
    return f"{whole // 86400} d {whole % 86400 // 3600:02d} h"


def total(seconds: float) -> str:
    """A duration of a whole run: without tenths from ten seconds on."""
    if 9.95 <= seconds < 59.5:
        return f"{seconds:.0f} s"
    return f"{seconds:.1f} s" if 0.05 <= seconds < 1 else duration(seconds)


def clock(seconds: float) -> str:
    """Elapsed time that ticks: `0:37`, `12:05`, `1:02:03`."""
    whole = max(0, int(seconds))
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d}"
    return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"


def count(number: int, noun: str = "") -> str:
    """`5,000`, `1 action`, `28 actions`."""
    return f"{number:,}" + (f" {noun}" + ("" if number == 1 else "s") if noun else "")


def size(size_bytes: int) -> str:
    """`96 B`, `3.1 KiB`, `1.2 GiB`."""
    return size_words(size_bytes)


def moment(at: float, zone: tzinfo | None = None) -> str:
    """`21 Nov 2026, 14:02` in the reader's time zone; "" for no time."""
    if at <= 0:
        return ""
    when = datetime.fromtimestamp(at, zone)
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}, {when:%H:%M}"


def ago(seconds: float) -> str:
    """How long ago, coarsely: `just now`, `4 m ago`, `3 h ago`, `2 d ago`."""
    if seconds < 45:
        return "just now"
    if seconds < 3570:
        return f"{max(1, round(seconds / 60))} m ago"
    if seconds < 84600:
        return f"{round(seconds / 3600)} h ago"
    return f"{round(seconds / 86400)} d ago"


def indices(numbers: Sequence[int], at_most: int = 8) -> str:
    """`610, 611, 612, 1904, 2207 to 2210 and 3 more`; stretches of four or more are folded."""
    parts: list[tuple[str, int]] = []
    ordered = sorted(numbers)
    i = 0
    while i < len(ordered):
        j = i
        while j + 1 < len(ordered) and ordered[j + 1] == ordered[j] + 1:
            j += 1
        if j - i >= 3:
            parts.append((f"{ordered[i]} to {ordered[j]}", j - i + 1))
        else:
            parts += [(str(n), 1) for n in ordered[i : j + 1]]
        i = j + 1
    shown, rest = parts[:at_most], sum(n for _, n in parts[at_most:])
    text = ", ".join(p for p, _ in shown)
    return f"{text} and {count(rest)} more" if rest else text


def quantile(ordered: Sequence[float], q: float) -> float:
    """The value below which the share `q` of sorted numbers lies."""
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))] if ordered else 0.0


def joined(parts: Iterable[str], separator: str = ", ") -> str:
    """The non-empty parts, joined."""
    return separator.join(p for p in parts if p)


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
