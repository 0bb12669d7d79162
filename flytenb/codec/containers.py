"""Codecs of lists, dicts, tuples, sets, unions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgpack import ExtType

from flytenb.codec import leaves
from flytenb.codec.codec import Chosen, Codec, Decode, Encode, MismatchError
from flytenb.codec.objects import ObjectStore

_TUPLE, _MAP = leaves.mark(leaves.TUPLE), leaves.mark(leaves.MAP)
_SET, _FROZENSET = leaves.mark(leaves.SET), leaves.mark(leaves.FROZENSET)
_UNUSED: Any = None
_PLAIN_KEYS = (str, int, float, bool, bytes, type(None), ExtType)


def encode_items(items: Iterable[Any], encode: Encode, objects: ObjectStore) -> list[Any]:
    """Every item encoded; a mismatch names its position."""
    result: list[Any] = []
    add = result.append
    try:
        for item in items:
            add(encode(item, objects))
    except MismatchError as error:
        raise error.under(f"[{len(result)}]") from None
    return result


def decode_items(items: list[Any], decode: Decode | None, objects: ObjectStore) -> list[Any]:
    """Every item decoded."""
    return items if decode is None else [decode(item, objects) for item in items]


def _json_items(value: Any, item: Codec, name: str) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise MismatchError(name, value, "write a JSON list, for example '[…]'")
    return encode_items(value, lambda part, _objects: item.from_json(part), _UNUSED)


def list_codec(item: Codec) -> Codec:
    """`list[T]`."""
    name, inner = f"list[{item.name}]", item.decode
    encode_item = item.encode

    def encode(value: Any, objects: ObjectStore) -> Any:
        if not isinstance(value, list):
            raise MismatchError(name, value, "write list(value)" if isinstance(value, (tuple, set, range)) else "")
        return encode_items(value, encode_item, objects)

    def decode(data: Any, objects: ObjectStore) -> Any:
        return [inner(part, objects) for part in data]  # type: ignore[misc]

    return Codec(
        name,
        encode,
        decode if inner else None,
        lambda value: _json_items(value, item, name),
        lambda: {"type": "array", "items": item.schema()},
        exact=list,
        has_hash=item.has_hash,
    )


def dict_codec(key: Codec, item: Codec) -> Codec:
    """`dict[K, V]`, any hashable key; the order of the entries is part of the value."""
    name = f"dict[{key.name}, {item.name}]"
    inner_key, inner = key.decode, item.decode
    encode_key, encode_item = key.encode, item.encode

    def encode(value: Any, objects: ObjectStore) -> Any:
        if not isinstance(value, dict):
            raise MismatchError(name, value)
        result: dict[Any, Any] = {}
        pairs: list[list[Any]] | None = None
        part: Any = None
        try:
            for part, entry in value.items():
                word = encode_key(part, objects)
                if pairs is None and not isinstance(word, _PLAIN_KEYS):
                    pairs = [[k, v] for k, v in result.items()]
                if pairs is None:
                    result[word] = encode_item(entry, objects)
                else:
                    pairs.append([word, encode_item(entry, objects)])
        except MismatchError as error:
            raise error.under(f"[{part!r}]") from None
        # Distinct keys may encode alike (1 and an enum that is 1); then only pairs keep them apart.
        if pairs is None and len(result) != len(value):
            pairs = [[encode_key(k, objects), encode_item(v, objects)] for k, v in value.items()]
        return result if pairs is None else [_MAP, pairs]

    def decode(data: Any, objects: ObjectStore) -> Any:
        pairs = data.items() if isinstance(data, dict) else data[1]
        return {(inner_key(k, objects) if inner_key else k): (inner(v, objects) if inner else v) for k, v in pairs}

    def decode_plain_keys(data: Any, objects: ObjectStore) -> Any:
        return data if inner is None else {k: inner(v, objects) for k, v in data.items()}

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise MismatchError(name, value, "write a JSON object, for example '{…}'")
        result = {}
        for word, entry in value.items():
            try:
                result[(key.from_text or key.from_json)(word)] = item.from_json(entry)
            except MismatchError as error:
                raise error.under(f"[{word!r}]") from None
        return result

    chosen: Decode | None = decode
    if key.exact is str:
        chosen = decode_plain_keys if inner else None
    return Codec(
        name,
        encode,
        chosen,
        read,
        lambda: {"type": "object", "additionalProperties": item.schema()},
        exact=dict,
        has_hash=item.has_hash or key.has_hash,
    )


def tuple_codec(items: list[Codec], *, is_variable: bool) -> Codec:
    """`tuple[A, B]` or `tuple[T, ...]`."""
    name = f"tuple[{', '.join(item.name for item in items)}{', ...' if is_variable else ''}]"
    count = len(items)
    first = items[0] if items else None

    def encode(value: Any, objects: ObjectStore) -> Any:
        if not isinstance(value, tuple) or (not is_variable and len(value) != count):
            hint = "write tuple(value)" if isinstance(value, list) else ""
            raise MismatchError(name, value, hint)
        if is_variable and first is not None:
            return [_TUPLE, encode_items(value, first.encode, objects)]
        parts: list[Any] = []
        try:
            for item, part in zip(items, value, strict=True):
                parts.append(item.encode(part, objects))
        except MismatchError as error:
            raise error.under(f"[{len(parts)}]") from None
        return [_TUPLE, parts]

    def decode(data: Any, objects: ObjectStore) -> Any:
        parts = data[1]
        if is_variable and first is not None:
            return tuple(decode_items(parts, first.decode, objects))
        pairs = zip(items, parts, strict=True)
        return tuple(item.decode(part, objects) if item.decode else part for item, part in pairs)

    def read(value: Any) -> Any:
        if is_variable and first is not None:
            return tuple(_json_items(value, first, name))
        if not isinstance(value, (list, tuple)) or len(value) != count:
            raise MismatchError(name, value, f"write a JSON list of {count}")
        return tuple(item.from_json(part) for item, part in zip(items, value, strict=True))

    def schema() -> dict[str, Any]:
        if is_variable and first is not None:
            return {"type": "array", "items": first.schema()}
        return {"type": "array", "prefixItems": [item.schema() for item in items], "minItems": count, "maxItems": count}

    return Codec(name, encode, decode, read, schema, exact=tuple, has_hash=any(item.has_hash for item in items))


def set_codec(item: Codec, kind: Any) -> Codec:
    """`set[T]` and `frozenset[T]`, written in the order of their encoded items so that equal sets hash alike."""
    name = f"{kind.__name__}[{item.name}]"
    head = _SET if kind is set else _FROZENSET

    def encode(value: Any, objects: ObjectStore) -> Any:
        if not isinstance(value, kind):
            raise MismatchError(name, value, f"write {kind.__name__}(value)")
        return [head, sorted((item.encode(part, objects) for part in value), key=leaves.pack)]

    def decode(data: Any, objects: ObjectStore) -> Any:
        return kind(decode_items(data[1], item.decode, objects))

    return Codec(
        name,
        encode,
        decode,
        lambda value: kind(_json_items(value, item, name)),
        lambda: {"type": "array", "items": item.schema(), "uniqueItems": True},
        exact=kind,
        has_hash=item.has_hash,
    )


def union_codec(variants: list[Codec]) -> Codec:
    """`A | B`: the variant of exactly the value's class, else the first that takes the value."""
    name = " | ".join(variant.name for variant in variants)
    by_class: dict[type, list[int]] = {}
    for index, variant in enumerate(variants):
        if variant.exact is not None:
            by_class.setdefault(variant.exact, []).append(index)
    is_tagged = any(variant.decode for variant in variants)
    heads = [leaves.mark(leaves.UNION, str(index)) for index in range(len(variants))]
    everyone = list(range(len(variants)))

    def encode(value: Any, objects: ObjectStore) -> Any:
        if value is None and type(None) in by_class:
            return None
        nearest: MismatchError | None = None
        preferred = by_class.get(type(value), [])
        for index in (*preferred, *(i for i in everyone if i not in preferred)):
            try:
                encoded = variants[index].encode(value, objects)
            except MismatchError as error:
                if index in preferred and (error.path or error.problem):
                    nearest = nearest or error
                continue
            return [heads[index], encoded] if is_tagged and variants[index].decode else encoded
        raise nearest or MismatchError(name, value)

    def decode(data: Any, objects: ObjectStore) -> Any:
        if type(data) is list and data and type(data[0]) is leaves.Mark and data[0].code == leaves.UNION:
            return variants[int(data[0].text)].decode(data[1], objects)  # type: ignore[misc]
        return data

    def read(value: Any) -> Any:
        if type(value) is Chosen:
            return variants[value.index].from_json(value.value)
        return _first(variants, lambda variant: variant.from_json(value), name, value)

    def read_text(text: str) -> Any:
        plain = [variant for variant in variants if variant.exact is not str]
        ordered = sorted(plain, key=lambda variant: variant.exact is not type(None))
        return _first(
            [*ordered, *(variant for variant in variants if variant.exact is str)],
            lambda variant: parse_text(variant, text),
            name,
            text,
        )

    return Codec(
        name,
        encode,
        decode if is_tagged else None,
        read,
        lambda: {"anyOf": [variant.schema() for variant in variants]},
        read_text,
        has_hash=any(variant.has_hash for variant in variants),
    )


def _first(variants: list[Codec], read: Callable[[Codec], Any], name: str, value: Any) -> Any:
    for variant in variants:
        try:
            return read(variant)
        except MismatchError:
            continue
    raise MismatchError(name, value)


def parse_text(codec: Codec, text: str) -> Any:
    """A typed value from the command line's text."""
    if codec.from_text is not None:
        return codec.from_text(text)
    import json

    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise MismatchError(codec.name, text, "write it as JSON") from None
    return codec.from_json(value)
