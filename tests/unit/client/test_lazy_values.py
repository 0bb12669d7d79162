"""Large values are read when they are touched, in their own types; nothing is read to be printed."""

import copy
import json
import pickle
from dataclasses import dataclass
from pathlib import Path

import pytest

from flytenb.client import handle
from flytenb.client.values import ActionInputs, ActionOutputs, Later
from flytenb.codec.interface import Interface
from flytenb.codec.objects import MissingObjectError, ObjectStore


class CountingStore(ObjectStore):
    reads = 0

    def get(self, *args, **kwargs):
        self.reads += 1
        return super().get(*args, **kwargs)


@dataclass
class Model:
    name: str
    weights: str


@pytest.fixture
def store(tmp_path: Path):
    return CountingStore(tmp_path / "objects", is_durable=False)


def model(score: float, large: str) -> tuple[float, str, Model]:
    return score, large, Model("m", large)


@pytest.mark.parametrize("is_typed", [True, False])
def test_only_what_is_touched_is_read(store, is_typed):
    interface = Interface.of(model, task_name="e.model")
    payload = interface.encode_outputs(model(0.5, "x" * 500_000), store)
    outputs = handle.outputs_of(payload, store, interface if is_typed else None)
    assert len(outputs) == 3
    assert outputs[0] == 0.5
    shown = repr(outputs)
    assert len(shown) < 700
    assert "o0=0.5, o1=<str 'xxx" in shown
    assert "o2=<Model Model(name='m'" in shown
    assert store.reads == 0
    assert outputs.o1 == "x" * 500_000
    assert outputs[1] is outputs.o1
    assert store.reads == 1
    assert outputs[2].weights == outputs.o1
    first, *rest = outputs
    assert (first, len(rest)) == (0.5, 2)


def test_without_large_values_nothing_is_late(store):
    interface = Interface.of(model, task_name="e.model")
    outputs = handle.outputs_of(interface.encode_outputs(model(0.5, "x"), store), store, interface)
    assert outputs.as_kept() == (0.5, "x", Model("m", "x"))


def test_inputs(store):
    interface = Interface.of(model, task_name="e.model")
    payload = interface.encode_inputs((0.5, "y" * 200_000), store)
    inputs = handle.inputs_of(handle.ActionIo(inputs=payload), store, interface)
    assert "large=<str" in repr(inputs)
    assert (inputs["score"], list(inputs), store.reads) == (0.5, ["score", "large"], 0)
    assert inputs.large == "y" * 200_000
    assert store.reads == 1


def test_an_object_that_is_gone_is_told_when_it_is_touched(store):
    interface = Interface.of(model, task_name="e.model")
    outputs = handle.outputs_of(interface.encode_outputs(model(0.5, "x" * 500_000), store), store, interface)
    for file in store.root.glob("??/*"):
        file.unlink()
    assert outputs.o0 == 0.5
    with pytest.raises(MissingObjectError, match="is not in"):
        _ = outputs.o1


def late(*values):
    return ActionOutputs([Later(lambda value=value: value, f"<{value}>") for value in values])


def test_it_is_a_tuple_in_every_use():
    outputs = late(3, 1, 2)
    assert repr(outputs) == "ActionOutputs(o0=<3>, o1=<1>, o2=<2>)"
    assert outputs == (3, 1, 2)
    assert (3, 1, 2) == late(3, 1, 2) != (3, 1)
    assert hash(late(1, 2)) == hash((1, 2))
    both = late(1) + (2,), (0,) + late(1)  # noqa: RUF005  the operators are what is tested
    assert (*both, late(1) * 2) == ((1, 2), (0, 1), (1, 1))
    assert (outputs[1:], outputs[-1], list(reversed(outputs)), sorted(late(2, 1))) == ((1, 2), 2, [2, 1, 3], [1, 2])
    assert (2 in late(1, 2), late(1, 2).index(2), late(1, 1).count(1)) == (True, 1, 2)
    assert late(1, 2) < (1, 3) <= late(1, 3)
    assert json.dumps(late(1, "a")) == '[1, "a"]'
    assert "{} {}".format(*late(1, 2)) == "1 2"
    assert pickle.loads(pickle.dumps(late(1, 2))) == copy.copy(late(1, 2)) == (1, 2)
    assert isinstance(outputs, tuple)
    assert repr(outputs) == "ActionOutputs(o0=3, o1=1, o2=2)"


def test_inputs_are_read_once():
    calls = []
    inputs = ActionInputs({"x": Later(lambda: calls.append(1) or 7, "<x>")})
    assert (inputs.x, inputs["x"], dict(inputs), calls) == (7, 7, {"x": 7}, [1])
