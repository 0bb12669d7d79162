"""Load msgspec without typing_extensions, which costs 25 ms of every start and gives Python 3.11 nothing.

msgspec prefers `typing_extensions.get_type_hints`, `Required` and `NotRequired`; from 3.11 on they are `typing`'s own.
Where it is loaded already, or on 3.10, nothing is changed.
"""

from __future__ import annotations

import sys


def load_msgspec() -> None:
    """Import msgspec for the first time in this process."""
    if sys.version_info < (3, 11) or "msgspec" in sys.modules or "typing_extensions" in sys.modules:
        return
    sys.modules["typing_extensions"] = None  # makes its import fail
    try:
        import msgspec  # noqa: F401
    finally:
        del sys.modules["typing_extensions"]


load_msgspec()
