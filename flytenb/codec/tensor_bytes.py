"""A plain torch tensor as dtype, shape and bytes; of its own, because leaves and pickles both need it."""

from __future__ import annotations

from typing import Any


def is_plain(value: Any) -> bool:
    """Whether bytes, dtype and shape are all there is: dense, on the CPU, no gradient's history, nobody's subclass."""
    import torch

    return (
        type(value) is torch.Tensor
        and value.layout is torch.strided
        and value.device.type == "cpu"
        and not value.requires_grad
        and not value.is_quantized
        and not value.is_conj()
        and not value.is_neg()
        and not vars(value)
    )


def parts(value: Any) -> tuple[str, list[int], Any]:
    """Name of the dtype, shape, and the bytes as a buffer."""
    import torch

    name = str(value.dtype).removeprefix("torch.")
    if not value.numel():
        return name, list(value.shape), b""
    return name, list(value.shape), memoryview(value.contiguous().reshape(-1).view(torch.uint8).numpy())


def make(name: str, shape: list[int], buffer: Any) -> Any:
    """The tensor again; it lies in the buffer where that can be written to."""
    import torch

    dtype = getattr(torch, name)
    if not len(buffer):
        return torch.empty(shape, dtype=dtype)
    own = bytearray(buffer) if isinstance(buffer, bytes) else buffer
    return torch.frombuffer(own, dtype=torch.uint8).view(dtype).reshape(shape)
