"""Encoded values: whatever they say, they are read or refused in words, and nothing in them runs."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
import random
import tempfile
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import pydantic
from msgpack import ExtType

from flytenb import errors
from flytenb.codec import leaves
from flytenb.codec.file import File
from flytenb.codec.folder import Dir
from flytenb.codec.interface import Interface
from flytenb.codec.objects import ObjectStore
from flytenb.codec.payload import canonical, decode_values, encode_values, names
from flytenb.codec.plain import decode_plain, jsonable, preview
from tests.fuzz.trying import data, mutated, try_all, value, word


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    at: dt.datetime | None = None
    more: list[Point] = dataclasses.field(default_factory=list)


class Model(pydantic.BaseModel):
    name: str
    sizes: dict[str, float] = {}


class Pair(NamedTuple):
    a: int
    b: str


def takes(
    a: int,
    b: list[Point],
    c: dict[str, Model],
    d: File,
    e: Dir,
    f: pd.DataFrame,
    g: np.ndarray,
    h: Any,
    i: Colour,
    j: Literal["x", 1],
    k: dt.timedelta | None,
    l: tuple[int, ...],
    m: set[str],
    n: Pair,
    o: bytes,
    p: float | str,
) -> Point: ...  # fmt: skip


class Odd:
    def __init__(self) -> None:
        self.x = 1


_FOLDER = tempfile.TemporaryDirectory(prefix="flytenb-fuzz-")
STORE = ObjectStore(Path(_FOLDER.name) / "objects", is_durable=False)
INTERFACE = Interface.of(takes, task_name="fuzz.takes")


def _samples() -> tuple[bytes, bytes]:
    path = Path(_FOLDER.name, "given", "file.txt")
    path.parent.mkdir()
    path.write_text("content")
    given = (
        3, [Point(1, dt.datetime(2020, 1, 1), [Point(2)])], {"m": Model(name="n", sizes={"a": 1.0})},
        File.from_local_sync(path), Dir.from_local_sync(path.parent), pd.DataFrame({"a": [1, 2], "b": ["x", None]}),
        np.arange(6).reshape(2, 3), {"odd": Odd(), "big": "x" * 70_000, 1: (2, {3})}, Colour.RED, "x",
        dt.timedelta(seconds=3), (1, 2), {"a"}, Pair(1, "b"), b"bytes", 1.5,
    )  # fmt: skip
    from flytenb.codec.current import set_objects

    set_objects(STORE)
    return INTERFACE.encode_inputs(given, STORE), encode_values(list(given), [str(n) for n in range(16)], STORE)


TYPED, UNTYPED = _samples()
#: What reading may say: every one of these is told to the person as an error of the value.
REFUSALS = (
    errors.FlytenbError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    OSError,
    RecursionError,
    ImportError,
)


def payload(rng: random.Random) -> bytes:
    """Bytes that may be a payload."""
    how = rng.randrange(4)
    if how == 0:
        return mutated(rng, rng.choice([TYPED, UNTYPED]))
    if how == 1:
        return _changed(rng, rng.choice([TYPED, UNTYPED]))
    if how == 2:
        items = [_leaf(rng) for _ in range(rng.randrange(4))]
        return _packed([1, [word(rng) for _ in items], items])
    return _packed(value(rng))


def _packed(item: Any) -> bytes:
    try:
        return leaves.pack(item)
    except (OverflowError, ValueError, TypeError):
        return b"\xc1"


def _leaf(rng: random.Random) -> Any:
    """Something that says it is a value of a kind."""
    kind = rng.choice([
        "pickle", "ndarray", "pandas", "polars", "arrow", "tensor", "packed", "str", "bytes", "transformer", word(rng),
    ])  # fmt: skip
    meta = rng.choice([value(rng), [value(rng) for _ in range(rng.randrange(6))]])
    code = rng.choice([leaves.INLINE, leaves.REFERENCE, *range(40)])
    body = rng.choice([data(rng, 100), mutated(rng, b"\x80\x05\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.")])
    if code == leaves.REFERENCE:
        inner = [kind, meta, rng.choice([bytes(32), data(rng), value(rng)]), value(rng)]
    elif rng.random() < 0.5:
        mark = ExtType(rng.randrange(20, 35), word(rng).encode("utf-8", "surrogatepass"))
        return [mark, *(value(rng) for _ in range(rng.randrange(4)))]
    else:
        inner = [kind, meta, body]
    return ExtType(code, _packed(inner) if rng.random() < 0.9 else body)


def _changed(rng: random.Random, sample: bytes) -> bytes:
    """A payload in which one part, at any depth, is another."""

    def change(item: Any) -> Any:
        if rng.random() < 0.08:
            return rng.choice([value(rng), _leaf(rng)])
        if isinstance(item, list):
            return [change(part) for part in item]
        if isinstance(item, dict):
            return {key: change(part) for key, part in item.items()}
        if type(item) is ExtType and item.code in (leaves.INLINE, leaves.REFERENCE) and rng.random() < 0.3:
            return ExtType(item.code, _packed(change(leaves.unpack_with(item.data, ExtType))))
        return item

    return _packed(change(leaves.unpack_with(sample, ExtType)))


def _guard() -> None:
    """Nothing that is read here may start a program or open a network."""
    import os
    import subprocess

    def refuse(*_: Any, **__: Any) -> Any:
        raise SystemExit("a value was able to run something")

    os.system = os.execv = os.posix_spawn = subprocess.Popen.__init__ = refuse  # type: ignore[assignment,method-assign]


def test_values_of_declared_types() -> None:
    def attempt(rng: random.Random) -> None:
        _guard()
        INTERFACE.decode_inputs(payload(rng), STORE)

    try_all("typed values", attempt, REFUSALS)


def test_values_that_say_what_they_are() -> None:
    def attempt(rng: random.Random) -> None:
        _guard()
        decode_values(payload(rng), STORE)

    try_all("values", attempt, REFUSALS)


def test_values_as_they_are_shown() -> None:
    """Views open nothing: no pickle, no module, no object; and there is always a picture."""
    import importlib
    import pickle

    def attempt(rng: random.Random) -> None:
        _guard()
        pickle.loads = pickle.Unpickler = None  # type: ignore[assignment,misc]
        given = payload(rng)
        before = importlib.import_module
        importlib.import_module = None  # type: ignore[assignment]
        try:
            for one in preview(given):
                assert len(one.text) < 3000
        finally:
            importlib.import_module = before

    try_all("previews", attempt, ())


def test_values_as_plain_data() -> None:
    def attempt(rng: random.Random) -> None:
        _guard()
        given = payload(rng)
        names(given)
        canonical(given, ("a",))
        json.dumps(jsonable(list(decode_plain(given, STORE))), default=str)

    try_all("plain values", attempt, REFUSALS)


def test_values_from_json_and_from_the_command_line() -> None:
    def attempt(rng: random.Random) -> None:
        name = rng.choice("abcdefghijklmnop")
        if rng.random() < 0.5:
            INTERFACE.parse_json(name, value(rng))
        else:
            text = word(rng) if rng.random() < 0.5 else json.dumps(value(rng), default=str) * rng.choice([1, 1, 3])
            if name in "de":  # else it takes the folders that are there
                text = f"/nowhere/{text}"
            INTERFACE.parse_cli(name, rng.choice([text, "[" * 100_000, '{"a":' * 50_000, "9" * 10_000]))

    try_all("inputs as text", attempt, (errors.FlytenbError, OSError))
