"""`flyte.types`: the type system that plugins extend: values are written by annotation, or else by pickle."""

from __future__ import annotations

import asyncio
import html
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Protocol, runtime_checkable

from flytenb.codec import custom, objects
from flytenb.codec.annotations import codec_of
from flytenb.codec.custom import TypeTransformer, TypeTransformerFailedError
from flytenb.codec.declared import DeclaredInterface
from flytenb.codec.interface import Interface
from flytenb.codec.pickled import FlytePickle
from flytenb.codec.plain import preview
from flytenb.codec.schemas import collected
from flytenb.errors import InputTypeError
from flytenb.sdk.interface import NativeInterface

__all__ = [
    "FlytePickle",
    "Literal",
    "Renderable",
    "TypeEngine",
    "TypeTransformer",
    "TypeTransformerFailedError",
    "guess_interface",
    "literal_string_repr",
]


@dataclass(frozen=True)
class Literal:
    """An encoded value, as `TypeEngine.to_literal` returns it."""

    payload: bytes
    hash: str

    def __repr__(self) -> str:
        (seen,) = preview(self.payload)
        return f"Literal({seen.type}: {seen.text})"


class TypeEngine:
    """Flyte's registry of types.

    Example:
        TypeEngine.register(MoleculeTransformer())
    """

    @classmethod
    def register(cls, transformer: TypeTransformer[Any], additional_types: list[type] | None = None) -> None:
        """Use a transformer for its class, the given ones, and their subclasses.

        Raises:
            ValueError: another transformer has that class, or it is one of Python's own.
        """
        custom.register(transformer, additional_types)

    @classmethod
    def register_additional_type(
        cls, transformer: TypeTransformer[Any], additional_type: type, override: bool = False
    ) -> None:
        """Use a transformer for one more class."""
        if override or custom.registered(additional_type) is None:
            custom.register(transformer, [additional_type])

    @classmethod
    def register_restricted_type(cls, name: str, type: type) -> None:  # noqa: A002  Flyte's name
        """Refuse a class as type of inputs and outputs."""
        custom.restrict(name, type)

    @classmethod
    def get_transformer(cls, python_type: Any) -> TypeTransformer[Any]:
        """The registered transformer of a type, or one that writes as flytenb itself does."""
        found = custom.registered(python_type) if isinstance(python_type, type) else None
        return found or _OwnTransformer(codec_of(python_type).name, python_type)

    @classmethod
    def get_available_transformers(cls) -> list[Any]:
        """The classes that have a registered transformer."""
        cls.lazy_import_transformers()
        return [one.python_type for one in custom.known()]

    @classmethod
    def lazy_import_transformers(cls) -> None:
        """Let installed packages register theirs."""
        custom.load_entry_points()

    @classmethod
    def to_literal_type(cls, python_type: Any) -> dict[str, Any]:
        """JSON schema of a type's values."""
        return collected(codec_of(python_type).schema)

    @classmethod
    async def to_literal(cls, python_val: Any, python_type: Any, expected: Any = None) -> Literal:
        """The value encoded.

        Raises:
            TypeTransformerFailedError: it is not of the type.
        """
        return await asyncio.to_thread(_encoded, python_val, python_type)

    @classmethod
    async def to_python_value(cls, lv: Literal, expected_python_type: Any) -> Any:
        """The value again."""
        return await asyncio.to_thread(_decoded, lv, expected_python_type)

    @classmethod
    async def to_html(cls, python_val: Any, expected_python_type: Any) -> str:
        """The value as HTML: as it says itself (`_repr_html_`), else its preview."""
        shown = getattr(python_val, "_repr_html_", None)
        if callable(shown) and not isinstance(python_val, type):
            return str(shown())
        literal = await cls.to_literal(python_val, expected_python_type)
        (seen,) = preview(literal.payload)
        return f"<pre>{html.escape(seen.text)}</pre>"

    @classmethod
    def to_literal_checks(cls, python_val: Any, python_type: Any, expected: Any = None) -> None:
        """Raises TypeTransformerFailedError unless the value is of the type."""
        _encoded(python_val, python_type)

    @classmethod
    def guess_python_type(cls, flyte_type: Any) -> Any:
        """The type of a JSON schema, among the plain and the registered ones.

        Raises:
            ValueError: none is known.
        """
        plain = {int, float, bool, str, bytes, datetime, date, timedelta}
        for kind in (*plain, *(one.python_type for one in custom.known())):
            if collected(codec_of(kind).schema) == flyte_type:
                return kind
        raise ValueError(f"no type is known for {flyte_type!r}; register its transformer, or annotate the task")


class _OwnTransformer(TypeTransformer[Any]):
    """A type that flytenb writes itself, in a transformer's form."""

    def get_literal_type(self, t: Any = None) -> dict[str, Any]:
        return collected(codec_of(self.python_type).schema)

    async def to_literal(self, python_val: Any, python_type: Any, expected: Any) -> Literal:
        return await TypeEngine.to_literal(python_val, python_type)

    async def to_python_value(self, lv: Literal, expected_python_type: Any) -> Any:
        return await TypeEngine.to_python_value(lv, expected_python_type)


def _interface(python_type: Any) -> Interface:
    return DeclaredInterface({"value": python_type}, {}, "value")


def _encoded(value: Any, python_type: Any) -> Literal:
    interface = _interface(python_type)
    try:
        payload = interface.encode_inputs((value,), objects())
    except InputTypeError as error:
        raise TypeTransformerFailedError(str(error).partition(": ")[2] or str(error)) from error
    return Literal(payload, interface.digest_inputs(payload).hex())


def _decoded(literal: Literal, python_type: Any) -> Any:
    return _interface(python_type).decode_inputs(literal.payload, objects())[0]


@runtime_checkable
class Renderable(Protocol):
    """Something that shows itself as HTML."""

    def to_html(self, python_value: Any) -> str:
        """The HTML."""


def guess_interface(func: Callable[..., Any]) -> NativeInterface:
    """Names and types of a function's inputs and outputs."""
    return NativeInterface.of(Interface.of(func, task_name=getattr(func, "__name__", "function"), is_strict=False))


def literal_string_repr(value: Any) -> Any:
    """A value as people read it."""
    return {key: literal_string_repr(one) for key, one in value.items()} if isinstance(value, dict) else repr(value)
