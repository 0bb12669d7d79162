"""What `File`, `Dir` and `DataFrame` share: fields, hashes, and where their content may be."""

from __future__ import annotations

import hashlib
import os
import posixpath
import shutil
import types
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Generic, TypeVar

from flytenb import context
from flytenb.codec.current import objects as current_objects

T = TypeVar("T")


class HashFunction:
    """Hashes a value in your own way, in place of its content.

    Example:
        Annotated[pd.DataFrame, HashFunction.from_fn(lambda df: str(len(df)))]
    """

    def __init__(self, fn: Callable[[Any], Any] | None = None) -> None:
        self._fn = fn
        self._hasher = hashlib.sha256()

    @classmethod
    def from_fn(cls, fn: Callable[[Any], Any]) -> HashFunction:
        """Hash with this function of the value."""
        return cls(fn)

    def update(self, data: Any) -> None:
        """Add bytes of a stream."""
        self._hasher.update(data)

    def result(self) -> str:
        """The hash of what was added."""
        return self._hasher.hexdigest()

    def __call__(self, value: Any) -> str:
        return str(self._fn(value)) if self._fn is not None else hashlib.sha256(value).hexdigest()


def is_remote(path: str) -> bool:
    """Whether a path has a protocol other than `file:`."""
    protocol, separator, _ = path.partition("://")
    return bool(separator) and protocol != "file"


def without_scheme(path: str) -> str:
    """The path without `file://`."""
    return path[len("file://") :] if path.startswith("file://") else path


def filesystem_of(path: str) -> tuple[Any, str]:
    """The fsspec file system of a path, and the path inside it."""
    import fsspec

    filesystem, inside = fsspec.core.url_to_fs(path)
    return filesystem, inside


def raw_data_folder() -> str:
    """Where new content of this action goes: the run's raw data, or a folder beside the objects."""
    action = context.current_action.get()
    base = action.raw_data_path if action is not None else ""
    return base or os.fspath(current_objects().root.parent / "raw")


class Reference(Generic[T]):
    """What File, Dir and DataFrame share: named fields, equality, and being a field of pydantic models."""

    _fields: ClassVar[tuple[str, ...]] = ()
    _code: ClassVar[int]

    def __class_getitem__(cls, item: Any) -> Any:
        return types.GenericAlias(cls, item)

    def _content(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self._fields if getattr(self, name)}

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._content() == other._content()

    def __hash__(self) -> int:
        return hash((type(self), getattr(self, "path", "") or getattr(self, "uri", "")))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={value!r}" for name, value in self._content().items())
        return f"{type(self).__name__}({fields})"

    def model_dump(self) -> dict[str, Any]:
        """The fields as a dict."""
        return self._content()

    @classmethod
    def _from_plain(cls, value: Any) -> Any:
        if isinstance(value, cls):
            return value
        if isinstance(value, str):
            value = {cls._fields[0]: value}
        if isinstance(value, Mapping) and set(value) <= set(cls._fields):
            made = cls()
            for name, part in value.items():
                setattr(made, name, part)
            return made
        raise ValueError(f"expected a {cls.__name__}, a path, or a mapping with {', '.join(cls._fields)}")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            cls._from_plain, serialization=core_schema.plain_serializer_function_ser_schema(cls._content)
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: Any, handler: Any) -> dict[str, Any]:
        return {"type": "object", "title": cls.__name__, "properties": {n: {"type": "string"} for n in cls._fields}}


def join(base: str, *parts: str) -> str:
    """A path under a local or remote base."""
    return posixpath.join(base, *parts) if is_remote(base) else os.path.join(base, *parts)


def copy_out(source: str, destination: str) -> None:
    """Copy a local file or folder to a local or remote destination."""
    if is_remote(destination):
        filesystem, path = filesystem_of(destination)
        filesystem.put(source, path, recursive=os.path.isdir(source))
        return
    target = without_scheme(destination)
    os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
    if os.path.isdir(source):
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        shutil.copyfile(source, target)
