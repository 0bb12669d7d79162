"""Keys of a call: what makes a child the same child, and what makes a result reusable."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from msgpack import packb

from flytenb.model import TaskDeclaration
from flytenb.wire import tags

#: What a schema says for people: other words, the same type.
_FOR_PEOPLE = frozenset(("title", "description", "default", "examples"))


def call_key(task_name: str, inputs_digest: bytes, group: str) -> bytes:
    """Identity of a child call under its parent (16 bytes): equal calls are told apart by their number."""
    state = blake2b(b"flytenb.call/1\0", digest_size=16)
    state.update(task_name.encode())
    state.update(b"\0" + group.encode() + b"\0")
    state.update(inputs_digest)
    return state.digest()


def code_identity(declaration: TaskDeclaration) -> bytes:
    """What a task's results are filed under (16 bytes): its name, its code or version, its types; b"" without a key.

    The name and the types make a difference where a version of the user's own stands for the code.
    """
    if not declaration.key:
        return b""
    told = declaration.interface
    sides = [[[one["name"], one["type"]] for one in told.get(side, ())] for side in ("inputs", "outputs")]
    types = _plain_schema((told.get("schema") or {}).get("$defs") or {})
    body: bytes = packb([declaration.name, declaration.key, sides, types])
    return blake2b(b"flytenb.task/1\0" + body, digest_size=16).digest()


def _plain_schema(schema: Any) -> Any:
    if isinstance(schema, dict):
        return [[key, _plain_schema(schema[key])] for key in sorted(schema) if key not in _FOR_PEOPLE]
    return [_plain_schema(one) for one in schema] if isinstance(schema, (list, tuple)) else schema


def cache_key(identity: bytes, inputs_digest: bytes, scope: str = "") -> bytes:
    """Key (16 bytes) of a result; b"" when the task has none.

    Args:
        identity: of `code_identity`.
        inputs_digest: of the inputs that count.
        scope: "" for all projects, else the only one that may use the result.
    """
    if not identity:
        return b""
    whose = b"\0" + scope.encode() if scope else b""
    return blake2b(b"flytenb.result/2\0" + identity + inputs_digest + whose, digest_size=16).digest()


def cache_mode(declaration: TaskDeclaration, *, is_disabled: bool = False, is_overwritten: bool = False) -> int:
    """How a call of this task uses the cache, in a run with these options; a key in doubt never hits by itself."""
    if is_disabled or declaration.cache == "disable" or not declaration.key:
        return tags.CACHE_OFF
    if is_overwritten or declaration.cache == "override" or declaration.key_doubts:
        return tags.CACHE_OVERRIDE
    return tags.CACHE_AUTO
