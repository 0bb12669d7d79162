"""Values as Python source: what a person would write in a cell to have the same value.

Classes go by the names that the notebook has for them; where it has none, an import is written before.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import pathlib
import sys
import types
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from flytenb.codec.codec import shown
from flytenb.codec.places import is_remote
from flytenb.codec.records import is_namedtuple

#: Characters of a call that stays on one line.
_WIDTH = 88
_PACKAGE = "flytenb"
#: Where our own classes are found.
_OURS = {"File": "io.File", "Dir": "io.Dir", "DataFrame": "io.DataFrame"}


class UnwritableError(ValueError):
    """A value that has no form as source; says why."""


class SourceWriter:
    """Writes values as source for one namespace; `imports` are the lines that must come before.

    Example:
        writer = SourceWriter(user_namespace)
        code = writer.call(f"{writer.package()}.run", [writer.value_name(fit)], {"lr": writer.text(0.1)})
    """

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names
        #: Lines of imports, in the order in which they came up.
        self.imports: list[str] = []
        self._imported: dict[int, str] = {}

    # ---- values ---------------------------------------------------------------------------------------------------
    def text(self, value: Any) -> str:
        """A value as an expression.

        Raises:
            UnwritableError: it has none.
        """
        write = _PLAIN.get(type(value))
        if write is not None:
            return write(self, value)
        for kind, special in _SPECIAL:
            if isinstance(value, kind):
                return special(self, value)
        if is_namedtuple(type(value)):
            return self._made(value, {name: getattr(value, name) for name in value._fields})
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self._dataclass(value)
        if hasattr(type(value), "model_fields") and hasattr(value, "model_fields_set"):
            return self._model(value)
        if _is_ours(type(value)):
            return self._reference(value)
        name = self.value_name(value)
        if not name:
            raise UnwritableError(f"{shown(value)} has no form as code: give it a name in the notebook")
        return name

    def value_name(self, value: Any) -> str:
        """The notebook's name of this very object; "" when it has none."""
        return next((n for n, one in self._names.items() if one is value and _is_public(n)), "")

    def call(self, function: str, args: list[str], named: Mapping[str, str]) -> str:
        """A call as source, on several lines when it is long."""
        parts = [*args, *(f"{name}={text}" for name, text in named.items())]
        line = f"{function}({', '.join(parts)})"
        if len(line) <= _WIDTH and "\n" not in line:
            return line
        inner = "".join(f"    {part},\n" for part in parts)
        return f"{function}(\n{inner})"

    # ---- names ----------------------------------------------------------------------------------------------------
    def package(self) -> str:
        """The name of this package in the notebook, imported as `flyte` when it has none."""
        module = sys.modules.get(_PACKAGE)
        found = self.value_name(module) if module is not None else ""
        if found or "flyte" in self._imported.values():
            return found or "flyte"
        self.imports.append(f"import {_PACKAGE} as flyte")
        self._imported[id(module)] = "flyte"
        return "flyte"

    def class_name(self, cls: type) -> str:
        """What the notebook calls a class.

        Raises:
            UnwritableError: it is defined where no import finds it.
        """
        if id(cls) in self._imported:
            return self._imported[id(cls)]
        found = self._known(cls)
        if not found:
            found = self._import(cls)
        self._imported[id(cls)] = found
        return found

    def _known(self, cls: type) -> str:
        outer, _, inner = cls.__qualname__.partition(".")
        holder = self._names.get(outer)
        if holder is not None and _reached(holder, inner) is cls:
            return str(cls.__qualname__)
        if found := self.value_name(cls):
            return found
        for name, one in self._names.items() if not _is_ours(cls) else ():
            if isinstance(one, types.ModuleType) and _is_public(name) and _reached(one, cls.__qualname__) is cls:
                return f"{name}.{cls.__qualname__}"
        return ""

    def _import(self, cls: type) -> str:
        if _is_ours(cls):
            return f"{self.package()}.{_OURS[cls.__name__]}"
        module, outer = sys.modules.get(cls.__module__), cls.__qualname__.partition(".")[0]
        if cls.__module__ == "__main__" or module is None or _reached(module, cls.__qualname__) is not cls:
            raise UnwritableError(f"class {cls.__qualname__} has no name in the notebook: define or import it there")
        if outer in self._names or outer in self._imported.values():  # the name means something else
            self.imports.append(f"import {cls.__module__}")
            return f"{cls.__module__}.{cls.__qualname__}"
        self.imports.append(f"from {cls.__module__} import {outer}")
        return str(cls.__qualname__)

    # ---- kinds ----------------------------------------------------------------------------------------------------
    def _items(self, values: Any) -> str:
        return ", ".join(self.text(one) for one in values)

    def _made(self, value: Any, named: Mapping[str, Any]) -> str:
        inner = ", ".join(f"{name}={self.text(one)}" for name, one in named.items())
        return f"{self.class_name(type(value))}({inner})"

    def _dataclass(self, value: Any) -> str:
        given = {}
        for one in dataclasses.fields(value):
            if one.init and not _is_default(one, getattr(value, one.name)):
                given[one.name] = getattr(value, one.name)
        return self._made(value, given)

    def _model(self, value: Any) -> str:
        cls = type(value)
        given: dict[str, Any] = {}
        is_by_name = bool(cls.model_config.get("populate_by_name") or cls.model_config.get("validate_by_name"))
        for name, one in cls.model_fields.items():
            if name in value.model_fields_set:
                given[name if is_by_name or not isinstance(one.alias, str) else one.alias] = getattr(value, name)
        if set(cls.model_fields) == {"root"}:
            return f"{self.class_name(cls)}({self.text(given.get('root'))})"
        if all(name.isidentifier() for name in given):
            return self._made(value, given)
        return f"{self.class_name(cls)}.model_validate({self.text(given)})"

    def _enum(self, value: enum.Enum) -> str:
        name = self.class_name(type(value))
        if value.name in type(value).__members__:
            return f"{name}.{value.name}"
        return f"{name}({self.text(value.value)})"

    def _reference(self, value: Any) -> str:
        path = str(getattr(value, "path", None) or getattr(value, "uri", None) or "")
        if not path:
            raise UnwritableError(f"{type(value).__name__} has no path: give it a name in the notebook")
        return self.reference(type(value), path)

    def reference(self, cls: type, path: str) -> str:
        """A `File`, `Dir` or `DataFrame` by its path or address."""
        is_there = cls.__name__ == "DataFrame" or is_remote(path)
        return f"{self.class_name(cls)}.{'from_existing_remote' if is_there else 'from_local_sync'}({path!r})"

    def _moment(self, value: dt.datetime | dt.time) -> str:
        is_time = isinstance(value, dt.time)
        names = ("hour", "minute", "second", "microsecond")
        first = [] if is_time else [value.year, value.month, value.day]  # type: ignore[union-attr]
        parts = [*first, *(getattr(value, name) for name in names)]
        while len(parts) > (2 if is_time else 3) and not parts[-1]:
            parts.pop()
        text = ", ".join(map(str, parts))
        text += f", tzinfo={self._zone(value.tzinfo)}" if value.tzinfo is not None else ""
        text += ", fold=1" if value.fold else ""
        return f"{self.class_name(type(value))}({text})"

    def _zone(self, zone: dt.tzinfo) -> str:
        if type(zone) is dt.timezone:
            name, offset = self.class_name(dt.timezone), zone.utcoffset(None)
            return f"{name}.utc" if zone == dt.timezone.utc else f"{name}({self.text(offset)})"
        key = getattr(zone, "key", "")
        if key:
            return f"{self.class_name(type(zone))}({key!r})"
        raise UnwritableError(f"the time zone {zone} has no form as code: give the value a name in the notebook")

    def _duration(self, value: dt.timedelta) -> str:
        parts = [(n, getattr(value, n)) for n in ("days", "seconds", "microseconds") if getattr(value, n)]
        return f"{self.class_name(dt.timedelta)}({', '.join(f'{n}={v}' for n, v in parts)})"


def _float(writer: SourceWriter, value: float) -> str:
    return repr(value) if value == value and abs(value) != float("inf") else f'float("{value}")'


def _dict(writer: SourceWriter, value: dict[Any, Any]) -> str:
    return "{" + ", ".join(f"{writer.text(key)}: {writer.text(one)}" for key, one in value.items()) + "}"


def _tuple(writer: SourceWriter, value: tuple[Any, ...]) -> str:
    return f"({writer._items(value)}{',' if len(value) == 1 else ''})"


def _set(writer: SourceWriter, value: set[Any]) -> str:
    return "{" + writer._items(value) + "}" if value else "set()"


def _frozen(writer: SourceWriter, value: frozenset[Any]) -> str:
    return f"frozenset({_set(writer, set(value)) if value else ''})"


def _complex(writer: SourceWriter, value: complex) -> str:
    return f"complex({writer.text(value.real)}, {writer.text(value.imag)})"


def _text_made(writer: SourceWriter, value: Any) -> str:
    return f"{writer.class_name(_written_as(type(value)))}({str(value)!r})"


def _written_as(cls: type) -> type:
    return pathlib.Path if issubclass(cls, pathlib.Path) else cls


_PLAIN: dict[type, Callable[[SourceWriter, Any], str]] = {
    **dict.fromkeys((type(None), bool, int, str, bytes), lambda writer, value: repr(value)),
    float: _float,
    complex: _complex,
    list: lambda writer, value: f"[{writer._items(value)}]",
    dict: _dict,
    tuple: _tuple,
    set: _set,
    frozenset: _frozen,
    dt.date: lambda writer, one: f"{writer.class_name(dt.date)}({one.year}, {one.month}, {one.day})",
    dt.datetime: SourceWriter._moment,
    dt.time: SourceWriter._moment,
    dt.timedelta: SourceWriter._duration,
}
_SPECIAL: tuple[tuple[type, Callable[[SourceWriter, Any], str]], ...] = (
    (enum.Enum, SourceWriter._enum),
    (pathlib.PurePath, _text_made),
    (decimal.Decimal, _text_made),
    (uuid.UUID, _text_made),
)


def _is_public(name: str) -> bool:
    # IPython's own names for outputs (`_`, `_3`, `Out`) mean something else in the next cell.
    return name.isidentifier() and not name.startswith("_") and name not in ("In", "Out")


def _is_ours(cls: type) -> bool:
    return cls.__name__ in _OURS and cls.__module__.partition(".")[0] == _PACKAGE


def _reached(holder: Any, path: str) -> Any:
    for step in path.split(".") if path else ():
        holder = getattr(holder, step, None)
    return holder


def _is_default(one: Any, value: Any) -> bool:
    if one.default is not dataclasses.MISSING:
        default = one.default
    elif one.default_factory is not dataclasses.MISSING:
        default = one.default_factory()
    else:
        return False
    return is_equal(value, default)


def is_equal(one: Any, other: Any) -> bool:
    """Whether two values are the same for a reader of code: same type, equal, and no doubt about it."""
    try:
        # 1 == True and 1 == 1.0, also inside of containers: their texts tell them apart.
        return type(one) is type(other) and bool(one == other) and repr(one) == repr(other)
    except Exception:  # arrays and frames answer otherwise
        return False
