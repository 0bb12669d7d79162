"""numpy values: raw bytes with dtype and shape beside them. Large arrays are mapped from the object store, not copied.

numpy is imported by the user's values or, in a reader, by the first array.
"""

from __future__ import annotations

import ast
from typing import Any

from flytenb.codec import leaves
from flytenb.codec.codec import Codec, MismatchError
from flytenb.codec.objects import ObjectStore
from flytenb.codec.pickled import encode_pickle

_NO_BYTES_OF_THEIR_OWN = "O"


def _encode_array(value: Any, objects: ObjectStore) -> Any:
    """Meta is `[dtype, shape, order, is_scalar, preview]`."""
    import numpy as np

    if type(value) not in (np.ndarray, np.memmap) or value.dtype.hasobject or not _is_plain(value.dtype):
        return encode_pickle(value, objects)
    is_fortran = value.ndim > 1 and value.flags.f_contiguous and not value.flags.c_contiguous
    content = np.ascontiguousarray(value.T if is_fortran else value).reshape(-1)
    meta = [_dtype_text(value.dtype), list(value.shape), "F" if is_fortran else "C", False, _preview(value)]
    return leaves.leaf("ndarray", meta, content.view(np.uint8).data if content.nbytes else b"", objects)


def _preview(array: Any) -> str:
    first = ", ".join(str(item)[:20] for item in array[:4].tolist()) if array.ndim == 1 else ""
    rest = ", …" if first and array.size > 4 else ""
    return f"{array.dtype} {array.shape}" + (f" [{first}{rest}]" if first else "")


def _is_plain(dtype: Any) -> bool:
    """Whether bytes and the dtype's text are all there is; structs with padding and metadata go by pickle."""
    if dtype.kind == "V":
        if dtype.isalignedstruct:  # no description says so
            return False
        try:
            return not dtype.hasobject and dtype.metadata is None and _dtype(_dtype_text(dtype)) == dtype
        except (TypeError, ValueError):  # a struct that its description does not give back: by pickle
            return False
    return dtype.kind not in _NO_BYTES_OF_THEIR_OWN and dtype.metadata is None and dtype.isbuiltin != 2


def _dtype_text(dtype: Any) -> str:
    """The dtype as numpy's own files write it."""
    import numpy as np

    return str(dtype.str) if dtype.names is None else repr(np.lib.format.dtype_to_descr(dtype))


def _dtype(text: str) -> Any:
    import numpy as np

    if not text.startswith("["):
        return np.dtype(text)
    return np.lib.format.descr_to_dtype(ast.literal_eval(text))


def _shape(array: Any, meta: Any) -> Any:
    _dtype_name, shape, order, is_scalar, _text = meta
    if is_scalar:
        return array.reshape(())[()]
    return array.reshape(shape[::-1]).T if order == "F" else array.reshape(shape)


def _load_inline(meta: Any, data: bytes, objects: ObjectStore) -> Any:
    import numpy as np

    # A bytearray is writable: the receiver may change its own copy, as it could with any other value.
    return _shape(np.frombuffer(bytearray(data), dtype=_dtype(meta[0])), meta)


def _load_reference(meta: Any, digest: str, objects: ObjectStore) -> Any:
    import numpy as np

    return _shape(np.frombuffer(objects.view(digest), dtype=_dtype(meta[0])), meta)


def _encode_scalar(value: Any, objects: ObjectStore) -> Any:
    import numpy as np

    array = np.asarray(value)
    if array.dtype.hasobject or not _is_plain(array.dtype) or type(array[()]) is not type(value):
        return encode_pickle(value, objects)
    return leaves.leaf("ndarray", [_dtype_text(array.dtype), [], "C", True, str(value)[:80]], array.tobytes(), objects)


leaves.register_leaf("ndarray", _load_inline, _load_reference)


def array_codec(cls: type) -> Codec | None:
    """The codec of an array or a numpy scalar class; None for numpy's other classes."""
    import numpy as np

    if cls in (np.ndarray, np.memmap):
        return Codec(
            "ndarray", _checked(np.ndarray, _encode_array), None, _array_of_json, lambda: {"type": "array"}, exact=cls
        )
    if issubclass(cls, np.generic):
        name = cls.__name__

        def read(value: Any) -> Any:
            try:
                return cls(value)
            except (TypeError, ValueError, OverflowError):
                raise MismatchError(name, value) from None

        return Codec(name, _checked(cls, _encode_scalar), None, read, lambda: {"title": name}, exact=cls)
    return None


def _array_of_json(value: Any) -> Any:
    import numpy as np

    if not isinstance(value, list):
        raise MismatchError("ndarray", value, "write a JSON list of numbers")
    return np.asarray(value)


def _checked(cls: type, encode: Any) -> Any:
    def check(value: Any, objects: ObjectStore) -> Any:
        if not isinstance(value, cls):
            raise MismatchError(cls.__name__, value, "write np.asarray(value)" if cls.__name__ == "ndarray" else "")
        return encode(value, objects)

    return check
