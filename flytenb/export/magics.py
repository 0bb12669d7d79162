"""Cells and lines of flytenb's magics as the Python that they stand for."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import Any

from flytenb.capture import lines, pragma
from flytenb.errors import FlytenbError
from flytenb.export.read import SourceCell
from flytenb.export.units import NOT_CARRIED, Parsed, Unit, parse_cell

_ENVIRONMENT = re.compile(r"^%%?flyte_env\b(.*)$")
_RUN = re.compile(r"^%flyte_run\b(.*)$")
#: Settings of a task cell that are words, not numbers.
_WORDS = frozenset({"cache"})
#: The environment of task cells that name none.
DEFAULT = "notebook"


@dataclass(slots=True)
class Names:
    """What the cells read so far have said: the name of the package, environments, values of plain types."""

    #: How the notebook calls flytenb.
    package: str = "flyte"
    is_imported: bool = False
    #: Environment's name → variable.
    environments: dict[str, str] = field(default_factory=dict)
    variables: set[str] = field(default_factory=set)
    #: Variable → name of its plain type, "" when it is no literal.
    kinds: dict[str, str] = field(default_factory=dict)
    is_package_used: bool = False

    def learn(self, unit: Unit) -> None:
        """Remember what a unit says."""
        node = unit.node
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name in ("flytenb", "flyte"):
                    self.package, self.is_imported = alias.asname or alias.name, True
        self.variables |= unit.binds
        value = getattr(node, "value", None)
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            if not isinstance(target, ast.Name):
                continue
            self.kinds[target.id] = _kind(value)
            name = _environment_name(value)
            if name:
                self.environments[name] = target.id
        if not isinstance(node, (ast.Assign, ast.AnnAssign)):
            self.kinds.update(dict.fromkeys(unit.binds, ""))

    def call(self, name: str) -> str:
        """`flyte.name`, with the import that it needs."""
        self.is_package_used = True
        return f"{self.package}.{name}"


def _kind(value: Any) -> str:
    if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub):
        value = value.operand
    if isinstance(value, ast.Constant) and type(value.value) in (int, float, str, bool, bytes):
        return type(value.value).__name__
    is_container = isinstance(value, (ast.List, ast.Tuple, ast.Dict, ast.Set, ast.JoinedStr))
    return ("str" if isinstance(value, ast.JoinedStr) else "object") if is_container else ""


def _environment_name(value: Any) -> str:
    """The name that `TaskEnvironment(…)` or `env.clone_with(…)` gives, "" for anything else."""
    if not isinstance(value, ast.Call):
        return ""
    called = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
    if called not in ("TaskEnvironment", "clone_with"):
        return ""
    given = [keyword.value for keyword in value.keywords if keyword.arg == "name"] or value.args[:1]
    return str(given[0].value) if given and isinstance(given[0], ast.Constant) else ""


def translate(cell: SourceCell, names: Names) -> Parsed:
    """The units of a code cell, flytenb's magics carried out."""
    rows = cell.text.rstrip("\n").split("\n")
    units: list[Unit] = []
    notes: list[str] = []
    while rows and (not rows[0].strip() or (rows[0].startswith("%%") and _ENVIRONMENT.match(rows[0]))):
        found = _ENVIRONMENT.match(rows.pop(0))
        if found:
            units.append(_environment(found[1], cell.number, names, notes))
    full = [row + "\n" for row in rows]
    task = pragma.find(full)
    if task is None:
        parsed = parse_cell("\n".join(rows), cell.number)
        done = [_line(unit, names, notes) for unit in parsed.units]
    else:
        parsed = _task_cell(full, *task, cell.number, names)
        done = parsed.units
    for unit in done:
        names.learn(unit)
    return Parsed([*units, *done], [*notes, *parsed.notes])


def _line(unit: Unit, names: Names, notes: list[str]) -> Unit:
    """`%flyte_env` and `%flyte_run` in a cell as the calls that they stand for."""
    try:
        if found := _ENVIRONMENT.match(unit.origin):
            made = _environment(found[1], unit.cell, names, notes)
        elif found := _RUN.match(unit.origin):
            made = _statement(_run_line(found[1].strip(), names), unit)
        else:
            return unit
    except FlytenbError as error:
        notes.append(f"cell {unit.cell}: {error}")
        return unit
    lead = unit.text.split(NOT_CARRIED, 1)[0]
    made.text = lead + made.text
    return made


def _statement(text: str, like: Unit) -> Unit:
    node = ast.parse(text).body[0]
    return Unit(text, node, like.cell, like.line, is_shown=isinstance(node, ast.Expr), origin=like.origin, gap=like.gap)


def _environment(text: str, cell: int, names: Names, notes: list[str]) -> Unit:
    try:
        line = lines.parse("%flyte_env", text, lines.ENVIRONMENT_TAKES, words=1)
    except lines.LineError as error:
        notes.append(f"cell {cell}: {error}")
        return Unit(f"{NOT_CARRIED}%flyte_env{text}", None, cell)
    name = line.words[0] if line.words else DEFAULT
    variable = name if name.isidentifier() else _variable(name)
    names.environments[name] = variable
    names.variables.add(variable)
    parts = [f"name={_quoted(name)}"]
    resources = [
        f"{key}={_literal(lines.number_or_text(line.get(key)))}"
        for key in ("cpu", "memory", "gpu", "disk", "shm")
        if line.has(key)
    ]
    if resources:
        parts.append(f"resources={names.call('Resources')}({', '.join(resources)})")
    parts += [f"{key}={_quoted(line.get(key))}" for key in ("image", "cache") if line.has(key)]
    made = f"{variable} = {names.call('TaskEnvironment')}({', '.join(parts)})"
    return Unit(made, ast.parse(made).body[0], cell, origin=f"%flyte_env{text}")


def _variable(name: str) -> str:
    made = re.sub(r"\W", "_", name)
    return made if made.isidentifier() else f"env_{made}"


def _literal(value: object) -> str:
    return _quoted(value) if isinstance(value, str) else repr(value)


def _quoted(text: str) -> str:
    return repr(text) if '"' in text else '"' + repr("'" + text)[2:-1] + '"'


def _run_line(text: str, names: Names) -> str:
    task, inputs, line = lines.parse_run(text)
    options = [f"name={_quoted(line.get('name'))}"] if line.has("name") else []
    options += [f"mode={_quoted(line.get('mode'))}"] if line.has("mode") else []
    options += ["overwrite_cache=True"] if line.has("overwrite-cache") else []
    given = "".join(f", {name}={source}" for name, source in inputs.items())
    runner = f"{names.call('with_runcontext')}({', '.join(options)}).run" if options else names.call("run")
    task = task.rpartition(".")[2]
    return f"{line.get('o')} = {runner}({task}{given})" if line.get("o") else f"{runner}({task}{given})"


def _task_cell(rows: list[str], index: int, text: str, number: int, names: Names) -> Parsed:
    body = "".join(rows[index + 1 :]).rstrip("\n")
    comments = [row.rstrip() for row in rows[:index] if row.strip()]
    try:
        options = pragma.parse_options(text)
    except pragma.PragmaError as error:
        return _refused(rows, f"cell {number}: {error}", number)
    head, declared = _decorator(options, number, names)
    transformed = pragma.transform(rows)
    if not transformed[index].startswith(f"{pragma.CELL_HOOK}("):
        return _cell_task(rows, index, options, "\n".join([*comments, head]), declared, number, names)
    parsed = parse_cell(body, number)
    functions = [
        unit.node
        for unit in parsed.units
        if isinstance(unit.node, (ast.FunctionDef, ast.AsyncFunctionDef)) and not unit.node.name.startswith("_")
    ]
    if not functions:
        said = f"cell {number}: its first line makes its functions tasks, and it has none"
        lead = [Unit("\n".join(comments), None, number)] if comments else []
        return Parsed([*declared, *lead, *parsed.units], [*parsed.notes, said])
    for unit in parsed.units:
        node = unit.node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node in functions and not _is_task(node):
            _decorate(unit, head)
    parsed.units[0].text = "\n".join([*comments, parsed.units[0].text])
    units = [*declared, *parsed.units]
    if options.is_run:
        run = f"{names.call('run')}({functions[-1].name}{_given(options)})"
        made = f"{options.run_name} = {run}" if options.run_name else run
        units.append(Unit(made, ast.parse(made).body[0], number, is_shown=not options.run_name))
    return Parsed(units, parsed.notes)


def _refused(rows: list[str], said: str, number: int) -> Parsed:
    text = "\n".join(f"{NOT_CARRIED}{row.rstrip()}".rstrip() for row in rows)
    return Parsed([Unit(text, None, number)], [said])


def _decorator(options: pragma.TaskOptions, number: int, names: Names) -> tuple[str, list[Unit]]:
    """`@prep.task(cache="auto")`, and the environment's declaration where the notebook has none."""
    declared: list[Unit] = []
    wanted = options.env or DEFAULT
    variable = wanted if wanted in names.variables and wanted in names.environments.values() else ""
    variable = variable or names.environments.get(wanted, "")
    if not variable:
        variable = wanted if wanted not in names.variables and wanted.isidentifier() else f"{_variable(wanted)}_env"
        names.environments[wanted] = variable
        names.variables.add(variable)
        made = f"{variable} = {names.call('TaskEnvironment')}(name={_quoted(wanted)})"
        declared.append(Unit(made, ast.parse(made).body[0], number))
    settings = []
    for key, value in options.rest.items():
        said: object = True if key == "report" else value if key in _WORDS else lines.number_or_text(value)
        settings.append(f"{key}={_literal(said)}")
    return f"@{variable}.task" + (f"({', '.join(settings)})" if settings else ""), declared


def _is_task(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("task" in ast.unparse(decorator).rpartition(".")[2] for decorator in node.decorator_list)


def _decorate(unit: Unit, head: str) -> None:
    rows = unit.text.split("\n")
    at = next(i for i, row in enumerate(rows) if row.strip() and not row.lstrip().startswith("#"))
    unit.text = "\n".join([*rows[:at], head, *rows[at:]])
    unit.node = ast.parse(unit.text).body[0]


def _given(options: pragma.TaskOptions) -> str:
    return "".join(f", {name}={name}" for name, _ in options.inputs)


def _cell_task(
    rows: list[str],
    index: int,
    options: pragma.TaskOptions,
    head: str,
    before: list[Unit],
    number: int,
    names: Names,
) -> Parsed:
    """A cell that is a task: the function that a kernel makes of it, types of inputs as far as the text tells."""
    notes = []
    inputs = []
    for name, kind in options.inputs:
        said = kind or names.kinds.get(name, "")
        if not said:
            notes.append(
                f'cell {number}: the type of input "{name}" is known when the cell runs; '
                f'write --inputs "{name}: int" so that the script has the same'
            )
        inputs.append(f"{name}: {said or 'object'}")
    made = pragma.transform([*rows[:index], f"%%flyte_task {_with_inputs(options, inputs)}\n", *rows[index + 1 :]])
    returned = ", ".join(["object"] * len(options.outputs))
    returned = f"tuple[{returned}]" if len(options.outputs) > 1 else returned
    function = [row.rstrip() for row in made[index:-1]]
    if options.outputs:
        function[0] = function[0].removesuffix(":") + f" -> {returned}:"
    text = "\n".join([head, *function])
    try:
        node = ast.parse(text).body[0]
    except SyntaxError as error:
        return _refused(rows, f"cell {number}, line {error.lineno}: it is not Python ({error.msg})", number)
    units = [*before, Unit(text, node, number)]
    if options.is_run:
        run = f"{names.call('run')}({options.name}{_given(options)})"
        run = f"{options.run_name} = {run}" if options.run_name else run
        units.append(Unit(run, ast.parse(run).body[0], number, is_shown=not options.run_name))
    return Parsed(units, notes)


def _with_inputs(options: pragma.TaskOptions, inputs: list[str]) -> str:
    words = [f"--name {options.name}"]
    if inputs:
        words.append(f'--inputs="{", ".join(inputs)}"')
    if options.outputs:
        words.append(f"--outputs {','.join(options.outputs)}")
    return " ".join(words)
