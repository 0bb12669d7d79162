"""What `File`, `Dir` and `DataFrame` share: fields, hashes, and where their content may be."""

from __future__ import annotations

import contextvars
import hashlib
import os
import types
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, ClassVar, Generic, TypeVar

from flytenb import context
from flytenb.codec.current import objects as current_objects

T = TypeVar("T")
_CHUNK_BYTES = 1 << 20


class HashFunction:
    """Hashes a value in your own way, in place of its content.

    Example:
        Annotated[pd.DataFrame, HashFunction.from_fn(lambda df: str(len(df)))]
    """

    def __init__(self, fn: Callable[[Any], Any] | None = None) -> None:
        self._fn = fn
        self._hasher = hashlib.sha256()
        self._pieces: list[bytes] = []

    @classmethod
    def from_fn(cls, fn: Callable[[Any], Any]) -> HashFunction:
        """Hash with this function of the value."""
        return cls(fn)

    def update(self, data: Any) -> None:
        """Add bytes of a stream; a function given sees them as a whole in the end."""
        if self._fn is None:
            self._hasher.update(data)
        else:
            self._pieces.append(bytes(data))

    def result(self) -> str:
        """The hash of what was added."""
        return self._hasher.hexdigest() if self._fn is None else self(b"".join(self._pieces))

    def reset(self) -> None:
        """Forget what was added."""
        self._hasher, self._pieces = hashlib.sha256(), []

    def __call__(self, value: Any) -> str:
        return str(self._fn(value)) if self._fn is not None else hashlib.sha256(value).hexdigest()

    @property
    def is_streaming(self) -> bool:
        """Whether it needs the pieces of a content only, not the whole."""
        return self._fn is None


def hash_of(path: str, method: Any) -> str:
    """The hash of a local file by a hash given, a function, or an object with `update` and `result`."""
    if isinstance(method, str):
        return method
    with open(path, "rb") as file:
        if isinstance(method, HashFunction) and not method.is_streaming:
            return method(file.read())
        if not hasattr(method, "update") or not hasattr(method, "result"):
            raise TypeError(f"hash_method is a str, a HashFunction, or has update() and result(); got {method!r}")
        if hasattr(method, "reset"):
            method.reset()
        while chunk := file.read(_CHUNK_BYTES):
            method.update(chunk)
    return str(method.result())


class Hashing:
    """An open file that is hashed as it is written; everything else is the file's own."""

    def __init__(self, handle: Any, method: Any) -> None:
        self._handle, self._method = handle, method
        if hasattr(method, "reset"):
            method.reset()

    def write(self, data: Any) -> Any:
        """Write and hash."""
        self._method.update(data.encode() if isinstance(data, str) else data)
        return self._handle.write(data)

    def result(self) -> str:
        """The hash of what was written."""
        return str(self._method.result())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handle, name)


def raw_data_folder() -> str:
    """Where new content of this action goes: the run's raw data, or a folder beside the objects."""
    action = context.current_action.get()
    base = action.raw_data_path if action is not None else ""
    return base or os.fspath(current_objects().root.parent / "raw")


def awaited(made: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The result of an async function, in a loop of its own: the caller's is busy with the caller."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    async def call() -> T:
        return await made()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(contextvars.copy_context().run, asyncio.run, call()).result()


class Reference(Generic[T]):
    """What File, Dir and DataFrame share: named fields, equality, and being a field of pydantic models."""

    _fields: ClassVar[tuple[str, ...]] = ()
    _code: ClassVar[int]
    #: Asked once, when the value is passed on: an async function that brings the content where it belongs. It returns
    #: `(hash or None, address)` for a File or Dir, the DataFrame to use for a DataFrame.
    lazy_uploader: Callable[[], Coroutine[Any, Any, Any]] | None = None

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
        return {"type": "string", "format": "path", "title": cls.__name__}
