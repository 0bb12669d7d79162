"""Where a user's code stands, as the user knows it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import CodeType
from typing import Any

_OURS = __package__.partition(".")[0]


def cell_or_file(filename: str) -> str:
    """`Cell In[4]` for a notebook cell, else the file's path."""
    # Only a notebook loads the registry; a script must not pay for it.
    capture = sys.modules.get("flytenb.capture.registry")
    cell = capture.registry.cell(filename) if capture is not None else None
    return str(cell.where) if cell is not None else filename


def place_of(func: Callable[..., Any]) -> tuple[str, int]:
    """Cell or file of a function, and its line; ("", 0) when it has no code."""
    code: CodeType | None = getattr(_unwrapped(func), "__code__", None)
    if code is None:
        return "", 0
    return cell_or_file(code.co_filename), code.co_firstlineno


def _unwrapped(func: Any) -> Any:
    while hasattr(func, "__wrapped__"):
        func = func.__wrapped__
    return func


def in_words(place: tuple[str, int]) -> str:
    """`Cell In[4], line 3` or `file.py:3`."""
    where, line = place
    if not where:
        return ""
    return f"{where}, line {line}" if where.startswith("Cell ") else f"{where}:{line}"


def declaring_file() -> str | None:
    """File or cell (as a code filename) of the user's code that is calling into flytenb."""
    frame = sys._getframe(1)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module.partition(".")[0] not in (_OURS, "dataclasses"):
            return frame.f_code.co_filename
        frame = frame.f_back  # type: ignore[assignment]
    return None
