"""The part of msgspec that a worker needs, in pure Python: msgspec is C code for one Python minor, images have any.

Served as `msgspec` to flytenb, and to nobody else, only where the real one cannot be imported. It writes the same bytes
(a property test holds the two together): structs as maps without the fields that are their defaults, by identity as
msgspec does.
"""

from __future__ import annotations

import builtins
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgpack

from flytenb.worker.container.structs import (
    NODEFAULT,
    Factory,
    Struct,
    StructMeta,
    asdict,
    astuple,
    field,
    force_setattr,
    rebuild,
    replace,
)


class MsgspecError(Exception):
    """As msgspec's."""


class DecodeError(MsgspecError):
    """The bytes are not msgpack."""


class ValidationError(DecodeError):
    """The data has another shape than the type."""


# ---- bytes -----------------------------------------------------------------------------------------------------------
def _write(value: Any, out: list[bytes]) -> None:
    """Append the bytes of a value."""
    if isinstance(value, Struct):
        _write_struct(value, out)
    elif isinstance(value, dict):
        out.append(_header(len(value), 0x80, 16, 0xDE))
        for key, one in value.items():
            _write(key, out)
            _write(one, out)
    elif isinstance(value, (list, tuple, set, frozenset)):
        out.append(_header(len(value), 0x90, 16, 0xDC))
        for one in value:
            _write(one, out)
    else:
        try:
            out.append(msgpack.packb(value, use_bin_type=True))
        except TypeError as error:
            raise TypeError(f"Encoding objects of type {type(value).__name__} is unsupported") from error


def _write_struct(value: Any, out: list[bytes]) -> None:
    cls = type(value)
    options, fields = cls.__struct_options__, cls.__struct_fields__
    tag = [] if options.get("tag") is None else [options["tag"]]
    if options.get("array_like"):
        _write([*tag, *(getattr(value, one) for one in fields)], out)
        return
    named = [("type", one) for one in tag] + [(one, getattr(value, one)) for one in fields]
    written = named
    if options.get("omit_defaults"):
        defaults = cls.__struct_defaults_by_name__
        written = [(one, found) for one, found in named if not _is_default(found, defaults.get(one, NODEFAULT))]
    # As wide as all fields would need, as msgspec does: it learns only later how many it leaves out.
    out.append(_header(len(written), 0x80, 16, 0xDE, as_wide_as=len(named)))
    for one, found in written:
        _write(one, out)
        _write(found, out)


def _header(count: int, short: int, short_limit: int, wide: int, *, as_wide_as: int = 0) -> bytes:
    """The head of a map or an array."""
    largest = max(count, as_wide_as)
    if largest < short_limit:
        return bytes((short | count,))
    return (
        bytes((wide,)) + count.to_bytes(2, "big")
        if largest < 1 << 16
        else bytes((wide + 1,)) + count.to_bytes(4, "big")
    )


def _is_default(value: Any, default: Any) -> bool:
    if type(default) is Factory:
        return type(value) is default.make and not value
    return value is default


def to_builtins(value: Any) -> Any:
    """Structs as plain containers."""
    return Decoder().decode(Encoder().encode(value))


class Encoder:
    """Values to msgpack."""

    def __init__(self, *, order: str | None = None) -> None:
        self._is_sorted = order == "sorted"

    def encode(self, value: Any) -> bytes:
        """The bytes that msgspec would write."""
        out: list[bytes] = []
        _write(_sorted(value) if self._is_sorted else value, out)
        return b"".join(out)


def _sorted(value: Any) -> Any:
    value = to_builtins(value)
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(one) for one in value] if isinstance(value, list) else value


class Decoder:
    """Msgpack to values of a type."""

    def __init__(self, type: Any = Any) -> None:  # noqa: A002  msgspec's name
        self._type = type

    def decode(self, data: Any) -> Any:
        """A value of the type.

        Raises:
            DecodeError: the bytes are not msgpack of that shape.
        """
        return decode(data, type=self._type)


def encode(value: Any) -> bytes:
    """The bytes that msgspec would write."""
    return Encoder().encode(value)


def decode(data: Any, *, type: Any = Any) -> Any:  # noqa: A002  msgspec's name
    """A value of the type."""
    try:
        raw = msgpack.unpackb(data, use_list=True, strict_map_key=False)
    except Exception as error:  # msgpack's errors share no class
        raise DecodeError(f"MessagePack data is malformed: {error}") from error
    return _convert(raw, type)


def _convert(raw: Any, hint: Any) -> Any:
    if hint is Any:
        return raw
    if isinstance(hint, StructMeta):
        return _struct(raw, hint)
    origin = typing.get_origin(hint)
    if origin is None:
        return _leaf(raw, hint)
    arguments = typing.get_args(hint)
    if origin is typing.Union or origin is types.UnionType:
        return _union(raw, arguments)
    if origin is typing.Literal:
        return _member(raw, arguments)
    if origin is dict and isinstance(raw, dict):
        return {_convert(key, arguments[0]): _convert(value, arguments[1]) for key, value in raw.items()}
    if origin is tuple and isinstance(raw, list):
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple([_convert(one, arguments[0]) for one in raw])
        if len(arguments) == len(raw):
            return tuple([_convert(one, each) for one, each in zip(raw, arguments)])  # noqa: B905
    elif origin in (list, set, frozenset) and isinstance(raw, list):
        return origin(_convert(one, arguments[0]) for one in raw)
    raise ValidationError(f"Expected `{hint}`, got `{type(raw).__name__}`")


def _leaf(raw: Any, hint: Any) -> Any:
    if hint is None or hint is type(None):
        if raw is None:
            return None
    elif hint is float and type(raw) is int:
        return float(raw)
    elif type(raw) is hint:
        return raw
    elif hint in (tuple, set, frozenset) and type(raw) is list:
        return hint(raw)
    raise ValidationError(f"Expected `{getattr(hint, '__name__', hint)}`, got `{type(raw).__name__}`")


def _union(raw: Any, choices: tuple[Any, ...]) -> Any:
    if raw is None and type(None) in choices:
        return None
    exact = [one for one in choices if type(raw) is one]
    for choice in exact or choices:
        try:
            return _convert(raw, choice)
        except ValidationError:
            continue
    raise ValidationError(f"Expected `{choices}`, got `{type(raw).__name__}`")


def _member(raw: Any, allowed: tuple[Any, ...]) -> Any:
    if raw in allowed:
        return raw
    raise ValidationError(f"Invalid enum value {raw!r}")


def _struct(raw: Any, cls: Any) -> Any:
    hints = cls.__struct_hints__
    if hints is None:
        hints = cls.__struct_hints__ = typing.get_type_hints(cls)
    fields = cls.__struct_fields__
    if cls.__struct_options__.get("array_like"):
        if not isinstance(raw, list):
            raise ValidationError(f"Expected `array`, got `{type(raw).__name__}`")
        raw = dict(zip(fields, raw[cls.__struct_options__.get("tag") is not None :]))  # noqa: B905
    if not isinstance(raw, dict):
        raise ValidationError(f"Expected `object`, got `{type(raw).__name__}`")
    values = {one: _convert(raw[one], hints[one]) for one in fields if one in raw}
    head = [values.pop(one) for one in cls.__struct_positional__ if one in values] if _is_prefix(cls, values) else None
    try:
        return cls(**values) if head is None else cls(*head, **values)
    except (TypeError, ValueError) as error:
        raise ValidationError(str(error)) from error


def _is_prefix(cls: Any, values: dict[str, Any]) -> bool:
    """Whether the positional fields that are there are the first ones."""
    there = [one in values for one in cls.__struct_positional__]
    return there == sorted(there, reverse=True)


def install() -> Callable[[], None]:
    """Be `msgspec` for flytenb in this process, where the real one is missing. For everybody else it stays missing:
    who tries `import msgspec` to know whether it is there must not be lied to.

    Returns:
        Takes it back.
    """
    structs: Any = types.ModuleType("msgspec.structs")
    structs.replace, structs.asdict, structs.astuple, structs.force_setattr = replace, asdict, astuple, force_setattr
    binary: Any = types.ModuleType("msgspec.msgpack")
    binary.Encoder, binary.Decoder, binary.encode, binary.decode = Encoder, Decoder, encode, decode
    utils: Any = types.ModuleType("msgspec._utils")
    utils.rebuild = rebuild
    front: Any = types.ModuleType("msgspec")
    for each in (Struct, StructMeta, MsgspecError, DecodeError, ValidationError, field, to_builtins):
        setattr(front, each.__name__, each)
    front.NODEFAULT, front.structs, front.msgpack, front._utils = NODEFAULT, structs, binary, utils
    module: types.ModuleType = front
    known: dict[str, types.ModuleType] = {"msgspec": front, "msgspec.structs": structs, "msgspec.msgpack": binary}
    sys.modules["msgspec._utils"] = utils
    real = builtins.__import__

    def find(
        name: str,
        globals: Mapping[str, object] | None = None,  # noqa: A002  as __import__ has it
        locals: Mapping[str, object] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> types.ModuleType:
        if name == "msgspec._utils":  # pickles name it, and pickle looks it up by its whole name
            return module
        if name in known and globals is not None:
            importer = globals.get("__name__")
            if isinstance(importer, str) and (importer == "flytenb" or importer.startswith("flytenb.")):
                return known[name] if fromlist else module
        return real(name, globals, locals, fromlist, level)

    def take_back() -> None:
        builtins.__import__ = real
        sys.modules.pop("msgspec._utils", None)

    builtins.__import__ = find
    return take_back
