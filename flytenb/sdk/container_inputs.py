"""Inputs as a program in a container finds them: one file or folder each, or text in its command."""

from __future__ import annotations

import datetime as dt
import enum
import json
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from flytenb.codec.file import File
from flytenb.codec.folder import Dir

UserValue = Any
Layout = Literal["DIRECT", "NAMED_DIR"]

_PLAIN = frozenset(
    {bool, int, float, str, bytes, type(None), dt.datetime, dt.date, dt.time, dt.timedelta, list, dict, tuple, set}
)
_KINDS = "bool, int, float, str, bytes, datetime, date, time, timedelta, File, Dir, and lists and dicts of them"


@dataclass(frozen=True)
class Staged:
    """Something that must be in the folder of inputs.

    Attributes:
        path: relative to that folder, "/" between parts.
        content: a file, a folder, or bytes; None = an empty folder.
    """

    path: str
    content: File[Any] | Dir[Any] | bytes | None


def check_type(annotation: Any, subject: str, *, is_output: bool = False) -> None:
    """Refuses a type that no program in another language could know.

    Raises:
        TypeError: names what there is instead.
    """
    kind = typing.get_origin(annotation) or annotation
    args = typing.get_args(annotation)
    if kind is typing.Annotated:
        check_type(args[0], subject, is_output=is_output)
    elif kind is Literal:
        pass
    elif kind in (typing.Union, types.UnionType, list, tuple, set):
        for one in args:
            if one is not Ellipsis:
                check_type(one, subject, is_output=is_output)
    elif kind is dict:
        if args and args[0] is not str:
            raise TypeError(f"{subject}: a dict that goes to or from a container has str for its keys")
        for one in args[1:]:
            check_type(one, subject, is_output=is_output)
    elif not (kind in _PLAIN or (isinstance(kind, type) and issubclass(kind, (File, Dir)))):
        name = getattr(annotation, "__qualname__", str(annotation))
        way = "come from" if is_output else "go into"
        raise TypeError(f"{subject}: a {name} cannot {way} a container; use {_KINDS}, or write it to a File")


def text_of(value: UserValue) -> str:
    """A plain value as the text that a program gets: true and false, ISO times, JSON for lists and dicts."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.value if isinstance(value, enum.Enum) else value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dt.datetime, dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if isinstance(value, (list, tuple, set, frozenset, dict)):
        return json.dumps(_plain(value))
    return str(value)


def _plain(value: UserValue) -> Any:
    """As JSON can say it."""
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted((_plain(one) for one in value), key=str)
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return text_of(value)


def is_tree(annotation: Any) -> bool:
    """Whether a type is that of one or several files or folders."""
    kind = typing.get_origin(annotation) or annotation
    if isinstance(kind, type) and issubclass(kind, (File, Dir)):
        return True
    return any(is_tree(one) for one in typing.get_args(annotation)) if kind is not Literal else False


@dataclass(frozen=True)
class Inputs:
    """How the inputs of a task become files.

    A `File` is the file `name` ("NAMED_DIR": `name/` and the file's own name in it), a `Dir` the folder `name`; several
    are in the folder `name`, numbered or by their own names; a plain value is the file `name` with its text.

    Attributes:
        types: name → type.
        folder: where they are in the container.
        layout: how files are called.
    """

    types: Mapping[str, Any]
    folder: str
    layout: Layout

    def staged(self, name: str, value: UserValue) -> Iterator[Staged]:
        """What one input puts into the folder."""
        if value is None:
            return
        if not is_tree(self.types[name]):
            yield Staged(name, value if isinstance(value, bytes) else text_of(value).encode("utf-8", "surrogateescape"))
        elif isinstance(value, File):
            yield Staged(f"{name}/{_own_name(value, '0')}" if self.layout == "NAMED_DIR" else name, value)
        elif isinstance(value, Dir):
            yield Staged(name, value)
        elif not value:
            yield Staged(name, None)
        else:
            yield from self._several(name, value)

    def _several(self, name: str, values: Any) -> Iterator[Staged]:
        if isinstance(values, dict):
            for key, one in values.items():
                if "/" in key or key in ("", ".", ".."):
                    raise ValueError(f'the key "{key}" of the input "{name}" cannot name a file; take another')
                yield Staged(f"{name}/{key}", one)
            return
        used: set[str] = set()
        for number, one in enumerate(values):
            own = base = _own_name(one, str(number)) if self.layout == "NAMED_DIR" else str(number)
            again = 0
            while own in used:
                again += 1
                own = f"{again}_{base}"
            used.add(own)
            yield Staged(f"{name}/{own}", one)

    def paths(self, name: str, value: UserValue) -> list[str]:
        """Where a program finds the files or folders of an input."""
        return [f"{self.folder}/{one.path}" for one in self.staged(name, value) if one.content is not None]

    def word(self, name: str, value: UserValue) -> str:
        """An input in a command: the text of a value, the paths of files."""
        return " ".join(self.paths(name, value)) if is_tree(self.types[name]) else text_of(value)

    def document(self, values: Mapping[str, UserValue]) -> bytes:
        """All inputs in one JSON document; files by their paths."""
        found: dict[str, Any] = {}
        for name, value in values.items():
            if is_tree(self.types[name]):
                paths = self.paths(name, value)
                found[name] = paths if isinstance(value, (list, tuple, dict)) else next(iter(paths), None)
            else:
                found[name] = _plain(value)
        return json.dumps(found, indent=1).encode()


def _own_name(value: File[Any] | Dir[Any], default: str) -> str:
    name = (value.name or "").rpartition("/")[2]
    return default if name in ("", ".", "..") else name
