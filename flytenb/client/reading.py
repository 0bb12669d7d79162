"""Payloads as values: small ones at once, large ones when they are touched."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from msgpack import ExtType

from flytenb.client.values import Later
from flytenb.codec import leaves
from flytenb.codec.objects import ObjectStore
from flytenb.codec.payload import decode_values, prefix

UserValue = Any


def values_of(payload: bytes, store: ObjectStore) -> list[UserValue]:
    """Values without their declared types: in their own classes where this process has them, else as plain data."""
    if not payload:
        return []
    try:
        return decode_values(payload, store)
    except (LookupError, ImportError, AttributeError, TypeError, ValueError):
        from flytenb.codec.plain import decode_plain  # only where a class is missing

        return list(decode_plain(payload, store))


def lazily(payload: bytes, store: ObjectStore, kinds: Sequence[Any] | None) -> list[UserValue] | None:
    """The values of a payload, those with parts in the object store as `Later`; None when it has no such parts.

    Args:
        kinds: the declared types in order; None when they are not known.
    """
    if not payload or not _has_references(payload):
        return None
    _, names, items = leaves.unpack_with(payload, ExtType)
    if kinds is not None and len(kinds) != len(items):
        return None
    from flytenb.client.previews import preview  # only for large values

    texts = preview(payload)
    if len(texts) != len(items):
        return None
    values: list[UserValue] = []
    for index, (name, item, shown) in enumerate(zip(names, items, texts, strict=True)):
        part = prefix((name,)) + leaves.pack([item])
        read = partial(_read, part, store) if kinds is None else partial(_read_as, part, store, kinds[index])
        large = _has_references(part)
        values.append(Later(read, f"<{shown.type} {shown.text}>") if large else read())
    return values


def _has_references(payload: bytes) -> bool:
    found = False

    def look(code: int, data: bytes) -> None:
        nonlocal found
        found = found or code == leaves.REFERENCE

    leaves.unpack_with(payload, look)
    return found


def _read(part: bytes, store: ObjectStore) -> UserValue:
    return values_of(part, store)[0]


def _read_as(part: bytes, store: ObjectStore, kind: Any) -> UserValue:
    from flytenb.codec.declared import DeclaredInterface  # only for large values

    return DeclaredInterface({}, {"value": kind}, "value").decode_output_tuple(part, store)[0]
