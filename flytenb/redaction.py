"""Takes the values of secrets out of what is about to be kept or shown, in the forms in which they travel.

A value is looked for as it is, in every line of it, escaped for Python, JSON and HTML, quoted for an address, in base64
at any offset, and in hexadecimal. What else a program makes of it (reversed, encrypted, spelled out) is not known here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

#: Stands for a value, or a part of one.
MASK = "***"
#: A shorter value cannot be told from ordinary text, and neither can a shorter line or part of one.
LEAST = 4
_LEAST_LINE = 8
_LEAST_FIELD = 16
_LEAST_CODED = 7
_MOST_LINES = 2_000


class Redactor:
    """The values that are known here; cheap to ask while there are none.

    Example:
        hidden = Redactor()
        hidden.add([b"hunter22"])
        hidden.text("the password is hunter22")  # "the password is ***"
    """

    __slots__ = ("_forms", "_values")

    def __init__(self, values: Iterable[bytes] = ()) -> None:
        self._values: set[bytes] = set()
        #: Longest first, so that no part of a longer one is left over.
        self._forms: tuple[str, ...] = ()
        self.add(values)

    def __bool__(self) -> bool:
        return bool(self._forms)

    def __repr__(self) -> str:
        return f"Redactor({len(self._values)} values)"  # never the values

    @property
    def longest(self) -> int:
        """Characters of the longest form: this much of a text must be seen at once."""
        return len(self._forms[0]) if self._forms else 0

    def add(self, values: Iterable[bytes]) -> None:
        """Hide these too, from now on."""
        new = {value for value in values if len(value.strip()) >= LEAST} - self._values
        if new:
            self._values |= new
            found = set(self._forms).union(*(_forms(value) for value in new))
            self._forms = tuple(sorted(found, key=lambda form: (-len(form), form)))

    def text(self, text: str) -> str:
        """The text without them."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        return text

    def shortened(self, text: str) -> str:
        """A text that was cut at "…", without them, nor the beginning of one before it or the end of one after it."""
        text = self.text(text)
        if not self._forms or "…" not in text:
            return text
        pieces = text.split("…")
        for index, piece in enumerate(pieces):
            if index:
                piece = self._without_end_of_one(piece)
            if index < len(pieces) - 1:
                piece = self._without_beginning_of_one(piece)
            pieces[index] = piece
        return "…".join(pieces)

    def _without_beginning_of_one(self, piece: str) -> str:
        inner = piece.rstrip("'\"")  # a cut text may have its quotes
        for form in self._forms:
            for count in range(min(len(form), len(inner)), LEAST - 1, -1):
                if inner.endswith(form[:count]):
                    return inner[: len(inner) - count] + MASK + piece[len(inner) :]
        return piece

    def _without_end_of_one(self, piece: str) -> str:
        inner = piece.lstrip("'\"")
        for form in self._forms:
            for count in range(min(len(form), len(inner)), LEAST - 1, -1):
                if inner.startswith(form[-count:]):
                    return piece[: len(piece) - len(inner)] + MASK + inner[count:]
        return piece

    def holds(self, data: bytes) -> bool:
        """Whether bytes have a value in them in some form."""
        return any(form.encode("utf-8", "surrogateescape") in data for form in self._forms)

    def plain(self, value: Any) -> Any:
        """Plain data (dicts, lists, text) without them."""
        if not self._forms:
            return value
        if isinstance(value, str):
            return self.shortened(value)
        if isinstance(value, dict):
            return {self.plain(key): self.plain(part) for key, part in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(self.plain(part) for part in value) if type(value) in (list, tuple) else value
        return value


@lru_cache(maxsize=256)
def _forms(value: bytes) -> frozenset[str]:
    found: set[str] = set()
    for part in _parts(value):
        found |= _coded(part)
        try:
            text = part.decode()
        except UnicodeDecodeError:
            continue
        found |= _written(text)
    return frozenset(found)


def _parts(value: bytes) -> set[bytes]:
    """The value, its lines, and the texts in it when it is JSON."""
    import json

    parts = {value, value.strip()}
    lines = value.split(b"\n")[:_MOST_LINES]
    if len(lines) > 1:
        parts |= {line.strip() for line in lines if len(line.strip()) >= _LEAST_LINE}
    if value.lstrip()[:1] in (b"{", b"["):
        try:
            fields = _fields(json.loads(value))
        except (ValueError, RecursionError):
            fields = set()
        for field in fields:
            parts |= {line.strip() for line in (field, *field.split(b"\n")) if len(line.strip()) >= _LEAST_FIELD}
    return parts


def _fields(value: Any) -> set[bytes]:
    if isinstance(value, str):
        return {value.encode("utf-8", "surrogatepass")}
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set().union(*(_fields(part) for part in inner))


def _written(text: str) -> set[str]:
    """As programs, documents and addresses write it."""
    import json
    from html import escape
    from urllib.parse import quote, quote_plus

    raw = text.encode()
    quoted = {quote(raw, safe=""), quote(raw), quote_plus(raw)}
    quoted |= {re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), one) for one in quoted}
    escaped = {repr(text)[1:-1], json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], ascii(text)[1:-1]}
    return {text, *quoted, *escaped, escape(text), escape(text, quote=False), repr(raw)[2:-1]}


def _coded(value: bytes) -> set[str]:
    """In base64, whatever stands before and after it, and in hexadecimal."""
    from base64 import b64encode

    found = {value.hex(), value.hex().upper()}
    for before, start in ((0, 0), (1, 2), (2, 3)):
        text = b64encode(b"\0" * before + value).decode()
        # The first and the last character may hold bits of a neighbour.
        sure = text.rstrip("=")
        sure = sure[start : len(sure) - (text != sure)]
        if len(sure) >= _LEAST_CODED:
            found |= {sure, sure.replace("+", "-").replace("/", "_")}
        if not before:
            found |= {text, text.replace("+", "-").replace("/", "_")}
    return found
