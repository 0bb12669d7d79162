"""The last resort: cloudpickle, visibly marked.

Classes of notebooks go by name and are found in the reader's process.
"""

from __future__ import annotations

import io
import re
from typing import Any

from flytenb.codec import classes, leaves
from flytenb.codec.codec import MismatchError, shown
from flytenb.codec.objects import ObjectStore
from flytenb.model.minors import mark_code, unmark_code

#: What differs between processes in a default repr; the preview is part of the payload and so of the inputs' digest.
_PROCESS_WORDS = re.compile(rf" at 0x[0-9a-fA-F]+|\b(?:__main__|{classes.CELLS_PREFIX}\w+)\.")
_PREVIEW_CHARACTERS = 200


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
            return super().reducer_override(item)

    return Pickler


def dumps(value: Any) -> bytes:
    """Pickle a value; notebook classes by name.

    Raises:
        MismatchError: it cannot be pickled; says why.
    """
    global _pickler_class
    if _pickler_class is None:
        _pickler_class = _make_pickler()
    buffer = io.BytesIO()
    try:
        _pickler_class(buffer, protocol=5).dump(value)
    except Exception as error:  # any __reduce__ may raise anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise MismatchError(
            "a value that can be encoded",
            value,
            "use plain data (numbers, lists, dataclasses, arrays, frames) or a File",
            problem=f"{type(value).__qualname__} cannot be encoded: {reason}",
        ) from error
    return mark_code(buffer.getvalue())


def loads(data: Any) -> Any:
    """The value of a pickle that `dumps` made.

    Raises:
        CaptureError: it holds code of another Python minor.
    """
    import pickle

    return pickle.loads(unmark_code(data))


def encode_pickle(value: Any, objects: ObjectStore, detail: str = "", text: str = "") -> Any:
    """A pickled leaf with its type and a preview beside it, so that nobody needs to open it to show it."""
    text = text or _PROCESS_WORDS.sub("", shown(value, _PREVIEW_CHARACTERS))
    return leaves.leaf("pickle", [type(value).__qualname__, text, detail], dumps(value), objects)


leaves.register_leaf(
    "pickle",
    lambda meta, data, objects: loads(data),
    lambda meta, digest, objects: loads(objects.view(digest)),
)
