"""Short readable names of runs."""

from __future__ import annotations

import os

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SIGNS = _LETTERS + "0123456789"


def new_run_name() -> str:
    """Six random signs, the first a letter: "k7p2x9". Two billion of them; a clash is refused by the engine."""
    # os.urandom and not `secrets`, whose import costs more than the submit of a run.
    first, *rest = os.urandom(6)
    return _LETTERS[first % 26] + "".join(_SIGNS[byte % 36] for byte in rest)
