"""Payloads: `[format, [names], [values]]` in msgpack. A large value moves into the object store as a whole."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from msgpack import ExtType

from flytenb.codec import leaves
from flytenb.codec.annotations import DYNAMIC
from flytenb.codec.codec import Codec, Decode, MismatchError
from flytenb.codec.leaves import INLINE_LIMIT_BYTES, pack, unpack, unpack_with
from flytenb.codec.objects import ObjectStore
from flytenb.codec.pickled import encode_pickle

_PICKLE = pack("pickle")
_PREVIEW_ITEMS, _PREVIEW_DEPTH, _PREVIEW_CHARACTERS = 6, 5, 80


def prefix(names: Sequence[str]) -> bytes:
    """What a payload with these names begins with; its values follow."""
    return b"\x93" + pack(leaves.FORMAT) + pack(list(names))


def build(head: bytes, encoded: list[Any], objects: ObjectStore) -> bytes:
    """A payload of encoded values; those above the limit become references."""
    payload = head + pack(encoded)
    if len(payload) > INLINE_LIMIT_BYTES:
        payload = head + pack([_spilled(value, objects) for value in encoded])
    return payload


def _spilled(value: Any, objects: ObjectStore) -> Any:
    if type(value) is ExtType:
        return value
    data = pack(value)
    return value if len(data) <= INLINE_LIMIT_BYTES else leaves.leaf("packed", _outline(value), data, objects)


def _outline(value: Any) -> list[Any]:
    """`[count, beginning]` of a large value, in the same encoding, for previews."""
    items = value
    while isinstance(items, list) and len(items) > 1 and type(items[0]) is ExtType:
        items = items[1]
    return [len(items) if isinstance(items, (list, dict)) else 1, _trimmed(value, _PREVIEW_DEPTH)]


def _trimmed(value: Any, depth: int) -> Any:
    if isinstance(value, (list, dict)) and depth == 0:
        return "…"
    if isinstance(value, dict):
        return {key: _trimmed(part, depth - 1) for key, part in list(value.items())[:_PREVIEW_ITEMS]}
    if isinstance(value, list):
        return [_trimmed(part, depth - 1) for part in value[:_PREVIEW_ITEMS]]
    if isinstance(value, (str, bytes)):
        return value[:_PREVIEW_CHARACTERS] if type(value) is not ExtType else value
    return "…" if type(value) is ExtType and len(value.data) > _PREVIEW_CHARACTERS else value


#: Marks a value that was pickled whole because it refers to itself or is nested too deeply for msgpack.
_WHOLE, _WHOLE_HEAD = leaves.make_mark(leaves.LOOSE, b""), leaves.mark(leaves.LOOSE)


def encode_whole(codec: Codec, value: Any, objects: ObjectStore) -> Any:
    """The value encoded, or pickled as one piece where its structure is too deep.

    Raises:
        MismatchError: it is not of the codec's type, or pickle cannot take it either.
    """
    try:
        encoded = codec.encode(value, objects)
        pack(encoded)
    except (RecursionError, ValueError) as error:
        if isinstance(error, ValueError) and "recursion" not in str(error):
            raise  # the user's own, of a hash function or a property
        return [_WHOLE_HEAD, _pickled(value, objects)]
    return encoded


def _pickled(value: Any, objects: ObjectStore) -> Any:
    try:
        return encode_pickle(value, objects)
    except RecursionError:
        raise MismatchError(
            "a value that can be encoded",
            value,
            "pass it on flat (a list of its parts), or write it to a File",
            problem=f"{type(value).__qualname__} cannot be encoded: it is nested too deeply, hundreds of levels",
        ) from None


def decode_value(decode: Decode, data: Any, objects: ObjectStore) -> Any:
    """One value of a payload, whichever way `encode_whole` chose."""
    if type(data) is list and data and data[0] is _WHOLE:
        return data[1]
    return decode(data, objects)


def values(payload: bytes, head: bytes, objects: ObjectStore) -> list[Any]:
    """The values of a payload, leaves loaded; `head` is the prefix it most likely has."""
    if payload.startswith(head):
        return unpack(payload[len(head) :], objects)  # type: ignore[no-any-return]
    return unpack(payload, objects)[2]  # type: ignore[no-any-return]


def encode_values(items: Sequence[Any], names: Sequence[str], objects: ObjectStore) -> bytes:
    """A payload of values without declared types, as of a traced call.

    Raises:
        MismatchError: a value cannot be encoded.
    """
    return build(prefix(names), [encode_whole(DYNAMIC.codec, item, objects) for item in items], objects)


def decode_values(payload: bytes, objects: ObjectStore) -> list[Any]:
    """The values of a payload whose types are not known; classes are found by their names."""
    return [decode_value(DYNAMIC.decode, item, objects) for item in unpack(payload, objects)[2]]


def names(payload: bytes) -> list[str]:
    """The names that a payload carries."""
    return unpack_with(payload, ExtType)[1]  # type: ignore[no-any-return]


def canonical(payload: bytes, ignored: Collection[str]) -> bytes:
    """A payload without ignored values, and with hashes in place of content where values carry them."""
    _format, words, items = unpack_with(payload, ExtType)
    kept = [(word, item) for word, item in zip(words, items, strict=True) if word not in ignored]
    return pack([[word for word, _ in kept], [_hashed(item) for _, item in kept]])


def _hashed(item: Any) -> Any:
    if type(item) is list:
        if item and type(item[0]) is ExtType:
            code = item[0].code
            if code == leaves.HASHED:
                return [item[0]]
            if code == leaves.CUSTOM:  # without the transformer, whose pickle differs between processes
                return [item[0], _hashed(item[1])]
            if code in (leaves.FILE, leaves.DIR, leaves.FRAME):
                content = item[1].get("hash") or item[1].get("content")
                if content:
                    return [item[0], content, item[1].get("format", "")]
        return [_hashed(part) for part in item]
    if type(item) is dict:
        return {key: _hashed(part) for key, part in item.items()}
    if type(item) is ExtType and item.code in (leaves.INLINE, leaves.REFERENCE) and _PICKLE in item.data[:9]:
        kind, meta, *rest = leaves.unpack_with(item.data, ExtType)
        return ExtType(item.code, pack([kind, meta[:3], *rest]))  # without its proof, which is another home's another
    return item
