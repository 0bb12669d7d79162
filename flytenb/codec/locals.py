"""Local variables of a failed body as short texts, made while it fails.

No code of the user's runs for it: what is no known type of Python's or of a known library is shown by its class and its
attributes, read past every `__repr__`, `__getattr__` and property. Bounded in depth, length and time; a name that says
"secret" hides its value. Values of declared secrets are taken out later, by `redaction`.
"""

from __future__ import annotations

import builtins
import re
import sys
import types
from collections import OrderedDict, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from enum import Enum
from itertools import islice
from time import perf_counter
from typing import Any

#: Bytes of all variables of a failure, characters of one variable, and of one text inside.
MOST_BYTES = 28_000
_MOST_OF_ONE = 400
_MOST_OF_TEXT = 160
_MOST_ITEMS = 6
_MOST_NAMES = 40
_MOST_FRAMES = 20
_DEPTH = 3
#: Seconds for all of them.
MOST_S = 0.05

_HIDDEN = re.compile(r"passw|secret|token|api_?key|credential|private_?key|passphrase", re.IGNORECASE)
_MASK = "***"
#: Classes of Python's whose own words are short and safe, by module.
_SAID = {
    "datetime": ("date", "datetime", "time", "timedelta", "timezone"),
    "decimal": ("Decimal",),
    "fractions": ("Fraction",),
    "uuid": ("UUID",),
    "pathlib": ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath"),
    "re": ("Pattern",),
    "ipaddress": ("IPv4Address", "IPv6Address"),
}
#: Their slots are the interpreter's own.
_BUILT_IN = frozenset(one for one in vars(builtins).values() if type(one) is type)
_CALLABLES = (types.FunctionType, types.BuiltinFunctionType, types.MethodType)
_RUNNING = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)

Variables = tuple[tuple[str, str], ...]


def locals_of(frames: Iterable[types.FrameType]) -> tuple[Variables, ...]:
    """The variables of frames, in their order; the innermost ones first come to their right."""
    listed = list(frames)
    room, until = MOST_BYTES, perf_counter() + MOST_S
    found: list[Variables] = []
    for number, frame in enumerate(reversed(listed)):
        variables: list[tuple[str, str]] = []
        for name, value in list(frame.f_locals.items()) if number < _MOST_FRAMES else ():
            if len(variables) >= _MOST_NAMES or room <= 0 or perf_counter() > until:
                break
            if name.startswith("__") or issubclass(type(value), types.ModuleType):
                continue
            text = _MASK if _HIDDEN.search(name) else describe(value)
            variables.append((name[:80], text))
            room -= _size(name) + _size(text)
        found.append(tuple(variables))
    return tuple(reversed(found))


def _size(text: str) -> int:
    """Bytes that a text takes at most."""
    return len(text) if text.isascii() else 4 * len(text)


def describe(value: Any) -> str:
    """A value in at most 400 characters, without running code of its class."""
    try:
        text = _told(value, _DEPTH)
    except Exception as error:  # another thread changes it, or it lies about its own layout
        text = f"<{_name(type(value))}, not readable: {_name(type(error))}>"
    return text if len(text) <= _MOST_OF_ONE else text[: _MOST_OF_ONE - 1] + "…"


def _told(value: Any, depth: int) -> str:
    cls = type(value)
    if value is None or cls is bool or cls is float or cls is complex:
        return repr(value)
    if cls is int:
        return repr(value) if value.bit_length() < 400 else f"<int of {value.bit_length()} bits>"
    if type(cls) is type:  # other metaclasses may compare and hash as they like
        if cls in (str, bytes, bytearray):
            return _text(value)
        if cls in _CONTAINERS:
            return _container(value, cls, depth)
        if cls is range:
            return repr(value)
    if issubclass(cls, type):  # never isinstance: it asks the value what it is
        return f"<class {_name(value)}>"
    if issubclass(cls, (*_CALLABLES, *_RUNNING)):
        kind = "function" if issubclass(cls, _CALLABLES) else _name(cls).replace("_", " ")
        return f"<{kind} {_own(value, '__qualname__')}>"
    if _is_of(cls, _SAID):
        return repr(value)[:_MOST_OF_ONE]
    return _array(value, cls) or _object(value, cls, depth)


def _text(value: Any) -> str:
    size = len(value)
    if size <= _MOST_OF_TEXT:
        return repr(value)
    return f"{value[:_MOST_OF_TEXT]!r}… ({size:,} {'characters' if type(value) is str else 'bytes'})"


def _items(values: Iterable[Any], count: int, depth: int) -> str:
    if depth <= 0:
        return "…" if count else ""
    shown = [_told(item, depth - 1) for item in islice(values, _MOST_ITEMS)]
    return ", ".join([*shown, *([f"… {count:,} in all"] if count > _MOST_ITEMS else [])])


def _pairs(pairs: Iterator[tuple[Any, Any]], count: int, depth: int) -> str:
    if depth <= 0:
        return "…" if count else ""
    shown = []
    for key, item in islice(pairs, _MOST_ITEMS):
        is_hidden = type(key) is str and _HIDDEN.search(key)
        shown.append(f"{_told(key, depth - 1)}: {_MASK if is_hidden else _told(item, depth - 1)}")
    return ", ".join([*shown, *([f"… {count:,} in all"] if count > _MOST_ITEMS else [])])


_CONTAINERS: dict[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    set: ("{", "}"),
    frozenset: ("frozenset({", "})"),
    deque: ("deque([", "])"),
    dict: ("{", "}"),
    OrderedDict: ("OrderedDict({", "})"),
    defaultdict: ("defaultdict({", "})"),
}


def _container(value: Any, cls: type, depth: int) -> str:
    begin, end = _CONTAINERS[cls]
    if issubclass(cls, dict):
        return begin + _pairs(iter(dict.items(value)), len(value), depth) + end
    if cls is set and not value:
        return "set()"
    comma = "," if cls is tuple and len(value) == 1 else ""
    return begin + _items(iter(value), len(value), depth) + comma + end


def _is_of(cls: type, known: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether a class is one of those, and not one that only has its name."""
    module, name = type.__getattribute__(cls, "__module__"), _name(cls)
    if type(module) is str and module in known and name in known[module]:
        return getattr(sys.modules.get(module), name, None) is cls
    return False


#: What says its own shape without computing anything.
_ARRAYS = {"numpy": ("ndarray",), "torch": ("Tensor",)}
_TABLES = {
    "pandas": ("DataFrame", "Series"),
    "pandas.core.frame": ("DataFrame",),
    "pandas.core.series": ("Series",),
    "polars.dataframe.frame": ("DataFrame",),
    "pyarrow.lib": ("Table",),
}
_SCALARS = ("float64", "float32", "int64", "int32", "int8", "int16", "uint8", "bool", "bool_", "str_")


def _array(value: Any, cls: type) -> str:
    if _is_of(cls, _ARRAYS):
        small = (
            f" {value.tolist()}" if _name(cls) == "ndarray" and value.size <= 8 and value.dtype.kind in "biuf" else ""
        )
        return f"<{_name(cls)} {tuple(value.shape)} {value.dtype}{small}>"
    if _is_of(cls, {"numpy": _SCALARS}):
        return f"{value.item()!r}"
    if _is_of(cls, _TABLES):
        columns = getattr(value, "columns", None) if _name(cls) == "DataFrame" else None
        names = f" {[str(one)[:30] for one in list(columns)[:_MOST_ITEMS]]}" if columns is not None else ""
        return f"<{_name(cls)} {' × '.join(f'{size:,}' for size in value.shape)}{names}>"
    return ""


def _object(value: Any, cls: type, depth: int) -> str:
    name = _name(cls)
    if issubclass(cls, BaseException):
        args = BaseException.args.__get__(value)  # type: ignore[attr-defined]
        return f"{name}({_items(iter(args), len(args), depth)})"
    if issubclass(cls, Enum):
        return f"{name}.{dict(_attributes(value, cls)).get('_name_', '?')}"
    inner = []
    for base in (str, bytes, int, float, list, tuple, dict, set, frozenset):
        if issubclass(cls, base):  # its own class adds to one of Python's: what that one holds
            inner.append(_held(base, value, depth))
            break
    attributes = dict(_attributes(value, cls))
    if depth <= 0:
        inner += ["…"] if attributes else []
    else:
        for key, item in islice(attributes.items(), _MOST_ITEMS):
            inner.append(f"{key}={_MASK if _HIDDEN.search(key) else _told(item, depth - 1)}")
        inner += [f"… {len(attributes):,} in all"] if len(attributes) > _MOST_ITEMS else []
    return f"{name}({', '.join(inner)})" if inner else f"<{name}>"


def _held(base: Any, value: Any, depth: int) -> str:
    if base in (str, bytes):
        return _text(base.__getitem__(value, slice(None)))
    if base in (int, float):
        return _told(base.__add__(value, base(0)), 0)
    begin, end = _CONTAINERS[base]
    if base is dict:
        return begin + _pairs(iter(dict.items(value)), dict.__len__(value), depth) + end
    return begin + _items(base.__iter__(value), base.__len__(value), depth) + end


def _attributes(value: Any, cls: type) -> Iterator[tuple[str, Any]]:
    """What an object keeps in its own dictionary and slots, read past its class."""
    for base in type.__getattribute__(cls, "__mro__"):
        space = type.__getattribute__(base, "__dict__")
        descriptor = space.get("__dict__")
        if type(descriptor) is types.GetSetDescriptorType:
            own = descriptor.__get__(value)
            for name in list(own)[:50] if type(own) is dict else ():
                if type(name) is str and not name.startswith("__"):
                    yield name, own[name]
        for name, slot in list(space.items()):
            if type(slot) is types.MemberDescriptorType and not name.startswith("__") and not _is_built_in(base):
                with suppress(AttributeError):  # not set
                    yield name, slot.__get__(value)


def _is_built_in(cls: type) -> bool:
    return type(cls) is type and cls in _BUILT_IN


def _name(cls: type) -> str:
    return str(type.__getattribute__(cls, "__name__"))[:60]


def _own(value: Any, attribute: str) -> str:
    try:
        return str(object.__getattribute__(value, attribute))[:100]
    except AttributeError:
        return ""
