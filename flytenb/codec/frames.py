"""Tables: pandas, polars, pyarrow. Arrow IPC where it restores the very same frame, else pickle, marked as such.

Beside the bytes go the schema and the first rows as text, so that a preview needs none of these libraries.
"""

from __future__ import annotations

import io
from typing import Any

from flytenb.codec import leaves
from flytenb.codec.codec import Codec, MismatchError
from flytenb.codec.objects import ObjectStore
from flytenb.codec.pickled import encode_pickle

_HEAD_ROWS, _COLUMNS, _HEAD_CHARACTERS = 5, 50, 2000
_CODECS: dict[type, Codec] = {}


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.ipc
    except ImportError:
        return None
    return pyarrow


# ---- pandas ------------------------------------------------------------------------------------------------------
def _is_exact_in_arrow(frame: Any) -> bool:
    """Whether Arrow gives back the same dtypes, index and names; otherwise pickle must."""
    import pandas as pd

    columns, index = frame.columns, frame.index
    if type(frame) is not pd.DataFrame or frame.attrs or columns.nlevels != 1 or index.nlevels != 1:
        return False
    if not columns.is_unique or columns.name is not None or not all(type(name) is str for name in columns):
        return False
    if type(columns) is not pd.Index or type(index) not in (pd.RangeIndex, pd.Index):
        return False
    if index.name is not None and (type(index.name) is not str or index.name in columns):
        return False
    columns = [frame.iloc[:, position] for position in range(len(columns))]
    return all(_is_exact_dtype(one.dtype) or _is_text(one) for one in (*columns, index))


def _is_text(column: Any) -> bool:
    """A column of objects that are all str or None: how pandas before 3 keeps text."""
    import pandas as pd

    if column.dtype != object or int(pd.__version__.partition(".")[0]) >= 3:
        return False
    if pd.api.types.infer_dtype(column, skipna=True) != "string":
        return False
    return all(value is None for value in column[column.isna()])


def _is_exact_dtype(dtype: Any) -> bool:
    import numpy as np
    import pandas as pd

    if isinstance(dtype, np.dtype):
        return dtype.kind in "biuMm" or dtype in (np.float32, np.float64)
    if isinstance(dtype, pd.CategoricalDtype):
        return dtype.categories is not None and len(dtype.categories) > 0 and _is_exact_dtype(dtype.categories.dtype)
    return isinstance(dtype, (pd.StringDtype, pd.DatetimeTZDtype, pd.BooleanDtype)) or (
        str(dtype) in {f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)} | {"Float32", "Float64"}
    )


def _encode_pandas(frame: Any, objects: ObjectStore) -> Any:
    pa = _pyarrow()
    if pa is not None and _is_exact_in_arrow(frame):
        try:
            table = pa.Table.from_pandas(frame)
        except (pa.ArrowException, TypeError, ValueError):
            table = None
        if table is not None:
            return leaves.leaf("pandas", _pandas_meta(frame), _ipc(pa, table), objects)
    size = f"{len(frame):,} rows × {len(frame.columns):,} columns"
    return encode_pickle(frame, objects, _pandas_head(frame), size)


def _pandas_head(frame: Any) -> str:
    try:
        text = frame.head(_HEAD_ROWS).to_string(max_cols=12, max_colwidth=30)
    except Exception:  # a column may hold objects whose repr fails
        return ""
    return str(text)[:_HEAD_CHARACTERS]


def _pandas_meta(frame: Any) -> Any:
    columns = [[str(name), str(dtype)] for name, dtype in list(frame.dtypes.items())[:_COLUMNS]]
    return [len(frame), len(frame.columns), columns, _pandas_head(frame)]


def _load_pandas(table: Any) -> Any:
    frame = table.to_pandas()
    # Arrow may lend its own read-only memory to a block; the receiver must be able to write.
    blocks = getattr(getattr(frame, "_mgr", None), "blocks", ())
    values = (getattr(block, "values", None) for block in blocks)
    if any(not flags.writeable for flags in (getattr(part, "flags", None) for part in values) if flags is not None):
        frame = frame.copy()
    return frame


# ---- polars, pyarrow ---------------------------------------------------------------------------------------------
def _encode_polars(frame: Any, objects: ObjectStore) -> Any:
    import polars as pl

    if type(frame) is not pl.DataFrame or pl.Object in frame.dtypes:
        return encode_pickle(frame, objects)
    buffer = io.BytesIO()
    frame.write_ipc(buffer)
    columns = [[name, str(dtype)] for name, dtype in list(frame.schema.items())[:_COLUMNS]]
    meta = [frame.height, frame.width, columns, str(frame.head(_HEAD_ROWS))[:_HEAD_CHARACTERS]]
    return leaves.leaf("polars", meta, buffer.getbuffer(), objects)


def _load_polars(data: Any) -> Any:
    import polars as pl

    return pl.read_ipc(io.BytesIO(data))


def _ipc(pa: Any, table: Any) -> memoryview:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return memoryview(sink.getvalue())


def _encode_arrow(table: Any, objects: ObjectStore) -> Any:
    columns = [[field.name, str(field.type)] for field in list(table.schema)[:_COLUMNS]]
    head = str(table.slice(0, _HEAD_ROWS).to_pydict())[:_HEAD_CHARACTERS]
    return leaves.leaf("arrow", [table.num_rows, table.num_columns, columns, head], _ipc(_pyarrow(), table), objects)


def _open(data: Any) -> Any:
    """The table in Arrow's file format; a mapping is used in place."""
    pa = _pyarrow()
    if pa is None:
        raise ImportError('reading this frame needs pyarrow: run "pip install pyarrow"')
    return pa.ipc.open_file(pa.BufferReader(pa.py_buffer(data))).read_all()


leaves.register_leaf(
    "pandas",
    lambda meta, data, objects: _load_pandas(_open(data)),
    lambda meta, digest, objects: _load_pandas(_open(objects.view(digest))),
)
leaves.register_leaf(
    "arrow", lambda meta, data, objects: _open(data), lambda meta, digest, objects: _open(objects.view(digest))
)
leaves.register_leaf("polars", lambda meta, data, objects: _load_polars(data))


def frame_codec(cls: type) -> Codec | None:
    """The codec of a frame class; None for the other classes of these libraries."""
    if cls.__name__ not in ("DataFrame", "Table"):
        return None
    module = cls.__module__.partition(".")[0]
    found = {
        ("pandas", "DataFrame"): _encode_pandas,
        ("polars", "DataFrame"): _encode_polars,
        ("pyarrow", "Table"): _encode_arrow,
    }.get((module, cls.__name__))
    if found is None:
        return None
    name = f"{module}.{cls.__name__}"

    def encode(value: Any, objects: ObjectStore) -> Any:
        if not isinstance(value, cls):
            raise MismatchError(name, value)
        return found(value, objects)

    def read(value: Any) -> Any:
        """JSON records or columns, or the path of a CSV or Parquet file."""
        return _read_frame(module, name, value)

    return Codec(name, encode, None, read, lambda: {"title": name}, exact=cls)


def _read_frame(module: str, name: str, value: Any) -> Any:
    import importlib

    if module == "pyarrow" or not isinstance(value, (list, dict)):
        raise MismatchError(name, value, "write it as JSON: a list of rows, or an object of columns")
    return importlib.import_module(module).DataFrame(value)
