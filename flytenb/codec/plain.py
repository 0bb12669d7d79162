"""Reading payloads without the task's types: previews for people, plain data for JSON.

Nothing is ever unpickled here.
"""

from __future__ import annotations

import base64
import datetime as dt
from dataclasses import dataclass
from typing import Any

from msgpack import ExtType

from flytenb.codec import classes, leaves
from flytenb.codec.leaves import Mark
from flytenb.codec.objects import MissingObjectError, ObjectStore

_TEXT_CHARACTERS, _ITEMS, _DEPTH = 160, 8, 6


@dataclass(frozen=True, slots=True)
class Preview:
    """One value of a payload, as a person reads it."""

    #: Parameter or output, "" when the payload carries no names.
    name: str
    type: str
    text: str
    #: Encoded bytes, those in the object store included.
    size_bytes: int
    #: More, on several lines: a frame's first rows.
    detail: str = ""
    #: It can only be opened by unpickling.
    is_pickled: bool = False


class Record(dict[str, Any]):
    """A dataclass, model or named tuple without its class: a dict that prints like it."""

    def __init__(self, type_name: str, fields: dict[str, Any]) -> None:
        super().__init__(fields)
        self.type_name = type_name

    def __repr__(self) -> str:
        return f"{self.type_name}({', '.join(f'{name}={value!r}' for name, value in self.items())})"


class Member(str):
    """An enum's member without its class."""

    type_name: str

    def __new__(cls, type_name: str, word: Any) -> Member:
        """The member's name; the class's name beside it."""
        made = super().__new__(cls, word)
        made.type_name = type_name
        return made

    def __repr__(self) -> str:
        return f"{self.type_name}.{self}"


@dataclass(frozen=True, slots=True)
class Opaque:
    """A value that is not opened here: a pickle, an array, a frame, a large value."""

    kind: str
    type_name: str
    text: str
    size_bytes: int
    detail: str = ""

    def __repr__(self) -> str:
        return self.text


def _opaque(kind: str, meta: Any, size: int) -> Any:
    if kind == "pickle":
        return Opaque(kind, meta[0], meta[1], size, meta[2])
    if kind == "ndarray":
        dtype, _shape, _order, is_scalar, text = meta
        return Opaque(kind, dtype.lstrip("<>|=") if is_scalar else "ndarray", text, size)
    if kind == "tensor":
        return Opaque(kind, "Tensor", meta[2], size)
    if kind in ("pandas", "polars", "polars-lazy", "arrow"):
        rows, columns, _schema, head = meta
        name = {"arrow": "Table", "polars-lazy": "LazyFrame"}.get(kind, "DataFrame")
        return Opaque(kind, name, f"{rows:,} rows × {columns:,} columns", size, head)
    if kind == "str":
        return Opaque(kind, "str", f"{meta!r}…", size)
    if kind == "bytes":
        return Opaque(kind, "bytes", f"{size:,} bytes", size)
    return Opaque(kind, *_outline(meta), size)


def _outline(meta: Any) -> tuple[str, str]:
    """Type and text of a large value, from the beginning that its reference carries."""
    count, beginning = meta
    value = _plain(beginning)
    text = render(value)
    if isinstance(value, (Record, Member, Opaque)) or not isinstance(value, (list, tuple, set, frozenset, dict)):
        return type_of(value), text
    more = ", …" if count > len(value) and not text.endswith((", …]", ", …)", ", …}")) else ""
    return f"{type(value).__name__}[{count:,}]", text[:-1] + more + text[-1:]


def _unread(code: int, data: bytes) -> Any:
    """Leaves closed, scalars read, marks made."""
    if leaves.is_mark(code):
        return leaves.make_mark(code, data)
    load = leaves.scalar_loader(code)
    if load is not None:
        return load(data)
    if code in (leaves.INLINE, leaves.REFERENCE):
        parts = leaves.unpack_with(data, _unread)
        return _opaque(parts[0], parts[1], len(parts[2]) if code == leaves.INLINE else parts[3])
    return Opaque("unknown", "unknown", "written by a newer flytenb", len(data))


def _plain(data: Any) -> Any:
    """Marks replaced by plain values and stand-ins for classes."""
    if type(data) is dict:
        return {_key(_plain(key)): _plain(part) for key, part in data.items()}
    if type(data) is not list:
        return data
    if not data or type(data[0]) is not Mark:
        return [_plain(part) for part in data]
    code, name = data[0].code, classes.short_name(data[0].text)
    if code == leaves.TUPLE:
        return tuple(_plain(part) for part in data[1])
    if code in (leaves.SET, leaves.FROZENSET):
        items = [_key(_plain(part)) for part in data[1]]
        return set(items) if code == leaves.SET else frozenset(items)
    if code == leaves.MAP:
        return {_key(_plain(key)): _plain(part) for key, part in data[1]}
    if code == leaves.ENUM:
        return Member(name, data[1])
    if code == leaves.CUSTOM:
        return Record(name, {"value": _plain(data[1])})
    if code in (leaves.DATACLASS, leaves.MODEL, leaves.NAMEDTUPLE):
        fields = _plain(data[1])
        extra = _plain(data[2]) if len(data) > 2 else {}
        if code == leaves.MODEL:
            extra = extra.get("extra", {})
        return Record(name, {**fields, **extra})
    if code in (leaves.FILE, leaves.DIR, leaves.FRAME):
        word = {leaves.FILE: "File", leaves.DIR: "Dir", leaves.FRAME: "DataFrame"}[code]
        return Record(word, {key: part for key, part in _plain(data[1]).items() if key != "stat"})
    return _plain(data[1])


def _key(value: Any) -> Any:
    """The value as it can be a key: a record of a named tuple or dataclass becomes its text."""
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value


# ---- previews ----------------------------------------------------------------------------------------------------
def preview(payload: bytes) -> list[Preview]:
    """Every value of a payload, short; one line that says so when it is unreadable. Opens no object and no pickle."""
    if not payload:
        return []
    try:
        _format, names, items = leaves.unpack_with(payload, _unread)
        sizes = [len(leaves.pack(item)) for item in leaves.unpack_with(payload, ExtType)[2]]
        return [_preview(name, item, size) for name, item, size in zip(names, items, sizes, strict=True)]
    except Exception as error:  # a view must not fail because of a value
        return [Preview("", "unreadable", f"cannot be read: {error}", len(payload))]


def _preview(name: str, item: Any, size: int) -> Preview:
    value = _plain(item)
    if type(value) is Record and isinstance(value.get("val"), Opaque):
        value = value["val"]
    if isinstance(value, Opaque):
        return Preview(
            name, value.type_name, _cut(value.text), max(size, value.size_bytes), value.detail, value.kind == "pickle"
        )
    text = _cut(render(value))
    return Preview(name, type_of(value), text, size + _outside(value), is_pickled=_has_pickle(value))


def type_of(value: Any) -> str:
    """The type of a plain value, with a container's length."""
    if isinstance(value, (Record, Member, Opaque)):
        return value.type_name
    if isinstance(value, (list, tuple, set, frozenset, dict)):
        return f"{type(value).__name__}[{len(value):,}]"
    return "None" if value is None else type(value).__name__


def render(value: Any, depth: int = 0) -> str:
    """A plain value on one line: the first items of containers, the values inside classes."""
    if depth > _DEPTH:
        return "…"
    if isinstance(value, (Opaque, Member)):
        return repr(value)
    if isinstance(value, Record):
        if value.type_name in ("File", "Dir") and value.get("name"):
            return str(value["name"])
        fields = ", ".join(f"{key}={render(part, depth + 1)}" for key, part in list(value.items())[:_ITEMS])
        return f"{value.type_name}({fields}{', …' if len(value) > _ITEMS else ''})"
    if isinstance(value, dict):
        pairs = [f"{render(k, depth + 1)}: {render(v, depth + 1)}" for k, v in list(value.items())[:_ITEMS]]
        return "{" + ", ".join(pairs + ["…"] * (len(value) > _ITEMS)) + "}"
    if isinstance(value, (list, tuple, set, frozenset)):
        items = [render(part, depth + 1) for part in list(value)[:_ITEMS]] + ["…"] * (len(value) > _ITEMS)
        brackets = {list: "[]", tuple: "()"}.get(type(value), "{}")
        comma = "," if isinstance(value, tuple) and len(value) == 1 else ""
        return f"{brackets[0]}{', '.join(items)}{comma}{brackets[1]}"
    if isinstance(value, str):
        return repr(value[: _TEXT_CHARACTERS * 2])
    if isinstance(value, bytes):
        return repr(value[:_TEXT_CHARACTERS])
    return str(value) if isinstance(value, (dt.datetime, dt.date, dt.time, dt.timedelta)) else repr(value)


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT_CHARACTERS else text[: _TEXT_CHARACTERS - 1] + "…"


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, (list, tuple, set, frozenset)) else []


def _outside(value: Any) -> int:
    """Bytes in the object store that a container refers to."""
    if isinstance(value, Opaque):
        return value.size_bytes
    return sum(_outside(part) for part in _inside(value) if isinstance(part, Opaque) or _inside(part))


def _has_pickle(value: Any) -> bool:
    if isinstance(value, Opaque):
        return value.kind == "pickle"
    return any(_has_pickle(part) for part in _inside(value))


def has_opaque(value: Any) -> bool:
    """Whether a part of it is not opened here."""
    return isinstance(value, Opaque) or any(has_opaque(part) for part in _inside(value))


# ---- plain data --------------------------------------------------------------------------------------------------
def decode_plain(payload: bytes, objects: ObjectStore | None = None) -> list[Any]:
    """The values without their classes: `Record`, `Member` and `Opaque` stand for what this process may not know.

    Args:
        payload: encoded values.
        objects: opens large texts, bytes and containers; without it they stay `Opaque`.
    """

    def hook(code: int, data: bytes) -> Any:
        if code == leaves.REFERENCE and objects is not None:
            kind, _meta, digest, _size = leaves.unpack_with(data, _unread)
            try:
                if kind == "packed":
                    return leaves.unpack_with(objects.get(digest.hex()), hook)
                if kind == "str":
                    return str(objects.get(digest.hex()), "utf-8", "surrogatepass")
                if kind == "bytes":
                    return objects.get(digest.hex())
            except MissingObjectError:
                pass
        return _unread(code, data)

    return [_plain(item) for item in leaves.unpack_with(payload, hook)[2]]


def names(payload: bytes) -> list[str]:
    """The names that a payload carries."""
    return [str(name) for name in leaves.unpack_with(payload, ExtType)[1]] if payload else []


def jsonable(value: Any) -> Any:
    """A plain value as JSON holds it: times as ISO text, bytes as base64, the rest of what JSON lacks as text."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else str(value)
    if isinstance(value, dict):
        return {key if isinstance(key, str) else str(key): jsonable(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(part) for part in value]
    if isinstance(value, (set, frozenset)):
        return sorted((jsonable(part) for part in value), key=str)
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, Opaque):
        return {"type": value.type_name, "preview": value.text, "size_bytes": value.size_bytes}
    return str(value)
