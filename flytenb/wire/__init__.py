"""Messages between processes: one tagged union, length-prefixed msgpack frames, a protocol number.

`tags` is the layout as plain tuples (workers, clients, any image); `messages` is the same layout as typed structs
(engine). A test holds the two together. Names load on first use: process 1 of a container needs `streams` alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flytenb.wire.framing import FrameDecoder, encode_frame
    from flytenb.wire.tags import PROTOCOL

__all__ = ["PROTOCOL", "FrameDecoder", "encode_frame"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{'tags' if name == 'PROTOCOL' else 'framing'}"), name)
