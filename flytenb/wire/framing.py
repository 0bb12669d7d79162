"""Frames: four bytes of little-endian length, then a msgpack list of messages."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any

import msgpack

#: A frame larger than this is refused: large values travel as files in the object store.
MAX_FRAME_BYTES = 256 << 20
#: Before the other side has said who it is.
MAX_HELLO_BYTES = 64 << 10
_LENGTH = struct.Struct("<I")


class FrameError(ValueError):
    """The bytes on a link are not frames of this protocol."""


def encode_frame(messages: Iterable[Any]) -> bytes:
    """One frame that holds these messages."""
    body: bytes = msgpack.packb(list(messages), use_bin_type=True)
    return _LENGTH.pack(len(body)) + body


class FrameDecoder:
    """Bytes in, frame bodies out; keeps what is incomplete.

    Args:
        limit_bytes: a longer frame is refused as soon as its length is read.
    """

    def __init__(self, limit_bytes: int = MAX_FRAME_BYTES) -> None:
        self.limit_bytes = limit_bytes
        self._buffer = bytearray()

    def bodies(self, data: bytes) -> Iterator[bytes]:
        """Every frame body that is whole now.

        Raises:
            FrameError: a length above the limit: the other side does not speak this protocol.
        """
        buffer = self._buffer
        buffer += data
        position = 0
        try:
            while len(buffer) - position >= 4:
                (length,) = _LENGTH.unpack_from(buffer, position)
                if length > self.limit_bytes:
                    raise FrameError(f"a frame of {length} bytes is over the limit of {self.limit_bytes}")
                end = position + 4 + length
                if len(buffer) < end:
                    break
                yield bytes(memoryview(buffer)[position + 4 : end])
                position = end
        finally:
            del buffer[:position]

    def messages(self, data: bytes) -> Iterator[list[Any]]:
        """Every message that is whole now, as plain lists.

        Raises:
            FrameError: a body is no list of messages.
        """
        for body in self.bodies(data):
            try:
                found = msgpack.unpackb(body, use_list=True, strict_map_key=False)
            except Exception as error:  # msgpack's own share no class
                raise FrameError(f"a frame of {len(body)} bytes cannot be read: {type(error).__name__}") from error
            if type(found) is not list or not all(type(message) is list and message for message in found):
                raise FrameError(f"a frame of {len(body)} bytes holds no messages")
            yield from found
