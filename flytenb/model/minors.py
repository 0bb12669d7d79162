"""Pickles that hold code: only the Python minor that wrote them may read them, another one can crash on them.

Such a pickle carries its minor in front. All others are read by any Python and are left as they are.
"""

from __future__ import annotations

import sys
from typing import Any

from flytenb.errors import CaptureError

#: A pickle begins with 0x80, so this is none.
MARK = b"\x00flytenb.code-of-python:"
_HERE = f"{sys.version_info[0]}.{sys.version_info[1]}".encode()
#: cloudpickle names its own functions in every pickle that has code or classes by value.
_MAKERS = b"cloudpickle.cloudpickle"


def mark_code(data: bytes) -> bytes:
    """A pickle, with this Python's minor in front when it holds code."""
    return MARK + _HERE + b"\x00" + data if _MAKERS in data else data


def unmark_code(data: Any) -> Any:
    """The pickle alone.

    Raises:
        CaptureError: another minor has written it.
    """
    if bytes(data[:1]) != MARK[:1]:
        return data
    head, _, _ = bytes(data[len(MARK) : len(MARK) + 16]).partition(b"\x00")
    if head != _HERE:
        raise CaptureError(
            f"this value holds code that Python {head.decode()} has pickled, which Python {_HERE.decode()} cannot "
            "read; define its functions and classes with source (in a cell or a module), pass plain data, or use an "
            f"image with Python {head.decode()}"
        )
    return data[len(MARK) + len(head) + 1 :]


def refuse_for(python: tuple[int, ...], what: str, *bodies: bytes) -> None:
    """Refuse code that cannot be read where it is to run.

    Args:
        python: version of the Python there, as far as it is known.
        what: what has the code, for the words.
        bodies: encoded inputs and programs.

    Raises:
        CaptureError: one of them holds code of this Python, and that one is another minor.
    """
    if len(python) < 2 or tuple(python[:2]) == sys.version_info[:2] or not any(MARK in body for body in bodies):
        return
    there = f"{python[0]}.{python[1]}"
    raise CaptureError(
        f"{what} holds code without source, pickled by Python {_HERE.decode()}, and its image has Python {there}, "
        "which cannot read it; define the functions and classes in a cell or a module, pass plain data, or use an "
        f"image with Python {_HERE.decode()}"
    )
