"""Binding, checking and describing: what a user meets when a call is wrong."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import json
import sys
from typing import Annotated, Any, Literal, NamedTuple

import pydantic
import pytest

from flytenb import errors
from flytenb.codec import Interface
from flytenb.codec.files import HashFunction
from flytenb.codec.plain import decode_plain, jsonable, preview


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Result(NamedTuple):
    model: str
    accuracy: float


@dataclasses.dataclass
class Config:
    rate: float
    layers: list[int] = dataclasses.field(default_factory=list)
    color: Color = Color.RED


class Limits(pydantic.BaseModel):
    low: int = pydantic.Field(0, ge=0)


def make(func, name="digits.fit"):
    return Interface.of(func, task_name=name)


# ---- declaring ---------------------------------------------------------------------------------------------------
def test_parameter_without_hint_is_refused():
    def fit(c, x: int): ...

    with pytest.raises(errors.MissingTypeHintError, match=r'task "digits.fit" \(Cell In\[3\]\): parameter "c" has no'):
        Interface.of(fit, task_name="digits.fit", where="Cell In[3]")


def test_parameter_without_hint_takes_anything_where_asked(objects):
    interface = Interface.of(lambda c: c, task_name="t", is_strict=False)
    assert interface.decode_inputs(interface.encode_inputs(({1, 2},), objects), objects) == [{1, 2}]


@pytest.mark.parametrize("source", ["def f(*args: int): ...", "def f(**options: int): ..."])
def test_variable_arguments_are_refused(source):
    space: dict[str, Any] = {}
    exec(source, space)
    with pytest.raises(ValueError, match="not allowed"):
        make(space["f"])


def test_names_may_be_defined_later(objects):
    space: dict[str, Any] = {}
    exec("def f(x: 'Later') -> 'Later': ...", space)
    interface = make(space["f"])
    with pytest.raises(errors.InputTypeError, match='parameter "x" is annotated with "Later", which is not defined'):
        interface.encode_inputs((1,), objects)
    exec("class Later(int): ...", space)
    assert interface.parameters[0].annotation is space["Later"]


def test_local_classes_are_found_through_the_closure():
    class Local:
        pass

    def f(x: Local) -> None:
        Local()

    assert make(f).parameters[0].annotation is Local


# ---- binding -----------------------------------------------------------------------------------------------------
def search(cs: list[float], depth: int = 3, *, label: str = "a") -> float: ...


def test_bind_orders_and_fills_in():
    interface = make(search)
    assert interface.bind(([1],), {}) == ([1], 3, "a")
    assert interface.bind((), {"label": "b", "cs": []}) == ([], 3, "b")
    assert interface.bind(([], 1, "c"), {}) == ([], 1, "c")
    assert interface.split(([], 1, "c")) == (([], 1), {"label": "c"})


@pytest.mark.parametrize(
    ("args", "kwargs", "error", "words"),
    [
        ((), {}, errors.MissingInputError, 'task "digits.fit": missing input cs; write cs=<list[float]>'),
        (([],), {"dept": 1}, errors.UnknownParameterError, "has no parameter \"dept\"; did you mean 'depth'?"),
        (([],), {"zzz": 1}, errors.UnknownParameterError, "it has cs, depth, label"),
        (([],), {"cs": []}, errors.UnknownParameterError, 'parameter "cs" is given twice'),
        ((1, 2, 3, 4), {}, errors.MissingInputError, "takes 3 inputs (cs, depth, label), got 4"),
    ],
)
def test_wrong_calls(args, kwargs, error, words):
    with pytest.raises(error) as caught:
        make(search).bind(args, kwargs)
    assert words in str(caught.value)


def test_errors_are_what_python_would_raise():
    assert issubclass(errors.UnknownParameterError, TypeError)
    assert issubclass(errors.MissingInputError, ValueError)
    assert issubclass(errors.InputTypeError, TypeError)


# ---- checking ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("annotation", "value", "words"),
    [
        (float, "x", 'task "digits.fit", parameter "x": expected float, got str ("x")'),
        (int, True, "expected int, got bool (True); bool is not taken for int"),
        (int, 1.0, "expected int, got float (1.0); write int(value)"),
        (float, True, "expected float, got bool"),
        (float, 2**53 + 1, "no float is exactly this int"),
        (float, 10**400, "no float is exactly this int"),
        (str, b"x", "expected str, got bytes"),
        (bool, 1, "expected bool, got int (1)"),
        (bytes, bytearray(b"x"), "write bytes(value)"),
        (None, 0, "expected None, got int (0)"),
        (list[int], (1,), "expected list[int], got tuple ((1,)); write list(value)"),
        (list[list[int]], [[1], [2, "x"]], 'at x[1][1], expected int, got str ("x")'),
        (dict[str, int], {"a": None}, "at x['a'], expected int, got None"),
        (dict[str, int], {1: 1}, "at x[1], expected str, got int"),
        (tuple[int, str], (1,), "expected tuple[int, str], got tuple"),
        (set[int], [1], "write set(value)"),
        (int | None, "x", 'expected int | None, got str ("x")'),
        (int | list[int], [1, "x"], "at x[1], expected int"),
        (Color, "RED", "write Color.RED"),
        (Literal["a", "b"], "c", 'expected "a" or "b", got str ("c")'),
        (Literal[1], True, "expected 1, got bool"),
        (Config, Config("x"), 'at x.rate, expected float, got str ("x")'),
        (list[Config], [Config(1, [1, 2.0])], "at x[0].layers[1], expected int, got float"),
        (Limits, {"low": 1}, "expected Limits, got dict"),
        (dt.date, dt.datetime(2026, 1, 1), "write value.date()"),
        (dt.datetime, dt.date(2026, 1, 1), "expected datetime, got date"),
        (Config, None, "expected Config, got None"),
    ],
)
def test_wrong_types_are_refused(annotation, value, words, interface_of, objects):
    def fit(x): ...

    fit.__annotations__ = {"x": annotation}
    with pytest.raises(errors.InputTypeError) as caught:
        make(fit).encode_inputs((value,), objects)
    assert words in str(caught.value)


def test_unencodable_inputs_name_the_reason(objects, tmp_path):
    def fit(x: Any) -> None: ...

    handle = (tmp_path / "x").open("w")
    with handle, pytest.raises(errors.InputTypeError, match="TextIOWrapper cannot be encoded: an open file"):
        make(fit).encode_inputs((handle,), objects)
    with pytest.raises(errors.InputTypeError, match="generator cannot be encoded"):
        make(fit).encode_inputs(((i for i in ()),), objects)


def test_default_none_makes_the_type_optional(objects):
    def fit(x: int = None) -> None: ...  # noqa: RUF013

    interface = make(fit)
    assert interface.decode_inputs(interface.encode_inputs(interface.bind((), {}), objects), objects) == [None]


# ---- outputs -----------------------------------------------------------------------------------------------------
def outputs(func, value, objects):
    interface = make(func)
    payload = interface.encode_outputs(value, objects)
    return interface.decode_outputs(payload, objects), interface.output_names


def test_a_tuple_splits(objects):
    def f() -> tuple[int, str]: ...

    assert outputs(f, (1, "a"), objects) == ((1, "a"), ("o0", "o1"))


def test_a_named_tuple_comes_back_as_one(objects):
    def f() -> Result: ...

    value, names = outputs(f, Result("m", 1), objects)
    assert type(value) is Result
    assert (value, names) == (Result("m", 1.0), ("model", "accuracy"))


def test_a_tuple_of_any_length_is_one_output(objects):
    def f() -> tuple[int, ...]: ...

    assert outputs(f, (1, 2, 3), objects) == ((1, 2, 3), ("o0",))


@pytest.mark.parametrize("value", [None, 3, {"a": (1,)}])
def test_without_annotation_anything_returns(value, objects):
    def f(): ...

    assert outputs(f, value, objects)[0] == value


@pytest.mark.parametrize(
    ("returned", "value", "words"),
    [
        (None, 3, 'task "digits.fit" returns None by its annotation, got int; write "-> int" or return nothing'),
        (int, None, 'task "digits.fit", output "o0": expected int, got None'),
        (tuple[int, str], (1,), "expected a tuple of 2, got a tuple of 1; return 2 values"),
        (tuple[int, str], 5, "expected a tuple of 2, got int"),
        (tuple[int, str], (1, 2), 'output "o1": expected str, got int (2)'),
        (Result, ("m", 1.0), "expected Result, got tuple; return Result(…)"),
        (Any, (i for i in ()), 'output "o0": generator cannot be encoded'),
    ],
)
def test_wrong_results_are_refused(returned, value, words, objects):
    def fit(): ...

    fit.__annotations__ = {"return": returned}
    with pytest.raises(errors.OutputTypeError) as caught:
        make(fit).encode_outputs(value, objects)
    assert words in str(caught.value)


# ---- digests -----------------------------------------------------------------------------------------------------
def test_digest_follows_content(objects):
    def f(a: int, b: set[str]) -> None: ...

    interface = make(f)

    def digest(*values, ignored=()):
        return interface.digest_inputs(interface.encode_inputs(values, objects), ignored)

    assert digest(1, {"a", "b", "c"}) == digest(1, {"c", "b", "a"})
    assert digest(1, {"a"}) != digest(2, {"a"})
    assert digest(1, {"a"}, ignored=("a",)) == digest(2, {"a"}, ignored={"a"})
    assert len(digest(1, set())) == 16


def test_hash_function_stands_for_content(objects):
    def f(x: Annotated[list[int], HashFunction.from_fn(len)]) -> None: ...

    interface = make(f)
    payloads = [interface.encode_inputs((value,), objects) for value in ([1, 2], [3, 4], [5])]
    digests = [interface.digest_inputs(payload) for payload in payloads]
    assert digests[0] == digests[1] != digests[2]
    assert interface.decode_inputs(payloads[1], objects) == [[3, 4]]


# ---- text and JSON -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (int, "3", 3),
        (float, "1e-3", 0.001),
        (float, "3", 3.0),
        (bool, "yes", True),
        (bool, "false", False),
        (str, "3", "3"),
        (int | None, "null", None),
        (int | None, "4", 4),
        (str | None, "none", None),
        (int | str, "x", "x"),
        (float | int, "3", 3.0),
        (list[float], "[0.1, 1]", [0.1, 1.0]),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        (dict[int, str], '{"1": "a"}', {1: "a"}),
        (tuple[int, str], '[1, "a"]', (1, "a")),
        (set[int], "[1, 1]", {1}),
        (Color, "BLUE", Color.BLUE),
        (Color, "2", Color.BLUE),
        (Literal["a", 3], "3", 3),
        (dt.datetime, "2026-01-31T09:30:00", dt.datetime(2026, 1, 31, 9, 30)),
        (dt.datetime, "2026-01-31T09:30:00Z", dt.datetime(2026, 1, 31, 9, 30, tzinfo=dt.timezone.utc)),
        (dt.date, "2026-01-31", dt.date(2026, 1, 31)),
        (dt.timedelta, "10m", dt.timedelta(minutes=10)),
        (dt.timedelta, "1:30:00", dt.timedelta(hours=1.5)),
        (bytes, "ab", b"ab"),
        (Config, '{"rate": 1, "color": "BLUE"}', Config(1.0, [], Color.BLUE)),
        (list[Config], '[{"rate": 0.5}]', [Config(0.5)]),
        (Limits, '{"low": 2}', Limits(low=2)),
        (Any, "[1, 2]", [1, 2]),
        (Any, "word", "word"),
        (Result, '["m", 1]', Result("m", 1.0)),
    ],
)
def test_text_to_value(annotation, text, value, interface_of):
    result = interface_of(annotation).parse_cli("x", text)
    assert result == value
    assert type(result) is type(value)


@pytest.mark.parametrize(
    ("annotation", "text", "words"),
    [
        (int, "x", 'parameter "x": expected int, got str ("x"); write 3'),
        (bool, "maybe", "write true or false"),
        (list[int], "1,2", "write it as JSON"),
        (list[int], '["a"]', "at x[0], expected int"),
        (Color, "GREEN", "write one of RED, BLUE"),
        (Config, "{}", 'Config needs the field "rate"'),
        (Config, '{"rate": 1, "speed": 2}', 'Config has no field "speed"; its fields are rate, layers, color'),
        (Limits, '{"low": -1}', "Limits refuses low"),
        (dt.date, "soon", "write 2026-01-31"),
    ],
)
def test_text_that_is_no_value(annotation, text, words, interface_of):
    with pytest.raises(errors.InputTypeError) as caught:
        interface_of(annotation).parse_cli("x", text)
    assert words in str(caught.value)


def test_describe_is_json():
    def f(c: Config, limits: Limits | None, n: int = 3) -> Result: ...

    described = make(f).describe()
    assert json.loads(json.dumps(described)) == described
    assert described["inputs"][2] == {"name": "n", "type": "int", "required": False, "default": "3"}
    assert described["outputs"] == [{"name": "model", "type": "str"}, {"name": "accuracy", "type": "float"}]
    assert described["schema"]["required"] == ["c", "limits"]


# ---- plain readers -----------------------------------------------------------------------------------------------
def test_preview_and_plain_need_no_types(objects):
    def f(config: Config, colors: dict[str, Color], limits: Limits, big: list[int]) -> None: ...

    interface = make(f)
    value = (Config(0.5, [1, 2]), {"a": Color.BLUE}, Limits(low=3), list(range(50_000)))
    payload = interface.encode_inputs(value, objects)
    assert len(payload) < 1000
    seen = [(p.name, p.type, p.text) for p in preview(payload)]
    assert seen == [
        ("config", "Config", "Config(rate=0.5, layers=[1, 2], color=Color.RED)"),
        ("colors", "dict[1]", "{'a': Color.BLUE}"),
        ("limits", "Limits", "Limits(low=3)"),
        ("big", "list[50,000]", "[0, 1, 2, 3, 4, 5, …]"),
    ]
    plain = jsonable(decode_plain(payload, objects))
    assert plain[:3] == [{"rate": 0.5, "layers": [1, 2], "color": "RED"}, {"a": "BLUE"}, {"low": 3}]
    assert plain[3] == value[3]
    assert interface.decode_inputs(payload, objects) == list(value)


class Bomb:
    def __reduce__(self):
        return (sys.exit, ("opened",))


def test_preview_opens_no_pickle(interface_of, objects):
    payload = interface_of(Any).encode_inputs(([Bomb()],), objects)
    (seen,) = preview(payload)
    assert seen.is_pickled
    assert jsonable(decode_plain(payload, objects))[0][0]["type"] == "Bomb"


@pytest.mark.parametrize("payload", [b"", b"\x00", b"nonsense", b"\x93\x01"])
def test_preview_of_rubbish(payload):
    assert len(preview(payload)) == (1 if payload else 0)


def test_traced_values(objects):
    from flytenb.codec import decode_values, encode_values

    payload = encode_values([1, Config(1.0), (1, 2)], ["a", "b", "c"], objects)
    assert decode_values(payload, objects) == [1, Config(1.0), (1, 2)]
    assert [p.name for p in preview(payload)] == ["a", "b", "c"]
