"""Codec of pydantic models. pydantic is there already when this is needed: the user's class comes from it."""

from __future__ import annotations

from typing import Any

from flytenb.codec import classes, leaves
from flytenb.codec.codec import Codec, CodecOf, MismatchError, unchosen
from flytenb.codec.objects import ObjectStore
from flytenb.codec.records import Fields, subclass_codec
from flytenb.codec.schemas import named_schema


def model_codec(cls: Any, of: CodecOf) -> Codec:
    """A model by its fields, extras, private attributes and the set of fields that were given.

    Values were validated when the model was made, so reading restores them as they are; only a model of another
    definition, and JSON, are validated.
    """
    name = cls.__qualname__
    ref = classes.reference(cls)
    head = leaves.mark(leaves.MODEL, ref)
    is_root = bool(getattr(cls, "__pydantic_root_model__", False))

    def hints() -> dict[str, Any]:
        if not cls.__pydantic_complete__:
            cls.model_rebuild()
        return {key: field.annotation for key, field in cls.model_fields.items()}

    fields = Fields(name, hints, of)

    def encode(value: Any, objects: ObjectStore) -> Any:
        if type(value) is not cls:
            if isinstance(value, cls):
                return of(type(value)).encode(value, objects)
            same = getattr(type(value), "__qualname__", "") == name
            raise MismatchError(
                name, value, "the value was made by an older definition of that class: make it again" if same else ""
            )
        dynamic = of(Any).encode
        known = fields.codecs
        content: dict[str, Any] = {}
        for key, item in value.__dict__.items():
            if key in known:
                content[key] = _encode_field(known[key], key, item, objects, dynamic)
        extras: dict[str, Any] = {}
        given = value.__pydantic_fields_set__
        if given != content.keys():
            extras["set"] = sorted(given)
        for word, items in (("extra", value.__pydantic_extra__), ("private", value.__pydantic_private__)):
            if items:
                extras[word] = {key: dynamic(item, objects) for key, item in items.items()}
        return [head, content, extras] if extras else [head, content]

    def decode(data: Any, objects: ObjectStore) -> Any:
        if data[0].text != ref and classes.short_name(data[0].text) != cls.__name__:
            codec = subclass_codec(data, cls, of)
            if codec.decode is not None:
                return codec.decode(data, objects)
        dynamic: Any = of(Any).decode
        content: dict[str, Any] = {}
        for key, part in data[1].items():
            codec = fields.codecs.get(key, of(Any))
            content[key] = _decode_field(codec, part, objects, dynamic)
        if content.keys() != fields.codecs.keys():
            return cls.model_validate(content["root"] if is_root else content, **_by_name(cls))
        extras = data[2] if len(data) > 2 else {}
        result = cls.__new__(cls)
        has_extra = cls.model_config.get("extra") == "allow"
        restored = {
            word: {key: dynamic(item, objects) for key, item in extras[word].items()}
            for word in ("extra", "private")
            if word in extras
        }
        result.__setstate__(
            {
                "__dict__": content,
                "__pydantic_fields_set__": set(extras["set"]) if "set" in extras else set(content),
                "__pydantic_extra__": restored.get("extra", {}) if has_extra else None,
                "__pydantic_private__": restored.get("private", {} if cls.__private_attributes__ else None),
            }
        )
        return result

    def read(value: Any) -> Any:
        from pydantic import ValidationError

        try:
            return cls.model_validate(unchosen(value))
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(step) for step in first["loc"])
            problem = f"{name} refuses {place or 'the value'}: {first['msg']}"
            raise MismatchError(name, value, problem=problem) from None

    return Codec(
        name,
        encode,
        decode,
        read,
        lambda: named_schema(id(cls), name, lambda: _schema(cls)),
        exact=cls,
        has_hash=True,
    )


def _schema(cls: Any) -> dict[str, Any]:
    try:
        return dict(cls.model_json_schema())
    except Exception:  # a field's type may have no JSON schema; the model is still usable
        return {"type": "object", "title": cls.__qualname__}


def _by_name(cls: Any) -> dict[str, Any]:
    """Ask for fields by name, not alias, where this pydantic can."""
    import inspect

    return {"by_name": True} if "by_name" in inspect.signature(cls.model_validate).parameters else {}


def _encode_field(codec: Codec, key: str, value: Any, objects: ObjectStore, dynamic: Any) -> Any:
    try:
        return codec.encode(value, objects)
    except MismatchError:
        # pydantic itself lets validators and assignments hold other types than the annotation says.
        try:
            return [_LOOSE, dynamic(value, objects)]
        except MismatchError as error:
            raise error.under(f".{key}") from None


def _decode_field(codec: Codec, part: Any, objects: ObjectStore, dynamic: Any) -> Any:
    if type(part) is list and part and type(part[0]) is leaves.Mark and part[0].code == leaves.LOOSE:
        return dynamic(part[1], objects)
    return codec.decode(part, objects) if codec.decode else part


_LOOSE = leaves.mark(leaves.LOOSE)
