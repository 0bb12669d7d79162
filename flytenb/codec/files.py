"""Codecs of `File`, `Dir`, `DataFrame` and of `Annotated[…, HashFunction]`; the classes themselves for importers."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from flytenb.codec import columns as schemas
from flytenb.codec import leaves
from flytenb.codec.codec import Codec, MismatchError
from flytenb.codec.file import AsyncHandle, File
from flytenb.codec.folder import Dir
from flytenb.codec.objects import ObjectStore
from flytenb.codec.places import is_remote, without_scheme
from flytenb.codec.reference import HashFunction, Reference, awaited
from flytenb.codec.table import CSV, PARQUET, DataFrame

__all__ = ["CSV", "PARQUET", "AsyncHandle", "DataFrame", "Dir", "File", "HashFunction", "Reference"]


def _upload(value: File[Any] | Dir[Any]) -> None:
    if value.lazy_uploader is None:
        return
    told = awaited(value.lazy_uploader)
    if not isinstance(told, tuple) or len(told) != 2 or not isinstance(told[1], (str, os.PathLike)):
        problem = f"the lazy_uploader of {type(value).__name__} {value.name!r} returned {told!r}"
        raise MismatchError(type(value).__name__, value, "return (hash or None, address)", problem=problem)
    value.lazy_uploader = None
    value.hash, value.path, value.content = told[0] or value.hash, os.fspath(told[1]), ""


def _encode_path(value: File[Any] | Dir[Any], objects: ObjectStore) -> dict[str, Any]:
    _upload(value)
    path = without_scheme(value.path)
    is_local = bool(path) and not is_remote(value.path)
    if is_local and (value.is_new or (value.content and value.content not in objects)):
        # Written by the task, or stored by another home: its content comes along.
        if not os.path.exists(path):
            problem = f"{type(value).__name__} {path!r} was never written"
            raise MismatchError(type(value).__name__, value, "write to it before passing it on", problem=problem)
        value.take(objects)
    fields = value._content()
    if is_local and not value.content and not value.hash:
        # A mere reference: its time and size stand for the content, so that an edited file is another input.
        try:
            state = os.stat(path)
        except OSError:
            return fields
        fields["stat"] = [state.st_mtime_ns, state.st_size]
    return fields


def _path_codec(cls: type[File[Any]] | type[Dir[Any]]) -> Codec:
    name = cls.__name__
    head = leaves.mark(cls._code)

    def encode(value: Any, objects: ObjectStore) -> Any:
        if not isinstance(value, cls):
            hint = f"write {name}.from_local_sync(path)" if isinstance(value, (str, os.PathLike)) else ""
            raise MismatchError(name, value, hint)
        return [head, _encode_path(value, objects)]

    def decode(data: Any, objects: ObjectStore) -> Any:
        fields = data[1]
        value = cls(fields.get("path", ""), fields.get("name"), fields.get("format", ""), fields.get("hash"))
        value.content = fields.get("content", "")
        if isinstance(value, File) and "stat" in fields:
            value.state = (fields["stat"][0], fields["stat"][1])
        if value.content and value.content in objects:
            if isinstance(value, Dir):
                value.restore(objects)
            else:
                value.path = os.fspath(objects.named(value.content, value.name))
        return value

    def read(value: Any) -> Any:
        """A local path is taken by content, a remote one is a reference."""
        if isinstance(value, dict):
            try:
                return cls._from_plain(value)
            except ValueError as error:
                raise MismatchError(name, value, problem=str(error)) from None
        if not isinstance(value, str):
            raise MismatchError(name, value, "write a path")
        if is_remote(value):
            return cls.from_existing_remote(value)
        try:
            return cls.from_local_sync(without_scheme(value))
        except OSError as error:
            raise MismatchError(name, value, problem=str(error)) from None

    return Codec(
        name,
        encode,
        decode,
        read,
        lambda: {"type": "string", "format": "path", "title": name},
        read,
        cls,
        has_hash=True,
    )


def _encode_table(value: Any, objects: ObjectStore) -> Any:
    if not isinstance(value, DataFrame):
        raise MismatchError("DataFrame", value, "write DataFrame.from_df(value)")
    if value.lazy_uploader is not None:
        told = awaited(value.lazy_uploader)
        if not isinstance(told, DataFrame):
            problem = f"the lazy_uploader of a DataFrame returned {told!r}"
            raise MismatchError("DataFrame", value, "return a DataFrame", problem=problem)
        value.lazy_uploader = None
        value.uri, value.format, value.hash, value.val = told.uri, told.format, told.hash or value.hash, told.val
    fields = value._content()
    if value._columns:
        fields["columns"] = list(value._columns)
    if value.val is not None:
        from flytenb.codec.annotations import DYNAMIC

        fields["val"] = DYNAMIC.encode(value.val, objects)
    elif value.uri and not is_remote(value.uri) and not value.hash:
        try:
            state = os.stat(without_scheme(value.uri))
            fields["stat"] = [state.st_mtime_ns, state.st_size]
        except OSError:
            pass
    return [leaves.mark(leaves.FRAME), fields]


def _decode_table(data: Any, objects: ObjectStore) -> Any:
    fields = data[1]
    value: DataFrame[Any] = DataFrame(fields.get("uri"), fields.get("format", ""), fields.get("hash"))
    value._columns = tuple(fields["columns"]) if fields.get("columns") else None
    if "val" in fields:
        from flytenb.codec.annotations import DYNAMIC

        value.val = DYNAMIC.decode(fields["val"], objects)
    return value


def _read_table(value: Any) -> Any:
    if isinstance(value, str):
        return DataFrame.from_existing_remote(value)
    try:
        return DataFrame._from_plain(value)
    except ValueError as error:
        raise MismatchError("DataFrame", value, problem=str(error)) from None


def file_codec(cls: type) -> Codec | None:
    """The codec of one of our reference classes; None for other classes of this package."""
    if issubclass(cls, (File, Dir)):
        return _path_codec(cls)
    if issubclass(cls, DataFrame):
        return Codec(
            "DataFrame",
            _encode_table,
            _decode_table,
            _read_table,
            lambda: {"type": "string", "format": "path", "title": "DataFrame"},
            _read_table,
            cls,
            has_hash=True,
        )
    return None


def annotated_codec(codec: Codec, metadata: tuple[Any, ...]) -> Codec:
    """`Annotated[T, …]` with what changes something: a `HashFunction`; of frames, the columns and the format."""
    wanted = next((found for found in map(schemas.wanted_of, metadata) if found), None)
    form = next((item for item in metadata if item in (CSV, PARQUET)), None) if codec.exact is DataFrame else None
    if (wanted or form) and _is_frame(codec):
        codec = _with_columns(codec, wanted or {}, form or "")
    function = next((item for item in metadata if isinstance(item, HashFunction)), None)
    return codec if function is None else _with_hash(codec, function)


def _is_frame(codec: Codec) -> bool:
    cls = codec.exact
    if cls is None:
        return False
    library = cls.__module__.partition(".")[0]
    return issubclass(cls, DataFrame) or (
        library in ("pandas", "polars", "pyarrow") and cls.__name__ in ("DataFrame", "LazyFrame", "Table")
    )


def _with_columns(codec: Codec, wanted: schemas.Wanted, form: str) -> Codec:
    """Frames that have these columns; the reader sees only them."""

    def encode(value: Any, objects: ObjectStore) -> Any:
        if codec.exact is not None and isinstance(value, codec.exact):
            frame = value.val if isinstance(value, DataFrame) else value
            if frame is not None and wanted:
                schemas.check(frame, wanted, codec.name)
        encoded = codec.encode(value, objects)
        if isinstance(value, DataFrame):
            encoded[1].update({"columns": list(wanted)} if wanted else {})
            encoded[1].update({"format": form} if form and not value.uri else {})
        return encoded

    def decode(data: Any, objects: ObjectStore) -> Any:
        value = codec.decode(data, objects) if codec.decode else data
        if isinstance(value, DataFrame):
            value._columns = tuple(wanted) or value._columns
            return value
        return schemas.select(value, wanted) if wanted else value

    return dataclasses.replace(codec, encode=encode, decode=decode)


def _with_hash(codec: Codec, function: HashFunction) -> Codec:
    inner = codec.decode

    def encode(value: Any, objects: ObjectStore) -> Any:
        encoded = codec.encode(value, objects)
        return [leaves.mark(leaves.HASHED, function(value)), encoded]

    def decode(data: Any, objects: ObjectStore) -> Any:
        return inner(data[1], objects) if inner else data[1]

    return dataclasses.replace(codec, encode=encode, decode=decode, has_hash=True)
