"""The part of msgspec that a worker needs, in pure Python: msgspec is C code for one Python minor, images have any.

Installed as `msgspec` only where the real one cannot be imported. It writes the same bytes (a property test holds the
two together): structs as maps without the fields that are their defaults, by identity as msgspec does.
"""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Callable
from typing import Any, TypeVar

import msgpack

_S = TypeVar("_S", bound="Struct")


class MsgspecError(Exception):
    """As msgspec's."""


class DecodeError(MsgspecError):
    """The bytes are not msgpack."""


class ValidationError(DecodeError):
    """The data has another shape than the type."""


class _Required:
    def __repr__(self) -> str:
        return "NODEFAULT"


NODEFAULT = _Required()
_EMPTY = (list, dict, set, bytearray)


class _Factory:
    """A default that is made anew for every struct."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


def field(*, default: Any = NODEFAULT, default_factory: Any = NODEFAULT, name: str | None = None) -> Any:
    """A field's default; other names on the wire are not among what a worker needs."""
    if name is not None:
        raise NotImplementedError("msgspec.field(name=…) needs msgspec itself in the image")
    return default if default_factory is NODEFAULT else _Factory(default_factory)


class StructMeta(type):
    """Makes structs: slots, defaults and options from the class body."""

    __struct_fields__: tuple[str, ...]
    __struct_positional__: tuple[str, ...]
    __struct_defaults_by_name__: dict[str, Any]
    __struct_options__: dict[str, Any]
    __struct_hints__: dict[str, Any] | None

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> Any:
        fields: list[str] = []
        keyword_only: list[str] = []
        defaults: dict[str, Any] = {}
        inherited: dict[str, Any] = {}
        for base in reversed(bases):
            if isinstance(base, StructMeta):
                fields += [one for one in base.__struct_fields__ if one not in fields]
                keyword_only += [one for one in base.__struct_fields__ if one not in base.__struct_positional__]
                defaults.update(base.__struct_defaults_by_name__)
                inherited.update(base.__struct_options__)
        options = {**inherited, **options, "kw_only": bool(options.get("kw_only"))}
        own = [one for one in _annotations(namespace) if not _is_class_variable(_annotations(namespace)[one])]
        for one in own:
            if one not in fields:
                fields.append(one)
            if one in namespace:
                default = namespace.pop(one)
                defaults[one] = _Factory(type(default)) if type(default) in _EMPTY and not default else default
            if options["kw_only"]:
                keyword_only.append(one)
        known = {slot for base in bases if isinstance(base, StructMeta) for slot in base.__struct_fields__}
        slots = [one for one in own if one not in known]
        slots += ["__dict__"] if options.get("dict") and not inherited.get("dict") else []
        slots += ["__weakref__"] if options.get("weakref") and not inherited.get("weakref") else []
        namespace["__slots__"] = tuple(slots)
        positional = tuple(one for one in fields if one not in keyword_only)
        namespace["__match_args__"] = positional
        if "__hash__" not in namespace and "__eq__" not in namespace:
            namespace["__hash__"] = _hash if options.get("frozen") else None
        cls: Any = super().__new__(mcls, name, bases, namespace)
        cls.__struct_fields__ = (*positional, *(one for one in fields if one in keyword_only))
        cls.__struct_positional__ = positional
        cls.__struct_defaults_by_name__ = defaults
        cls.__struct_options__ = options
        cls.__struct_hints__ = None
        return cls

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> None:
        super().__init__(name, bases, namespace)


def _annotations(namespace: dict[str, Any]) -> dict[str, Any]:
    found = namespace.get("__annotations__")
    if found is None and "__annotate_func__" in namespace:  # Python 3.14
        import annotationlib  # type: ignore[import-not-found, unused-ignore]

        found = annotationlib.call_annotate_function(namespace["__annotate_func__"], annotationlib.Format.FORWARDREF)
    return found or {}


def _is_class_variable(annotation: Any) -> bool:
    return "ClassVar" in (annotation if isinstance(annotation, str) else repr(annotation))


def _hash(self: Any) -> int:
    return hash(tuple(getattr(self, one) for one in self.__struct_fields__))


class Struct(metaclass=StructMeta):
    """As msgspec's: fields by annotation, no validation when it is made."""

    def __init__(self, *values: Any, **named: Any) -> None:
        cls = type(self)
        positional = cls.__struct_positional__
        if len(values) > len(positional):
            raise TypeError("Extra positional arguments provided")
        put = object.__setattr__
        for one, value in zip(positional, values):  # noqa: B905  shorter on purpose
            if one in named:
                raise TypeError(f"Argument '{one}' given by name and position")
            put(self, one, value)
        defaults = cls.__struct_defaults_by_name__
        for one in cls.__struct_fields__:
            if one in positional[: len(values)]:
                continue
            if one in named:
                put(self, one, named.pop(one))
            elif one in defaults:
                default = defaults[one]
                put(self, one, default.make() if type(default) is _Factory else default)
            else:
                raise TypeError(f"Missing required argument '{one}'")
        if named:
            raise TypeError(f"Unexpected keyword argument '{next(iter(named))}'")
        finish = getattr(self, "__post_init__", None)
        if finish is not None:
            finish()

    def __setattr__(self, name: str, value: Any) -> None:
        if type(self).__struct_options__.get("frozen") and name in type(self).__struct_fields__:
            raise AttributeError(f"immutable type: '{type(self).__name__}'")
        object.__setattr__(self, name, value)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, one) == getattr(other, one) for one in type(self).__struct_fields__)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join(f"{one}={getattr(self, one)!r}" for one in type(self).__struct_fields__)
        return f"{type(self).__name__}({shown})"

    def __copy__(self: _S) -> _S:
        made = object.__new__(type(self))
        for one in type(self).__struct_fields__:
            object.__setattr__(made, one, getattr(self, one))
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        cls = type(self)
        if len(cls.__struct_positional__) == len(cls.__struct_fields__):
            return cls, tuple(getattr(self, one) for one in cls.__struct_fields__)
        return rebuild, (cls, {one: getattr(self, one) for one in cls.__struct_fields__})


def rebuild(cls: type[Any], values: dict[str, Any]) -> Any:
    """A struct with keyword-only fields again, out of a pickle."""
    return cls(**values)


rebuild.__module__ = "msgspec._utils"


def replace(struct: _S, /, **changes: Any) -> _S:
    """A copy with some fields changed."""
    values = {one: getattr(struct, one) for one in type(struct).__struct_fields__}
    unknown = set(changes) - set(values)
    if unknown:
        raise TypeError(f"`{type(struct).__name__}` has no field '{unknown.pop()}'")
    merged = {**values, **changes}
    head = [merged.pop(one) for one in type(struct).__struct_positional__]
    return type(struct)(*head, **merged)


def asdict(struct: Any) -> dict[str, Any]:
    """Field names and values."""
    return {one: getattr(struct, one) for one in type(struct).__struct_fields__}


def astuple(struct: Any) -> tuple[Any, ...]:
    """The fields' values."""
    return tuple(getattr(struct, one) for one in type(struct).__struct_fields__)


def force_setattr(struct: Any, name: str, value: Any) -> None:
    """Set a field of a frozen struct."""
    object.__setattr__(struct, name, value)


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
    if type(default) is _Factory:
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


def install() -> None:
    """Be `msgspec` in this process, where the real one is missing."""
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
    front.__path__ = []
    sys.modules.update(
        {"msgspec": front, "msgspec.structs": structs, "msgspec.msgpack": binary, "msgspec._utils": utils}
    )
