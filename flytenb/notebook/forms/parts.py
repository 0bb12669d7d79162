"""Controls of fields with parts: lists, tuples, dicts, records, unions. Parts are made when they are needed."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from typing import Any, ClassVar

import ipywidgets as w

from flytenb.codec.codec import Chosen
from flytenb.notebook.forms.controls import LEAVES, Control, Invalid, Unshowable
from flytenb.notebook.forms.fields import MISSING, Field
from flytenb.views.escape import html, one_line

#: Longer lists are written as JSON: a thousand widgets would be slow everywhere.
MOST_ROWS = 50
_BOX = w.Layout(border_left="2px solid rgba(128,128,128,.4)", padding="0 0 0 8px", margin="2px 0 2px 24px")
_SMALL = w.Layout(width="36px")


def control_of(field: Field, names: Mapping[str, Any]) -> Control:
    """The control of a field, showing its default where there is one."""
    made: Control = (_PARTS.get(field.kind) or LEAVES[field.kind])(field, names)
    if field.default is not MISSING:
        with contextlib.suppress(Unshowable):
            made.set(field.default)
        made.is_touched = False
    return made


def value_of(control: Control) -> Any:
    """A control's value, with the variant that is meant where an empty field means None."""
    value, field = control.get(), control.field
    if field.is_optional:
        return Chosen(field.none_index if value is None else field.value_index, value)
    return value


class Compound(Control):
    """A field with parts, each with its own message."""

    is_leaf: ClassVar[bool] = False

    def __init__(self, field: Field, names: Mapping[str, Any]) -> None:
        self.box = w.VBox(layout=_BOX)
        self.controls: list[Control] = []
        super().__init__(field, names)

    def _watch(self) -> None:
        pass

    def _make(self) -> Any:
        return self.box

    def _laid_out(self) -> Any:
        name = f'<div style="text-align:right;padding-right:6px">{html(self.field.name, 60)}</div>'
        head = [w.HTML(name, layout=w.Layout(width="152px"))] if self.field.name else []
        hint = w.HTML(f'<span style="opacity:.72">{html(self._hint(), 160)}</span>')
        row = w.HBox([*head, *self._buttons(), hint, self.message], layout=w.Layout(align_items="center"))
        return w.VBox([row, self.box])

    def _buttons(self) -> list[Any]:
        return []

    def check(self) -> bool:
        """Whether all parts have values."""
        good = [one.check() for one in self.controls]
        problem = ""
        if all(good):
            try:
                self.get()
            except Invalid as error:
                problem = str(error)
        self.say(problem)
        return all(good) and not problem

    def adopt(self, field: Field) -> Control:
        """A new part."""
        made = control_of(field, self.names)
        made.on_change(self.changed)
        return made


class RecordControl(Compound):
    """A dataclass, a model, a named tuple, a TypedDict: its fields."""

    def __init__(self, field: Field, names: Mapping[str, Any]) -> None:
        super().__init__(field, names)
        self.controls = [self.adopt(part) for part in field.parts]
        self.box.children = tuple(one.widget for one in self.controls)

    def get(self) -> Any:
        found = {}
        for one in self.controls:
            # A default that nobody told (a factory's) is left to the class.
            if one.field.is_required or one.field.default is not MISSING or one.is_touched:
                found[one.field.name] = value_of(one)
        return found

    def set(self, value: Any) -> None:
        if isinstance(value, (str, bytes, int, float, list, type(None))):
            raise Unshowable(repr(value))
        for one in self.controls:
            name = one.field.name
            if isinstance(value, Mapping):
                if name not in value:
                    continue
                part = value[name]
            else:
                part = getattr(value, name, MISSING)
                if part is MISSING:
                    raise Unshowable(repr(value))
            one.set(part)
            one.is_touched = True


class ListControl(Compound):
    """A list or a set: rows that can be added and taken away; long ones as JSON."""

    def __init__(self, field: Field, names: Mapping[str, Any]) -> None:
        self.text: Any = None
        super().__init__(field, names)

    def _buttons(self) -> list[Any]:
        add = w.Button(
            description="Add", icon="plus", tooltip=f"Add to {self.field.name}", layout=w.Layout(width="80px")
        )
        add.on_click(self._add)
        return [add]

    def _add(self, _: Any) -> None:
        self.append()
        self.changed()

    def append(self, value: Any = MISSING) -> Control:
        """One more row."""
        item = self.field.item
        made = self.adopt(Field(**{name: getattr(item, name) for name in Field.__slots__} | {"name": self._name()}))
        if value is not MISSING:
            made.set(value)
            made.is_touched = True
        self.controls.append(made)
        drop = w.Button(icon="times", tooltip="Take away", layout=_SMALL)
        row = w.HBox([self._before(made), made.widget, drop])
        drop.on_click(lambda _: self._drop(made, row))
        self.box.children = (*self.box.children, row)
        return made

    def _name(self) -> str:
        return f"[{len(self.controls)}]"

    def _before(self, made: Control) -> Any:
        return w.HTML()

    def _drop(self, made: Control, row: Any) -> None:
        self.controls.remove(made)
        self.box.children = tuple(one for one in self.box.children if one is not row)
        self.changed()

    def clear(self) -> None:
        """No rows."""
        self.controls, self.text, self.box.children = [], None, ()

    def get(self) -> Any:
        if self.text is not None:
            return self._parsed(list)
        found = [value_of(one) for one in self.controls]
        least, most = self.field.schema.get("minItems", 0), self.field.schema.get("maxItems")
        if len(found) < least or (most is not None and len(found) > most):
            raise Invalid(f"must have at {'least' if len(found) < least else 'most'} {least or most}")
        return found

    def set(self, value: Any) -> None:
        if isinstance(value, (str, bytes, Mapping)) or not hasattr(value, "__iter__"):
            raise Unshowable(repr(value))
        items = list(value)
        self.clear()
        if len(items) > MOST_ROWS:
            self._as_text(items)
            return
        for one in items:
            self.append(one)

    def _as_text(self, value: Any) -> None:
        try:
            text = json.dumps(value)
        except (TypeError, ValueError):
            raise Unshowable("too long") from None
        self.text = w.Textarea(value=text, layout=w.Layout(width="560px", height="120px"))
        self.text.observe(self.changed, names="value")
        self.box.children = (self.text,)

    def _parsed(self, kind: type) -> Any:
        try:
            value = json.loads(self.text.value)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, kind):
            raise Invalid(f"write it as JSON: {'{…}' if kind is dict else '[…]'}")
        return value


class DictControl(ListControl):
    """A dict: rows of a key and a value."""

    def _name(self) -> str:
        return ""

    def _before(self, made: Control) -> Any:
        key = w.Text(placeholder="key", layout=w.Layout(width="160px"))
        key.observe(self.changed, names="value")
        made.key = key  # type: ignore[attr-defined]
        return key

    def get(self) -> Any:
        if self.text is not None:
            return self._parsed(dict)
        found: dict[str, Any] = {}
        for one in self.controls:
            key = one.key.value  # type: ignore[attr-defined]
            if key in found:
                raise Invalid(f'the key "{one_line(key, 40)}" is there twice')
            found[key] = value_of(one)
        return found

    def set(self, value: Any) -> None:
        if not isinstance(value, Mapping):
            raise Unshowable(repr(value))
        self.clear()
        if len(value) > MOST_ROWS:
            self._as_text(dict(value))
            return
        for key, one in value.items():
            text = key if isinstance(key, str) else getattr(key, "name", None) or _key_text(key)
            self.append(one).key.value = text  # type: ignore[attr-defined]


def _key_text(key: Any) -> str:
    return str(key.isoformat()) if hasattr(key, "isoformat") else str(key)


class TupleControl(Compound):
    """A tuple with a type for each place."""

    def __init__(self, field: Field, names: Mapping[str, Any]) -> None:
        super().__init__(field, names)
        self.controls = [self.adopt(part) for part in field.parts]
        self.box.children = tuple(one.widget for one in self.controls)

    def get(self) -> Any:
        return [value_of(one) for one in self.controls]

    def set(self, value: Any) -> None:
        if not isinstance(value, (list, tuple)) or len(value) != len(self.controls):
            raise Unshowable(repr(value))
        for one, part in zip(self.controls, value, strict=True):
            one.set(part)


class UnionControl(Compound):
    """One of several types: a choice of the type, and its own control."""

    def __init__(self, field: Field, names: Mapping[str, Any]) -> None:
        self.variants = field.parts
        options = [(one_line(one.type, 60), index) for index, one in enumerate(self.variants)]
        # None first, then what has no parts: a class that holds itself would never end.
        first = min(range(len(options)), key=lambda index: _depth(self.variants[index]))
        self.choice = w.Dropdown(options=options, value=first, **self.described(field, "320px"))
        super().__init__(field, names)
        self.box.layout = w.Layout(margin="0 0 0 152px")
        self._show(first)
        self.choice.observe(self._chosen, names="value")

    def _laid_out(self) -> Any:
        hint = w.HTML(f'<span style="opacity:.72">{html(self._hint(), 160)}</span>')
        return w.VBox([w.HBox([self.choice, hint, self.message]), self.box])

    def _chosen(self, change: Any) -> None:
        self._show(change["new"])
        self.changed()

    def _show(self, index: int) -> None:
        made = self.adopt(self.variants[index])
        self.controls = [made]
        self.box.children = () if self.variants[index].kind == "null" else (made.widget,)

    def get(self) -> Any:
        return Chosen(self.choice.value, value_of(self.controls[0]))

    def set(self, value: Any) -> None:
        for index in sorted(range(len(self.variants)), key=lambda index: not _fits(self.variants[index], value)):
            try:
                made = control_of(self.variants[index], self.names)
                made.set(value)
            except Unshowable:
                continue
            self.choice.value = index
            self._show(index)
            self.controls[0].set(value)
            return
        raise Unshowable(repr(value))


def _depth(field: Field) -> int:
    return 0 if field.kind == "null" else 1 if field.kind in LEAVES else 2


#: Kinds of fields by the class of a value that is meant first.
_BY_CLASS: dict[str, tuple[str, ...]] = {
    "bool": ("bool",),
    "int": ("int",),
    "float": ("float",),
    "str": ("str",),
    "NoneType": ("null",),
    "bytes": ("bytes",),
    "date": ("date",),
    "datetime": ("datetime",),
    "time": ("time",),
    "timedelta": ("duration",),
    "list": ("list",),
    "set": ("list",),
    "frozenset": ("list",),
    "dict": ("dict", "record"),
    "tuple": ("tuple", "list"),
}


def _fits(field: Field, value: Any) -> bool:
    """Whether a variant is the one of the value's own class."""
    name = type(value).__qualname__
    return field.kind in _BY_CLASS.get(name, ()) or field.schema.get("title") == name


_PARTS: dict[str, type[Compound]] = {
    "record": RecordControl,
    "list": ListControl,
    "dict": DictControl,
    "tuple": TupleControl,
    "union": UnionControl,
}
