"""JSON Schema of interfaces: nested, recursive and repeated classes, defaults, unions; what validates is read."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

import pydantic
import pytest

from flytenb.codec import Interface
from flytenb.codec.files import DataFrame, Dir, File
from flytenb.codec.schemas import DRAFT


class Color(enum.Enum):
    RED = 1
    BLUE = 2


@dataclasses.dataclass
class Node:
    name: str
    color: Color = Color.RED
    children: list[Node] = dataclasses.field(default_factory=list)
    parent: Node | None = None


class Place(NamedTuple):
    x: int
    y: float = 0.5


class Inner(pydantic.BaseModel):
    n: int = pydantic.Field(3, ge=0, description="how many")


class Outer(pydantic.BaseModel):
    inner: Inner
    many: list[Inner] = []
    file: File | None = None


class Options(TypedDict, total=False):
    depth: int


def schema(func):
    made = Interface.of(func, task_name="env.f").schema()
    assert json.loads(json.dumps(made)) == made
    return made


def test_plain_types_and_defaults():
    def f(
        a: int,
        b: float = 1,
        c: str = "x",
        d: Color = Color.BLUE,
        e: list[int] | None = None,
        g: dt.date = dt.date(2026, 1, 31),
        h: Literal["u", 1] = "u",
        i: dict[str, float] = {"p": 0.5},
        j: tuple[int, str] = (1, "a"),
        k: Annotated[bytes, "words"] = b"",
    ) -> None: ...

    assert schema(f) == {
        "$schema": DRAFT,
        "title": "env.f",
        "type": "object",
        "required": ["a"],
        "additionalProperties": False,
        "properties": {
            "a": {"type": "integer"},
            "b": {"type": "number", "default": 1.0},
            "c": {"type": "string", "default": "x"},
            "d": {"type": "string", "title": "Color", "enum": ["RED", "BLUE"], "default": "BLUE"},
            "e": {"anyOf": [{"type": "array", "items": {"type": "integer"}}, {"type": "null"}], "default": None},
            "g": {"type": "string", "format": "date", "default": "2026-01-31"},
            "h": {"enum": ["u", 1], "default": "u"},
            "i": {"type": "object", "additionalProperties": {"type": "number"}, "default": {"p": 0.5}},
            "j": {
                "type": "array",
                "prefixItems": [{"type": "integer"}, {"type": "string"}],
                "minItems": 2,
                "maxItems": 2,
                "default": [1, "a"],
            },
            "k": {"type": "string", "format": "base64", "default": ""},
        },
    }


def test_recursive_and_repeated_classes_are_said_once():
    def f(a: Node, b: dict[str, Node], c: Place) -> None: ...

    made = schema(f)
    ref = {"$ref": "#/$defs/Node"}
    assert made["properties"]["a"] == ref
    assert made["properties"]["b"]["additionalProperties"] == ref
    assert set(made["$defs"]) == {"Node", "Place"}
    node = made["$defs"]["Node"]
    assert node["required"] == ["name"]
    assert node["properties"]["children"] == {"type": "array", "items": ref}
    assert node["properties"]["parent"] == {"anyOf": [ref, {"type": "null"}], "default": None}
    assert node["properties"]["color"]["default"] == "RED"
    assert made["$defs"]["Place"]["properties"]["y"] == {"type": "number", "default": 0.5}


def test_models_of_pydantic_bring_their_definitions():
    def f(a: Outer, b: Inner, c: Options) -> None: ...

    made = schema(f)
    assert made["properties"]["a"] == {"$ref": "#/$defs/Outer"}
    outer = made["$defs"]["Outer"]
    name = outer["properties"]["inner"]["$ref"].removeprefix("#/$defs/")
    assert made["$defs"][name]["properties"]["n"]["description"] == "how many"
    assert {"type": "string", "format": "path", "title": "File"} in outer["properties"]["file"]["anyOf"]
    assert "$defs" not in outer
    for text in json.dumps(made).split('"#/$defs/')[1:]:
        assert text.partition('"')[0] in made["$defs"]


def test_two_classes_of_one_name():
    def make(kind):
        return dataclasses.make_dataclass("Config", [("a", kind)])

    def f(a, b) -> None: ...

    f.__annotations__ = {"a": make(int), "b": make(str), "return": None}
    made = schema(f)
    assert made["properties"] == {"a": {"$ref": "#/$defs/Config"}, "b": {"$ref": "#/$defs/Config_2"}}
    assert made["$defs"]["Config_2"]["properties"]["a"] == {"type": "string"}


def test_files_frames_and_what_json_cannot_hold():
    def f(a: File, b: Dir, c: DataFrame, d: Any = object(), e: float = float("nan")) -> None: ...

    properties = schema(f)["properties"]
    assert properties["a"] == {"type": "string", "format": "path", "title": "File"}
    assert (properties["b"]["title"], properties["c"]["title"]) == ("Dir", "DataFrame")
    assert properties["d"] == {}
    assert properties["e"]["type"] == "number"


def test_outputs():
    def f() -> tuple[int, Node]: ...

    made = Interface.of(f, task_name="env.f").output_schema()
    assert made["properties"] == {"o0": {"type": "integer"}, "o1": {"$ref": "#/$defs/Node"}}
    assert made["required"] == ["o0", "o1"]


@pytest.mark.parametrize(
    ("annotation", "given"),
    [
        (Node, {"name": "a", "color": "BLUE", "children": [{"name": "b"}]}),
        (Outer, {"inner": {"n": 4}, "many": [{}]}),
        (Place, {"x": 1}),
        (Options, {"depth": 2}),
        (dict[str, Node], {"a": {"name": "a"}}),
    ],
)
def test_what_the_schema_allows_is_read(annotation, given, interface_of, round_trip):
    value = interface_of(annotation).parse_json("x", given)
    assert round_trip(annotation, value) == value
