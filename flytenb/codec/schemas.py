"""JSON Schema of annotations: classes by name under `$defs`, so that recursive and repeated ones are said once."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

Schema = dict[str, Any]
DRAFT = "https://json-schema.org/draft/2020-12/schema"


class _Definitions:
    """The `$defs` of one schema while it is made."""

    def __init__(self) -> None:
        self.found: dict[str, Schema] = {}
        self.names: dict[int, str] = {}

    def free(self, title: str) -> str:
        """The title, or the title and a number where another class has it."""
        name, number = title, 2
        while name in self.found:
            name, number = f"{title}_{number}", number + 1
        return name


_definitions: ContextVar[_Definitions | None] = ContextVar("definitions", default=None)


def named_schema(key: int, title: str, make: Callable[[], Schema]) -> Schema:
    """A class's schema, as a reference to its definition.

    Args:
        key: identifies the class.
        title: its name.
        make: makes the schema.
    """
    definitions = _definitions.get()
    if definitions is None:
        return collected(lambda: named_schema(key, title, make))
    if key not in definitions.names:
        name = definitions.names[key] = definitions.free(title)
        definitions.found[name] = {}  # taken, for classes that refer to it while it is made
        definitions.found[name] = _hoisted(make(), definitions)
    return {"$ref": f"#/$defs/{definitions.names[key]}"}


def _hoisted(schema: Schema, definitions: _Definitions) -> Schema:
    """A schema of pydantic without its own `$defs`, which become ours."""
    own = schema.pop("$defs", {})
    names: dict[str, str] = {}
    for name in own:
        same = definitions.found.get(name)
        names[name] = name if same == own[name] else definitions.free(name)
        definitions.found.setdefault(names[name], {})
    for name, part in own.items():
        definitions.found[names[name]] = _renamed(part, names)
    renamed: Schema = _renamed(schema, names)
    return renamed


def _renamed(part: Any, names: dict[str, str]) -> Any:
    if isinstance(part, dict):
        return {
            key: f"#/$defs/{names.get(value[8:], value[8:])}"
            if key == "$ref" and isinstance(value, str) and value.startswith("#/$defs/")
            else _renamed(value, names)
            for key, value in part.items()
        }
    return [_renamed(value, names) for value in part] if isinstance(part, list) else part


def collected(make: Callable[[], Schema]) -> Schema:
    """A schema that stands alone: `$defs` beside it where classes are named in it."""
    definitions = _Definitions()
    token = _definitions.set(definitions)
    try:
        made = make()
    finally:
        _definitions.reset(token)
    return {**made, "$defs": definitions.found} if definitions.found else made


def with_default(schema: Schema, default: Any) -> Schema:
    """A schema with a default where JSON can hold it."""
    try:
        text = json.dumps(default, allow_nan=False)
    except (TypeError, ValueError):
        return schema
    return {**schema, "default": json.loads(text)}
