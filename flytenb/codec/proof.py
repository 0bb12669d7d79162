"""Who pickled this: a pickle is opened only with the proof that a process of this home has made it.

The proof (HMAC-SHA256, cut to 16 bytes) is made with the home's key and stands beside the pickle, so that the content
of a value, its digest and its key stay what they are in every home.
"""

from __future__ import annotations

import hmac
import os
from pathlib import Path
from typing import Any

from flytenb import errors, private

_BYTES = 16
#: Before a pickle that stands alone.
_MARK = b"\x00flytenb.pickle/1:"

#: Where the home cannot be seen its key was handed over.
_given: bytes | None = None
_keys: dict[str, bytes] = {}
#: Of a process that has no store: what it pickles is for itself.
_own = os.urandom(32)


class ForeignPickleError(errors.FlytenbError, ValueError):
    """A pickle that this home did not make, or that was changed since."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(
            f"{what} is pickled, and not by this FLYTENB_HOME or changed since: it is not opened, a pickle can run "
            "any code; run the task that made it again with overwrite_cache=True"
        )

    def __reduce__(self) -> tuple[type, tuple[str]]:
        return type(self), (self.what,)


def give_key(key: bytes | None) -> None:
    """Use this key whatever the store: the process is in a container, where the home's own is not."""
    global _given
    _given = key


def of(objects: Any, data: Any) -> bytes:
    """The proof for a pickle that this store's home makes now."""
    return hmac.digest(_key(objects), data, "sha256")[:_BYTES]


def check(objects: Any, data: Any, proof: object, what: str) -> None:
    """Refuse a pickle without its proof.

    Raises:
        ForeignPickleError: this home did not make it, or it was changed.
    """
    if type(proof) is not bytes or not hmac.compare_digest(of(objects, data), proof):
        raise ForeignPickleError(what)


def signed(objects: Any, data: bytes) -> bytes:
    """A pickle that stands alone, its proof in front."""
    return _MARK + of(objects, data) + data


def opened(objects: Any, data: bytes, what: str) -> bytes:
    """The pickle in what `signed` made.

    Raises:
        ForeignPickleError: as of `check`.
    """
    if not data.startswith(_MARK):
        raise ForeignPickleError(what)
    start = len(_MARK) + _BYTES
    pickle = data[start:]
    check(objects, pickle, data[len(_MARK) : start], what)
    return pickle


def _key(objects: Any) -> bytes:
    if _given is not None:
        return _given
    if objects is None or getattr(objects, "is_nowhere", False):
        return _own
    root = os.fspath(objects.root)
    known = _keys.get(root)
    if known is None:
        known = _keys[root] = private.home_key(Path(root).absolute().parent)
    return known
