"""The last resort: cloudpickle, visibly marked.

Classes of notebooks go by name and are found in the reader's process.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

from flytenb.codec import classes, leaves, proof, tensor_bytes
from flytenb.codec.codec import MismatchError, shown
from flytenb.codec.current import objects as current_objects
from flytenb.codec.objects import ObjectStore
from flytenb.model.minors import mark_code, unmark_code

#: What differs between processes in a default repr; the preview is part of the payload and so of the inputs' digest.
_PROCESS_WORDS = re.compile(rf" at 0x[0-9a-fA-F]+|\b(?:__main__|{classes.CELLS_PREFIX}\w+)\.")
_PREVIEW_CHARACTERS = 200


T = TypeVar("T")


class FlytePickle(Generic[T]):
    """`FlytePickle[T]` as an annotation: values are pickled, whatever else could carry them."""

    @classmethod
    async def to_pickle(cls, python_val: Any) -> str:
        """Pickle a value into the object store; the path."""
        store = current_objects()
        return os.fspath(store.path(store.put(proof.signed(store, dumps(python_val)))))

    @classmethod
    async def from_pickle(cls, uri: str) -> Any:
        """The value of a path of `to_pickle`."""
        return loads(proof.opened(current_objects(), Path(uri).read_bytes(), f"the value in {uri}"))


def _global(qualname: str) -> Any:
    return classes.resolve(f"nb:{qualname}")


_pickler_class: type[Any] | None = None


def _make_pickler() -> type[Any]:
    """Built on first use: cloudpickle is not needed for a run of plain values."""
    import cloudpickle

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        def reducer_override(self, item: Any) -> Any:
            if isinstance(item, io.IOBase) and hasattr(item, "fileno"):
                raise TypeError("an open file cannot travel")
            if (
                isinstance(item, type)
                and classes.is_notebook_module(item.__module__)
                and "<locals>" not in item.__qualname__
            ):
                return _global, (item.__qualname__,)
            if type(item).__module__ == "torch" and type(item).__name__ == "Tensor" and tensor_bytes.is_plain(item):
                # torch's own pickles name storages by their address: no two are alike, and no key would be either.
                name, shape, data = tensor_bytes.parts(item)
                return tensor_bytes.make, (name, shape, bytes(data))
            return super().reducer_override(item)

    return Pickler


def dumps_with(value: Any, base: type) -> bytes:
    """Pickle a value; subclasses of `base` by value, notebook classes besides by name."""
    global _pickler_class
    _pickler_class = _pickler_class or _make_pickler()
    import cloudpickle

    class ByValue(_pickler_class):  # type: ignore[misc, valid-type]
        def reducer_override(self, item: Any) -> Any:
            if isinstance(item, type) and issubclass(item, base) and item is not base:
                return cloudpickle.Pickler.reducer_override(self, item)
            return super().reducer_override(item)

    buffer = io.BytesIO()
    ByValue(buffer, protocol=5).dump(value)
    return mark_code(buffer.getvalue())


def dumps(value: Any) -> bytes:
    """Pickle a value; notebook classes by name.

    Raises:
        MismatchError: it cannot be pickled; says why.
        RecursionError: it is nested too deeply; a value it is part of may still be pickled as a whole.
    """
    try:
        return mark_code(_pickle(value))
    except Exception as error:  # any __reduce__ may raise anything
        if _is_too_deep(error):
            raise RecursionError(f"a {type(value).__qualname__} is nested too deeply") from None
        path, culprit, cause = _culprit(value, error)
        reason = str(cause).splitlines()[0] if str(cause) else type(cause).__name__
        raise MismatchError(
            "a value that can be encoded",
            culprit,
            "use plain data (numbers, lists, dataclasses, arrays, frames) or a File",
            path,
            problem=f"{type(culprit).__qualname__} cannot be encoded: {reason}",
        ) from error


def _pickle(value: Any) -> bytes:
    global _pickler_class
    _pickler_class = _pickler_class or _make_pickler()
    buffer = io.BytesIO()
    _pickler_class(buffer, protocol=5).dump(value)
    return buffer.getvalue()


def _is_too_deep(error: Exception) -> bool:
    return isinstance(error, RecursionError) or "recursion" in str(error)  # cloudpickle makes a PicklingError of it


def _culprit(value: Any, error: Exception) -> tuple[str, Any, Exception]:
    """Path, value and error of the innermost member that cannot be pickled."""
    path = ""
    seen: set[int] = set()
    while id(value) not in seen and not _is_too_deep(error):
        seen.add(id(value))
        for step, part in _members(value):
            try:
                _pickle(part)
            except Exception as inner:  # as above
                path, value, error = path + step, part, inner
                break
        else:
            break
    return path, value, error


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    """What a value is made of, with the text that leads there."""
    if isinstance(value, dict):
        yield from ((f"[{key!r}]", part) for key, part in value.items())
    elif isinstance(value, (list, tuple)):
        yield from ((f"[{index}]", part) for index, part in enumerate(value))
    elif hasattr(value, "iloc") and hasattr(value, "columns"):
        for position, name in enumerate(value.columns):
            if value.dtypes.iloc[position].kind == "O":
                yield from ((f"[{name!r}][{row}]", part) for row, part in enumerate(value.iloc[:, position]))
    elif not isinstance(value, type):
        yield from ((f".{name}", part) for name, part in getattr(value, "__dict__", {}).items())
        for kind in type(value).__mro__:
            slots = vars(kind).get("__slots__", ())
            for name in (slots,) if isinstance(slots, str) else slots:
                if hasattr(value, name):
                    yield f".{name}", getattr(value, name)


def loads(data: Any) -> Any:
    """The value of a pickle that `dumps` made: whoever calls this has seen its proof.

    Raises:
        CaptureError: it holds code of another Python minor.
    """
    import pickle

    return pickle.loads(unmark_code(data))


def encode_pickle(value: Any, objects: ObjectStore, detail: str = "", text: str = "") -> Any:
    """A pickled leaf with its type and a preview beside it, so that nobody needs to open it to show it."""
    text = text or _PROCESS_WORDS.sub("", shown(value, _PREVIEW_CHARACTERS))
    data = dumps(value)
    return leaves.leaf("pickle", [type(value).__qualname__, text, detail, proof.of(objects, data)], data, objects)


def _load(meta: Any, data: Any, objects: ObjectStore) -> Any:
    proof.check(objects, data, meta[3] if len(meta) > 3 else None, f"a value of type {str(meta[0])[:80]}")
    return loads(data)


leaves.register_leaf("pickle", _load)
