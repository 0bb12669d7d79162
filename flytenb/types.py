"""`flyte.types`: the type system that plugins extend. Values are encoded by annotation; own types travel by pickle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from flytenb.codec.interface import Interface
from flytenb.errors import NotAvailableError
from flytenb.sdk.interface import NativeInterface
from flytenb.sdk.later import later_class

__all__ = [
    "FlytePickle",
    "Renderable",
    "TypeEngine",
    "TypeTransformer",
    "TypeTransformerFailedError",
    "guess_interface",
    "literal_string_repr",
]

T = TypeVar("T")


class TypeTransformerFailedError(TypeError, AssertionError, ValueError):
    """A value could not be converted."""


class TypeTransformer(Generic[T]):
    """Flyte's converter of one type; it can be subclassed, and is not called here."""

    def __init__(self, name: str, t: type[T], enable_type_assertions: bool = True) -> None:
        self.name, self.python_type, self.type_assertions_enabled = name, t, enable_type_assertions


class _Engine(type):
    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")
        raise NotAvailableError(f"flyte.types.TypeEngine.{name}", "annotate the task; values are encoded by themselves")


class TypeEngine(metaclass=_Engine):
    """Flyte's registry of converters. A registered type needs none here: what has no codec travels by pickle."""

    @classmethod
    def register(cls, transformer: TypeTransformer[Any], additional_types: list[type] | None = None) -> None:
        """Accepted: values of the type travel by pickle, and say so."""


@runtime_checkable
class Renderable(Protocol):
    """Something that shows itself as HTML."""

    def to_html(self, python_value: Any) -> str:
        """The HTML."""


FlytePickle = later_class("flyte.types.FlytePickle", "annotate with the class itself: what has no codec is pickled")


def guess_interface(func: Callable[..., Any]) -> NativeInterface:
    """Names and types of a function's inputs and outputs."""
    return NativeInterface.of(Interface.of(func, task_name=getattr(func, "__name__", "function"), is_strict=False))


def literal_string_repr(value: Any) -> Any:
    """A value as people read it."""
    return {key: literal_string_repr(one) for key, one in value.items()} if isinstance(value, dict) else repr(value)
