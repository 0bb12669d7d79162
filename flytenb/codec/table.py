"""`DataFrame`: a table as a value, whichever library made it and whichever reads it."""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import Iterator
from typing import Any

from flytenb.codec import leaves
from flytenb.codec.current import objects as current_objects
from flytenb.codec.reference import HashFunction, Reference, T, copy_out, is_remote, without_scheme

PARQUET = "parquet"
CSV = "csv"


class DataFrame(Reference[T]):
    """A table, held as a value (`.val`) or as a reference to a Parquet or CSV file (`.uri`).

    Example:
        table = await DataFrame.from_local(pd.DataFrame({"a": [1]}))
        frame = await table.open(pd.DataFrame).all()
    """

    _fields = ("uri", "format", "hash")
    _code = leaves.FRAME

    def __init__(
        self,
        uri: str | None = None,
        format: str = PARQUET,  # noqa: A002
        hash: str | None = None,  # noqa: A002
        val: Any = None,
    ) -> None:
        self.uri = uri or ""
        self.format = format or PARQUET
        self.hash = hash
        #: The frame itself, None for a reference that was not read yet.
        self.val = val
        self._wanted: Any = None
        self._columns: tuple[str, ...] | None = None

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other) and (not isinstance(other, DataFrame) or self.val is other.val)

    __hash__ = Reference.__hash__

    def __repr__(self) -> str:
        return (
            f"DataFrame({type(self.val).__module__.partition('.')[0]} value)"
            if self.val is not None
            else (super().__repr__())
        )

    @classmethod
    def from_local_sync(
        cls,
        df: Any,
        columns: dict[str, Any] | None = None,
        remote_destination: str | None = None,
        hash_method: HashFunction | str | None = None,
    ) -> DataFrame[Any]:
        """Hold a frame; it is stored when it is passed on.

        Args:
            df: a pandas or polars frame or an Arrow table.
            columns: keep only these.
            remote_destination: write a Parquet file there instead.
            hash_method: a hash given, or a function of the frame, that stands for it in cache keys.
        """
        made: DataFrame[Any] = cls(val=df)
        if columns:
            made._columns = tuple(columns)
            made.val = _pick(df, made._columns)
        if isinstance(hash_method, HashFunction):
            made.hash = hash_method(df)
        elif hash_method:
            made.hash = hash_method
        if remote_destination:
            _write_parquet(made.val, remote_destination)
            made.uri = remote_destination
        return made

    @classmethod
    async def from_local(
        cls,
        df: Any,
        columns: dict[str, Any] | None = None,
        remote_destination: str | None = None,
        hash_method: HashFunction | str | None = None,
    ) -> DataFrame[Any]:
        """`from_local_sync` in a thread."""
        return await asyncio.to_thread(cls.from_local_sync, df, columns, remote_destination, hash_method)

    @classmethod
    def from_df(cls, val: Any | None = None, uri: str | None = None) -> DataFrame[Any]:
        """Hold a frame."""
        return cls(val=val, uri=uri)

    @classmethod
    def wrap_df(cls, val: Any | None = None, uri: str | None = None) -> DataFrame[Any]:
        """Hold a frame."""
        return cls(val=val, uri=uri)

    @classmethod
    def from_existing_remote(cls, remote_path: str, format: str | None = None, **kwargs: Any) -> DataFrame[Any]:  # noqa: A002
        """A reference, without reading anything."""
        suffix = os.path.splitext(remote_path)[1].lstrip(".")
        return cls(uri=remote_path, format=format or (suffix if suffix in (CSV, PARQUET) else PARQUET))

    def open(self, dataframe_type: Any) -> DataFrame[T]:
        """Say as what it is to be read: `pd.DataFrame`, `pl.DataFrame`, `pa.Table`."""
        self._wanted = dataframe_type
        return self

    def all_sync(self) -> Any:
        """The whole frame.

        Raises:
            ValueError: `open` was not called and no frame is held.
        """
        if self._wanted is None:
            raise ValueError('say as what to read the frame first: "await df.open(pd.DataFrame).all()"')
        frame = self.val if self.val is not None else _read(self.uri, self.format, self._wanted)
        return convert(frame, self._wanted)

    async def all(self) -> Any:
        """`all_sync` in a thread."""
        return await asyncio.to_thread(self.all_sync)

    def iter(self, rows: int = 65_536) -> Iterator[Any]:
        """The frame in pieces of this many rows."""
        frame = self.all_sync()
        for start in range(0, len(frame), rows):
            yield frame.iloc[start : start + rows] if hasattr(frame, "iloc") else frame[start : start + rows]

    def columns(self) -> dict[str, Any]:
        """Column names and types, as far as they are known."""
        if self.val is None:
            return {}
        names = getattr(self.val, "column_names", None) or list(self.val.columns)
        return {str(name): None for name in names}

    def column_names(self) -> list[str]:
        """The columns' names."""
        return list(self.columns())

    @property
    def metadata(self) -> dict[str, Any]:
        """Format and place."""
        return {"format": self.format, "uri": self.uri, "columns": self.column_names()}


def _pick(frame: Any, columns: tuple[str, ...]) -> Any:
    return frame.select(list(columns)) if hasattr(frame, "select") else frame[list(columns)]


def _library(kind: Any) -> str:
    return str(getattr(kind, "__module__", "")).partition(".")[0]


def convert(frame: Any, wanted: Any) -> Any:
    """The frame as another library's.

    Raises:
        TypeError: nothing known leads there.
    """
    if isinstance(wanted, type) and isinstance(frame, wanted):
        return frame
    source, target = _library(type(frame)), _library(wanted)
    pa = importlib.import_module("pyarrow")
    if source == "pandas":
        table = pa.Table.from_pandas(frame)
    elif source == "polars":
        table = frame.to_arrow()
    elif source == "pyarrow":
        table = frame
    else:
        raise TypeError(f"a {type(frame).__name__} is not a known frame; use pandas, polars or pyarrow")
    if target == "pyarrow":
        return table
    if target == "pandas":
        return table.to_pandas()
    if target == "polars":
        return importlib.import_module("polars").from_arrow(table)
    raise TypeError(f"frames cannot be read as {wanted!r}; use pd.DataFrame, pl.DataFrame or pa.Table")


def _read(uri: str, format: str, wanted: Any) -> Any:  # noqa: A002
    if not uri:
        raise ValueError("the DataFrame holds neither a frame nor the address of one; make it with DataFrame.from_df")
    target = _library(wanted)
    path = uri if is_remote(uri) else without_scheme(uri)
    if target == "polars":
        pl = importlib.import_module("polars")
        return pl.read_csv(path) if format == CSV else pl.read_parquet(path)
    pd = importlib.import_module("pandas")
    return pd.read_csv(path) if format == CSV else pd.read_parquet(path)


def _write_parquet(frame: Any, destination: str) -> None:
    parquet = importlib.import_module("pyarrow.parquet")
    pa = importlib.import_module("pyarrow")
    folder = current_objects().root / "tmp"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    work = folder / f"frame-{os.getpid()}-{id(frame)}.parquet"
    try:
        parquet.write_table(convert(frame, pa.Table), work)
        copy_out(os.fspath(work), destination)
    finally:
        work.unlink(missing_ok=True)
