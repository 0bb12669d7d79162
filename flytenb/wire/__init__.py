"""Messages between processes: one tagged union, length-prefixed msgpack frames, a protocol number.

`tags` is the layout as plain tuples (workers, clients, any image); `messages` is the same layout as typed structs
(engine). A test holds the two together.
"""

from flytenb.wire.framing import FrameDecoder, encode_frame
from flytenb.wire.tags import PROTOCOL

__all__ = ["PROTOCOL", "FrameDecoder", "encode_frame"]
