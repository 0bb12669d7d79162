"""Flags of the magics: lines as `capture.lines` reads them, refused as IPython shows refusals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

# Exactly IPython's class, not one of its own: only then a message is shown instead of a traceback.
from IPython.core.error import UsageError

from flytenb.capture import lines
from flytenb.capture.lines import Line, nearest, nearest_flag

__all__ = ["Line", "nearest", "nearest_flag", "parse", "refused"]


@contextmanager
def refused() -> Iterator[None]:
    """Lines that cannot be understood are shown as one line, without a traceback."""
    try:
        yield
    except lines.LineError as error:
        raise UsageError(str(error)) from None


def parse(magic: str, line: str, takes: Sequence[str], switches: Sequence[str] = (), words: int | None = None) -> Line:
    """`capture.lines.parse` for a magic.

    Raises:
        UsageError: an unknown flag, a missing value, too many words.
    """
    with refused():
        return lines.parse(magic, line, takes, switches, words)
