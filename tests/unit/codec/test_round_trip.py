"""What goes in comes out: same value, same type, for every supported annotation."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import math
import zoneinfo
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, NewType, Optional, TypedDict, Union

import pydantic
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typing_extensions import NotRequired

from flytenb.codec.classes import reference

settings.register_profile("codec", deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
settings.load_profile("codec")


class Color(enum.Enum):
    RED = 1
    BLUE = "b"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Point(NamedTuple):
    x: int
    y: float = 0.5


@dataclasses.dataclass
class Score:
    c: float
    label: str = ""
    color: Color = Color.RED
    history: list[Score] = dataclasses.field(default_factory=list)
    best: Score | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    a: int
    at: dt.datetime | None = None


class Options(TypedDict):
    name: str
    depth: NotRequired[int]


class Inner(pydantic.BaseModel):
    n: int
    tags: set[str] = set()


class Model(pydantic.BaseModel):
    inner: Inner
    many: dict[str, Inner] = {}
    when: dt.datetime | None = None
    rate: float = pydantic.Field(0.5, alias="Rate", ge=0)

    model_config = pydantic.ConfigDict(populate_by_name=True)


UserId = NewType("UserId", int)

TEXT = st.text(st.characters())  # surrogates too
INTS = st.integers(-(10**40), 10**40) | st.integers(-300, 300)
FLOATS = st.floats(allow_nan=False)
ZONES = (
    st.none()
    | st.just(dt.timezone.utc)
    | st.builds(dt.timezone, st.timedeltas(dt.timedelta(hours=-23), dt.timedelta(hours=23)))
    | st.sampled_from(["Europe/Zurich", "UTC"]).map(zoneinfo.ZoneInfo)
)
MOMENTS = st.datetimes(timezones=ZONES)
HASHABLE = (
    INTS | TEXT | st.booleans() | st.none() | st.binary() | MOMENTS | st.tuples(INTS, TEXT) | st.sampled_from(Color)
)
SCORES = st.deferred(
    lambda: st.builds(Score, FLOATS, TEXT, st.sampled_from(Color), st.lists(SCORES, max_size=2), st.none() | SCORES)
)
INNERS = st.builds(Inner, n=st.integers(), tags=st.sets(st.text()))
MODELS = st.builds(
    Model,
    inner=INNERS,
    many=st.dictionaries(st.text(), INNERS, max_size=2),
    when=st.none() | MOMENTS,
    rate=st.floats(0, 1),
)
ANY = st.recursive(
    HASHABLE
    | FLOATS
    | st.dates()
    | st.timedeltas()
    | st.complex_numbers(allow_nan=False)
    | st.sampled_from(Access)
    | st.builds(Point, st.integers(), FLOATS)
    | st.builds(Frozen, st.integers())
    | INNERS
    | st.frozensets(INTS),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(HASHABLE, inner, max_size=4)
    | st.tuples(inner, inner)
    | st.sets(HASHABLE, max_size=4),
    max_leaves=12,
)

CASES: dict[str, tuple[Any, Any]] = {
    "int": (int, INTS),
    "float": (float, FLOATS),
    "str": (str, TEXT),
    "bool": (bool, st.booleans()),
    "none": (None, st.none()),
    "bytes": (bytes, st.binary()),
    "complex": (complex, st.complex_numbers(allow_nan=False)),
    "datetime": (dt.datetime, MOMENTS),
    "date": (dt.date, st.dates()),
    "time": (dt.time, st.times()),
    "timedelta": (dt.timedelta, st.timedeltas()),
    "enum": (Color, st.sampled_from(Color)),
    "intenum": (Level, st.sampled_from(Level)),
    "flag": (Access, st.sampled_from([Access.READ, Access.WRITE, Access.READ | Access.WRITE, Access(0)])),
    "literal": (Literal["a", 1, True, Color.RED], st.sampled_from(["a", 1, True, Color.RED])),
    "newtype": (UserId, st.integers()),
    "annotated": (Annotated[int, "words"], st.integers()),
    "list": (list[int], st.lists(INTS)),
    "bare list": (list, st.lists(ANY, max_size=4)),
    "nested list": (list[list[str]], st.lists(st.lists(TEXT))),
    "dict": (dict[str, float], st.dictionaries(TEXT, FLOATS)),
    "bare dict": (dict, st.dictionaries(HASHABLE, ANY, max_size=4)),
    "dict of tuples": (dict[tuple[int, str], list[int]], st.dictionaries(st.tuples(INTS, TEXT), st.lists(INTS))),
    "dict of enums": (dict[Color, int], st.dictionaries(st.sampled_from(Color), INTS)),
    "dict of ints": (dict[int, str], st.dictionaries(INTS, TEXT)),
    "tuple": (tuple[int, str], st.tuples(INTS, TEXT)),
    "tuple of any length": (tuple[float, ...], st.lists(FLOATS).map(tuple)),
    "bare tuple": (tuple, st.tuples(ANY, ANY)),
    "empty tuple": (tuple[()], st.just(())),
    "set": (set[int], st.sets(INTS)),
    "frozenset": (frozenset[tuple[int, int]], st.frozensets(st.tuples(INTS, INTS))),
    "sequence": (Sequence[int], st.lists(INTS) | st.lists(INTS).map(tuple)),
    "mapping": (Mapping[str, int], st.dictionaries(TEXT, INTS)),
    "optional": (Optional[int], st.none() | INTS),  # noqa: UP045
    "union": (Union[int, str, list[int], Score], INTS | TEXT | st.lists(INTS) | SCORES),  # noqa: UP007
    "union of numbers": (float | int | bool, FLOATS | INTS | st.booleans()),
    "union of classes": (Inner | Frozen | Point | None, INNERS | st.none() | st.builds(Frozen, st.integers())),
    "namedtuple": (list[Point], st.lists(st.builds(Point, INTS, FLOATS))),
    "typeddict": (Options, st.fixed_dictionaries({"name": TEXT}, optional={"depth": INTS})),
    "dataclass": (Score, SCORES),
    "dataclass with slots": (Frozen, st.builds(Frozen, INTS, st.none() | MOMENTS)),
    "dict of dataclasses": (dict[str, list[Score]], st.dictionaries(TEXT, st.lists(SCORES, max_size=2), max_size=2)),
    "pydantic": (Model, MODELS),
    "any": (Any, ANY),
    "object": (object, ANY),
    "list of any": (list[Any], st.lists(ANY, max_size=3)),
}


def types_of(value: Any) -> Any:
    """The value's shape in types, since 1 == True == 1.0."""
    if isinstance(value, dict):
        return dict, sorted((repr(k), str(types_of(k)), str(types_of(v))) for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return type(value), [types_of(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return type(value), sorted(str(types_of(item)) for item in value)
    if isinstance(value, dt.datetime):
        return type(value), value.tzinfo is None, value.fold
    return type(value)


@pytest.mark.parametrize("name", CASES)
def test_value_and_type_survive(name, round_trip):
    annotation, values = CASES[name]

    @given(values)
    def check(value):
        result = round_trip(annotation, value)
        assert result == value
        assert types_of(result) == types_of(value)

    check()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.0, 5e-324])
def test_odd_floats(value, round_trip):
    result = round_trip(float, value)
    assert math.copysign(1, result) == math.copysign(1, value)
    assert result == value or math.isnan(value)


def test_int_becomes_float_where_float_is_declared(round_trip):
    assert types_of(round_trip(list[float], [1, 2.5])) == (list, [float, float])


def test_naive_datetimes_stay_naive(round_trip):
    moment = dt.datetime(2026, 10, 25, 2, 30, fold=1)
    result = round_trip(dt.datetime, moment)
    assert (result, result.tzinfo, result.fold) == (moment, None, 1)


def test_zone_is_kept_by_name(round_trip):
    moment = dt.datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=zoneinfo.ZoneInfo("Europe/Zurich"))
    result = round_trip(dt.datetime, moment)
    assert result.tzinfo is moment.tzinfo
    assert result.utcoffset() == moment.utcoffset()


def test_dict_order_is_part_of_the_value(round_trip):
    assert list(round_trip(dict[str, int], {"b": 1, "a": 2})) == ["b", "a"]


def test_identity_of_members(round_trip):
    assert round_trip(Any, [Color.RED])[0] is Color.RED


@dataclasses.dataclass
class Base:
    a: int


@dataclasses.dataclass
class Derived(Base):
    b: str = "b"


class Animal(pydantic.BaseModel):
    name: str


class Dog(Animal):
    age: int


@pytest.mark.parametrize(("annotation", "value"), [(Base, Derived(1, "x")), (list[Animal], [Dog(name="a", age=3)])])
def test_subclasses_come_back_as_themselves(annotation, value, round_trip):
    result = round_trip(annotation, value)
    assert result == value
    assert types_of(result) == types_of(value)


@dataclasses.dataclass
class Doubled:
    x: int
    extra: Any = dataclasses.field(default=None, init=False)

    def __post_init__(self):
        self.x *= 2
        self.note = f"doubled to {self.x}"


def test_post_init_does_not_run_again(round_trip):
    value = Doubled(2)
    result = round_trip(Doubled, value)
    assert vars(result) == {"x": 4, "extra": None, "note": "doubled to 4"}


class Open(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    a: int = 0
    _secret: int = pydantic.PrivateAttr(1)


def test_pydantic_keeps_extras_private_and_set_fields(round_trip):
    value = Open(more=[1, (2,)])
    value._secret = 7
    result = round_trip(Open, value)
    assert (result, result._secret, result.more, result.model_fields_set) == (value, 7, [1, (2,)], {"more"})


class Plain:
    def __init__(self, a):
        self.a = a

    def __eq__(self, other):
        return type(other) is Plain and other.a == self.a


def test_other_objects_are_pickled_and_marked(objects, interface_of):
    from flytenb.codec.plain import preview

    interface = interface_of(Plain)
    payload = interface.encode_inputs((Plain(3),), objects)
    assert interface.decode_inputs(payload, objects) == [Plain(3)]
    (seen,) = preview(payload)
    assert (seen.type, seen.is_pickled) == ("Plain", True)
    assert "0x" not in seen.text


def test_cycles_are_pickled(round_trip):
    loop: list[Any] = [1]
    loop.append(loop)
    result = round_trip(Any, loop)
    assert result[1] is result


def test_reference_names():
    assert reference(Score) == f"{__name__}:Score"


def test_an_offset_of_a_microsecond(round_trip):
    zone = dt.timezone(dt.timedelta(microseconds=1))
    assert round_trip(dt.datetime, dt.datetime(2000, 1, 1, tzinfo=zone)).utcoffset() == zone.utcoffset(None)
