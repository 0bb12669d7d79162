"""Where a value came from: run, action, task, code. What `outputs()` gave is known by identity, the rest by content."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from msgpack import ExtType

from flytenb.client.given import known_as
from flytenb.client.session import session
from flytenb.client.twin import twin
from flytenb.codec import leaves
from flytenb.codec import payload as layout
from flytenb.codec.objects import ObjectStore
from flytenb.errors import FlytenbError
from flytenb.model.declaration import TaskDeclaration, decode_declaration
from flytenb.model.history import Held, History
from flytenb.wire import paths

UserValue = Any
#: Encoded values of fewer bytes are equal by accident.
LEAST_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One action that gave a value."""

    run: str
    action: str
    task: str
    #: "o0" or its name; "" for a handle.
    output: str = ""
    #: "Cell In[4], line 2" or "path, line 2".
    code: str = ""
    #: When the action ended, seconds since the epoch.
    ended_at: float = 0.0
    #: "identity" (it is what outputs() gave), "content" (an equal value is recorded) or "handle".
    by: str = "identity"

    def __str__(self) -> str:
        output = f" output {self.output}" if self.output else ""
        code = f" ({self.code})" if self.code else ""
        return f"{self.run}/{self.action}{output} of task {self.task}{code}"


class Places(list[Place]):
    """The places of a value, the likeliest first; empty when nothing is known."""

    def __str__(self) -> str:
        return "\n".join(map(str, self)) or "no recorded action gave this value"

    __repr__ = __str__


@twin
def where(value: UserValue) -> Places:
    """Where a value came from: run, action, task, code.

    Takes what `run.outputs()` or `await run` gave, a `Run` or an `Action`, and any value that a recorded action
    returned: files, folders and frames are found by their content, others by their encoded form.

    Example:
        print(flyte.where(model))   # k7p2x9/a3 output o0 of task digits.fit (Cell In[4], line 2)

    Raises:
        ValueError: too small a value to be told from equal ones, such as a number.
    """
    state = paths.home()
    run, action = getattr(value, "_where", None) or _of_handle(value)
    if run:
        return Places([_place(run, action, "", "handle")])
    known = known_as(value)
    if known is not None:
        return Places([_place(*known, "identity")])
    return _by_content(value, ObjectStore(state / "objects"))


def _of_handle(value: UserValue) -> tuple[str, str]:
    if hasattr(value, "run_name") and hasattr(value, "row"):
        return value.run_name, value.name
    if hasattr(value, "outputs") and hasattr(value, "snapshot"):
        return value.name, "a0"
    return "", ""


def _place(run: str, action: str, output: str, by: str) -> Place:
    history: History = session().query("history", History, run=run, action=action)
    declaration = decode_declaration(history.tasks[history.call.task])
    return Place(
        run=run,
        action=action,
        task=declaration.name,
        output=output,
        code=_code(declaration),
        ended_at=history.call.ended_at,
        by=by,
    )


def _code(declaration: TaskDeclaration) -> str:
    return f"{declaration.source}, line {declaration.source_line}" if declaration.source else ""


def _by_content(value: UserValue, store: ObjectStore) -> Places:
    """Recorded outputs that hold the encoded value, or the content of a file, folder or frame."""
    needles = _needles(value, store)
    if not needles:
        raise ValueError(
            f"{value!r} is too small to be told from equal values; ask for what holds it: a run, or what outputs() gave"
        )
    found: list[Place] = []
    for needle in needles:
        held: list[Held] = session().query("holders", list[Held], needle=needle)
        for one in held:
            place = _held(one, needle)
            if place is not None and place not in found:
                found.append(place)
        if found:
            break
    # Within a run who ended first made it, those above handed it on.
    newest = {place.run: index for index, place in reversed(list(enumerate(found)))}
    return Places(sorted(found, key=lambda place: (newest[place.run], place.ended_at)))


def _needles(value: UserValue, store: ObjectStore) -> list[bytes]:
    from flytenb.codec.annotations import DYNAMIC  # who asks pays for it

    content = getattr(value, "content", None) or getattr(value, "hash", None)
    if isinstance(content, str) and len(content) >= LEAST_BYTES:
        return [content.encode()]
    try:
        encoded = DYNAMIC.codec.encode(value, store)
    except (FlytenbError, ValueError, TypeError) as error:
        raise ValueError(f"a {type(value).__name__} cannot be looked for by its content: {error}") from error
    # As it lies in a payload: what is large is there by its digest.
    (encoded,) = leaves.unpack_with(layout.build(layout.prefix(("o0",)), [encoded], store), ExtType)[2]
    if type(encoded) is ExtType and encoded.code == leaves.REFERENCE:
        _kind, _meta, digest, _size = leaves.unpack_with(encoded.data, ExtType)
        return [digest]
    data = leaves.pack(encoded)
    return [data] if len(data) >= LEAST_BYTES else []


def _held(held: Held, needle: bytes) -> Place | None:
    """The place, with the output that holds the bytes."""
    _format, names, values = leaves.unpack_with(held.outputs, ExtType)
    name = next((str(name) for name, item in zip(names, values, strict=False) if needle in leaves.pack(item)), None)
    if name is None:
        return None
    declaration = decode_declaration(held.declaration)
    call = held.call
    return Place(
        run=call.run,
        action=call.action,
        task=declaration.name,
        output=name,
        code=_code(declaration),
        ended_at=call.ended_at,
        by="content",
    )
