"""Captured values: a fingerprint by content, and two ways to write them down (an expression, or a pickle).

What goes by reference (functions, classes, modules, tasks) is decided by the caller's `refer`; everything else is data.
Pickle bytes are no fingerprint: its memo and interned strings make equal values differ.
"""

from __future__ import annotations

import copyreg
import io
import math
import pickle
import sys
import types
from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from flytenb.capture.recognise import is_whole, module_of

#: A captured value, all it holds included.
MAX_VALUE_BYTES = 256 << 10
#: Longer literals travel pickled beside the module.
MAX_LITERAL_CHARS = 64 << 10
_MAX_DEPTH = 60
_AS_INPUT = "pass it as an input of the task, or as a flyte.io.File"
#: Why a value is refused, and what to do.
TOO_LARGE = (f"is larger than {MAX_VALUE_BYTES >> 10} KB", _AS_INPUT)
_BRACKETS = {"list": ("[", "]"), "tuple": ("(", ")"), "set": ("{", "}"), "frozenset": ("frozenset({", "})")}

_ATOMS = (int, float, str, bool, bytes, type(None), complex, type(Ellipsis), type(NotImplemented))
_ATOM_TYPES = frozenset(_ATOMS)
_HANDLES = {
    types.GeneratorType: "a generator",
    types.CoroutineType: "a coroutine",
    types.AsyncGeneratorType: "an async generator",
    types.FrameType: "a frame",
    types.TracebackType: "a traceback",
}


class Unshippable(Exception):
    """A value that cannot travel, and why."""

    def __init__(self, why: str, fix: str = "open or make it inside the task") -> None:
        super().__init__(why)
        self.why, self.fix = why, fix


class Fingerprint:
    """Digest of one value. `refer` returns a stable label for what goes by reference, None for data."""

    def __init__(self, refer: Callable[[Any], str | None], limit: int = MAX_VALUE_BYTES) -> None:
        self._refer, self._limit = refer, limit
        self._out: list[bytes] = []
        self._size = 0
        self._seen: dict[int, int] = {}
        self._keep: list[Any] = []
        #: Ids of mutable things inside, the value itself included.
        self.mutables: set[int] = set()

    def of(self, value: Any) -> str:
        """Hex digest.

        Raises:
            Unshippable: a handle, or more than `limit` bytes.
        """
        self.feed(value, 0)
        return blake2b(b"".join(self._out), digest_size=16).hexdigest()

    def _put(self, data: bytes) -> None:
        self._size += len(data)
        if self._size > self._limit:
            raise Unshippable(f"is larger than {self._limit >> 10} KB", _AS_INPUT)
        self._out.append(b"%d:" % len(data))
        self._out.append(data)

    def feed(self, value: Any, depth: int) -> None:
        """Add one value."""
        kind = type(value)
        if kind in _ATOM_TYPES:
            data = value if kind is bytes else repr(value).encode("utf-8", "surrogatepass")
            self._put(kind.__name__.encode() + b"=" + data)
            return
        if depth > _MAX_DEPTH:
            raise Unshippable("is nested too deeply", "pass it as an input of the task")
        label = self._refer(value)
        if label is not None:
            self._put(b"ref=" + label.encode())
            return
        if kind is not tuple and kind is not frozenset:  # equal constants may be one object or two
            known = self._seen.get(id(value))
            if known is not None:
                self._put(b"again=%d" % known)
                return
            self._seen[id(value)] = len(self._seen)
            self._keep.append(value)
        if kind is tuple or kind is list:
            if kind is list:
                self.mutables.add(id(value))
            self._put(b"%s[%d" % (kind.__name__.encode(), len(value)))
            for item in value:
                self.feed(item, depth + 1)
        elif kind is dict:
            self.mutables.add(id(value))
            self._put(b"dict{%d" % len(value))
            for key, item in value.items():  # order is observable, so it counts
                self.feed(key, depth + 1)
                self.feed(item, depth + 1)
        elif kind is set or kind is frozenset:
            self._put(b"%s(%d" % (kind.__name__.encode(), len(value)))
            for digest in sorted(Fingerprint(self._refer, self._limit - self._size).of(item) for item in value):
                self._put(digest.encode())
        elif kind is bytearray:
            self._put(b"bytearray=" + bytes(value))
        else:
            self._object(value, kind, depth)

    def _object(self, value: Any, kind: type, depth: int) -> None:
        if is_whole(value):
            self._put(b"task=" + value.fingerprint().encode())
            return
        self.mutables.add(id(value))
        why = handle_reason(value)
        if why:
            raise Unshippable(why)
        library = module_of(kind).partition(".")[0]
        if library == "numpy" and self._numpy(value, depth):
            return
        if library == "pandas" and self._pandas(value, depth):
            return
        self._reduced(value, depth)

    def _numpy(self, value: Any, depth: int) -> bool:
        numpy = sys.modules["numpy"]
        if not isinstance(value, numpy.ndarray) or type(value) is not numpy.ndarray:
            return False
        if value.dtype.hasobject:
            self._put(f"ndarray-object {value.shape}".encode())
            for item in value.ravel().tolist():
                self.feed(item, depth + 1)
            return True
        if value.nbytes > self._limit - self._size:
            self._put(b"\0" * (self._limit + 1))
        self._put(f"ndarray {value.dtype.str} {value.dtype.descr if value.dtype.names else ''} {value.shape}".encode())
        self._put(value.tobytes())
        return True

    def _pandas(self, value: Any, depth: int) -> bool:
        name = type(value).__name__
        if name not in ("DataFrame", "Series") or type(value).__module__.partition(".")[0] != "pandas":
            return False
        size = int(value.memory_usage(index=True, deep=False).sum() if name == "DataFrame" else value.memory_usage())
        if size > self._limit - self._size:
            self._put(b"\0" * (self._limit + 1))
        self._put(f"{name} {value.shape}".encode())
        self.feed(dict(value.attrs), depth + 1)
        self._column(value.index, depth)
        self.feed(list(value.index.names), depth + 1)
        if name == "Series":
            self.feed(value.name, depth + 1)
            self._column(value, depth)
        else:
            self.feed(list(value.columns), depth + 1)
            self.feed(list(value.columns.names), depth + 1)
            for position in range(value.shape[1]):
                self._column(value.iloc[:, position], depth)
        return True

    def _column(self, column: Any, depth: int) -> None:
        self._put(f"{type(column).__name__} {column.dtype!r}".encode())
        array = column.to_numpy()
        if array.dtype.hasobject:
            for item in array.tolist():
                self.feed(item, depth + 1)
        else:
            self._put(f"{array.dtype.str} {array.shape}".encode())
            self._put(array.tobytes())

    def _reduced(self, value: Any, depth: int) -> None:
        reduced = reduce_of(value)
        if isinstance(reduced, str):
            self._put(f"global={getattr(value, '__module__', '')}.{reduced}".encode())
            return
        function, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
        self._put(b"object")
        self.feed(function, depth + 1)
        self.feed(tuple(arguments), depth + 1)
        self.feed(state, depth + 1)
        self.feed(list(items) if items is not None else None, depth + 1)
        self.feed(list(pairs) if pairs is not None else None, depth + 1)


def reduce_of(value: Any) -> Any:
    """What pickle would do with an object.

    Raises:
        Unshippable: it cannot be pickled.
    """
    special = copyreg.dispatch_table.get(type(value))
    try:
        return special(value) if special is not None else value.__reduce_ex__(4)
    except Exception as error:
        raise Unshippable(f"is a {type(value).__module__}.{type(value).__qualname__} ({error})") from None


def handle_reason(value: Any) -> str:
    """Why an object is a live handle that no other process can use, or ""."""
    for kind, words in _HANDLES.items():
        if isinstance(value, kind):
            return f"is {words}"
    if isinstance(value, io.IOBase) and not isinstance(value, (io.BytesIO, io.StringIO)):
        name = getattr(value, "name", "")
        return f"is an open file ({name})" if name else "is an open file"
    kind = type(value)
    module, name = module_of(kind), kind.__qualname__
    if module == "_io" and name in ("TextIOWrapper", "BufferedReader", "BufferedWriter", "FileIO"):
        return "is an open file"
    if module in ("_thread", "threading") and name not in ("local",):
        return f"is a {name} of this process"
    if module.partition(".")[0] in (
        "socket",
        "_socket",
        "ssl",
        "_ssl",
        "subprocess",
        "sqlite3",
        "_sqlite3",
        "selectors",
    ):
        return f"is a live {module.lstrip('_')}.{name}"
    if module.startswith(("asyncio", "_asyncio", "concurrent.futures", "multiprocessing")):
        return f"is a live {module.lstrip('_')}.{name}"
    if module.partition(".")[0] in ("ipywidgets", "httpx", "requests", "aiohttp", "boto3", "botocore"):
        return f"is a live {module.partition('.')[0]} {name}"
    if module.partition(".")[0] == "torch" and getattr(value, "is_cuda", False):
        return "is a tensor on a GPU"
    return ""


class _Pickler(pickle.Pickler):
    def __init__(self, file: Any, refer: Callable[[Any], str | None]) -> None:
        super().__init__(file, protocol=4)
        self._refer = refer

    def persistent_id(self, obj: Any) -> Any:
        label = self._refer(obj)
        return None if label is None else ("nb", label)


def dump(value: Any, refer: Callable[[Any], str | None]) -> bytes:
    """The value as a pickle; what goes by reference is named, not contained.

    Raises:
        Unshippable: pickle refuses it.
    """
    file = io.BytesIO()
    try:
        _Pickler(file, refer).dump(value)
    except Unshippable:
        raise
    except Exception as error:
        raise Unshippable(f"cannot be pickled ({error})") from None
    if file.tell() > 4 * MAX_VALUE_BYTES:
        raise Unshippable(f"takes {file.tell() >> 10} KB pickled", _AS_INPUT)
    return file.getvalue()


class Loader(pickle.Unpickler):
    """Reads what `dump` wrote; names are looked up in the generated module."""

    def __init__(self, data: bytes, lookup: Callable[[str], Any]) -> None:
        super().__init__(io.BytesIO(data))
        self._lookup = lookup

    def persistent_load(self, pid: Any) -> Any:
        return self._lookup(pid[1])


def expression(value: Any, refer: Callable[[Any], str | None]) -> str | None:
    """The value as Python source, or None when only a pickle can carry it."""
    seen: set[int] = set()
    out: list[str] = []
    if not _write(value, refer, out, seen, 0):
        return None
    text = "".join(out)
    return text if len(text) <= MAX_LITERAL_CHARS else None


def _write(value: Any, refer: Callable[[Any], str | None], out: list[str], seen: set[int], depth: int) -> bool:
    kind = type(value)
    if kind is float and not math.isfinite(value):
        out.append(f'float("{value!r}")')
        return True
    if kind is complex:
        out.append(
            f"complex({value.real!r}, {value.imag!r})"
            if math.isfinite(value.real) and math.isfinite(value.imag)
            else ""
        )
        return bool(out[-1])
    if kind in _ATOM_TYPES:
        out.append(repr(value))
        return True
    if depth > 20:
        return False
    label = refer(value)
    if label is not None:
        out.append(label)
        return True
    if kind not in (list, tuple, dict, set, frozenset) or id(value) in seen:
        return False  # a shared mutable keeps its sharing only in a pickle
    if kind is not tuple:
        seen.add(id(value))
    if kind is dict:
        out.append("{")
        for key, item in value.items():
            if not _write(key, refer, out, seen, depth + 1):
                return False
            out.append(": ")
            if not _write(item, refer, out, seen, depth + 1):
                return False
            out.append(", ")
        _close(out, "}")
        return True
    if kind in (set, frozenset):
        items = sorted(value, key=repr)
        if not items:
            out.append(f"{kind.__name__}()")
            return True
    else:
        items = list(value)
    opening, closing = _BRACKETS[kind.__name__]
    out.append(opening)
    for item in items:
        if not _write(item, refer, out, seen, depth + 1):
            return False
        out.append(", ")
    if kind is tuple and len(items) == 1:
        out[-1] = ","
        out.append(closing)
    else:
        _close(out, closing)
    return True


def _close(out: list[str], closing: str) -> None:
    if out[-1] == ", ":
        out[-1] = closing
    else:
        out.append(closing)
