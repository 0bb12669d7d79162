"""Keys of a call: what makes a child the same child, and what makes a result reusable."""

from __future__ import annotations

from hashlib import blake2b

from flytenb.model import TaskDeclaration
from flytenb.wire import tags


def call_key(task_name: str, inputs_digest: bytes, group: str) -> bytes:
    """Identity of a child call under its parent (16 bytes): equal calls are told apart by their number."""
    state = blake2b(b"flytenb.call/1\0", digest_size=16)
    state.update(task_name.encode())
    state.update(b"\0" + group.encode() + b"\0")
    state.update(inputs_digest)
    return state.digest()


def cache_key(code_key: str, inputs_digest: bytes) -> bytes:
    """Key (16 bytes) of a result: the code's key and the inputs; b"" when the code has none."""
    if not code_key:
        return b""
    return blake2b(b"flytenb.result/1\0" + code_key.encode() + b"\0" + inputs_digest, digest_size=16).digest()


def cache_mode(declaration: TaskDeclaration, *, is_disabled: bool = False, is_overwritten: bool = False) -> int:
    """How a call of this task uses the cache, in a run with these options; a key in doubt never hits by itself."""
    if is_disabled or declaration.cache == "disable" or not declaration.key:
        return tags.CACHE_OFF
    if is_overwritten or declaration.cache == "override" or declaration.key_doubts:
        return tags.CACHE_OVERRIDE
    return tags.CACHE_AUTO
