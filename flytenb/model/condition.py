"""Conditions: what a run asks a person, and what is an answer. Plain data; the answer is one of four plain types."""

from __future__ import annotations

import math
from typing import Any

import msgspec

#: What an answer can be.
AnswerValue = bool | int | float | str

DATA_TYPES: dict[str, type] = {"bool": bool, "int": int, "float": float, "str": str}
PROMPT_TYPES = ("text", "markdown")
#: Longer texts belong into a file that the answer names.
MAX_TEXT = 16_000
_MOST = (1 << 63) - 1
_TRUE = frozenset(("true", "yes", "y", "t", "1", "on"))
_FALSE = frozenset(("false", "no", "n", "f", "0", "off"))
#: "a bool", "an int" …
KINDS = {"bool": "a bool", "int": "an int", "float": "a float", "str": "a str"}
_WORDS = {"bool": "true or false", "int": "a whole number", "float": "a number", "str": "a text"}


class Webhook(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Who is told that a condition waits."""

    url: str
    #: JSON; `{callback_uri}` in its strings is filled in.
    payload: bytes = b"{}"


class ConditionSpec(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A question of an action's body to a person."""

    name: str
    prompt: str = "Approve?"
    #: "text" or "markdown".
    prompt_type: str = "text"
    #: "bool", "int", "float" or "str".
    data_type: str = "bool"
    description: str = ""
    #: Seconds that it waits; 0 = for ever.
    timeout_s: float = 0.0
    #: The encoded answer when nobody gives one in time; b"" = that is an error.
    default: bytes = b""
    webhook: Webhook | None = None


class NotAnAnswer(ValueError):
    """A value that is not of the condition's type."""


def answer_of(data_type: str, value: Any) -> AnswerValue:
    """The value as this type. Text may spell it ("yes", "0.5"), as on a command line; nothing else is converted.

    Raises:
        NotAnAnswer: it is not one.
    """
    said = _converted(data_type, value)
    if said is None:
        shown = repr(value) if len(repr(value)) <= 60 else repr(value)[:59] + "…"
        raise NotAnAnswer(f"{shown} is none; give {_WORDS.get(data_type, data_type)}")
    if isinstance(said, str) and len(said) > MAX_TEXT:
        raise NotAnAnswer(f"an answer has at most {MAX_TEXT:,} characters and this one {len(said):,}; name a file")
    return said


def _converted(data_type: str, value: Any) -> AnswerValue | None:
    if data_type == "str":
        return value if isinstance(value, str) else None
    if data_type == "bool":
        if isinstance(value, bool):
            return value
        word = value.strip().lower() if isinstance(value, str) else ""
        return True if word in _TRUE else False if word in _FALSE else None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        if data_type == "float":
            number = float(value)
            return number if math.isfinite(number) else None
        if data_type == "int" and isinstance(value, (int, str)):
            whole = int(value)
            return whole if -_MOST <= whole <= _MOST else None
    except (ValueError, OverflowError):
        return None
    return None


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode


def encode_answer(value: AnswerValue) -> bytes:
    """The answer as the outputs of its action: a payload that `codec` reads (a test holds the two together)."""
    return _encode([1, ["o0"], [value]])


def decode_answer(payload: bytes) -> AnswerValue | None:
    """The answer in outputs; None where there is none."""
    value = _decode(payload)[2][0] if payload else None
    return value if isinstance(value, (bool, int, float, str)) else None
