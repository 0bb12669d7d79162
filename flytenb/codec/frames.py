"""Tables: pandas, polars, pyarrow. Arrow IPC where it restores the very same frame, else pickle, marked as such.

Large ones are files that the reader maps; only what it writes to is copied. Beside the bytes go the schema and the
first rows as text, so that a preview needs none of these libraries.
"""

from __future__ import annotations

import io
import json
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
    if not len(frame) and any(isinstance(one.dtype, pd.CategoricalDtype) for one in (*columns, index)):
        return False  # Arrow forgets what the categories are
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
            table = _table_of(pa, frame)
        except (pa.ArrowException, TypeError, ValueError):
            table = None
        if table is not None:
            return leaves.leaf("pandas", _pandas_meta(frame), _ipc(pa, table), objects)
    size = f"{len(frame):,} rows × {len(frame.columns):,} columns"
    return encode_pickle(frame, objects, _pandas_head(frame), size)


def _table_of(pa: Any, frame: Any) -> Any:
    """The frame as Arrow, without copying what both keep alike."""
    import numpy as np

    table = pa.Table.from_pandas(frame)
    for position, (name, dtype) in enumerate(frame.dtypes.items()):
        if isinstance(dtype, np.dtype) and dtype.kind == "f" and table.column(position).null_count:
            # NaN as a number, not as null: the reader can map it.
            values = pa.array(frame.iloc[:, position].to_numpy(), from_pandas=False)
            table = table.set_column(position, table.schema.field(name), values)
    return table


def _pandas_head(frame: Any) -> str:
    try:
        text = frame.head(_HEAD_ROWS).to_string(max_cols=12, max_colwidth=30)
    except Exception:  # a column may hold objects whose repr fails
        return ""
    return str(text)[:_HEAD_CHARACTERS]


def _pandas_meta(frame: Any) -> Any:
    columns = [[str(name), str(dtype)] for name, dtype in list(frame.dtypes.items())[:_COLUMNS]]
    return [len(frame), len(frame.columns), columns, _pandas_head(frame)]


def _load_pandas(table: Any, view: Any = None) -> Any:
    frame = _mapped(table, view) if view is not None else None
    if frame is not None:
        return frame
    frame = table.to_pandas()
    # Arrow may lend its own read-only memory to a block; the receiver must be able to write.
    blocks = getattr(getattr(frame, "_mgr", None), "blocks", ())
    values = (getattr(block, "values", None) for block in blocks)
    if any(not flags.writeable for flags in (getattr(part, "flags", None) for part in values) if flags is not None):
        frame = frame.copy()
    return frame


def _mapped(table: Any, view: Any) -> Any:
    """A frame whose numbers lie in the private mapping `view` of the table's file; None where that gives nothing."""
    import numpy as np
    import pandas as pd

    meta = json.loads((table.schema.metadata or {}).get(b"pandas", b"{}"))
    dtypes = {one["field_name"]: one["numpy_type"] for one in meta.get("columns", ())}
    base = np.frombuffer(view, np.uint8).__array_interface__["data"][0]
    numbers: dict[str, Any] = {}
    if table.num_columns > _MAPPED_COLUMNS:  # so many blocks would be slower than one copy
        return None
    for name, column in zip(table.column_names, table.columns, strict=True):
        dtype = dtypes.get(name, "")
        if dtype in _MAPPED_DTYPES and column.null_count == 0 and column.num_chunks == 1:
            chunk = column.chunk(0)
            start = chunk.buffers()[1].address + chunk.offset * np.dtype(dtype).itemsize - base
            numbers[name] = np.frombuffer(view, dtype, len(chunk), start)
    index = meta.get("index_columns", ())
    others = [name for name in table.column_names if name not in numbers or name in index]
    if others:
        rest = table.select(others).to_pandas()
        values = {
            name: numbers[name] if name in numbers else rest[name] for name in table.column_names if name not in index
        }
        return pd.DataFrame(values, index=rest.index, copy=False)
    if not numbers or len(index) != 1 or not isinstance(index[0], dict):
        return None
    range_index = pd.RangeIndex(index[0]["start"], index[0]["stop"], index[0]["step"], name=index[0]["name"])
    return pd.DataFrame(numbers, index=range_index, copy=False)


_MAPPED_COLUMNS = 100
_MAPPED_DTYPES = frozenset(
    {*(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)), "float32", "float64"}
)


# ---- polars, pyarrow ---------------------------------------------------------------------------------------------
def _encode_polars(frame: Any, objects: ObjectStore, kind: str = "polars") -> Any:
    import polars as pl

    if type(frame) is not pl.DataFrame or pl.Object in frame.dtypes:
        return encode_pickle(frame, objects)
    buffer = io.BytesIO()
    frame.write_ipc(buffer)
    columns = [[name, str(dtype)] for name, dtype in list(frame.schema.items())[:_COLUMNS]]
    meta = [frame.height, frame.width, columns, str(frame.head(_HEAD_ROWS))[:_HEAD_CHARACTERS]]
    return leaves.leaf(kind, meta, buffer.getbuffer(), objects)


def _encode_lazy(frame: Any, objects: ObjectStore) -> Any:
    """A lazy frame is computed where it is passed on, and read lazily."""
    return _encode_polars(frame.collect(), objects, "polars-lazy")


def _read_polars(source: Any) -> Any:
    import polars as pl

    return pl.read_ipc(source)


def _scan_polars(path: str) -> Any:
    import polars as pl

    return pl.scan_ipc(path)


class _Parts:
    """Takes what Arrow writes as the buffers it has, without joining them."""

    closed = False

    def __init__(self) -> None:
        self.parts: list[memoryview] = []

    def write(self, data: Any) -> int:
        view = memoryview(data)
        self.parts.append(view)
        return view.nbytes

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


def _ipc(pa: Any, table: Any) -> list[memoryview]:
    sink = _Parts()
    with pa.ipc.new_file(pa.PythonFile(sink, "w"), table.schema) as writer:
        writer.write_table(table)
    return sink.parts


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


def _reference_pandas(meta: Any, digest: str, objects: ObjectStore) -> Any:
    view = objects.view(digest)
    return _load_pandas(_open(view), view)


leaves.register_leaf("pandas", lambda meta, data, objects: _load_pandas(_open(data)), _reference_pandas)
leaves.register_leaf(
    "arrow", lambda meta, data, objects: _open(data), lambda meta, digest, objects: _open(objects.view(digest))
)
leaves.register_leaf(
    "polars",
    lambda meta, data, objects: _read_polars(io.BytesIO(data)),
    lambda meta, digest, objects: _read_polars(objects.checked(digest)),
)
leaves.register_leaf(
    "polars-lazy",
    lambda meta, data, objects: _read_polars(io.BytesIO(data)).lazy(),
    lambda meta, digest, objects: _scan_polars(objects.checked(digest)),
)


def frame_codec(cls: type) -> Codec | None:
    """The codec of a frame class; None for the other classes of these libraries."""
    module = cls.__module__.partition(".")[0]
    found = {
        ("pandas", "DataFrame"): _encode_pandas,
        ("polars", "DataFrame"): _encode_polars,
        ("polars", "LazyFrame"): _encode_lazy,
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
    made = importlib.import_module(module).DataFrame(value)
    return made.lazy() if name.endswith("LazyFrame") else made
