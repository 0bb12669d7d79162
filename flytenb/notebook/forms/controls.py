"""Controls of a form: each one asks for a field, knows its own value as JSON, and says beside it what is wrong.

The widgets are plain ipywidgets, so that they work in every front end that shows widgets. What a person types is kept
as text where a widget of numbers would round, clamp or refuse to be empty.
"""

from __future__ import annotations

import ast
import datetime as dt
import enum
import os
import tempfile
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import ipywidgets as w

from flytenb.codec.places import is_remote
from flytenb.notebook.forms.fields import Field
from flytenb.notebook.forms.texts import TEXTS
from flytenb.views.escape import html, one_line

_LABEL = {"description_width": "150px"}
_WIDTH = "420px"
_MUTED = '<span style="opacity:.72">{}</span>'
_PROBLEM = '<span role="alert" style="color:var(--jp-error-color1,#c92a2a)">✖ {}</span>'


class Invalid(ValueError):
    """What was typed is no value of the field; one sentence without a full stop."""


class Unshowable(ValueError):
    """A value that this control cannot hold."""


class Control:
    """One field with its widget. `widget` is what is shown; `value_widget` is what a person types into.

    Args:
        field: what is asked for.
        names: the notebook's variables.
    """

    #: Whether a message stands beside the widget itself.
    is_leaf: ClassVar[bool] = True

    def __init__(self, field: Field, names: Mapping[str, Any]) -> None:
        self.field, self.names = field, names
        #: Something was typed or given, so that the field is not left to its default.
        self.is_touched = False
        self._listeners: list[Callable[[], None]] = []
        self.message = w.HTML()
        self.value_widget: Any = self._make()
        self.widget: Any = self._laid_out()
        self._watch()

    # ---- of each kind -----------------------------------------------------------------------------------------------
    def _make(self) -> Any:
        raise NotImplementedError

    def get(self) -> Any:
        """The value as JSON (or as a Python value where JSON has none).

        Raises:
            Invalid: there is none.
        """
        raise NotImplementedError

    def set(self, value: Any) -> None:
        """Show a value: one of the field's own type, or its JSON.

        Raises:
            Unshowable: this control cannot.
        """
        raise NotImplementedError

    # ---- of all -----------------------------------------------------------------------------------------------------
    def check(self) -> bool:
        """Whether there is a value; says beside the widget what is wrong."""
        try:
            self.get()
        except Invalid as problem:
            self.say(str(problem))
            return False
        self.say("")
        return True

    def say(self, problem: str) -> None:
        """Show a sentence beside the widget; "" takes it away."""
        shown = _PROBLEM.format(html(problem, 300)) if problem else ""
        if self.message.value != shown:
            self.message.value = shown

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call when something was typed."""
        self._listeners.append(listener)

    def changed(self, *_: Any) -> None:
        """Something was typed."""
        self.is_touched = True
        if self.is_leaf:
            self.check()
        for listener in self._listeners:
            listener()

    def _laid_out(self) -> Any:
        hint = w.HTML(_MUTED.format(html(self._hint(), 120)))
        return w.HBox([self.value_widget, hint, self.message], layout=w.Layout(align_items="center"))

    def _hint(self) -> str:
        limits = _limits(self.field.schema) if self.field.kind in ("int", "float") else ""
        said = f"{self.field.type}{', ' if limits else ''}{limits}"
        return f"{said} · {one_line(self.field.description, 80)}" if self.field.description else said

    def _watch(self) -> None:
        self.value_widget.observe(self.changed, names="value")

    @staticmethod
    def described(field: Field, width: str) -> dict[str, Any]:
        """What a widget that stands for a field is made with."""
        return {"description": one_line(field.name, 60), "style": _LABEL, "layout": w.Layout(width=width)}

    def _common(self, **more: Any) -> dict[str, Any]:
        return self.described(self.field, _WIDTH) | more

    def _nothing(self) -> Any:
        """What an empty field means."""
        if self.field.is_optional:
            return None
        raise Invalid("needed")


class TextControl(Control):
    """Whatever is typed as text, as `TEXTS` has it for the kind; numbers within their limits."""

    @property
    def _reads(self) -> tuple[Callable[[str], Any], Callable[[Any], str], str]:
        return TEXTS[self.field.kind]

    def _make(self) -> Any:
        return w.Text(**self._common(placeholder="None" if self.field.is_optional else self._reads[2]))

    def get(self) -> Any:
        text = self.value_widget.value.strip()
        if not text and self.field.kind != "bytes":
            return self._nothing()
        read, _, said = self._reads
        try:
            value = read(text)
        except (ValueError, OverflowError):
            raise Invalid(f"write {said}") from None
        for key, (is_beyond, words) in _BOUNDS.items() if self.field.kind in ("int", "float") else ():
            bound = self.field.schema.get(key)
            if isinstance(bound, (int, float)) and is_beyond(value, bound):
                raise Invalid(f"must be {words} {bound:g}")
        return value

    def set(self, value: Any) -> None:
        if value is None and self.field.is_optional:
            self.value_widget.value = ""
            return
        read, write, _ = self._reads
        try:
            text = write(value)
            read(text)
        except (ValueError, TypeError, AttributeError):
            raise Unshowable(repr(value)) from None
        self.value_widget.value = text


class DateControl(Control):
    """A date, from a calendar."""

    def _make(self) -> Any:
        return w.DatePicker(**self._common())

    def get(self) -> Any:
        found = self.value_widget.value
        return self._nothing() if found is None else found.isoformat()

    def set(self, value: Any) -> None:
        try:
            self.value_widget.value = dt.date.fromisoformat(value) if isinstance(value, str) else value
        except Exception:
            raise Unshowable(repr(value)) from None


class BoolControl(Control):
    """Yes or no."""

    def _make(self) -> Any:
        return w.Checkbox(**self._common(indent=True))

    def get(self) -> Any:
        return bool(self.value_widget.value)

    def set(self, value: Any) -> None:
        if not isinstance(value, bool):
            raise Unshowable(repr(value))
        self.value_widget.value = value


class StrControl(Control):
    """Text; an empty field is an empty text."""

    def _make(self) -> Any:
        return w.Text(**self._common())

    def get(self) -> Any:
        return self.value_widget.value

    def set(self, value: Any) -> None:
        if type(value) is not str:
            raise Unshowable(repr(value))
        self.value_widget.value = value


class ChoiceControl(Control):
    """One of a few values: of an enum, of a Literal."""

    def _make(self) -> Any:
        options = [(one_line(str(choice), 60), index) for index, choice in enumerate(self.field.choices)]
        first = ("None" if self.field.is_optional else "choose …", -1)
        return w.Dropdown(options=[first, *options], value=-1, **self._common())

    def get(self) -> Any:
        index = self.value_widget.value
        if index is None or index < 0:
            return self._nothing()
        return self.field.choices[index]

    def set(self, value: Any) -> None:
        if value is None and self.field.is_optional:
            self.value_widget.value = -1
            return
        meant = (value.name, value.value) if isinstance(value, enum.Enum) else (value,)
        for index, choice in enumerate(self.field.choices):
            if any(type(choice) is type(one) and choice == one for one in meant):
                self.value_widget.value = index
                return
        raise Unshowable(repr(value))


class NullControl(Control):
    """None and nothing else."""

    def _make(self) -> Any:
        return w.Text(value="None", disabled=True, **self._common())

    def get(self) -> Any:
        return None

    def set(self, value: Any) -> None:
        if value is not None:
            raise Unshowable(repr(value))


class PathControl(Control):
    """A file or folder by its path; a file may be uploaded from where the browser is."""

    def _make(self) -> Any:
        what = "None" if self.field.is_optional else "a path, or an address such as s3://bucket/name"
        return w.Text(**self._common(placeholder=what))

    def _laid_out(self) -> Any:
        row = super()._laid_out()
        if self.field.type.startswith("File"):
            self.upload = w.FileUpload(multiple=False, layout=w.Layout(width="110px"))
            self.upload.observe(self._uploaded, names="value")
            row.children = (row.children[0], self.upload, *row.children[1:])
        return row

    def _uploaded(self, _: Any = None) -> None:
        for one in self.upload.value:
            path = os.path.join(tempfile.mkdtemp(prefix="flytenb-upload-"), os.path.basename(one["name"]) or "file")
            with open(path, "wb") as file:
                file.write(one["content"])
            self.value_widget.value = path

    def get(self) -> Any:
        path = self.value_widget.value.strip()
        if not path:
            return self._nothing()
        if not is_remote(path) and not os.path.exists(os.path.expanduser(path)):
            raise Invalid(f'there is no "{one_line(path, 400)}" here')
        return path if is_remote(path) else os.path.expanduser(path)

    def set(self, value: Any) -> None:
        path = value if isinstance(value, str) else getattr(value, "path", None) or getattr(value, "uri", None) or ""
        if value is not None and not path:
            raise Unshowable(repr(value))
        self.value_widget.value = os.fspath(path)


class PythonControl(Control):
    """What only code can make: a variable of the notebook, or a literal."""

    def _make(self) -> Any:
        return w.Combobox(**self._common(placeholder="a variable, or a literal", options=self._options()))

    def _options(self) -> list[str]:
        return [name for name in self.names if name.isidentifier() and not name.startswith("_")][:200]

    def get(self) -> Any:
        text = self.value_widget.value.strip()
        if not text:
            raise Invalid("needed")
        if text.isidentifier() and text in self.names:
            return self.names[text]
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            raise Invalid(f'"{one_line(text, 60)}" is no variable here, and no literal') from None

    def set(self, value: Any) -> None:
        name = next((n for n, one in self.names.items() if one is value and n in self.value_widget.options), "")
        text = name or repr(value)
        try:
            is_same = bool(name) or repr(ast.literal_eval(text)) == text
        except Exception:
            is_same = False
        if not is_same:
            raise Unshowable(text)
        self.value_widget.value = text


_BOUNDS: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "minimum": (lambda number, bound: not number >= bound, "at least"),
    "maximum": (lambda number, bound: not number <= bound, "at most"),
    "exclusiveMinimum": (lambda number, bound: not number > bound, "above"),
    "exclusiveMaximum": (lambda number, bound: not number < bound, "below"),
}


def _limits(schema: Mapping[str, Any]) -> str:
    told = [
        f"{words} {schema[key]:g}" for key, (_, words) in _BOUNDS.items() if isinstance(schema.get(key), (int, float))
    ]
    return ", ".join(told)


#: The kinds that have no parts.
LEAVES: dict[str, type[Control]] = {
    "bool": BoolControl,
    "int": TextControl,
    "float": TextControl,
    "str": StrControl,
    "bytes": TextControl,
    "choice": ChoiceControl,
    "date": DateControl,
    "datetime": TextControl,
    "time": TextControl,
    "duration": TextControl,
    "path": PathControl,
    "null": NullControl,
    "python": PythonControl,
}
