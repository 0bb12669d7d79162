"""A form for a task: its inputs as fields, a button that runs it with its view below, a button that writes the call."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import ipywidgets as w

from flytenb import errors
from flytenb.client import hooks
from flytenb.client.context import run as run_task
from flytenb.codec.source import SourceWriter, UnwritableError, is_equal
from flytenb.notebook.forms.controls import Control, Invalid, PythonControl, Unshowable
from flytenb.notebook.forms.fields import MISSING, Field, fields_of
from flytenb.notebook.forms.parts import control_of, value_of
from flytenb.views import twin
from flytenb.views.escape import html, html_block, one_line


class FormError(errors.FlytenbError, ValueError):
    """A form that is not filled in; says every field and what is wrong with it."""


class Form(w.VBox):  # type: ignore[misc]
    """A task's form. Made by `task.form()`.

    Example:
        form = fit.form(c=0.5)
        form                                  # shown; its button runs the task
        form.fill(c=0.7)                      # or from code
        run = form.run()
        form.code                             # 'run = flyte.run(fit, c=0.7)'
        form.fields["c"].value_widget         # the widget of an input
    """

    def __init__(self, task: Any, names: Mapping[str, Any]) -> None:
        self._task, self._names = task, names
        self._interface = task.interface
        #: The last run that it started.
        self.last_run: Any = None
        schema = self._interface.schema()
        found = {one.name: one for one in fields_of(schema)}
        self._defaults: dict[str, Any] = {
            one.name: one.default for one in self._interface.parameters if one.has_default
        }
        #: The controls by the inputs' names; each has `value_widget`, `get()` and `set(value)`.
        self.fields: dict[str, Control] = {name: self._control(one) for name, one in found.items()}
        self.run_button = w.Button(description="Run", icon="play", button_style="primary", tooltip="form.run()")
        self.code_button = w.Button(description="Write as code", icon="code", tooltip="form.write()")
        self.run_button.on_click(self._on_run)
        self.code_button.on_click(self._on_write)
        self.summary, self.written, self.shown = w.HTML(), w.VBox(), w.VBox()
        super().__init__(
            [
                w.HTML(f"<b>{html(task.name, 80)}</b>{self._about()}"),
                *(one.widget for one in self.fields.values()),
                w.HBox([self.run_button, self.code_button, self.summary]),
                self.written,
                self.shown,
            ]
        )

    def _control(self, field: Field) -> Control:
        default = self._defaults.get(field.name, MISSING)
        try:
            made = control_of(field, self._names)
            if default is not MISSING:
                made.set(default)
        except (Unshowable, KeyError, TypeError, RecursionError):
            made = self._as_python(field, default)
        made.is_touched = False
        made.on_change(lambda: self._tell(""))
        return made

    def _as_python(self, field: Field, default: Any) -> Control:
        """What only code can make; an empty field leaves its default, if it has one."""
        plain = {name: getattr(field, name) for name in Field.__slots__}
        made = PythonControl(Field(**{**plain, "kind": "python", "none_index": -1, "value_index": -1}), self._names)
        if default is not MISSING:
            made.value_widget.placeholder = f"default: {one_line(repr(default), 60)}"
        return made

    def _about(self) -> str:
        doc = getattr(getattr(self._task, "func", None), "__doc__", "") or ""
        first = doc.strip().partition("\n")[0]
        return f' <span style="{twin.MUTED}">{html(first, 160)}</span>' if first else ""

    # ---- values ---------------------------------------------------------------------------------------------------
    def fill(self, **inputs: Any) -> Form:
        """Put values into fields.

        Raises:
            UnknownParameterError: the task has no such input.
            FormError: a field cannot hold the value.
        """
        for name, value in inputs.items():
            if name not in self.fields:
                raise errors.UnknownParameterError(
                    f'task "{self._task.name}" has no parameter "{name}"; it has {", ".join(self.fields) or "none"}'
                )
            try:
                self.fields[name].set(value)
            except (Unshowable, KeyError, TypeError):
                raise FormError(
                    f'the form of task "{self._task.name}": field "{name}" ({self.fields[name].field.type}) '
                    f"cannot show {one_line(repr(value), 80)}; give that input in code"
                ) from None
            self.fields[name].is_touched = True
        return self

    def values(self) -> dict[str, Any]:
        """The inputs in their own types, without those that are left to their defaults.

        Raises:
            FormError: fields are not filled in; the messages stand beside them too.
        """
        found, problems = {}, {}
        for name, control in self.fields.items():
            try:
                value = self._value(name, control)
            except Invalid as problem:
                control.check()
                control.say(str(problem))
                problems[name] = str(problem)
                continue
            control.say("")
            if value is not MISSING and not (name in self._defaults and is_equal(value, self._defaults[name])):
                found[name] = value
        if problems:
            told = "; ".join(f"{name}: {problem}" for name, problem in problems.items())
            raise FormError(f'the form of task "{self._task.name}" is not filled in: {told}')
        return found

    def _value(self, name: str, control: Control) -> Any:
        if isinstance(control, PythonControl):
            if name in self._defaults and not control.value_widget.value.strip():
                return MISSING
            return control.get()
        if name in self._defaults and not control.is_touched:
            return MISSING
        plain = value_of(control)
        try:
            return self._interface.parse_json(name, plain)
        except errors.InputTypeError as error:
            raise Invalid(str(error).partition(f'parameter "{name}": ')[2] or str(error)) from None

    # ---- what it does -----------------------------------------------------------------------------------------------
    @property
    def code(self) -> str:
        """The call as code: `run = flyte.run(fit, c=0.7)`, with the imports that it needs.

        Raises:
            FormError: fields are not filled in, or a value has no form as code.
        """
        writer = SourceWriter(self._names)
        values, named = self.values(), {}
        for name, value in values.items():
            try:
                named[name] = self._written(writer, name, value)
            except UnwritableError as error:
                raise FormError(f'the form of task "{self._task.name}": {name}: {error}') from None
        task = writer.value_name(self._task) or self._task.short_name
        call = writer.call(f"run = {writer.package()}.run", [task], named)
        return "\n".join([*writer.imports, call])

    def _written(self, writer: SourceWriter, name: str, value: Any) -> str:
        control = self.fields[name]
        if isinstance(control, PythonControl):
            return str(control.value_widget.value.strip())
        if control.field.kind == "path" and value is not None:  # by the path that was typed, not that of the store
            return writer.reference(type(value), str(control.get()))
        return writer.text(value)

    def run(self) -> Any:
        """Start the task with the values; its view is shown below the form.

        Raises:
            FormError: fields are not filled in.
        """
        from flytenb.notebook.widget import RunWidget  # with the first run

        values = self.values()
        self.last_run = run_task(self._task, **values)
        self.shown.children = (RunWidget(self.last_run),)
        return self.last_run

    def write(self) -> str:
        """Write the call into a cell below, where the front end lets a running cell do so; returns it."""
        code = self.code
        if hooks.open_cell is not None and hooks.is_in_cell():
            hooks.open_cell(code)
        return code

    def _on_run(self, _: Any = None) -> None:
        self._try(self.run)

    def _on_write(self, _: Any = None) -> None:
        self._try(self._show_code)

    def _show_code(self) -> None:
        code = self.write()
        rows = min(12, code.count("\n") + 2)
        box = w.Textarea(value=code, rows=rows, layout=w.Layout(width="640px"), description="Code", tooltip="Copy it")
        self.written.children = (box, w.HTML(_insert(code)))

    def _try(self, do: Any) -> None:
        """A button's work: what goes wrong is said beside it, because nobody sees a callback's traceback."""
        try:
            do()
        except FormError as error:
            self._tell(str(error).partition(": ")[2].capitalize() if not self._has_messages() else "See above")
        except (errors.FlytenbError, errors.BaseRuntimeError) as error:
            self._tell(str(error))
        else:
            self._tell("")

    def _has_messages(self) -> bool:
        return any(one.message.value for one in _all(self.fields.values()))

    def _tell(self, problem: str) -> None:
        said = f'<span role="alert" style="color:var(--jp-error-color1,#c92a2a)">✖ {html(problem, 400)}</span>'
        self.summary.value = said if problem else ""

    # ---- other forms of it ---------------------------------------------------------------------------------------
    def _rows(self) -> list[tuple[str, str, str]]:
        rows = []
        for name, control in self.fields.items():
            default = f"default {one_line(repr(self._defaults[name]), 60)}" if name in self._defaults else "needed"
            rows.append((name, control.field.type, default))
        return rows

    def __repr__(self) -> str:
        lines = [f"Form of {self._task.name}; without widgets: flyte.run({self._task.short_name}, …)"]
        lines += [f"  {name}: {kind}, {default}" for name, kind, default in self._rows()]
        return "\n".join(lines)

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = dict(super()._repr_mimebundle_(**options) or {})
        rows = [tuple(html(cell, 80) for cell in row) for row in self._rows()]
        call = twin.pre(html_block(f"flyte.run({self._task.short_name}, …)"))
        table = twin.table(("Input", "Type", ""), rows)
        bundle["text/html"] = twin.section(table + call, f"Form of {self._task.name}")
        bundle["text/plain"] = repr(self)
        return bundle


def _insert(code: str) -> str:
    """A button that only JupyterLab and Notebook 7 show: it is a command of theirs, because no cell runs now."""
    given = html_block(json.dumps({"code": code}), 100_000)
    return (
        '<button type="button" class="fnb-insert jupyter-button" style="display:none;margin:2px 0 2px 90px" '
        f'data-commandlinker-command="flytenb:insert-code" data-commandlinker-args="{given}">Insert below</button>'
    )


def _all(controls: Iterable[Control]) -> Iterable[Control]:
    for one in controls:
        yield one
        yield from _all(getattr(one, "controls", ()))
