"""Short values as text, for people who ask what a key was made of."""

from __future__ import annotations

import re
from typing import Any

from flytenb.capture.items import Item

_MOST_CHARACTERS = 60
_MOST_ITEMS = 8
_PLAIN = frozenset({int, float, str, bool, type(None), complex})
#: Values of such names are never shown.
_SECRET = re.compile(r"(?i)(passw|secret|token|credential|api_?key|private)")


def said_of(item: Item) -> str:
    """A short value as text: of a constant, or of what a function holds in its closure and computed defaults."""
    if item.kind == "value":
        return _short(item.name, item.obj)
    held = {**item.closure, **item.defaults}
    told = [f"{name}={text}" for name, value in sorted(held.items()) if (text := _short(name, value))]
    return ", ".join(told)[: 2 * _MOST_CHARACTERS]


def _short(name: str, value: Any) -> str:
    if _SECRET.search(name):
        return ""
    if type(value) in _PLAIN:
        if type(value) is str and len(value) > _MOST_CHARACTERS:
            return ""
    elif type(value) in (list, tuple, set, frozenset):
        if len(value) > _MOST_ITEMS or not all(type(one) in _PLAIN for one in value):
            return ""
    elif type(value) is dict:
        if len(value) > _MOST_ITEMS or not all(type(k) in _PLAIN and type(v) in _PLAIN for k, v in value.items()):
            return ""
        if any(_SECRET.search(str(key)) for key in value):
            return ""
    else:
        return ""
    text = repr(value)
    return text if len(text) <= _MOST_CHARACTERS else ""
