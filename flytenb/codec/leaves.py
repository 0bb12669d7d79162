"""The encoded form: msgpack with tags, readable without the task's types.

A payload is `[1, [names], [values]]`. Values are plain msgpack where that says it all, and else

- a *leaf*: one extension value: a scalar msgpack lacks, or `[kind, meta, bytes]` of an array, frame or pickle, or the
  same as a reference `[kind, meta, digest, size]` into the object store when it is large;
- a *marked list*: `[mark, content…]`, where the mark is an extension value that no user's list can begin with:
  a tuple, a set, a class with fields.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from typing import Any

import msgpack
from msgpack import ExtType

from flytenb import errors
from flytenb.codec.objects import ObjectStore

FORMAT = 1
#: A leaf, or a whole value, above this goes to the object store.
INLINE_LIMIT_BYTES = 64 * 1024

INLINE, REFERENCE = 1, 2
TUPLE, SET, FROZENSET, MAP, DATACLASS, MODEL, NAMEDTUPLE, ENUM, UNION, FILE, DIR, FRAME = range(20, 32)
HASHED, LOOSE, CUSTOM = range(32, 35)
_FIRST_MARK, _LAST_MARK = TUPLE, CUSTOM


class Mark:
    """What the first element of a marked list says of the rest."""

    __slots__ = ("code", "text")

    def __init__(self, code: int, text: str) -> None:
        self.code, self.text = code, text

    def __repr__(self) -> str:
        return f"Mark({self.code}, {self.text!r})"


#: A loader makes a value of a kind of leaf: (meta, bytes or digest, objects) -> value.
InlineLoader = Callable[[Any, bytes, ObjectStore], Any]
ReferenceLoader = Callable[[Any, str, ObjectStore], Any]
_inline_loaders: dict[str, InlineLoader] = {}
_reference_loaders: dict[str, ReferenceLoader] = {}
_scalar_loaders: dict[int, Callable[[bytes], Any]] = {}
_marks: dict[tuple[int, bytes], Mark] = {}

if msgpack.Packer.__module__.endswith("_cmsgpack"):
    # One packer for all threads: a call without callbacks is one step under the interpreter's lock.
    pack: Callable[[Any], bytes] = msgpack.Packer(use_bin_type=True, unicode_errors="surrogatepass").pack
else:
    pack = partial(msgpack.packb, use_bin_type=True, unicode_errors="surrogatepass")

_unpack = partial(msgpack.unpackb, use_list=True, strict_map_key=False, unicode_errors="surrogatepass")


def register_leaf(kind: str, inline: InlineLoader, reference: ReferenceLoader | None = None) -> None:
    """Teach the decoder a kind of leaf; without `reference` a large one is read whole."""
    _inline_loaders[kind] = inline
    _reference_loaders[kind] = reference or (lambda meta, digest, objects: inline(meta, objects.get(digest), objects))


def register_scalar(code: int, load: Callable[[bytes], Any]) -> None:
    """Teach the decoder a scalar extension."""
    _scalar_loaders[code] = load


def mark(code: int, text: str = "") -> ExtType:
    """The first element of a marked list."""
    return ExtType(code, text.encode())


def leaf(kind: str, meta: Any, data: Any, objects: ObjectStore) -> ExtType:
    """An encoded leaf: inside the payload when small, in the object store when not. `data` is one buffer or several."""
    if isinstance(data, list):
        size = sum(part.nbytes for part in data)
    else:
        size = data.nbytes if isinstance(data, memoryview) else len(data)
    if size > INLINE_LIMIT_BYTES:
        return ExtType(REFERENCE, pack([kind, meta, bytes.fromhex(objects.put(data)), size]))
    return ExtType(INLINE, pack([kind, meta, b"".join(data) if isinstance(data, list) else bytes(data)]))


def make_mark(code: int, data: bytes) -> Mark:
    """The decoded mark, one object for equal ones."""
    found = _marks.get((code, data))
    if found is None:
        found = Mark(code, data.decode())
        if len(_marks) < 10_000:
            _marks[code, data] = found
    return found


def is_mark(code: int) -> bool:
    """Whether an extension code is that of a mark."""
    return _FIRST_MARK <= code <= _LAST_MARK


def scalar_loader(code: int) -> Callable[[bytes], Any] | None:
    """What reads a scalar extension."""
    return _scalar_loaders.get(code)


def _hook(objects: ObjectStore, code: int, data: bytes) -> Any:
    if _FIRST_MARK <= code <= _LAST_MARK:
        return make_mark(code, data)
    scalar = _scalar_loaders.get(code)
    if scalar is not None:
        return scalar(data)
    if code == INLINE:
        kind, meta, content = _unpack(data)
        if type(content) is not bytes or type(kind) is not str:  # `bytearray` of a number would be that much memory
            raise ValueError("a value has no content where it should have")
        return _loaded(_loader(_inline_loaders, kind), kind, meta, content, objects)
    if code == REFERENCE:
        kind, meta, digest, _size = _unpack(data)
        return _loaded(_loader(_reference_loaders, kind), kind, meta, digest.hex(), objects)
    raise ValueError(f"a value of unknown kind {code}: it was written by a newer flytenb, read it with that one")


class UnreadableValueError(errors.FlytenbError, ValueError):
    """The library that a value belongs to cannot read it."""


def _loaded(load: Any, kind: str, meta: Any, content: Any, objects: ObjectStore) -> Any:
    try:
        return load(meta, content, objects)
    except (errors.FlytenbError, ValueError, TypeError, LookupError, AttributeError, ImportError, OSError):
        raise
    except (RecursionError, MemoryError):
        raise
    except Exception as error:  # libraries have classes of their own
        raise UnreadableValueError(
            f'a value of kind "{kind}" cannot be read ({type(error).__name__}: {error}); run the task that made it '
            "again with overwrite_cache=True"
        ) from error


#: Modules that read kinds of leaves which this process may meet before it has used their library.
_LIBRARY_MODULES = tuple(f"flytenb.codec.{name}" for name in ("arrays", "frames", "pickled", "tensors", "custom"))


def _loader(loaders: dict[str, Any], kind: str) -> Any:
    load = loaders.get(kind)
    if load is None:
        for module in _LIBRARY_MODULES:  # they register themselves; their libraries load when a value is read
            importlib.import_module(module)
        load = loaders.get(kind)
    if load is None:
        raise ValueError(f'a value of unknown kind "{kind}": it was written by a newer flytenb, read it with that one')
    return load


def unpack(data: Any, objects: ObjectStore) -> Any:
    """Encoded values with leaves loaded and marks in place; codecs do the rest."""
    hook = objects.leaf_hook
    if hook is None:
        hook = objects.leaf_hook = partial(_hook, objects)
    return _unpack(data, ext_hook=hook)


def unpack_with(data: Any, hook: Callable[[int, bytes], Any]) -> Any:
    """Encoded values under another reading of leaves and marks: previews, digests."""
    return _unpack(data, ext_hook=hook)


def _load_packed(meta: Any, data: bytes, objects: ObjectStore) -> Any:
    return unpack(data, objects)


register_leaf("packed", _load_packed)
register_leaf("str", lambda meta, data, objects: str(data, "utf-8", "surrogatepass"))
register_leaf("bytes", lambda meta, data, objects: data)
