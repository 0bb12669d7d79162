"""torch tensors: raw bytes with dtype and shape beside them, mapped by the reader. Others of torch's classes by pickle.

torch is imported by the user's values or, in a reader, by the first tensor.
"""

from __future__ import annotations

from typing import Any

from flytenb.codec import leaves, tensor_bytes
from flytenb.codec.codec import Codec, MismatchError
from flytenb.codec.objects import ObjectStore
from flytenb.codec.pickled import encode_pickle


def _encode(value: Any, objects: ObjectStore) -> Any:
    """Meta is `[dtype, shape, preview]`."""
    if not tensor_bytes.is_plain(value):
        if value.device.type not in ("cpu", "meta"):
            raise MismatchError(
                "a tensor on the CPU",
                value,
                "write tensor.cpu(), and .to(device) in the task that takes it",
                problem=f"a tensor on {value.device} belongs to this process's device and cannot be passed on",
            )
        return encode_pickle(value.detach().clone() if _has_history(value) else value, objects)
    name, shape, data = tensor_bytes.parts(value)
    return leaves.leaf("tensor", [name, shape, f"{name} {tuple(shape)}"], data, objects)


def _has_history(value: Any) -> bool:
    return bool(value.requires_grad and not value.is_leaf)


leaves.register_leaf(
    "tensor",
    lambda meta, data, objects: tensor_bytes.make(meta[0], meta[1], data),
    lambda meta, digest, objects: tensor_bytes.make(meta[0], meta[1], objects.view(digest)),
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
