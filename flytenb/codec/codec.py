"""What a compiled annotation is: a pair of closures and what people read of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flytenb.codec.objects import ObjectStore

Encode = Callable[[Any, ObjectStore], Any]
Decode = Callable[[Any, ObjectStore], Any]


@dataclass(slots=True)
class Codec:
    """How values of one annotation are written and read."""

    #: As a person writes the type: `list[float]`.
    name: str
    #: Checks the value and returns what msgpack can pack; raises `MismatchError`.
    encode: Encode
    #: From what was unpacked; None = it is the value already.
    decode: Decode | None
    #: From parsed JSON (command line, HTTP); raises `MismatchError`.
    from_json: Callable[[Any], Any]
    #: JSON schema, made when asked for.
    schema: Callable[[], dict[str, Any]]
    #: From the command line's text; None = parse it as JSON, then `from_json`.
    from_text: Callable[[str], Any] | None = None
    #: The class whose exact instances are meant first, in a union.
    exact: type | None = None
    #: Whether its encoded form may carry a hash that stands for the content (files, `HashFunction`).
    has_hash: bool = False


#: Gives the codec of an annotation; passed down so that container modules need not know the others.
CodecOf = Callable[[Any], Codec]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A value for a union together with the variant that is meant: what is read of it needs no guess."""

    index: int
    value: Any


def unchosen(value: Any) -> Any:
    """Plain data without such marks, for libraries that choose themselves."""
    if type(value) is Chosen:
        return unchosen(value.value)
    if isinstance(value, dict):
        return {key: unchosen(one) for key, one in value.items()}
    return [unchosen(one) for one in value] if isinstance(value, list) else value


_PATH_CHARACTERS = 200


class MismatchError(TypeError):
    """A value is not of its annotation's type. Caught by `Interface`, which names task and parameter."""

    def __init__(self, expected: str, value: Any, hint: str = "", path: str = "", problem: str = "") -> None:
        super().__init__(expected)
        self.expected, self.value, self.hint, self.path, self.problem = expected, value, hint, path, problem

    def under(self, step: str) -> MismatchError:
        """The same one, seen from a container."""
        self.path = step + self.path
        return self

    def sentence(self, root: str = "") -> str:
        """Expected and given, in words; the path begins with the name `root`."""
        path = self.path if len(self.path) <= _PATH_CHARACTERS else f"{self.path[:_PATH_CHARACTERS]}…"
        place = f"at {root}{path if root else path.lstrip('.')}, " if path else ""
        if self.problem:
            return f"{place}{self.problem}" + (f"; {self.hint}" if self.hint else "")
        given = "None" if self.value is None else type_name(type(self.value))
        text = "" if self.value is None else shown(self.value)
        if text and not (text.startswith("<") and " at 0x" in text):  # an address tells a person nothing
            given = f"{given} ({text})"
        text = f"{place}expected {self.expected}, got {given}"
        return f"{text}; {self.hint}" if self.hint else text

    def __str__(self) -> str:
        return self.sentence()


def shown(value: Any, limit: int = 60) -> str:
    """A short repr; a str in double quotes, as in JSON."""
    try:
        text = f'"{value}"' if isinstance(value, str) else repr(value)
    except Exception:  # a user's __repr__ may do anything
        text = f"<{type(value).__name__}>"
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def type_name(annotation: Any) -> str:
    """As a person writes the type."""
    if annotation is None or annotation is type(None):
        return "None"
    if isinstance(annotation, type) and not getattr(annotation, "__args__", None):
        return annotation.__name__ if annotation.__module__ in ("builtins", "__main__") else annotation.__qualname__
    return str(annotation).replace("typing.", "").replace("__main__.", "")
