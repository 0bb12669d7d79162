"""Codecs of values without parts: numbers, text, bytes, times, enums, literals."""

from __future__ import annotations

import base64
import datetime as dt
import enum
import json
from collections.abc import Callable
from typing import Any

from msgpack import ExtType

from flytenb.codec import classes, leaves
from flytenb.codec.codec import Codec, CodecOf, MismatchError, shown
from flytenb.codec.objects import ObjectStore

BIGINT, DATETIME, DATE, TIME, TIMEDELTA, COMPLEX = range(10, 16)

_INT_MIN, _INT_MAX = -(1 << 63), (1 << 64) - 1
#: A str of this many characters is at most this many times four bytes.
_SMALL_TEXT = leaves.INLINE_LIMIT_BYTES // 4
_TRUE, _FALSE = {"true", "yes", "on", "1"}, {"false", "no", "off", "0"}


def encode_int(value: Any, objects: ObjectStore) -> Any:
    """An int, never a bool; other subclasses as their number."""
    if type(value) is not int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise MismatchError("int", value, _int_hint(value))
        value = int(value)
    if _INT_MIN <= value <= _INT_MAX:
        return value
    return ExtType(BIGINT, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def _int_hint(value: Any) -> str:
    if isinstance(value, bool):
        return "bool is not taken for int: write int(value) if that is meant"
    if hasattr(value, "__index__"):
        return "write int(value)"
    if isinstance(value, float):
        return "write int(value) or round(value)"
    return ""


def encode_float(value: Any, objects: ObjectStore) -> Any:
    """A float; an int that a float can hold exactly becomes one."""
    if type(value) is float:
        return value
    if isinstance(value, float):
        return float(value)
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = None
        if number is None or number != value:
            raise MismatchError("float", value, "no float is exactly this int: annotate it as int")
        return number
    hint = "write float(value)" if isinstance(value, bool) or hasattr(value, "__float__") else ""
    raise MismatchError("float", value, hint)


def encode_str(value: Any, objects: ObjectStore) -> Any:
    """A str; a large one goes to the object store."""
    if type(value) is not str:
        if not isinstance(value, str):
            raise MismatchError("str", value)
        value = str.__str__(value)
    if len(value) <= _SMALL_TEXT:
        return value
    data = value.encode("utf-8", "surrogatepass")
    if len(data) <= leaves.INLINE_LIMIT_BYTES:
        return value
    return leaves.leaf("str", value[:80], data, objects)


def encode_bool(value: Any, objects: ObjectStore) -> Any:
    """True or False, nothing else."""
    if value is True or value is False:
        return value
    raise MismatchError("bool", value, "write bool(value)" if not isinstance(value, str) else "")


def encode_none(value: Any, objects: ObjectStore) -> Any:
    """None."""
    if value is None:
        return None
    raise MismatchError("None", value)


def encode_bytes(value: Any, objects: ObjectStore) -> Any:
    """Bytes; large ones go to the object store."""
    if type(value) is not bytes:
        if not isinstance(value, bytes):
            hint = "write bytes(value)" if isinstance(value, (bytearray, memoryview)) else ""
            raise MismatchError("bytes", value, hint)
        value = bytes(value)
    return value if len(value) <= leaves.INLINE_LIMIT_BYTES else leaves.leaf("bytes", None, value, objects)


def _zone_key(value: dt.datetime | dt.time) -> str | None:
    """ "" for naive and fixed offsets, a zone's key, or None for a tzinfo that only pickle can carry."""
    zone = value.tzinfo
    if zone is None:
        return ""
    if type(zone) is dt.timezone:
        # `fromisoformat` takes an offset of less than a second for UTC.
        return None if zone.utcoffset(None).microseconds else ""
    key = getattr(zone, "key", None)
    return key if type(zone).__module__ == "zoneinfo" and isinstance(key, str) else None


def _encode_moment(code: int, kind: type[dt.datetime] | type[dt.time]) -> Callable[[Any, ObjectStore], Any]:
    def encode(value: Any, objects: ObjectStore) -> Any:
        if not isinstance(value, kind):
            raise MismatchError(kind.__name__, value)
        key = _zone_key(value) if type(value) is kind else None
        if key is None:  # pandas.Timestamp, pytz …: exact only as they are
            from flytenb.codec.pickled import encode_pickle

            return encode_pickle(value, objects)
        return ExtType(code, f"{value.isoformat()}|{value.fold}|{key}".encode())

    return encode


def _load_moment(parse: Callable[[str], Any]) -> Callable[[bytes], Any]:
    def load(data: bytes) -> Any:
        text, fold, key = data.decode().split("|")
        value = parse(text)
        if key:
            from zoneinfo import ZoneInfo

            return value.replace(tzinfo=ZoneInfo(key), fold=int(fold))
        return value.replace(fold=1) if fold == "1" else value

    return load


def encode_date(value: Any, objects: ObjectStore) -> Any:
    """A date that is not a datetime."""
    if type(value) is not dt.date:
        raise MismatchError("date", value, "write value.date()" if isinstance(value, dt.datetime) else "")
    return ExtType(DATE, value.isoformat().encode())


def encode_timedelta(value: Any, objects: ObjectStore) -> Any:
    """A duration, to the microsecond."""
    if not isinstance(value, dt.timedelta):
        raise MismatchError("timedelta", value)
    if type(value) is not dt.timedelta:
        from flytenb.codec.pickled import encode_pickle

        return encode_pickle(value, objects)
    return ExtType(TIMEDELTA, f"{value.days}|{value.seconds}|{value.microseconds}".encode())


def encode_complex(value: Any, objects: ObjectStore) -> Any:
    """A complex number."""
    if not isinstance(value, complex):
        raise MismatchError("complex", value, "write complex(value)")
    return ExtType(COMPLEX, leaves.pack([value.real, value.imag]))


leaves.register_scalar(BIGINT, lambda data: int.from_bytes(data, "big", signed=True))
leaves.register_scalar(DATETIME, _load_moment(dt.datetime.fromisoformat))
leaves.register_scalar(TIME, _load_moment(dt.time.fromisoformat))
leaves.register_scalar(DATE, lambda data: dt.date.fromisoformat(data.decode()))
leaves.register_scalar(TIMEDELTA, lambda data: dt.timedelta(*(int(part) for part in data.split(b"|"))))
leaves.register_scalar(COMPLEX, lambda data: complex(*leaves.unpack_with(data, ExtType)))


def _same(encode: Callable[[Any, ObjectStore], Any]) -> Callable[[Any], Any]:
    """JSON's own values: checked by the encoder, a float made of an int."""

    def read(value: Any) -> Any:
        encoded = encode(value, NOWHERE)
        return encoded if type(encoded) is float else value

    return read


class _Nowhere(ObjectStore):
    """Stands for a store where a value is only checked."""

    is_nowhere = True

    def put(self, data: Any) -> str:
        return "0" * 64


#: Stands for a store where a value is only checked or described.
NOWHERE = _Nowhere("nowhere")


def _text_of(kind: str, parse: Callable[[str], Any], hint: str = "") -> Callable[[Any], Any]:
    def read(text: Any) -> Any:
        if not isinstance(text, str):
            raise MismatchError(kind, text, hint)
        try:
            return parse(text)
        except ValueError:
            raise MismatchError(kind, text, hint) from None

    return read


def _word(text: str) -> bool:
    word = text.strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ValueError(text)


def parse_duration(text: str) -> dt.timedelta:
    """`90`, `1.5` (seconds), `10m`, `2h`, `1d` or `1:30:00`."""
    units = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
    text = text.strip().lower()
    if ":" in text:
        seconds = 0.0
        for part in text.split(":"):
            seconds = seconds * 60 + float(part)
        return dt.timedelta(seconds=seconds)
    if text[-1:] in units:
        return dt.timedelta(seconds=float(text[:-1]) * units[text[-1]])
    return dt.timedelta(seconds=float(text))


def _bytes_of_json(value: Any) -> bytes:
    if not isinstance(value, str):
        raise MismatchError("bytes", value, "write base64 text")
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:
        raise MismatchError("bytes", value, "write base64 text") from None


def _schema(**fields: Any) -> Callable[[], dict[str, Any]]:
    return lambda: dict(fields)


def _iso(text: str) -> dt.datetime:
    # Python 3.10's own parser refuses the common Z.
    return dt.datetime.fromisoformat(text[:-1] + "+00:00" if text[-1:] in "zZ" else text)


def _moment(name: str, kind: type, encode: Any, parse: Callable[[str], Any], hint: str, format_name: str) -> Codec:
    read = _text_of(name, parse, hint)
    return Codec(name, encode, None, read, _schema(type="string", format=format_name), read, kind)


#: The codecs of plain classes.
SCALARS: dict[Any, Codec] = {
    int: Codec(
        "int", encode_int, None, _same(encode_int), _schema(type="integer"), _text_of("int", int, "write 3"), int
    ),
    float: Codec(
        "float",
        encode_float,
        None,
        _same(encode_float),
        _schema(type="number"),
        _text_of("float", float, "write 0.5"),
        float,
    ),
    bool: Codec(
        "bool",
        encode_bool,
        None,
        _same(encode_bool),
        _schema(type="boolean"),
        _text_of("bool", _word, "write true or false"),
        bool,
    ),
    str: Codec("str", encode_str, None, _same(encode_str), _schema(type="string"), lambda text: text, str),
    type(None): Codec(
        "None",
        encode_none,
        None,
        _same(encode_none),
        _schema(type="null"),
        _text_of(
            "None",
            lambda text: {"none": None, "null": None, "": None}[text.lower()]
            if text.lower() in ("none", "null", "")
            else int("x"),
            "write null",
        ),
        type(None),
    ),
    bytes: Codec(
        "bytes",
        encode_bytes,
        None,
        _bytes_of_json,
        _schema(type="string", format="base64"),
        lambda text: text.encode(),
        bytes,
    ),
    dt.datetime: _moment(
        "datetime", dt.datetime, _encode_moment(DATETIME, dt.datetime), _iso, "write 2026-01-31T09:30:00", "date-time"
    ),
    dt.time: _moment("time", dt.time, _encode_moment(TIME, dt.time), dt.time.fromisoformat, "write 09:30:00", "time"),
    dt.date: _moment("date", dt.date, encode_date, dt.date.fromisoformat, "write 2026-01-31", "date"),
    complex: Codec(
        "complex",
        encode_complex,
        None,
        _text_of("complex", complex, 'write "1+2j"'),
        _schema(type="string"),
        _text_of("complex", complex, "write 1+2j"),
        complex,
    ),
}


def _duration_of_json(value: Any) -> dt.timedelta:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return dt.timedelta(seconds=value)
    duration: dt.timedelta = _text_of("timedelta", parse_duration, "write seconds, or 10m, 2h, 1d")(value)
    return duration


SCALARS[dt.timedelta] = Codec(
    "timedelta",
    encode_timedelta,
    None,
    _duration_of_json,
    _schema(type="string", format="duration"),
    _text_of("timedelta", parse_duration, "write seconds, or 10m, 2h, 1d"),
    dt.timedelta,
)


def enum_codec(cls: type[enum.Enum]) -> Codec:
    """A member by its name; a flag combination by its number."""
    ref = classes.reference(cls)
    head = leaves.mark(leaves.ENUM, ref)
    members = cls._member_map_
    names = ", ".join(members)

    def encode(value: Any, objects: ObjectStore) -> Any:
        if type(value) is not cls:
            raise MismatchError(cls.__qualname__, value, f"write {cls.__qualname__}.{next(iter(members), '…')}")
        if isinstance(value, enum.Flag) and value.name not in members:
            return [head, value.value]
        return [head, value.name]

    def decode(data: Any, objects: ObjectStore) -> Any:
        word = data[1]
        if isinstance(word, int):
            return cls(word)
        try:
            return members[word]
        except KeyError:
            raise MismatchError(cls.__qualname__, word, f"its members here are {names}") from None

    def read(word: Any) -> Any:
        if isinstance(word, str) and word in members:
            return members[word]
        try:
            return cls(word)
        except ValueError:
            for member in members.values():
                if str(member.value) == word:
                    return member
            raise MismatchError(cls.__qualname__, word, f"write one of {names}") from None

    schema = _schema(title=cls.__qualname__, type="string", enum=list(members))
    return Codec(cls.__qualname__, encode, decode, read, schema, read, cls)


def literal_codec(choices: tuple[Any, ...], of: CodecOf) -> Codec:
    """One of a few values; equal means same type and same value."""
    by_key = {(type(choice), choice): of(type(choice)) for choice in choices}
    words = " or ".join(shown(choice) for choice in choices)
    name = f"Literal[{', '.join(shown(choice) for choice in choices)}]"
    decodes = any(codec.decode for codec in by_key.values())
    table = {str(getattr(choice, "name", choice)): choice for choice in choices}

    def encode(value: Any, objects: ObjectStore) -> Any:
        try:
            codec = by_key.get((type(value), value))
        except TypeError:
            codec = None
        if codec is None:
            raise MismatchError(words, value)
        return codec.encode(value, objects)

    def decode(data: Any, objects: ObjectStore) -> Any:
        for choice in choices:
            codec = by_key[type(choice), choice]
            if isinstance(data, list) and codec.decode is not None and data[0].text == classes.reference(type(choice)):
                return codec.decode(data, objects)
        return data

    def read(value: Any) -> Any:
        for choice in choices:
            if type(choice) is type(value) and choice == value:
                return choice
        if isinstance(value, str) and value in table:
            return table[value]
        raise MismatchError(words, value, "")

    def schema() -> dict[str, Any]:
        return {"enum": [json.loads(json.dumps(getattr(choice, "name", choice), default=str)) for choice in choices]}

    return Codec(name, encode, decode if decodes else None, read, schema, read)
