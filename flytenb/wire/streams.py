"""Many connections in one stream of bytes: how a container that sees nothing of the engine's machine speaks with it.

The stream is the container's standard input and output. A frame is a kind, a channel and a length, then content. Each
channel is a connection that a program in the container has made to one of its doors. Who sends has credit: it is given
back as the other side gets rid of what came, so that a large file fills no memory and nothing waits behind it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

#: Of a frame: its kind, its channel, the length of its content.
HEADER = struct.Struct("<BIQ")

#: To the container: what its process 1 needs to know, as JSON. Back, last of all: how its worker ended.
BOOT, END = 1, 2
#: A connection was made; the content names the door. Its bytes, what may be sent more, and its end.
OPEN, DATA, CREDIT, CLOSE = 3, 4, 5, 6
#: A sign of life, answered with the same.
BEAT = 7

#: Bytes of a channel that may be under way. More would let short messages wait longer, less would slow distant engines.
WINDOW_BYTES = 1 << 20
#: Bytes in one frame: what a short message of another channel waits for at most.
PIECE_BYTES = 64 << 10
#: Doors: to the engine's socket for workers, and to the object store.
ENGINE_DOOR, OBJECTS_DOOR = "engine", "objects"
#: Seconds between signs of life; of silence after which the engine's side gives a container up, and a container itself.
BEAT_S, SILENCE_S, ALONE_S = 15.0, 60.0, 300.0

_MOST_BYTES = 16 << 20
_AMOUNT = struct.Struct("<I")

#: What is asked of the object store: has it an object, its content, keep this content. Then the digest, in hex.
HAS, GET, PUT = b"H", b"G", b"P"
#: Its answers: yes or done, no, and a failure in words. `GET` is answered with the length before the content.
YES, NO, FAILED = b"Y", b"N", b"F"
DIGEST_BYTES = 64
LENGTH = struct.Struct("<Q")


class StreamError(ValueError):
    """The bytes are not frames."""


def frame(kind: int, channel: int = 0, content: bytes | memoryview = b"") -> bytes:
    """One frame."""
    return b"".join((HEADER.pack(kind, channel, len(content)), content))


def credit(channel: int, amount: int) -> bytes:
    """A frame that gives credit back."""
    return frame(CREDIT, channel, _AMOUNT.pack(amount))


def amount_of(content: bytes) -> int:
    """What a frame of credit gives back."""
    return int(_AMOUNT.unpack(content)[0])


class FrameReader:
    """Bytes in, frames out; keeps what is incomplete."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def frames(self, data: bytes | memoryview) -> Iterator[tuple[int, int, bytes]]:
        """Kind, channel and content of every frame that is whole now.

        Raises:
            StreamError: a length that no frame has.
        """
        buffer = self._buffer
        buffer += data
        place = 0
        try:
            while len(buffer) - place >= HEADER.size:
                kind, channel, length = HEADER.unpack_from(buffer, place)
                if length > _MOST_BYTES:
                    raise StreamError(f"a frame of {length} bytes")
                end = place + HEADER.size + length
                if len(buffer) < end:
                    break
                yield kind, channel, bytes(memoryview(buffer)[place + HEADER.size : end])
                place = end
        finally:
            del buffer[:place]
