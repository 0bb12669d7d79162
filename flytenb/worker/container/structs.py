"""Structs as msgspec's, in pure Python: fields by annotation, defaults, frozen ones, keyword-only ones, pickles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

_S = TypeVar("_S", bound="Struct")


class _Required:
    def __repr__(self) -> str:
        return "NODEFAULT"


NODEFAULT = _Required()
_EMPTY = (list, dict, set, bytearray)


class Factory:
    """A default that is made anew for every struct."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


def field(*, default: Any = NODEFAULT, default_factory: Any = NODEFAULT, name: str | None = None) -> Any:
    """A field's default; other names on the wire are not among what a worker needs."""
    if name is not None:
        raise NotImplementedError("msgspec.field(name=…) needs msgspec itself in the image")
    return default if default_factory is NODEFAULT else Factory(default_factory)


class StructMeta(type):
    """Makes structs: slots, defaults and options from the class body."""

    __struct_fields__: tuple[str, ...]
    __struct_positional__: tuple[str, ...]
    __struct_defaults_by_name__: dict[str, Any]
    __struct_options__: dict[str, Any]
    __struct_hints__: dict[str, Any] | None

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> Any:
        fields: list[str] = []
        keyword_only: list[str] = []
        defaults: dict[str, Any] = {}
        inherited: dict[str, Any] = {}
        for base in reversed(bases):
            if isinstance(base, StructMeta):
                fields += [one for one in base.__struct_fields__ if one not in fields]
                keyword_only += [one for one in base.__struct_fields__ if one not in base.__struct_positional__]
                defaults.update(base.__struct_defaults_by_name__)
                inherited.update(base.__struct_options__)
        options = {**inherited, **options, "kw_only": bool(options.get("kw_only"))}
        own = [one for one in _annotations(namespace) if not _is_class_variable(_annotations(namespace)[one])]
        for one in own:
            if one not in fields:
                fields.append(one)
            if one in namespace:
                default = namespace.pop(one)
                defaults[one] = Factory(type(default)) if type(default) in _EMPTY and not default else default
            if options["kw_only"]:
                keyword_only.append(one)
        known = {slot for base in bases if isinstance(base, StructMeta) for slot in base.__struct_fields__}
        slots = [one for one in own if one not in known]
        slots += ["__dict__"] if options.get("dict") and not inherited.get("dict") else []
        slots += ["__weakref__"] if options.get("weakref") and not inherited.get("weakref") else []
        namespace["__slots__"] = tuple(slots)
        positional = tuple(one for one in fields if one not in keyword_only)
        namespace["__match_args__"] = positional
        if "__hash__" not in namespace and "__eq__" not in namespace:
            namespace["__hash__"] = _hash if options.get("frozen") else None
        cls: Any = super().__new__(mcls, name, bases, namespace)
        cls.__struct_fields__ = (*positional, *(one for one in fields if one in keyword_only))
        cls.__struct_positional__ = positional
        cls.__struct_defaults_by_name__ = defaults
        cls.__struct_options__ = options
        cls.__struct_hints__ = None
        return cls

    def __init__(cls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> None:
        super().__init__(name, bases, namespace)


def _annotations(namespace: dict[str, Any]) -> dict[str, Any]:
    found = namespace.get("__annotations__")
    if found is None and "__annotate_func__" in namespace:  # Python 3.14
        import annotationlib  # type: ignore[import-not-found, unused-ignore]

        found = annotationlib.call_annotate_function(namespace["__annotate_func__"], annotationlib.Format.FORWARDREF)
    return found or {}


def _is_class_variable(annotation: Any) -> bool:
    return "ClassVar" in (annotation if isinstance(annotation, str) else repr(annotation))


def _hash(self: Any) -> int:
    return hash(tuple(getattr(self, one) for one in self.__struct_fields__))


class Struct(metaclass=StructMeta):
    """As msgspec's: fields by annotation, no validation when it is made."""

    def __init__(self, *values: Any, **named: Any) -> None:
        cls = type(self)
        positional = cls.__struct_positional__
        if len(values) > len(positional):
            raise TypeError("Extra positional arguments provided")
        put = object.__setattr__
        for one, value in zip(positional, values):  # noqa: B905  shorter on purpose
            if one in named:
                raise TypeError(f"Argument '{one}' given by name and position")
            put(self, one, value)
        defaults = cls.__struct_defaults_by_name__
        for one in cls.__struct_fields__:
            if one in positional[: len(values)]:
                continue
            if one in named:
                put(self, one, named.pop(one))
            elif one in defaults:
                default = defaults[one]
                put(self, one, default.make() if type(default) is Factory else default)
            else:
                raise TypeError(f"Missing required argument '{one}'")
        if named:
            raise TypeError(f"Unexpected keyword argument '{next(iter(named))}'")
        finish = getattr(self, "__post_init__", None)
        if finish is not None:
            finish()

    def __setattr__(self, name: str, value: Any) -> None:
        if type(self).__struct_options__.get("frozen") and name in type(self).__struct_fields__:
            raise AttributeError(f"immutable type: '{type(self).__name__}'")
        object.__setattr__(self, name, value)

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, one) == getattr(other, one) for one in type(self).__struct_fields__)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join(f"{one}={getattr(self, one)!r}" for one in type(self).__struct_fields__)
        return f"{type(self).__name__}({shown})"

    def __copy__(self: _S) -> _S:
        made = object.__new__(type(self))
        for one in type(self).__struct_fields__:
            object.__setattr__(made, one, getattr(self, one))
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        cls = type(self)
        if len(cls.__struct_positional__) == len(cls.__struct_fields__):
            return cls, tuple(getattr(self, one) for one in cls.__struct_fields__)
        return rebuild, (cls, {one: getattr(self, one) for one in cls.__struct_fields__})


def rebuild(cls: type[Any], values: dict[str, Any]) -> Any:
    """A struct with keyword-only fields again, out of a pickle."""
    return cls(**values)


rebuild.__module__ = "msgspec._utils"


def replace(struct: _S, /, **changes: Any) -> _S:
    """A copy with some fields changed."""
    values = {one: getattr(struct, one) for one in type(struct).__struct_fields__}
    unknown = set(changes) - set(values)
    if unknown:
        raise TypeError(f"`{type(struct).__name__}` has no field '{unknown.pop()}'")
    merged = {**values, **changes}
    head = [merged.pop(one) for one in type(struct).__struct_positional__]
    return type(struct)(*head, **merged)


def asdict(struct: Any) -> dict[str, Any]:
    """Field names and values."""
    return {one: getattr(struct, one) for one in type(struct).__struct_fields__}


def astuple(struct: Any) -> tuple[Any, ...]:
    """The fields' values."""
    return tuple(getattr(struct, one) for one in type(struct).__struct_fields__)


def force_setattr(struct: Any, name: str, value: Any) -> None:
    """Set a field of a frozen struct."""
    object.__setattr__(struct, name, value)
