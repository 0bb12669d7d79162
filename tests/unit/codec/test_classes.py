"""Classes of a notebook: `__main__` in the kernel, a generated module in a worker, one name on the wire."""

from __future__ import annotations

import sys
import types

import pytest

from flytenb import errors
from flytenb.codec import Interface, classes

SOURCE = """
import dataclasses, enum, typing, pydantic

class Color(enum.Enum):
    RED = 1

@dataclasses.dataclass
class Score:
    value: float
    color: Color = Color.RED

class Model(pydantic.BaseModel):
    score: typing.Any = None
    n: int = 0

class Plain:
    def __init__(self, score):
        self.score = score

class Pair(typing.NamedTuple):
    a: int
    b: Score

def task(s: Score, m: Model, p: Plain, pair: Pair, c: Color, x: typing.Any) -> typing.Any: ...
"""


@pytest.fixture
def sides():
    """The same cells run in two modules: the kernel's and a worker's."""
    modules = []
    for name in ("flytenb_cells_kernel", "flytenb_cells_worker"):
        module = types.ModuleType(name)
        sys.modules[name] = module
        exec(compile(SOURCE, name, "exec"), module.__dict__)
        modules.append(module)
    yield modules
    classes.set_resolver(None)
    for module in modules:
        del sys.modules[module.__name__]


def use(module):
    classes.set_resolver(lambda name: getattr(module, name))


def test_each_side_gets_its_own_class(sides, objects):
    kernel, worker = sides
    use(kernel)
    score = kernel.Score(1.0)
    values = (
        score,
        kernel.Model(score=score, n=2),
        kernel.Plain(score),
        kernel.Pair(1, score),
        kernel.Color.RED,
        [score, kernel.Plain(score), kernel.Color.RED, kernel.Model(n=1), kernel.Pair(2, score)],
    )
    payload = Interface.of(kernel.task, task_name="t").encode_inputs(values, objects)
    assert b"flytenb_cells" not in payload
    use(worker)
    received = Interface.of(worker.task, task_name="t").decode_inputs(payload, objects)
    assert [type(value) for value in received[:5]] == [
        worker.Score,
        worker.Model,
        worker.Plain,
        worker.Pair,
        worker.Color,
    ]
    assert received[0] == worker.Score(1.0, worker.Color.RED)
    assert type(received[1].score) is worker.Score
    assert type(received[2].score) is worker.Score
    assert received[4] is worker.Color.RED
    assert [type(value) for value in received[5]] == [
        worker.Score,
        worker.Plain,
        worker.Color,
        worker.Model,
        worker.Pair,
    ]


def test_a_script_under_another_name_is_main(sides):
    class Made:
        pass

    Made.__module__, Made.__qualname__ = "my_script", "Made"
    assert classes.reference(Made) == "my_script:Made"
    classes.treat_as_main("my_script")
    try:
        assert classes.reference(Made) == "nb:Made"
    finally:
        classes._main_modules.discard("my_script")


def test_an_instance_of_an_older_class_is_refused(sides, objects):
    kernel, worker = sides
    interface = Interface.of(worker.task, task_name="t")
    use(worker)
    with pytest.raises(errors.InputTypeError, match="made by an older definition of that class"):
        interface.encode_inputs((kernel.Score(1.0), None, None, None, None, None), objects)


def test_a_class_that_is_not_here_is_named(sides, objects):
    from flytenb.codec import decode_values, encode_values

    kernel, _ = sides
    use(kernel)
    payload = encode_values([kernel.Score(1.0)], ["x"], objects)
    use(types.SimpleNamespace())
    with pytest.raises(LookupError, match=r"the value was made with Score .*define or import it"):
        decode_values(payload, objects)


def test_a_changed_definition_is_read_by_field_names(objects):
    sources = [
        "import dataclasses\n@dataclasses.dataclass\nclass P:\n    a: int\n    gone: int = 0\n",
        "import dataclasses\n@dataclasses.dataclass\nclass P:\n    a: int\n    new: str = 'n'\n",
        "import dataclasses\n@dataclasses.dataclass\nclass P:\n    a: int\n    needed: str\n",
    ]
    spaces = []
    for number, source in enumerate(sources):
        module = types.ModuleType(f"flytenb_cells_v{number}")
        sys.modules[module.__name__] = module
        exec(source + "def f(p: P) -> None: ...\n", module.__dict__)
        spaces.append(module)
    try:
        payload = Interface.of(spaces[0].f, task_name="t").encode_inputs((spaces[0].P(1),), objects)
        assert Interface.of(spaces[1].f, task_name="t").decode_inputs(payload, objects) == [spaces[1].P(1, "n")]
        with pytest.raises(TypeError, match="another definition of P, without 'needed'"):
            Interface.of(spaces[2].f, task_name="t").decode_inputs(payload, objects)
    finally:
        for module in spaces:
            del sys.modules[module.__name__]
