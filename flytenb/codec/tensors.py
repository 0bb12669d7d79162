"""torch tensors: raw bytes with dtype and shape beside them, mapped by the reader. Others of torch's classes by pickle.

torch is imported by the user's values or, in a reader, by the first tensor.
"""

from __future__ import annotations

from typing import Any

from flytenb.codec import leaves
from flytenb.codec.codec import Codec, MismatchError
from flytenb.codec.objects import ObjectStore
from flytenb.codec.pickled import encode_pickle


def _is_plain(value: Any) -> bool:
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
    )


def _encode(value: Any, objects: ObjectStore) -> Any:
    """Meta is `[dtype, shape, preview]`."""
    if not _is_plain(value):
        if value.device.type not in ("cpu", "meta"):
            raise MismatchError(
                "a tensor on the CPU",
                value,
                "write tensor.cpu(), and .to(device) in the task that takes it",
                problem=f"a tensor on {value.device} belongs to this process's device and cannot be passed on",
            )
        return encode_pickle(value.detach().clone() if _has_history(value) else value, objects)
    import torch

    name = str(value.dtype).removeprefix("torch.")
    content = (
        value.contiguous().reshape(-1).view(torch.uint8) if value.numel() else value.new_empty(0, dtype=torch.uint8)
    )
    meta = [name, list(value.shape), f"{name} {tuple(value.shape)}"]
    return leaves.leaf("tensor", meta, memoryview(content.numpy()) if value.numel() else b"", objects)


def _has_history(value: Any) -> bool:
    return bool(value.requires_grad and not value.is_leaf)


def _tensor(meta: Any, buffer: Any) -> Any:
    import torch

    dtype = getattr(torch, meta[0])
    if not len(buffer):
        return torch.empty(meta[1], dtype=dtype)
    return torch.frombuffer(buffer, dtype=torch.uint8).view(dtype).reshape(meta[1])


leaves.register_leaf(
    "tensor",
    lambda meta, data, objects: _tensor(meta, bytearray(data)),
    lambda meta, digest, objects: _tensor(meta, objects.view(digest)),
)


def tensor_codec(cls: type) -> Codec | None:
    """The codec of `torch.Tensor`; None for torch's other classes."""
    import torch

    if cls is not torch.Tensor:
        return None

    def encode(value: Any, objects: ObjectStore) -> Any:
        if not isinstance(value, torch.Tensor):
            raise MismatchError("Tensor", value, "write torch.as_tensor(value)")
        return _encode(value, objects)

    def read(value: Any) -> Any:
        try:
            return torch.tensor(value)
        except (TypeError, ValueError):
            raise MismatchError("Tensor", value, "write a JSON list of numbers") from None

    return Codec("Tensor", encode, None, read, lambda: {"type": "array"}, exact=cls)
