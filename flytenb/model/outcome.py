"""How an attempt ended, when it ended badly: plain data that crosses processes and prints well."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec


class Frame(msgspec.Struct, frozen=True, omit_defaults=True):
    """One frame of a user's traceback, innermost last."""

    #: "Cell In[5]" or a file's path, as the user knows it.
    where: str
    #: 1-based line.
    line: int
    function: str
    #: The source line, stripped, or "".
    code: str = ""


class Failure(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """An error of an action. Travels as a msgpack map; nothing in it is ever unpickled to be shown."""

    #: Flyte's error code; for a user's exception its class name.
    code: str
    message: str
    #: "user", "system" or "unknown".
    kind: str = "user"
    #: The user's frames, outermost first.
    frames: tuple[Frame, ...] = ()
    #: The whole traceback as Python would print it, user frames only.
    traceback: str = ""
    #: Module and qualified name of the exception's class, for rebuilding it; "" when there is none.
    type_name: str = ""
    #: The exception pickled by the worker, opened only by the process that raises it again.
    pickled: bytes = b""
    #: The engine may try again.
    is_recoverable: bool = True
    #: The worker process that had it.
    worker: str = ""
    #: (name, value as text) of the variables of each of the first frames; engines keep them apart, see `post_mortem`.
    locals: tuple[tuple[tuple[str, str], ...], ...] = ()
    #: How many attempts there were, when the user's retries are used up; 0 = they are not, or there were none.
    exhausted: int = 0
    #: "RUN/ACTION" whose container stays to be looked at, "" when none does.
    kept: str = ""
    #: A person wanted it (an abort): a parent that runs again does not call the action anew.
    is_wanted: bool = False

    @property
    def kept_words(self) -> str:
        """Where to look, when a container stays."""
        return (
            f"its container stays: look inside with `%%flyte_exec {self.kept}` in a cell, or "
            f"`flytenb exec {self.kept} -- COMMAND` in a shell"
        )


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Failure).decode


class Hidden(Protocol):
    """The part of a redactor that is used here."""

    def plain(self, value: Any) -> Any: ...
    def holds(self, data: bytes) -> bool: ...
    def text(self, text: str) -> str: ...
    def shortened(self, text: str) -> str: ...


def without_secrets(failure: Failure, hidden: Hidden) -> Failure:
    """The failure with all its texts redacted; an exception that carries a secret does not travel as an object."""
    pickled = b"" if hidden.holds(failure.pickled) else failure.pickled
    told = {**hidden.plain(msgspec.msgpack.decode(_encode(failure))), "pickled": pickled}
    if failure.locals:  # these are cut, perhaps in the midst of a secret
        told["locals"] = [
            [(hidden.text(name), hidden.shortened(text)) for name, text in variables] for variables in failure.locals
        ]
    return _decode(msgspec.msgpack.encode(told))


def encode_failure(failure: Failure) -> bytes:
    """As the payload of `Finished(ok=False)`."""
    return _encode(failure)


def decode_failure(payload: bytes) -> Failure:
    """The failure in a payload."""
    return _decode(payload)


_encode_locals = msgspec.msgpack.Encoder().encode
_decode_locals = msgspec.msgpack.Decoder(tuple[tuple[tuple[str, str], ...], ...]).decode


def without_locals(failure: Failure) -> tuple[Failure, bytes]:
    """The failure as it is kept with its action, and its variables as they are kept apart (b"" for none)."""
    if not failure.locals:
        return failure, b""
    return msgspec.structs.replace(failure, locals=()), _encode_locals(failure.locals)


def with_locals(failure: Failure, body: bytes) -> Failure:
    """Both together again."""
    return msgspec.structs.replace(failure, locals=_decode_locals(body)) if body else failure
