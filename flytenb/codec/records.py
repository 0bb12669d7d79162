"""Codecs of classes with named fields: dataclasses, named tuples, typed dicts.

Fields are compiled at the first value, not with the class, so that a class may refer to itself or to a later one.
"""

from __future__ import annotations

import dataclasses
import enum
import sys
import typing
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from flytenb.codec import classes, leaves
from flytenb.codec.codec import Codec, CodecOf, MismatchError
from flytenb.codec.objects import ObjectStore
from flytenb.codec.schemas import named_schema, with_default


def field_hints(cls: type) -> dict[str, Any]:
    """Resolved annotations of a class's fields.

    Raises:
        MismatchError: a name in an annotation is not defined.
    """
    try:
        # A class of a cell may name a class defined later, which its own module has by now.
        return typing.get_type_hints(cls, localns={cls.__name__: cls}, include_extras=True)
    except NameError as error:
        raise MismatchError(
            cls.__qualname__,
            None,
            "define or import it before the task is called",
            problem=f"a field of {cls.__qualname__} is annotated with {error.name!r}, which is not defined",
        ) from None


class Fields:
    """Codecs of named fields, compiled when first asked for."""

    def __init__(self, owner: str, hints: Callable[[], Mapping[str, Any]], of: CodecOf) -> None:
        self.owner, self._hints, self._of = owner, hints, of

    @cached_property
    def codecs(self) -> dict[str, Codec]:
        """Field name to codec, in the class's order."""
        return {name: self._of(hint) for name, hint in self._hints().items()}

    def encode(self, values: Mapping[str, Any], objects: ObjectStore) -> dict[str, Any]:
        """Every given field encoded; a mismatch names the field."""
        codecs = self.codecs
        result: dict[str, Any] = {}
        name = ""
        try:
            for name, value in values.items():
                result[name] = codecs[name].encode(value, objects)
        except MismatchError as error:
            raise error.under(f".{name}") from None
        return result

    def decode(self, data: Mapping[str, Any], objects: ObjectStore) -> dict[str, Any]:
        """Fields that the class has here; others were written by an older definition of it."""
        result = {}
        codecs = self.codecs
        for name, part in data.items():
            codec = codecs.get(name)
            if codec is not None:
                result[name] = codec.decode(part, objects) if codec.decode else part
        return result

    def from_json(self, value: Any, name: str) -> dict[str, Any]:
        """A JSON object's entries; unknown ones are refused."""
        if not isinstance(value, dict):
            raise MismatchError(name, value, "write a JSON object, for example '{…}'")
        result = {}
        for word, part in value.items():
            codec = self.codecs.get(word)
            if codec is None:
                fix = f"its fields are {', '.join(self.codecs)}"
                raise MismatchError(name, value, fix, problem=f'{name} has no field "{word}"')
            try:
                result[word] = codec.from_json(part)
            except MismatchError as error:
                raise error.under(f".{word}") from None
        return result

    def schema(self, required: list[str], defaults: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """JSON schema of an object with these fields."""
        given = defaults or {}
        return {
            "type": "object",
            "title": self.owner,
            "required": required,
            "properties": {
                name: with_default(codec.schema(), _plain(given[name])) if name in given else codec.schema()
                for name, codec in self.codecs.items()
            },
            "additionalProperties": False,
        }


def _plain(default: Any) -> Any:
    """A default as forms write it: an enum by its name."""
    return default.name if isinstance(default, enum.Enum) else default


def subclass_codec(data: Any, cls: type, of: CodecOf) -> Codec:
    """The codec of the class that a marked list names, which must be a subclass of the annotation's.

    Raises:
        MismatchError: it is another class.
    """
    other = classes.resolve(data[0].text)
    if not (isinstance(other, type) and issubclass(other, cls)):
        raise MismatchError(cls.__qualname__, None, problem=f"expected {cls.__qualname__}, got a {data[0].text}")
    return of(other)


def dataclass_codec(cls: Any, of: CodecOf) -> Codec:
    """A dataclass by its fields. Written and read like a pickle: `__init__` and `__post_init__` do not run again."""
    name = cls.__qualname__
    declared = dataclasses.fields(cls)
    names = tuple(field.name for field in declared)
    name_set = frozenset(names)

    def hints() -> dict[str, Any]:
        found = field_hints(cls)
        return {field: found.get(field, Any) for field in names}

    fields = Fields(name, hints, of)
    ref = classes.reference(cls)
    head = leaves.mark(leaves.DATACLASS, ref)
    has_dict = cls.__dictoffset__ != 0
    skipped = {key for base in cls.__mro__ for key, item in vars(base).items() if isinstance(item, cached_property)}
    new, set_field = cls.__new__, object.__setattr__
    defaults = {field.name: field.default for field in declared if field.default is not dataclasses.MISSING}
    required = [
        field.name
        for field in declared
        if field.init and field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    ]

    def encode(value: Any, objects: ObjectStore) -> Any:
        if type(value) is not cls:
            if isinstance(value, cls):
                return of(type(value)).encode(value, objects)
            raise MismatchError(name, value, _redefined(value, ref))
        content = fields.encode({field: getattr(value, field) for field in names if hasattr(value, field)}, objects)
        if has_dict and not (value.__dict__.keys() <= name_set):
            # Attributes that are no fields, as __post_init__ may set.
            dynamic = of(Any).encode
            extra = {
                key: dynamic(item, objects)
                for key, item in value.__dict__.items()
                if key not in name_set and key not in skipped
            }
            if extra:
                return [head, content, extra]
        return [head, content]

    def decode(data: Any, objects: ObjectStore) -> Any:
        if data[0].text != ref:
            codec = subclass_codec(data, cls, of) if classes.short_name(data[0].text) != cls.__name__ else None
            if codec is not None and codec.decode is not None:
                return codec.decode(data, objects)
        values = fields.decode(data[1], objects)
        if len(values) != len(names):
            _fill(cls, declared, values)
        if len(data) > 2:
            dynamic = of(Any).decode
            values.update((key, dynamic(item, objects)) for key, item in data[2].items())  # type: ignore[misc]
        result = new(cls)
        if has_dict:
            result.__dict__.update(values)
        else:
            for field, value in values.items():
                set_field(result, field, value)
        return result

    def read(value: Any) -> Any:
        given = fields.from_json(value, name)
        missing = [field for field in required if field not in given]
        if missing:
            raise MismatchError(name, value, f'add "{missing[0]}"', problem=f'{name} needs the field "{missing[0]}"')
        return cls(**given)

    # A dataclass with slots of its own and a base with a dict keeps its fields in the slots.
    if has_dict and any("__slots__" in vars(base) and vars(base)["__slots__"] for base in cls.__mro__):
        has_dict = False
    return Codec(
        name,
        encode,
        decode,
        read,
        lambda: named_schema(id(cls), name, lambda: fields.schema(required, defaults)),
        exact=cls,
        has_hash=True,
    )


def _redefined(value: Any, ref: str) -> str:
    if getattr(type(value), "__qualname__", "") == classes.short_name(ref):
        return "the value was made by an older definition of that class: make it again"
    return ""


def _fill(cls: Any, declared: Any, values: dict[str, Any]) -> None:
    """Defaults for fields that the writer's definition of the class did not have or had not set."""
    for field in declared:
        if field.name in values:
            continue
        if field.default is not dataclasses.MISSING:
            values[field.name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            values[field.name] = field.default_factory()
        elif field.init:
            raise MismatchError(
                cls.__qualname__,
                None,
                "run the task that made it again",
                problem=f"the value was made by another definition of {cls.__qualname__}, without {field.name!r}",
            )


def is_namedtuple(annotation: Any) -> bool:
    """Whether it is a class made by `NamedTuple` or `namedtuple`."""
    return isinstance(annotation, type) and issubclass(annotation, tuple) and hasattr(annotation, "_fields")


def namedtuple_codec(cls: Any, of: CodecOf) -> Codec:
    """A named tuple by its fields."""
    name = cls.__qualname__
    head = leaves.mark(leaves.NAMEDTUPLE, classes.reference(cls))

    def hints() -> dict[str, Any]:
        found = field_hints(cls)
        return {field: found.get(field, Any) for field in cls._fields}

    fields = Fields(name, hints, of)

    def encode(value: Any, objects: ObjectStore) -> Any:
        if not isinstance(value, cls):
            raise MismatchError(name, value, f"write {name}(…)")
        return [head, fields.encode(dict(zip(cls._fields, value, strict=True)), objects)]

    def decode(data: Any, objects: ObjectStore) -> Any:
        return cls(**fields.decode(data[1], objects))

    def read(value: Any) -> Any:
        given = dict(zip(cls._fields, value, strict=False)) if isinstance(value, list) else value
        try:
            return cls(**fields.from_json(given, name))
        except TypeError as error:
            if isinstance(error, MismatchError):
                raise
            raise MismatchError(name, value, f"its fields are {', '.join(cls._fields)}") from None

    required = [field for field in cls._fields if field not in cls._field_defaults]
    return Codec(
        name,
        encode,
        decode,
        read,
        lambda: named_schema(id(cls), name, lambda: fields.schema(required, cls._field_defaults)),
        exact=cls,
        has_hash=True,
    )


def is_typeddict(annotation: Any) -> bool:
    """Whether it is a TypedDict of `typing` or `typing_extensions`."""
    return isinstance(annotation, type) and hasattr(annotation, "__required_keys__")


def typeddict_codec(cls: Any, of: CodecOf) -> Codec:
    """A dict whose keys are declared."""
    name = cls.__qualname__
    fields = Fields(name, lambda: {key: _bare(hint) for key, hint in field_hints(cls).items()}, of)
    needed: list[str] = []

    def required() -> list[str]:
        # The class's own `__required_keys__` is wrong where annotations are text: resolved ones tell.
        if not needed:
            words = {key: _qualifiers(hint) for key, hint in field_hints(cls).items()}
            needed.extend(
                key
                for key, said in words.items()
                if "Required" in said or ("NotRequired" not in said and key in cls.__required_keys__)
            )
        return needed

    def check(value: Any) -> None:
        if not isinstance(value, dict):
            raise MismatchError(name, value, f"write a dict with the keys {', '.join(fields.codecs)}")
        for key in required():
            if key not in value:
                raise MismatchError(name, value, f"add {key!r}", problem=f"{name} needs the key {key!r}")
        for key in value:
            if key not in fields.codecs:
                fix = f"its keys are {', '.join(fields.codecs)}"
                raise MismatchError(name, value, fix, problem=f"{name} has no key {key!r}")

    def encode(value: Any, objects: ObjectStore) -> Any:
        check(value)
        return fields.encode(value, objects)

    def read(value: Any) -> Any:
        given = fields.from_json(value, name)
        check(given)
        return given

    return Codec(
        name,
        encode,
        fields.decode,
        read,
        lambda: named_schema(id(cls), name, lambda: fields.schema(required())),
        has_hash=True,
    )


def _qualifiers(hint: Any) -> list[str]:
    words = []
    while (word := getattr(typing.get_origin(hint), "_name", None)) in ("Required", "NotRequired", "ReadOnly"):
        words.append(word)
        (hint,) = typing.get_args(hint)
    return words


def _bare(hint: Any) -> Any:
    """Without Required, NotRequired and ReadOnly."""
    while getattr(typing.get_origin(hint), "_name", None) in ("Required", "NotRequired", "ReadOnly"):
        (hint,) = typing.get_args(hint)
    return hint


def is_pydantic(annotation: Any) -> bool:
    """Whether it is a pydantic model class; does not import pydantic."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel)
