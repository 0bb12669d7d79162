"""Kinds of fields that are typed as text: how each is read, written, and asked for."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Callable
from typing import Any

from flytenb.codec.scalars import parse_duration


def _written_number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(value)
    return repr(value)


def _read_int(text: str) -> int:
    return int(text, 0) if text[:2].lower() in ("0x", "0b", "0o") else int(text)


def _iso(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value.fold or type(value.tzinfo) not in (type(None), dt.timezone):
        raise ValueError(value)  # ISO text has no place for which of two equal hours, nor for a zone's name
    return str(value.isoformat())


def _read_moment(text: str) -> str:
    dt.datetime.fromisoformat(text[:-1] + "+00:00" if text[-1:] in "zZ" else text)
    return text


def _read_time(text: str) -> str:
    dt.time.fromisoformat(text)
    return text


def _read_duration(text: str) -> float:
    return parse_duration(text).total_seconds()


def _written_duration(value: Any) -> str:
    seconds = value.total_seconds() if isinstance(value, dt.timedelta) else value
    return value if isinstance(value, str) else f"{seconds:.6f}".rstrip("0").rstrip(".")


def _read_bytes(text: str) -> str:
    base64.b64decode(text, validate=True)
    return text


def _written_bytes(value: Any) -> str:
    return value if isinstance(value, str) else base64.b64encode(value).decode()


#: Kind → from text, to text, what to write.
TEXTS: dict[str, tuple[Callable[[str], Any], Callable[[Any], str], str]] = {
    "int": (_read_int, _written_number, "a whole number"),
    "float": (float, _written_number, "a number"),
    "datetime": (_read_moment, _iso, "a moment: 2026-01-31T09:30"),
    "time": (_read_time, _iso, "a time: 09:30"),
    "duration": (_read_duration, _written_duration, "a duration: 90, 10m, 2h, 1d or 1:30:00"),
    "bytes": (_read_bytes, _written_bytes, "base64 text"),
}
