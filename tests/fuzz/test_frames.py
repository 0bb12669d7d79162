"""Frames and messages, as bytes."""

from __future__ import annotations

import random
import struct

import msgpack

from flytenb.model import Launch, TaskDeclaration, events
from flytenb.model.declaration import decode_declaration, encode_declaration
from flytenb.model.outcome import Failure, Frame, decode_failure, encode_failure
from flytenb.wire.framing import FrameDecoder, FrameError, encode_frame
from flytenb.wire.messages import decode_events
from tests.fuzz.trying import NUMBERS, data, mutated, try_all, value, word

LAUNCH = Launch(python="/p", cwd="/", env_vars={"A": "b"})
DECLARATION = encode_declaration(
    TaskDeclaration(name="a.b", short_name="b", environment="a", launch=LAUNCH, program="0" * 64, entry="b")
)
FAILURE = encode_failure(Failure(code="ValueError", message="m", frames=(Frame(where="x", line=1, function="f"),)))
TAGS = [kind.__struct_config__.tag for kind in events.WireEvent.__args__]
SAMPLES = [
    (1, 3, "0.1.0", "client", "c", 1, "token"),
    (2, *DECLARATION),
    (3, 1 << 32, 1, b"d", b"k", 1, b"in", b"", 0, ""),
    (4, 1, 1, False, FAILURE, 0.5),
    (5, 1, 1, "stdout", 1.0, "text"),
    (6, 1, 1, b"k", 1, "n", 1.0, 1.0, True, b"", b""),
    (8, 1, "run", b"d", b"k", b"", b"", 0, msgpack.packb({"labels": {"a": "b"}}), [("k", "g", b"v")]),
    (9, 1, "runs", msgpack.packb({"limit": 3})),
    (10, 1, "run", True),
    (12, [1, 2, 3]),
    (15, 1, 1, 0.5, 1.0, "t", 0.1),
    (16, 1, b"d", b"k", 1, b"", b"", b"", 0.5, ""),
]


def message(rng: random.Random) -> tuple:
    """A message with fields that are not what they should be, or too many or too few of them."""
    fields = list(rng.choice(SAMPLES))
    if rng.random() < 0.1:
        fields[0] = rng.choice([*TAGS, 0, 99, "1", None])
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(fields))
        fields[at] = rng.choice([value(rng), rng.choice(NUMBERS), word(rng), data(rng, 200)])
    if rng.random() < 0.2:
        fields = fields[: rng.randrange(len(fields) + 1)] + [value(rng) for _ in range(rng.randrange(3))]
    return tuple(fields)


def frames(rng: random.Random) -> bytes:
    """Bytes that begin like frames."""
    made = b""
    for _ in range(rng.randrange(1, 4)):
        try:
            made += encode_frame([message(rng) for _ in range(rng.randrange(4))])
        except (UnicodeEncodeError, OverflowError, ValueError):
            made += struct.pack("<I", rng.randrange(1 << 32)) + data(rng, 200)
    return mutated(rng, made) if rng.random() < 0.7 else made


def test_frames() -> None:
    def attempt(rng: random.Random) -> None:
        decoder = FrameDecoder(rng.choice([64 << 10, 256 << 20]))
        sent = frames(rng)
        while sent:
            size = rng.randrange(1, len(sent) + 1)
            for body in decoder.bodies(sent[:size]):
                for event in decode_events(body):
                    assert isinstance(event, events.WireEvent)
            sent = sent[size:]

    try_all("frames", attempt, (FrameError,))


def test_messages_of_an_engine() -> None:
    """What clients and workers read."""

    def attempt(rng: random.Random) -> None:
        for got in FrameDecoder().messages(frames(rng)):
            repr(got)

    try_all("messages of an engine", attempt, (FrameError,))


def test_declarations_and_failures() -> None:
    def attempt(rng: random.Random) -> None:
        if rng.random() < 0.5:
            decode_declaration(mutated(rng, DECLARATION[1]))
        else:
            decode_failure(mutated(rng, FAILURE))

    import msgspec

    try_all("declarations", attempt, (msgspec.MsgspecError, ValueError, RecursionError))
