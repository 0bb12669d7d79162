"""torch tensors: mapped like arrays; what belongs to a device or a graph is told."""

from __future__ import annotations

from typing import Any

import pytest

from flytenb import errors
from flytenb.codec.plain import preview

torch = pytest.importorskip("torch")


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.arange(6).reshape(2, 3),
        lambda: torch.tensor(1.5),
        lambda: torch.empty(0, 3),
        lambda: torch.ones(3, dtype=torch.bfloat16),
        lambda: torch.tensor([1 + 2j]),
        lambda: torch.tensor([True, False]),
        lambda: torch.arange(6).reshape(2, 3).T,
        lambda: torch.arange(100_000, dtype=torch.float32),
        lambda: torch.tensor([float("nan")]),
    ],
)
def test_tensors(make, round_trip):
    value = make()
    for annotation in (torch.Tensor, Any):
        result = round_trip(annotation, value)
        assert (result.dtype, result.shape) == (value.dtype, value.shape)
        assert torch.equal(torch.nan_to_num(result), torch.nan_to_num(value))
        result.zero_()
        assert torch.equal(torch.nan_to_num(round_trip(annotation, value)), torch.nan_to_num(value))


def test_a_large_one_is_mapped(interface_of, objects):
    payload = interface_of(torch.Tensor).encode_inputs((torch.zeros(1_000_000),), objects)
    assert len(payload) < 200
    (seen,) = preview(payload)
    assert (seen.type, seen.text, seen.size_bytes) == ("Tensor", "float32 (1000000,)", 4_000_000)


def test_parameters_modules_and_gradients_are_pickled(round_trip):
    model = torch.nn.Linear(2, 3)
    result = round_trip(Any, model)  # which also compares two encodings: the same module has the same key
    assert torch.equal(result.weight, model.weight)
    assert result.weight.requires_grad
    tied = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    tied[1].weight = tied[0].weight
    result = round_trip(Any, tied)
    assert result[1].weight is result[0].weight
    assert torch.equal(round_trip(Any, model.state_dict())["bias"], model.bias)
    leaf = torch.ones(2, requires_grad=True)
    assert round_trip(torch.Tensor, leaf).requires_grad
    assert not round_trip(torch.Tensor, leaf * 2).requires_grad


def test_a_tensor_of_a_device_is_refused(interface_of, objects):
    meta = torch.ones(1)

    class OnDevice(torch.Tensor):
        device = torch.device("cuda:0")

    value = meta.as_subclass(OnDevice)
    with pytest.raises(
        errors.InputTypeError, match=r"a tensor on cuda:0 belongs to this process's device .* tensor.cpu"
    ):
        interface_of(torch.Tensor).encode_inputs((value,), objects)
    with pytest.raises(errors.InputTypeError, match=r"expected Tensor, got list .*; write torch.as_tensor"):
        interface_of(torch.Tensor).encode_inputs(([1],), objects)
    assert torch.equal(interface_of(torch.Tensor).parse_cli("x", "[1, 2]"), torch.tensor([1, 2]))
