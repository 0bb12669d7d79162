"""Forms of tasks: fields from schemas, values from fields, the call as code."""

import dataclasses
import datetime as dt
import enum
import sys
import typing as t
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

import flytenb as flyte
from flytenb import errors
from flytenb.codec.source import SourceWriter, UnwritableError
from flytenb.io import File
from flytenb.notebook.forms import form_of
from flytenb.notebook.forms.fields import fields_of
from flytenb.notebook.forms.form import FormError

env = flyte.TaskEnvironment(name="forms")


class Colour(enum.Enum):
    RED = 1
    BLUE = "b"


@dataclasses.dataclass
class Point:
    x: int
    y: float = 0.5
    tags: list[str] = dataclasses.field(default_factory=lambda: ["a"])
    colour: Colour = Colour.RED


@dataclasses.dataclass
class Tree:
    name: str
    child: t.Optional["Tree"] = None


class Model(BaseModel):
    rate: float = Field(0.1, ge=0, lt=1, description="learning rate")
    steps: int | None = None
    when: dt.date = dt.date(2026, 1, 31)


class Pair(t.NamedTuple):
    left: int
    right: str = "r"


def task_of(annotation, default=dataclasses.MISSING):
    """A task with one input `x`."""

    def body(x):
        return None

    body.__annotations__ = {"x": annotation, "return": None}
    if default is not dataclasses.MISSING:
        body.__defaults__ = (default,)
    return env.task(body)


NAMES = {
    "flyte": flyte, "Colour": Colour, "Point": Point, "Tree": Tree, "Model": Model, "Pair": Pair, "dt": dt,
}  # fmt: skip


def form(task, **inputs):
    return form_of(task, inputs, NAMES)


def evaluated(code):
    """The inputs of the written call."""
    found = {}

    class Flyte:
        def __getattr__(self, name):
            return getattr(flyte, name)

        def run(self, task, **inputs):
            found.update(inputs)

    names = dict(NAMES, flyte=Flyte(), body=None, fit=None)
    exec(code.replace("import flytenb as flyte\n", ""), names)
    return found


# ---- random interfaces ---------------------------------------------------------------------------------------------
_times = st.times().map(lambda one: one.replace(fold=0))
_moments = st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2200, 1, 1)).map(lambda one: one.replace(fold=0))
_durations = st.timedeltas(dt.timedelta(days=-1000), dt.timedelta(days=1000)).filter(lambda d: d >= dt.timedelta())
_words = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
LEAVES = [
    (int, st.integers()),
    (float, st.floats(allow_nan=False)),
    (bool, st.booleans()),
    (str, _words),
    (dt.date, st.dates()),
    (dt.datetime, _moments),
    (dt.time, _times),
    (dt.timedelta, _durations),
    (bytes, st.binary(max_size=12)),
    (Colour, st.sampled_from(Colour)),
    (t.Literal["a", 1, True], st.sampled_from(["a", 1, True])),
    (Point, st.builds(Point, st.integers(), st.floats(allow_nan=False), st.lists(_words, max_size=3))),
    (Pair, st.builds(Pair, st.integers(), _words)),
    (Model, st.builds(Model, rate=st.floats(0, 0.99), steps=st.none() | st.integers(-9, 9), when=st.dates())),
]


def _containers(inner):
    annotation, values = inner
    kinds = [
        (list[annotation], st.lists(values, max_size=4)),
        (dict[str, annotation], st.dictionaries(_words, values, max_size=3)),
        (annotation | None, st.none() | values),
        (tuple[annotation, int], st.tuples(values, st.integers())),
        (tuple[annotation, ...], st.lists(values, max_size=3).map(tuple)),
    ]
    return st.sampled_from(kinds)


def _unions(pair):
    (one, ones), (other, others) = pair
    return (one | other, ones | others)


_leaves = st.sampled_from(LEAVES)
_kinds = st.recursive(
    _leaves,
    lambda inner: inner.flatmap(_containers) | st.tuples(_leaves, _leaves).filter(lambda p: p[0] != p[1]).map(_unions),
    max_leaves=3,
)
_cases = _kinds.flatmap(lambda kind: st.tuples(st.just(kind[0]), kind[1]))


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(_cases)
def test_values_of_a_form_are_those_of_its_code(case):
    annotation, value = case
    shown = form(task_of(annotation)).fill(x=value)
    found = shown.values()["x"]
    assert repr(found) == repr(value)
    assert repr(evaluated(shown.code)["x"]) == repr(value)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(_cases)
def test_a_default_is_shown_and_not_written(case):
    annotation, value = case
    shown = form(task_of(annotation, value))
    assert shown.values() == {}
    assert "x=" not in shown.code


# ---- fields ---------------------------------------------------------------------------------------------------------
def test_kinds_of_fields():
    @env.task
    def fit(
        a: int,
        b: float = 1e-4,
        c: Colour = Colour.BLUE,
        d: dt.date = dt.date(2026, 1, 31),
        f: File | None = None,
        p: Point = Point(1),
        u: int | str = "x",
        l: list[int] = [1],
        ok: bool = True,
    ) -> None: ...  # fmt: skip

    found = {field.name: field.kind for field in fields_of(fit.interface.schema())}
    assert found == {
        "a": "int", "b": "float", "c": "choice", "d": "date", "f": "path", "p": "record", "u": "union", "l": "list",
        "ok": "bool",
    }  # fmt: skip
    shown = form(fit)
    assert shown.fields["b"].value_widget.value == "0.0001"
    assert shown.fields["d"].value_widget.value == dt.date(2026, 1, 31)
    assert shown.fields["ok"].value_widget.value is True
    assert repr(shown).splitlines()[0] == "Form of forms.fit; without widgets: flyte.run(fit, …)"
    assert "text/html" in shown._repr_mimebundle_()


def message(control):
    return control.message.value


def test_messages_stand_beside_the_field():
    @env.task
    def fit(n: int, m: Model = Model(), name: str = "") -> None: ...

    shown = form(fit)
    with pytest.raises(FormError) as caught:
        shown.values()
    assert str(caught.value) == 'the form of task "forms.fit" is not filled in: n: needed'
    assert "needed" in message(shown.fields["n"])
    shown.fields["n"].value_widget.value = "3.5"
    assert "write a whole number" in message(shown.fields["n"])
    shown.fields["n"].value_widget.value = "3"
    assert message(shown.fields["n"]) == ""
    rate = shown.fields["m"].controls[0]
    rate.value_widget.value = "1"
    assert "must be below 1" in message(rate)
    rate.value_widget.value = "0.5"
    assert shown.values() == {"n": 3, "m": Model(rate=0.5)}
    assert evaluated(shown.code) == {"n": 3, "m": Model(rate=0.5)}


def test_a_model_refuses_in_its_own_words():
    class Even(BaseModel):
        n: int

        def model_post_init(self, _):
            if self.n % 2:
                raise ValueError("n must be even")

    shown = form(task_of(Even))
    shown.fields["x"].controls[0].value_widget.value = "3"
    with pytest.raises(FormError, match="n must be even"):
        shown.values()
    assert "n must be even" in message(shown.fields["x"])


def test_hostile_words_are_text():
    def body(x: int = 1) -> None: ...

    body.__doc__ = "<img src=x onerror=alert(1)>"
    shown = form(env.task(body))
    shown.fields["x"].value_widget.value = "<script>"
    assert not shown.fields["x"].check()
    everything = str(shown._repr_mimebundle_()) + message(shown.fields["x"]) + shown.children[0].value
    assert "<img" not in everything
    assert "<script" not in everything


def test_a_class_that_holds_itself():
    shown = form(task_of(Tree)).fill(x=Tree("a", Tree("b")))
    assert shown.values() == {"x": Tree("a", Tree("b"))}
    assert shown.code == "run = flyte.run(body, x=Tree(name='a', child=Tree(name='b')))"


def test_what_only_code_makes_is_a_variable():
    class Thing:
        def __init__(self):
            self.n = 1

    thing = Thing()
    shown = form_of(task_of(Thing), {}, {**NAMES, "thing": thing})
    assert type(shown.fields["x"]).__name__ == "PythonControl"
    with pytest.raises(FormError, match="x: needed"):
        shown.values()
    shown.fields["x"].value_widget.value = "thing"
    assert shown.values()["x"] is thing
    assert shown.code == "run = flyte.run(body, x=thing)"
    shown.fields["x"].value_widget.value = "nothing"
    with pytest.raises(FormError, match='"nothing" is no variable here, and no literal'):
        shown.values()


def test_a_file_goes_by_the_path_that_was_typed(tmp_path, monkeypatch):
    monkeypatch.setenv("FLYTENB_HOME", str(tmp_path / "home"))
    path = tmp_path / "data.csv"
    path.write_text("a,b\n")
    shown = form(task_of(File))
    shown.fields["x"].value_widget.value = str(tmp_path / "none.csv")
    with pytest.raises(FormError, match=r'x: there is no ".*none.csv" here'):
        shown.values()
    shown.fields["x"].value_widget.value = str(path)
    assert Path(shown.values()["x"].path).read_text() == "a,b\n"
    assert shown.code.replace("\n", "").replace("    ", "") in (
        f"run = flyte.run(body, x=flyte.io.File.from_local_sync({str(path)!r}))",
        f"run = flyte.run(body,x=flyte.io.File.from_local_sync({str(path)!r}),)",
    )
    shown.fields["x"].value_widget.value = "s3://bucket/key"
    assert shown.code == "run = flyte.run(body, x=flyte.io.File.from_existing_remote('s3://bucket/key'))"


def test_rows_are_added_and_taken_away():
    shown = form(task_of(list[int], [1, 2]))
    rows = shown.fields["x"]
    rows.append().value_widget.value = "5"
    assert shown.values() == {"x": [1, 2, 5]}
    rows.box.children[0].children[-1].click()
    assert shown.values() == {"x": [2, 5]}
    long = form(task_of(list[int])).fill(x=list(range(1000)))
    assert len(long.fields["x"].box.children) == 1
    assert long.values() == {"x": list(range(1000))}


def test_fill_says_what_it_cannot():
    shown = form(task_of(int))
    with pytest.raises(errors.UnknownParameterError, match=r'task "forms\.body" has no parameter "y"; it has x'):
        shown.fill(y=1)
    with pytest.raises(FormError, match=r'field "x" \(int\) cannot show \[1\]; give that input in code'):
        shown.fill(x=[1])


def test_without_ipywidgets(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(errors.MissingPackageError) as caught:
        task_of(int).form()
    assert str(caught.value) == (
        'task.form() needs the package ipywidgets: run "pip install ipywidgets" (in a cell: %pip)'
    )


# ---- source ---------------------------------------------------------------------------------------------------------
def test_names_come_from_the_notebook():
    writer = SourceWriter({"flyte": flyte, "P": Point})
    assert writer.text(Point(1)) == "P(x=1)"
    assert writer.text(dt.date(2026, 1, 31)) == "date(2026, 1, 31)"
    assert writer.imports == ["from datetime import date"]
    assert SourceWriter({"datetime": dt}).text(dt.timedelta(seconds=90)) == "datetime.timedelta(seconds=90)"
    other = SourceWriter({"date": "something else"})
    assert other.text(dt.date(2026, 1, 31)) == "datetime.date(2026, 1, 31)"
    assert other.imports == ["import datetime"]


def test_what_has_no_source_says_so():
    with pytest.raises(UnwritableError, match="has no form as code: give it a name in the notebook"):
        SourceWriter({}).text(object())
    thing = object()
    assert SourceWriter({"thing": thing}).text(thing) == "thing"


def test_a_long_call_has_a_line_for_each_input():
    code = SourceWriter({}).call("flyte.run", ["fit"], {"a": "1" * 60, "b": "2" * 60})
    assert code == f"flyte.run(\n    fit,\n    a={'1' * 60},\n    b={'2' * 60},\n)"
