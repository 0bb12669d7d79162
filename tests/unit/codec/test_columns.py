"""Columns that an annotation asks of a frame: checked where it is passed on, selected where it is read."""

from __future__ import annotations

import datetime as dt
import decimal
from collections import OrderedDict
from typing import Annotated, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from flytenb import errors
from flytenb.codec import columns
from flytenb.codec.files import DataFrame, HashFunction

FRAME = pd.DataFrame({"a": [1, 2], "b": ["x", None], "c": [0.5, 1.5]})
WANTED = OrderedDict(b=str, a=int)
KINDS = {"pandas": FRAME, "polars": pl.from_pandas(FRAME), "pyarrow": pa.Table.from_pandas(FRAME)}


def names(frame):
    return columns.names_of(frame)


@pytest.mark.parametrize("library", KINDS)
def test_the_reader_sees_the_columns_asked_for(library, round_trip):
    frame = KINDS[library]
    assert names(round_trip(Annotated[type(frame), WANTED], frame)) == ["b", "a"]
    assert names(round_trip(type(frame), frame)) == ["a", "b", "c"]
    held = round_trip(Annotated[DataFrame, WANTED], DataFrame.from_df(frame))
    assert held.column_names() == ["b", "a"]
    assert names(held.open(type(frame)).all_sync()) == ["b", "a"]
    assert names(held.open(pd.DataFrame).all_sync()) == ["b", "a"]
    nested = round_trip(list[Annotated[type(frame), WANTED]], [frame])
    assert names(nested[0]) == ["b", "a"]


@pytest.mark.parametrize("library", KINDS)
@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ({"d": int}, r'the frame has no column "d" \(it has a, b, c\); add or rename it'),
        ({"b": int}, r'column "b" of the frame holds str, expected int; convert it before it is passed on'),
        ({"c": int}, r'column "c" of the frame holds float, expected int'),
        ({"a": dt.datetime}, r'column "a" of the frame holds int, expected datetime'),
        (pa.schema([("a", pa.int64()), ("b", pa.float64())]), r'column "b" of the frame holds str, expected double'),
    ],
)
def test_a_wrong_schema_names_the_column(library, wanted, text, interface_of, objects):
    frame = KINDS[library]
    for annotation, value in ((type(frame), frame), (DataFrame, DataFrame.from_df(frame))):
        with pytest.raises(errors.InputTypeError, match=f'parameter "x": {text}'):
            interface_of(Annotated[annotation, wanted]).encode_inputs((value,), objects)
        with pytest.raises(errors.OutputTypeError, match=text):
            interface_of(Annotated[annotation, wanted]).encode_outputs(value, objects)


def test_from_local_takes_columns():
    assert DataFrame.from_local_sync(FRAME, columns={"c": float}).column_names() == ["c"]
    with pytest.raises(ValueError, match='has no column "z"'):
        DataFrame.from_local_sync(FRAME, columns={"z": float})


def test_columns_of_a_file(tmp_path, round_trip):
    for name in ("t.parquet", "t.csv"):
        stored = DataFrame.from_local_sync(FRAME, remote_destination=str(tmp_path / "new" / name))
        read = DataFrame.from_existing_remote(stored.uri)
        assert read.columns() == {"a": "int", "b": "str", "c": "float"}
        for kind in (pd.DataFrame, pl.DataFrame, pl.LazyFrame, pa.Table):
            held = round_trip(Annotated[DataFrame, WANTED], read)
            frame = held.open(kind).all_sync()
            assert isinstance(frame, kind)
            assert names(frame) == ["b", "a"]
        with pytest.raises(ValueError, match=r'has no column "z"; it has a, b, c'):
            round_trip(Annotated[DataFrame, {"z": int}], read).open(pd.DataFrame).all_sync()
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["t.csv", "t.parquet"]


def test_files_that_are_no_frames(tmp_path):
    (tmp_path / "t.parquet").write_bytes(b"not a parquet file")
    with pytest.raises(ValueError, match=r"t\.parquet is not a readable parquet file \(.*\); give its format"):
        DataFrame.from_existing_remote(str(tmp_path / "t.parquet")).open(pd.DataFrame).all_sync()
    with pytest.raises(FileNotFoundError, match=r"none\.csv cannot be read as a frame: there is nothing"):
        DataFrame.from_existing_remote(str(tmp_path / "none.csv")).open(pd.DataFrame).all_sync()
    with pytest.raises(ValueError, match='has the format "feather", which is not read here'):
        DataFrame.from_existing_remote("x", format="feather").open(pd.DataFrame).all_sync()
    with pytest.raises(ValueError, match="holds neither a frame nor the address of one"):
        DataFrame().open(pd.DataFrame).all_sync()


def test_a_hash_beside_the_columns(interface_of, objects):
    annotation = Annotated[pd.DataFrame, WANTED, HashFunction.from_fn(len)]
    interface = interface_of(annotation)
    keys = {
        interface.digest_inputs(interface.encode_inputs((frame,), objects))
        for frame in (FRAME, FRAME.assign(a=[8, 9]), FRAME.head(1))
    }
    assert len(keys) == 2


def test_kinds():
    frame = pd.DataFrame(
        {
            "i": pd.array([1, None], dtype="Int64"),
            "s": pd.Series(["a", None], dtype=object),
            "e": pd.Series([None, None], dtype=object),
            "l": pd.Series([[1], [2]], dtype=object),
            "c": pd.Categorical(["u", "v"]),
            "n": pd.Categorical([1, 2]),
            "t": pd.to_datetime(["2020-01-01", None]),
            "z": pd.date_range("2020-01-01", periods=2, tz="UTC"),
            "d": pd.to_timedelta([1, 2]),
            "b": [True, False],
        }
    )
    expected = {"i": "int", "s": "str", "e": "", "c": "str", "n": "int", "t": "datetime", "z": "datetime"}
    found = columns.kinds_of(frame)
    assert {name: found[name] for name in expected} == expected
    assert (found["d"], found["b"]) == ("timedelta", "bool")
    table = pa.table(
        {
            "date": [dt.date(2020, 1, 1)],
            "dec": [decimal.Decimal("1.5")],
            "list": [[1]],
            "struct": [{"a": 1}],
            "bytes": [b"x"],
            "dict": pa.array(["a"]).dictionary_encode(),
            "null": pa.nulls(1),
        }
    )
    found = {
        "date": "date",
        "dec": "decimal",
        "list": "list",
        "struct": "dict",
        "bytes": "bytes",
        "dict": "str",
        "null": "",
    }
    assert columns.kinds_of(table) == found
    lazy = pl.from_arrow(table.drop_columns(["null"])).lazy()
    assert columns.kinds_of(lazy)["struct"] == "dict"
    columns.check(table, {"null": int, "list": list[int], "struct": dict[str, int], "dec": object}, "Table")


@pytest.mark.parametrize("rows", [0, 1, 30_000])
def test_lazy_frames(rows, round_trip):
    frame = pl.LazyFrame({"a": range(rows), "b": ["x"] * rows}, schema={"a": pl.Int64, "b": pl.String})
    for annotation in (pl.LazyFrame, Any):
        result = round_trip(annotation, frame)
        assert isinstance(result, pl.LazyFrame)
        assert result.collect().equals(frame.collect())
    assert round_trip(DataFrame, DataFrame.from_df(frame)).open(pd.DataFrame).all_sync().shape == (rows, 2)


LARGE = 40_000
MAPPED = {
    "numbers": pd.DataFrame({"a": np.arange(LARGE), "f": np.linspace(0, 1, LARGE), "u": np.arange(LARGE, dtype="u2")}),
    "holes": pd.DataFrame({"f": [np.nan, 1.5] * (LARGE // 2), "a": np.arange(LARGE)}),
    "named index": pd.DataFrame({"a": np.arange(LARGE)}, index=pd.Index(np.arange(LARGE) * 2, name="key")),
    "range index": pd.DataFrame({"a": np.arange(LARGE)}, index=pd.RangeIndex(5, 5 + LARGE, name="r")),
    "text beside": pd.DataFrame(
        {"t": ["x", None] * (LARGE // 2), "a": np.arange(LARGE), "b": [True, False] * (LARGE // 2)}
    ),
    "nullable": pd.DataFrame({"i": pd.array([1, None] * (LARGE // 2), dtype="Int64"), "a": np.arange(LARGE)}),
    "zone": pd.DataFrame(
        {"t": pd.date_range("2020", periods=LARGE, freq="s", tz="Europe/Zurich"), "a": np.arange(LARGE)}
    ),
    "wide": pd.DataFrame(np.arange(120 * 1000).reshape(1000, 120), columns=[f"c{i}" for i in range(120)]),
    "text index": pd.DataFrame({"a": np.arange(LARGE)}, index=[f"k{i}" for i in range(LARGE)]),
}


@pytest.mark.parametrize("name", MAPPED)
def test_large_frames_are_the_same_writable_and_private(name, round_trip):
    frame = MAPPED[name]
    result = round_trip(pd.DataFrame, frame)
    pd.testing.assert_frame_equal(result, frame)
    column = "a" if "a" in frame else "c0"
    if column in frame:
        result.loc[result.index[0], column] = 99
        result.iloc[:10, result.columns.get_loc(column)] += 1
        result[column].to_numpy()
    pd.testing.assert_frame_equal(round_trip(pd.DataFrame, frame), frame)


def test_numbers_are_not_copied(interface_of, objects):
    interface = interface_of(pd.DataFrame)
    payload = interface.encode_inputs((MAPPED["numbers"],), objects)
    result = interface.decode_inputs(payload, objects)[0]
    assert all(not result[name].to_numpy().flags.owndata for name in result)
