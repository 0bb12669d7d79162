"""Random values written by one process and read by another, which answers with what it has seen."""

from __future__ import annotations

import datetime as dt
import json
import math
import subprocess
import sys
import zoneinfo
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flytenb.codec import Interface, ObjectStore
from flytenb.codec.plain import preview

READER = """
import sys
from pathlib import Path
from flytenb.codec import Interface, ObjectStore
store = ObjectStore(Path(sys.argv[1]), is_durable=False)
def f(x): ...
f.__annotations__ = {"x": object, "return": object}
interface = Interface.of(f, task_name="t")
for line in sys.stdin:
    place = Path(line.strip())
    (value,) = interface.decode_inputs(place.read_bytes(), store)
    place.write_bytes(interface.encode_inputs((value,), store))
    print("done", flush=True)
"""


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Sends a value through another process, which decodes and encodes it."""
    home = tmp_path_factory.mktemp("home")
    store = ObjectStore(home / "objects", is_durable=False)

    def f(x): ...

    f.__annotations__ = {"x": object, "return": object}
    interface = Interface.of(f, task_name="t")
    command = [sys.executable, "-c", READER, str(store.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def there_and_back(value: Any) -> Any:
            place = home / "payload"
            written = interface.encode_inputs((value,), store)
            place.write_bytes(written)
            process.stdin.write(f"{place}\n")
            process.stdin.flush()
            assert process.stdout.readline().strip() == "done"
            again = place.read_bytes()
            if not any(
                seen.is_pickled for seen in preview(written)
            ):  # pickles tell apart what is shared and what is equal
                assert interface.digest_inputs(again) == interface.digest_inputs(written), "another key over there"
            return interface.decode_inputs(again, store)[0]

        yield there_and_back
        process.stdin.close()


ZONES = st.none() | st.sampled_from(["Europe/Zurich", "America/New_York", "UTC"]).map(zoneinfo.ZoneInfo)
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.floats()
    | st.text()
    | st.binary()
    | st.datetimes(timezones=ZONES, allow_imaginary=False)
    | st.dates()
    | st.timedeltas()
    | st.complex_numbers()
)
KEYS = st.integers(-(2**70), 2**70) | st.text() | st.booleans() | st.dates() | st.tuples(st.integers(), st.text())
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(KEYS, inner, max_size=4)
    | st.tuples(inner, inner)
    | st.frozensets(KEYS, max_size=3),
    max_leaves=20,
)


def same(a: Any, b: Any) -> bool:
    """Equal, with NaN equal to itself, and of the same types."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return (a == b and math.copysign(1, a) == math.copysign(1, b)) or (math.isnan(a) and math.isnan(b))
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return same(list(a), list(b)) and all(same(x, y) for x, y in zip(a.values(), b.values(), strict=True))
    if isinstance(a, dt.datetime):
        return a == b and a.tzinfo is b.tzinfo and a.fold == b.fold
    return bool(a == b)


@settings(deadline=None, max_examples=150, suppress_health_check=list(HealthCheck))
@given(VALUES)
def test_any_value(other, value):
    assert same(other(value), value)


DTYPES = st.sampled_from(
    ["int8", "uint64", "float16", "float32", "float64", "complex128", "bool", "datetime64[ns]", "U3", "S2"]
)
STRUCT = np.dtype([("a", "<i4"), ("b", "<f8", (2,)), ("t", "U2")], align=True)


@st.composite
def arrays(draw):
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=3)))
    kind = STRUCT if draw(st.booleans()) else np.dtype(draw(DTYPES))
    data = np.random.default_rng(draw(st.integers(0, 9))).integers(0, 2, (*shape, kind.itemsize), dtype=np.uint8)
    value = np.zeros(shape, kind) if kind is STRUCT or kind.kind in "US" else data.view(kind).reshape(shape)
    return np.asfortranarray(value) if draw(st.booleans()) else value


@settings(deadline=None, max_examples=80, suppress_health_check=list(HealthCheck))
@given(arrays())
def test_arrays(other, value):
    result = other(value)
    assert (result.dtype, result.shape) == (value.dtype, value.shape)
    assert result.tobytes() == value.tobytes()
    assert result.flags.f_contiguous == value.flags.f_contiguous


COLUMNS = {
    "int": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(width=64),
    "str": st.text(max_size=5),
    "bool": st.booleans(),
    "when": st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1)),
}
MAKE = {
    "int": lambda v: pd.array(v, dtype="int64"),
    "float": lambda v: pd.array(v, dtype="float64"),
    "str": lambda v: pd.array(v, dtype="object" if pd.__version__ < "3" else "str"),
    "bool": lambda v: pd.array(v, dtype="boolean"),
    "when": lambda v: pd.Series(v, dtype="datetime64[us]").dt.tz_localize("UTC"),
}


@st.composite
def frames(draw):
    rows = draw(st.sampled_from([0, 1, 7]))
    kinds = draw(st.lists(st.sampled_from([*COLUMNS, "category", "nested"]), max_size=5))
    columns = {}
    for number, kind in enumerate(kinds):
        if kind == "category":
            columns[f"c{number}"] = pd.Categorical(
                draw(st.lists(st.sampled_from("uvw"), min_size=rows, max_size=rows)), list("uvw")
            )
        elif kind == "nested":
            columns[f"c{number}"] = pd.Series([[i, {"a": None}] for i in range(rows)], dtype=object)
        else:
            columns[f"c{number}"] = MAKE[kind](draw(st.lists(COLUMNS[kind], min_size=rows, max_size=rows)))
    return pd.DataFrame(columns, index=range(rows))


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(frames())
def test_frames(other, frame):
    pd.testing.assert_frame_equal(other(frame), frame)


NESTED = pa.table(
    {
        "list": pa.array([[1, None], None, []], pa.list_(pa.int32())),
        "struct": pa.array([{"x": 1, "y": "a"}, None, {"x": None, "y": None}]),
        "map": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int64())),
        "dict": pa.array(["u", None, "u"]).dictionary_encode(),
        "decimal": pa.array([None, 1, 2]).cast(pa.decimal128(24, 3)),
    }
)


@pytest.mark.parametrize("rows", [0, 3, 30_000])
def test_tables(other, rows):
    table = pa.concat_tables([NESTED] * 10_000) if rows > 3 else NESTED.slice(0, rows)
    assert other(table).equals(table)
    frame = pl.DataFrame(
        {"l": [[1, None], None, []], "s": [{"x": 1}, None, {"x": None}], "c": ["u", None, "u"]}
    ).with_columns(
        pl.col("c").cast(pl.Categorical), t=pl.lit(dt.datetime(2020, 1, 1)).dt.replace_time_zone("Europe/Zurich")
    )
    frame = pl.concat([frame] * max(1, rows // 3)).slice(0, rows)
    assert other(frame).equals(frame)
    assert other(frame).schema == frame.schema


def test_sparse_matrices_are_pickled_and_say_so(other, objects, interface_of):
    sparse = pytest.importorskip("scipy.sparse")
    matrix = sparse.random(50, 50, 0.1, format="csr", random_state=0)
    assert (other(matrix) != matrix).nnz == 0
    (seen,) = preview(interface_of(Any).encode_inputs((matrix,), objects))
    assert seen.is_pickled


def test_a_plain_payload_is_json_for_those_who_ask():
    from flytenb.codec.payload import encode_values
    from flytenb.codec.plain import decode_plain, jsonable

    payload = encode_values([{"a": math.nan, "b": 2**80, "c": {1, 2}}], ["x"], ObjectStore(Path("unused")))
    assert json.loads(json.dumps(jsonable(decode_plain(payload)))) == [{"a": "nan", "b": 2**80, "c": [1, 2]}]
