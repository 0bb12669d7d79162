"""Frames as typed events (engine side) and outgoing messages as plain tuples of the layout in `tags`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from flytenb.model.events import WireEvent
from flytenb.wire.framing import MAX_FRAME_BYTES, FrameError

_decode = msgspec.msgpack.Decoder(list[WireEvent]).decode
_encode = msgspec.msgpack.Encoder().encode


def decode_events(body: bytes) -> list[WireEvent]:
    """The events in a frame's body.

    Raises:
        FrameError: the body is not a list of messages of this protocol.
    """
    try:
        return _decode(body)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:  # msgspec reads Unicode by Python's own codec
        raise FrameError(f"a frame of {len(body)} bytes is not of this protocol: {error}") from error


def encode_messages(messages: Sequence[tuple[Any, ...]]) -> bytes:
    """One frame that holds these messages.

    Raises:
        FrameError: the frame would be over `MAX_FRAME_BYTES`.
    """
    body = _encode(messages)
    if len(body) > MAX_FRAME_BYTES:
        raise FrameError(f"a frame of {len(body)} bytes is over the limit of {MAX_FRAME_BYTES}")
    return len(body).to_bytes(4, "little") + body
