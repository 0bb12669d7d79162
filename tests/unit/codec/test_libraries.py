"""numpy, pandas, polars, pyarrow: the same values back, writable, large ones outside the payload."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from flytenb import errors
from flytenb.codec.plain import preview

DTYPES = st.one_of(
    hnp.scalar_dtypes(), hnp.unicode_string_dtypes(), hnp.byte_string_dtypes(), hnp.array_dtypes(hnp.integer_dtypes())
)


def same(a, b):
    return type(a) is type(b) and a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


@settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, min_side=0, max_side=4)), st.booleans())
def test_arrays(round_trip, array, is_fortran):
    value = np.asfortranarray(array) if is_fortran else array
    for annotation in (np.ndarray, Any):
        result = round_trip(annotation, value)
        assert same(result, value)
        assert result.flags.writeable


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(hnp.arrays(hnp.scalar_dtypes(), ()))
def test_numpy_scalars(round_trip, array):
    value = array[()]
    result = round_trip(Any, value)
    assert type(result) is type(value)
    assert result.dtype == value.dtype
    assert result.tobytes() == value.tobytes()


def test_odd_arrays(round_trip):
    for value in (
        np.array([1, None, "a"], dtype=object),
        np.arange(10)[::2],
        np.arange(6).reshape(2, 3).T,
        np.ma.masked_array([1, 2], [True, False]),
    ):
        result = round_trip(Any, value)
        assert type(result) is type(value)
        assert np.array_equal(result, value)


def test_a_large_array_is_mapped_and_private(interface_of, objects):
    interface = interface_of(np.ndarray)
    value = np.arange(1_000_000)
    payload = interface.encode_inputs((value,), objects)
    assert len(payload) < 200
    first, second = (interface.decode_inputs(payload, objects)[0] for _ in range(2))
    first[0] = 99
    assert second[0] == 0
    (seen,) = preview(payload)
    assert (seen.text, seen.size_bytes) == ("int64 (1000000,) [0, 1, 2, 3, …]", 8_000_000)


def test_numpy_scalar_for_plain_number(interface_of, objects):
    assert interface_of(float).decode_outputs(interface_of(float).encode_outputs(np.float64(2), objects), objects) == 2
    with pytest.raises(errors.OutputTypeError, match=r"expected int, got int64 \(.*\); write int\(value\)"):
        interface_of(int).encode_outputs(np.int64(2), objects)


FRAMES = [
    pd.DataFrame({"a": [1, 2], "b": ["x", "y"], "c": pd.to_datetime(["2020-01-01", None])}),
    pd.DataFrame({"a": pd.Categorical(["u", "v", "u"], ordered=True), "b": pd.array([1, None, 3], dtype="Int64")}),
    pd.DataFrame({"t": pd.date_range("2020-01-01", periods=3, tz="Europe/Zurich"), "f": np.float32([1, 2, 3])}),
    pd.DataFrame({"a": [1.5, None]}, index=pd.Index(["p", "q"], name="key")),
    pd.DataFrame({1: [1], "a": [2]}),
    pd.DataFrame({"o": [1, "a", None], "l": [[1], [2], None]}),
    pd.DataFrame({"o": pd.Series([1, None], dtype=object)}),
    pd.DataFrame({"s": pd.Series(["a", None], dtype=object)}),
    pd.DataFrame(np.ones((2, 2)), columns=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])),
    pd.DataFrame({"a": [1, 2]}, index=pd.date_range("2020-01-01", periods=2, freq="D")),
    pd.DataFrame({"a": [1, 2]}, index=pd.MultiIndex.from_tuples([(1, "a"), (2, "b")], names=["x", "y"])),
    pd.DataFrame({"p": pd.period_range("2020-01", periods=2, freq="M"), "i": pd.interval_range(0, 2)}),
    pd.DataFrame([[1, 2]], columns=["a", "a"]),
    pd.DataFrame({"c": np.complex64([1, 2]), "h": np.float16([1, 2])}),
    pd.DataFrame(),
    pd.DataFrame({"a": []}),
    pd.DataFrame({"n": np.random.default_rng(0).normal(size=30_000)}),
]


@pytest.mark.parametrize("frame", FRAMES)
def test_pandas_frames(frame, round_trip):
    for annotation in (pd.DataFrame, Any):
        result = round_trip(annotation, frame)
        pd.testing.assert_frame_equal(result, frame, check_freq=True)
        assert result.attrs == frame.attrs
        if len(result) and result.columns.is_unique:
            result[result.columns[0]] = 0
            result.iloc[0, 0] = 1


def test_pandas_attrs_and_series(round_trip):
    frame = pd.DataFrame({"a": [1]})
    frame.attrs["unit"] = ("m", 1)
    assert round_trip(pd.DataFrame, frame).attrs == {"unit": ("m", 1)}
    series = pd.Series([1, 2], name="s")
    pd.testing.assert_series_equal(round_trip(pd.Series, series), series)
    stamp = pd.Timestamp("2020-01-01T00:00:00.000000001")
    assert round_trip(Any, stamp) == stamp


def test_frames_of_other_libraries(round_trip):
    frame = pl.DataFrame({"a": [1, None], "b": ["x", "y"], "c": [[1], []]})
    assert round_trip(pl.DataFrame, frame).equals(frame)
    table = pa.table({"a": [1, 2], "b": [{"x": 1}, None]})
    assert round_trip(pa.Table, table).equals(table)
    big = pl.DataFrame({"a": range(50_000)})
    assert round_trip(Any, big).equals(big)


def test_preview_of_a_frame(interface_of, objects):
    (seen,) = preview(interface_of(pd.DataFrame).encode_inputs((FRAMES[0],), objects))
    assert (seen.type, seen.text, seen.is_pickled) == ("DataFrame", "2 rows × 3 columns", False)
    assert "2020-01-01" in seen.detail


def test_wrong_frame(interface_of, objects):
    with pytest.raises(errors.InputTypeError, match=r"expected pandas.DataFrame, got list"):
        interface_of(pd.DataFrame).encode_inputs(([1],), objects)


def test_heavy_libraries_are_not_imported():
    code = (
        "import sys, tempfile, dataclasses\n"
        "from flytenb.codec import Interface, ObjectStore\n"
        "def f(x: list[int], y: dict[str, float]) -> int: ...\n"
        "i = Interface.of(f, task_name='t')\n"
        "o = ObjectStore(tempfile.mkdtemp())\n"
        "p = i.encode_inputs(([1], {'a': 1}), o); i.decode_inputs(p, o); i.describe()\n"
        "import flytenb.codec.plain as plain; plain.preview(p)\n"
        "heavy = {'numpy', 'pandas', 'polars', 'pyarrow', 'pydantic', 'cloudpickle', 'asyncio', 'fsspec'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
