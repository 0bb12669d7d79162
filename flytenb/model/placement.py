"""Where an action really ran, and with what software."""

from __future__ import annotations

from hashlib import blake2b

import msgspec

_encode = msgspec.msgpack.Encoder().encode


class Placement(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Where an action really ran and with what software; recorded once, named by every action that ran so."""

    #: "process" or "docker".
    executor: str
    #: Why this executor, in words.
    reason: str = ""
    python: str = ""
    #: The image as a person knows it and its id at the container engine ("sha256:…").
    image: str = ""
    image_id: str = ""
    #: The virtual environment that stands in for an image, "" for the caller's own.
    environment: str = ""
    #: Distributions as "name==version", sorted; () when not known.
    distributions: tuple[str, ...] = ()
    #: When the first worker was placed so, until its distributions are read; then 0.
    since: float = 0.0
    #: When packages were changed after that and before they were read, so that `distributions` may differ from what
    #: ran first; 0 when they were not.
    changed_at: float = 0.0
    #: What a person should know: a layer that was left out, an environment used as it is.
    notes: tuple[str, ...] = ()


def encode_placement(placement: Placement) -> tuple[bytes, bytes]:
    """Digest (16 bytes) and body of a placement."""
    body = _encode(placement)
    return blake2b(b"flytenb.placement/1\0" + body, digest_size=16).digest(), body


_decode_placement = msgspec.msgpack.Decoder(Placement).decode


def decode_placement(body: bytes) -> Placement:
    """The placement in a stored body."""
    return _decode_placement(body)
