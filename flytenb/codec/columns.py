"""Columns that `Annotated[…, OrderedDict(a=int)]` or an Arrow schema asks of a frame: checked and selected."""

from __future__ import annotations

import datetime as dt
import decimal
import sys
import typing
from collections.abc import Mapping
from typing import Any

from flytenb.codec.codec import MismatchError, type_name

#: Column name → what a person declared: a Python type, an Arrow type, or anything else, which says nothing.
Wanted = dict[str, Any]

_KINDS: dict[Any, frozenset[str]] = {
    int: frozenset({"int"}),
    float: frozenset({"float", "int"}),
    bool: frozenset({"bool"}),
    str: frozenset({"str"}),
    bytes: frozenset({"bytes"}),
    dt.datetime: frozenset({"datetime"}),
    dt.date: frozenset({"date", "datetime"}),
    dt.time: frozenset({"time"}),
    dt.timedelta: frozenset({"timedelta"}),
    decimal.Decimal: frozenset({"decimal"}),
    list: frozenset({"list"}),
    dict: frozenset({"dict"}),
}
#: The beginning of a library's name for a dtype, in small letters → our word. Order matters.
_WORDS = (
    *(("uint", "int"), ("int", "int"), ("float", "float"), ("double", "float"), ("halffloat", "float")),
    *(
        ("bool", "bool"),
        ("struct", "dict"),
        ("str", "str"),
        ("large_string", "str"),
        ("utf8", "str"),
        ("binary", "bytes"),
    ),
    *(("datetime", "datetime"), ("timestamp", "datetime"), ("date", "date"), ("duration", "timedelta")),
    *(("timedelta", "timedelta"), ("time", "time"), ("decimal", "decimal"), ("list", "list"), ("array", "list")),
    *(("large_list", "list"), ("fixed_size_list", "list"), ("map", "dict")),
    *(("large_binary", "bytes"), ("fixed_size_binary", "bytes"), ("enum", "str"), ("categorical", "str")),
)


def wanted_of(metadata: Any) -> Wanted | None:
    """What an annotation's metadata asks for; None where it is no schema."""
    if isinstance(metadata, Mapping) and metadata and all(isinstance(name, str) for name in metadata):
        return dict(metadata)
    if type(metadata).__module__.partition(".")[0] == "pyarrow" and type(metadata).__name__ == "Schema":
        return {field.name: field.type for field in metadata}
    return None


def names_of(frame: Any) -> list[str]:
    """The columns' names of a frame of any library."""
    if hasattr(frame, "collect_schema"):
        return list(frame.collect_schema().names())
    return [str(name) for name in (getattr(frame, "column_names", None) or list(frame.columns))]


def kinds_of(frame: Any) -> dict[str, str]:
    """Column name → kind of its values: "int", "str", …; a library's own word where we have none."""
    module = type(frame).__module__.partition(".")[0]
    if module == "pandas":
        return {str(name): _pandas_kind(frame.iloc[:, position]) for position, name in enumerate(frame.columns)}
    schema = frame.collect_schema() if hasattr(frame, "collect_schema") else frame.schema
    if module == "pyarrow":
        return kinds_of_schema(schema)
    return {name: _word(str(kind)) for name, kind in schema.items()}


def kinds_of_schema(schema: Any) -> dict[str, str]:
    """Column name → kind, of an Arrow schema."""
    return {field.name: _arrow_kind(field.type) for field in schema}


def _pandas_kind(column: Any) -> str:
    column = getattr(column.dtype, "categories", column)  # of a categorical, what it is categories of
    kind = str(column.dtype)
    if kind != "object":
        return _word(kind.lower().removesuffix("[pyarrow]"))
    found = str(sys.modules["pandas"].api.types.infer_dtype(column, skipna=True))
    return {"string": "str", "empty": "", "boolean": "bool", "integer": "int", "floating": "float"}.get(found, found)


def _arrow_kind(kind: Any) -> str:
    return _word(str(getattr(kind, "value_type", kind)) if str(kind).startswith("dictionary") else str(kind))


def _word(name: str) -> str:
    low = name.lower()
    if low == "null":
        return ""
    return next((word for beginning, word in _WORDS if low.startswith(beginning)), low)


def _fits(kind: str, wanted: Any) -> bool:
    origin = typing.get_origin(wanted)
    allowed = _KINDS.get(origin or wanted)
    if allowed is None and type(wanted).__module__.partition(".")[0] == "pyarrow":
        allowed = frozenset({_arrow_kind(wanted)})
    return allowed is None or kind == "" or kind in allowed  # a column of nothing but nulls fits everything


def check(frame: Any, wanted: Wanted, name: str) -> None:
    """Refuse a frame that lacks a column or holds other values in it.

    Raises:
        MismatchError: names the column.
    """
    kinds = kinds_of(frame)
    for column, kind in wanted.items():
        if column not in kinds:
            raise MismatchError(
                name,
                frame,
                f"add or rename it, or leave it out of Annotated[{name}, …]",
                problem=f'the frame has no column "{column}" (it has {", ".join(kinds) or "none"})',
            )
        if not _fits(kinds[column], kind):
            expected = type_name(kind) if isinstance(kind, type) or typing.get_origin(kind) else str(kind)
            raise MismatchError(
                name,
                frame,
                f"convert it before it is passed on, or write {column}=… as it is in Annotated[{name}, …]",
                problem=f'column "{column}" of the frame holds {kinds[column]}, expected {expected}',
            )


def select(frame: Any, names: typing.Iterable[str]) -> Any:
    """The frame with these columns only, in this order."""
    chosen = list(names)
    if names_of(frame) == chosen:
        return frame
    return frame.select(chosen) if hasattr(frame, "select") else frame[chosen]
