"""`DataFrame`: a table as a value, whichever library made it and whichever reads it."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import uuid
from collections.abc import AsyncIterator, Generator, Iterable, Iterator
from typing import Any

from flytenb.codec import columns as schemas
from flytenb.codec import leaves, places
from flytenb.codec.codec import MismatchError
from flytenb.codec.places import is_remote, without_scheme
from flytenb.codec.reference import HashFunction, Reference, T

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
            columns: keep only these, of these types.
            remote_destination: write a file there instead: CSV where its name ends so, else Parquet.
            hash_method: a hash given, or a function of the frame, that stands for it in cache keys.

        Raises:
            ValueError: a column is missing, or holds other values.
        """
        made: DataFrame[Any] = cls(val=df)
        if columns:
            try:
                schemas.check(df, columns, "DataFrame")
            except MismatchError as error:
                raise ValueError(error.sentence()) from None
            made._columns = tuple(columns)
            made.val = schemas.select(df, made._columns)
        if isinstance(hash_method, HashFunction):
            made.hash = hash_method(df)
        elif hash_method:
            made.hash = hash_method
        if remote_destination:
            made.format = format_of(remote_destination)
            write(made.val, remote_destination, made.format)
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
        return cls(uri=remote_path, format=format or format_of(remote_path))

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
        frame = self.val
        if frame is None:
            frame = read(self.uri, self.format, self._wanted, self._columns)
        elif self._columns:
            frame = schemas.select(frame, self._columns)
        return convert(frame, self._wanted)

    async def all(self) -> Any:
        """`all_sync` in a thread."""
        return await asyncio.to_thread(self.all_sync)

    def iter(self, rows: int = 65_536) -> Pieces:
        """The frame in pieces of this many rows, for `for` and `async for`; it may be awaited first, as in Flyte.

        Example:
            async for part in df.open(pd.DataFrame).iter(10_000): ...
        """
        return Pieces(self, rows)

    def columns(self) -> dict[str, Any]:
        """Column names and kinds ("int", "str", …); of a file by its header alone."""
        kinds: dict[str, str] = {}
        if self.val is not None:
            kinds = schemas.kinds_of(self.val)
        elif self.uri:
            kinds = peek(self.uri, self.format)
        return {name: kinds.get(name) for name in self._columns} if self._columns else dict(kinds)

    def column_names(self) -> list[str]:
        """The columns' names."""
        return list(self.columns())

    @property
    def literal(self) -> dict[str, Any] | None:
        """Address and format as they are passed on; None for a frame that has no address."""
        return {"uri": self.uri, "format": self.format} if self.uri else None

    @property
    def metadata(self) -> dict[str, Any]:
        """Format and place."""
        return {"format": self.format, "uri": self.uri, "columns": self.column_names()}


class Pieces:
    """A frame in pieces of some rows."""

    def __init__(self, table: DataFrame[Any], rows: int) -> None:
        self._table, self._rows = table, rows

    def __iter__(self) -> Iterator[Any]:
        frame, rows = self._table.all_sync(), self._rows
        if hasattr(frame, "collect"):
            frame = frame.collect()
        for start in range(0, len(frame), rows):
            yield frame.iloc[start : start + rows] if hasattr(frame, "iloc") else frame[start : start + rows]

    async def __aiter__(self) -> AsyncIterator[Any]:
        pieces = iter(self)
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            yield piece

    def __await__(self) -> Generator[Any, None, Pieces]:
        yield from ()
        return self


def _library(kind: Any) -> str:
    return str(getattr(kind, "__module__", "")).partition(".")[0]


def convert(frame: Any, wanted: Any) -> Any:
    """The frame as another library's.

    Raises:
        TypeError: nothing known leads there.
    """
    if isinstance(wanted, type) and isinstance(frame, wanted):
        return frame
    is_lazy = getattr(wanted, "__name__", "") == "LazyFrame"
    if hasattr(frame, "collect"):
        frame = frame.collect()
    source, target = _library(type(frame)), _library(wanted)
    if source == target == "polars":
        return frame.lazy() if is_lazy else frame
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
        made = importlib.import_module("polars").from_arrow(table)
        return made.lazy() if is_lazy else made
    raise TypeError(f"frames cannot be read as {wanted!r}; use pd.DataFrame, pl.DataFrame or pa.Table")


def format_of(address: str) -> str:
    """CSV where the name ends so, else Parquet."""
    return CSV if os.path.splitext(address)[1].lower() == ".csv" else PARQUET


@contextlib.contextmanager
def _source(uri: str, form: str) -> Iterator[Any]:
    """A local path, or an open remote file.

    Raises:
        ValueError: there is no address, or its format is not known.
    """
    if not uri:
        raise ValueError("the DataFrame holds neither a frame nor the address of one; make it with DataFrame.from_df")
    if form not in (CSV, PARQUET):
        raise ValueError(f'{uri} has the format "{form}", which is not read here; use "{PARQUET}" or "{CSV}"')
    if is_remote(uri):
        with places.opened(uri, "rb") as file:
            yield file
        return
    path = without_scheme(uri)
    if not os.path.exists(path):
        raise places.NoSuchPlaceError(f"{path} cannot be read as a frame: there is nothing; check the path")
    yield path


def read(uri: str, form: str, wanted: Any, columns: Iterable[str] | None = None) -> Any:
    """A frame of an address; of a Parquet file only the columns asked for are read.

    Raises:
        ValueError: the file has no such column, or is no such file.
    """
    names = list(columns) if columns else None
    target = _library(wanted)
    if names:
        missing = [name for name in names if name not in peek(uri, form)]
        if missing:
            raise ValueError(f'{uri} has no column "{missing[0]}"; it has {", ".join(peek(uri, form)) or "none"}')
    with _source(uri, form) as source:
        try:
            if target == "polars":
                pl = importlib.import_module("polars")
                if getattr(wanted, "__name__", "") == "LazyFrame" and isinstance(source, str):
                    lazy = pl.scan_csv(source) if form == CSV else pl.scan_parquet(source)
                    return lazy.select(names) if names else lazy
                return pl.read_csv(source, columns=names) if form == CSV else pl.read_parquet(source, columns=names)
            if form == PARQUET:
                table = importlib.import_module("pyarrow.parquet").read_table(source, columns=names)
                return table if target == "pyarrow" else table.to_pandas()
            frame = importlib.import_module("pandas").read_csv(source, usecols=names)
            return schemas.select(frame, names) if names else frame
        except (importlib.import_module("pyarrow").ArrowInvalid, UnicodeDecodeError) as error:
            reason = str(error).splitlines()[0][:160]
            raise ValueError(
                f"{uri} is not a readable {form} file ({reason}); give its format, or write it again"
            ) from None


def peek(uri: str, form: str) -> dict[str, str]:
    """Column names and kinds of a file, by its header alone."""
    with _source(uri, form) as source:
        if form == PARQUET:
            return schemas.kinds_of_schema(importlib.import_module("pyarrow.parquet").read_schema(source))
        return schemas.kinds_of(importlib.import_module("pandas").read_csv(source, nrows=100))


def write(frame: Any, destination: str, form: str) -> None:
    """Write a frame to an address, whole or not at all."""
    pa = importlib.import_module("pyarrow")
    table = convert(frame, pa.Table)
    target = destination if is_remote(destination) else f"{without_scheme(destination)}.{uuid.uuid4().hex}.partial"
    if not is_remote(destination):
        os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
    try:
        with places.opened(target, "wb") as file:
            if form == CSV:
                importlib.import_module("pyarrow.csv").write_csv(table, file)
            else:
                importlib.import_module("pyarrow.parquet").write_table(table, file)
        if not is_remote(destination):
            os.replace(target, without_scheme(destination))
    finally:
        if not is_remote(destination):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(target)
