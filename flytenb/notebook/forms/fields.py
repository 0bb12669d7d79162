"""From a task's JSON Schema to fields: what is asked for, of which kind, within which limits. No widgets here.

Parts of a field are made when they are asked for, so a class that holds itself has a form too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Schema = dict[str, Any]
Kind = Literal[
    "bool", "int", "float", "str", "bytes", "choice", "date", "datetime", "time", "duration", "path", "list", "tuple",
    "dict", "record", "union", "null", "python",
]  # fmt: skip

#: No default is known.
MISSING: Any = type("Missing", (), {"__repr__": lambda self: "MISSING", "__bool__": lambda self: False})()
#: Kinds whose empty field can only mean None; of other optional ones a person chooses.
_EMPTY_IS_NONE = frozenset(("int", "float", "choice", "date", "datetime", "time", "duration", "path"))
_PLAIN: dict[str, Kind] = {"boolean": "bool", "integer": "int", "number": "float", "null": "null"}
_FORMATS: dict[str, Kind] = {
    "date": "date", "date-time": "datetime", "time": "time", "duration": "duration", "path": "path",
    "base64": "bytes",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One thing that a form asks for."""

    name: str
    kind: Kind
    #: As a person writes the type.
    type: str
    schema: Schema
    #: The whole schema, where `$ref` leads to.
    root: Schema
    description: str = ""
    is_required: bool = True
    #: As JSON; `MISSING` when there is none or nobody knows it.
    default: Any = MISSING
    #: What `None` is among the variants, and what else there is, where an empty field means None; -1: it does not.
    none_index: int = -1
    value_index: int = -1

    @property
    def is_optional(self) -> bool:
        """Whether an empty field means None."""
        return self.none_index >= 0

    @property
    def choices(self) -> tuple[Any, ...]:
        """Values of a choice, as JSON."""
        return (self.schema["const"],) if "const" in self.schema else tuple(self.schema["enum"])

    @property
    def item(self) -> Field:
        """What a list or a dict holds."""
        key = "additionalProperties" if self.kind == "dict" else "items"
        return field_of(self.schema[key], self.root)

    @property
    def parts(self) -> tuple[Field, ...]:
        """Members of a tuple, fields of a record, variants of a union."""
        if self.kind == "tuple":
            return tuple(field_of(one, self.root, f"[{i}]") for i, one in enumerate(self.schema["prefixItems"]))
        if self.kind == "union":
            return tuple(field_of(one, self.root) for one in _variants(self.schema))
        required = self.schema.get("required", ())
        return tuple(
            field_of(one, self.root, name, is_required=name in required)
            for name, one in self.schema.get("properties", {}).items()
        )


def fields_of(schema: Schema) -> tuple[Field, ...]:
    """The inputs of a task, in order; one that no form can make is asked for as Python."""
    required = schema.get("required", ())
    return tuple(
        field_of({"title": _title(one)}, schema, name, is_required=name in required)
        if _is_opaque(one, schema, frozenset())
        else field_of(one, schema, name, is_required=name in required)
        for name, one in schema.get("properties", {}).items()
    )


def field_of(schema: Schema, root: Schema, name: str = "", *, is_required: bool = True) -> Field:
    """The field of one schema."""
    found = resolved(schema, root)
    facts: dict[str, Any] = {
        "name": name,
        "root": root,
        "description": str(found.get("description", "")),
        "is_required": is_required,
        "default": found.get("default", MISSING),
    }
    variants = _variants(found)
    kinds = [kind_of(resolved(one, root)) for one in variants]
    if len(variants) == 2 and kinds.count("null") == 1:
        none_index = kinds.index("null")
        inner = resolved(variants[1 - none_index], root)
        if kinds[1 - none_index] in _EMPTY_IS_NONE:
            facts |= {"none_index": none_index, "value_index": 1 - none_index, "schema": inner}
            return Field(kind=kinds[1 - none_index], type=f"{_type(inner, root)} | None", **facts)
    return Field(kind=kind_of(found), type=_type(found, root), schema=found, **facts)


def resolved(schema: Schema, root: Schema) -> Schema:
    """A schema with what it refers to; its own words win."""
    seen = 0
    while "$ref" in schema and seen < 32:
        name = str(schema["$ref"]).rpartition("/")[2]
        own = {key: value for key, value in schema.items() if key != "$ref"}
        schema, seen = {**root.get("$defs", {}).get(name, {}), **own}, seen + 1
    together = schema.get("allOf")
    if isinstance(together, list) and len(together) == 1:
        own = {key: value for key, value in schema.items() if key != "allOf"}
        return resolved({**together[0], **own}, root)
    return schema


def kind_of(schema: Schema) -> Kind:
    """What kind of field a resolved schema is."""
    if "enum" in schema or "const" in schema:
        return "choice"
    if _variants(schema):
        return "union"
    said = schema.get("type")
    if said == "string":
        return _FORMATS.get(str(schema.get("format", "")), "str")
    if said == "array":
        return "tuple" if "prefixItems" in schema else "list" if "items" in schema else "python"
    if said == "object":
        if "properties" in schema:
            return "record"
        return "dict" if isinstance(schema.get("additionalProperties"), dict) else "python"
    return _PLAIN.get(said, "python") if isinstance(said, str) else "python"


def _variants(schema: Schema) -> list[Schema]:
    found = schema.get("anyOf") or schema.get("oneOf") or []
    return list(found)


def _type(schema: Schema, root: Schema) -> str:
    kind = kind_of(schema)
    if kind == "union":
        return " | ".join(_type(resolved(one, root), root) for one in _variants(schema))
    if kind == "list":
        inner = _type(resolved(schema["items"], root), root)
        return f"{'set' if schema.get('uniqueItems') else 'list'}[{inner}]"
    if kind == "dict":
        return f"dict[…, {_type(resolved(schema['additionalProperties'], root), root)}]"
    if kind == "tuple":
        return f"tuple[{', '.join(_type(resolved(one, root), root) for one in schema['prefixItems'])}]"
    if kind in ("record", "path", "python") or (kind == "choice" and "title" in schema):
        return _title(schema)
    return {"choice": "one of", "null": "None", "duration": "timedelta"}.get(kind, kind)


def _title(schema: Schema) -> str:
    return str(schema.get("title") or "Any")


def _is_opaque(schema: Schema, root: Schema, seen: frozenset[str]) -> bool:
    """Whether a part of it can only be made in code: then all of it is asked for as Python."""
    ref = str(schema.get("$ref", ""))
    if ref in seen:
        return False
    found, seen = resolved(schema, root), seen | ({ref} if ref else set())
    kind = kind_of(found)
    if kind == "python":
        return "title" in found
    inside: list[Schema] = [*_variants(found), *found.get("prefixItems", ())]
    inside += list(found.get("properties", {}).values()) if kind == "record" else []
    inside += [found[key] for key in ("items", "additionalProperties") if isinstance(found.get(key), dict)]
    return any(_is_opaque(one, root, seen) for one in inside)
