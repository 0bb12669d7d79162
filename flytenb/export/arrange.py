"""What goes to module level, what into `main()`, and what a script cannot do as the notebook did.

Definitions (imports, functions, classes, environments, values that those read) go to module level in the order of
their cells; everything that drives (starts, awaits, prints, changes) goes into `main()` in the same order.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from flytenb.capture.drivers import drives
from flytenb.export.changes import changed, is_exec, tells
from flytenb.export.units import DEFINITIONS, IMPORTS, Unit

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(slots=True)
class Arranged:
    """Where every unit goes."""

    module: list[Unit] = field(default_factory=list)
    main: list[Unit] = field(default_factory=list)
    #: Names that `main()` sets for the definitions.
    shared: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    #: Parameter → tasks that read it where they run.
    readers: dict[str, list[str]] = field(default_factory=dict)


def arrange(units: Sequence[Unit]) -> Arranged:
    """Sort the units of all cells, which are in the order of the notebook."""
    result = Arranged()
    units = _without_superseded(units, result.notes)
    module = _module_level(units)
    result.module = [unit for unit in units if unit in module]
    result.main = [unit for unit in units if unit not in module and not unit.is_note]
    _place_notes(units, module, result)
    _share(result)
    return result


def _is_definition(unit: Unit) -> bool:
    node = unit.node
    if isinstance(node, (*DEFINITIONS, *IMPORTS)):
        return True
    if isinstance(node, (ast.If, ast.Try)):
        inner = [*node.body, *node.orelse]
        if isinstance(node, ast.Try):
            inner += [*node.finalbody, *(each for handler in node.handlers for each in handler.body)]
        return not drives(node) and all(isinstance(each, (*DEFINITIONS, *IMPORTS, ast.Pass)) for each in inner)
    return False


def _is_assignment(unit: Unit) -> bool:
    """A plain `name = value`, which may stand at module level."""
    node = unit.node
    if isinstance(node, ast.AnnAssign):
        return isinstance(node.target, ast.Name) and node.value is not None and not drives(node)
    if not isinstance(node, ast.Assign) or drives(node):
        return False
    names = (ast.Name, ast.Tuple, ast.List, ast.Store, ast.Starred)
    return all(isinstance(inner, names) for target in node.targets for inner in ast.walk(target))


def _may_be_above(unit: Unit) -> bool:
    """Whether it may go to module level: definitions, values, changes of what definitions read."""
    is_change = isinstance(unit.node, (ast.Assign, ast.AugAssign)) and not drives(unit.node)
    return is_change or _is_definition(unit) or _is_assignment(unit)


def _is_path(unit: Unit) -> bool:
    """`sys.path.insert(…)`: imports below need it."""
    node = unit.node
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return False
    return ast.unparse(node.value.func).startswith("sys.path.")


def _is_environment(unit: Unit) -> bool:
    value = getattr(unit.node, "value", None)
    if not isinstance(value, ast.Call):
        return False
    called = value.func.attr if isinstance(value.func, ast.Attribute) else getattr(value.func, "id", "")
    return called in ("TaskEnvironment", "clone_with")


def _module_level(units: Sequence[Unit]) -> set[Unit]:
    """Definitions, and the values that they read, as far as those can be had without driving."""
    module = {unit for unit in units if _is_definition(unit) or _is_path(unit)}
    wanted = {name for unit in module for name in unit.reads.names}
    candidates = [unit for unit in units if unit not in module and _is_assignment(unit)]
    is_growing = True
    while is_growing:
        is_growing = False
        for unit in candidates:
            if unit not in module and (unit.binds & wanted or _is_environment(unit)):
                module.add(unit)
                wanted |= unit.reads.names
                is_growing = True
        for unit in () if is_growing else _changes_before_drivers(units, module, wanted):
            module.add(unit)
            wanted |= unit.reads.names  # also what its lambdas read when they are called
            is_growing = True
    _demote(units, module)
    return module


def _changes_before_drivers(units: Sequence[Unit], module: set[Unit], wanted: set[str]) -> set[Unit]:
    """`config["lr"] = 0.1`, `values += […]`, loops that fill lists: what definitions read, before anything is driven.

    What stays in `main()` and has seen the object before its change keeps the change there.
    """
    found: set[Unit] = set()
    seen: set[str] = set()
    made = {name for unit in module if _is_assignment(unit) for name in unit.binds}
    for unit in units:
        if unit in module or unit.is_note:
            continue
        node = unit.node
        if drives(node):
            return found
        names = changed(node)
        is_simple = isinstance(node, (ast.Assign, ast.AugAssign)) and bool(names) and names <= wanted
        is_filling = bool(names & wanted & made) and not names - made - unit.binds and not tells(node)
        if (is_simple or is_filling or is_exec(node)) and not names & seen:
            found.add(unit)
        else:
            seen |= _reached(unit, module) | unit.binds
    return found


def _demote(units: Sequence[Unit], module: set[Unit]) -> None:
    """Out of the module goes what needs a value that only `main()` makes, or is set anew after something was driven."""
    is_shrinking = True
    while is_shrinking:
        is_shrinking = False
        defined: set[str] = set()
        made: set[str] = set()
        has_driven = False
        for unit in units:
            if unit not in module:
                if not unit.is_note:
                    made |= unit.binds
                    has_driven = has_driven or not _is_assignment(unit)
                continue
            is_value = not _is_definition(unit) and not _is_path(unit)
            lacks = (unit.reads.hard & made) - defined
            is_again = is_value and has_driven and bool(unit.binds & defined)
            if lacks or is_again:
                module.discard(unit)
                is_shrinking = True
                break
            defined |= unit.binds


def _without_superseded(units: Sequence[Unit], notes: list[str]) -> list[Unit]:
    """A function or class that a later cell defines anew is a comment, unless something at module level needs it."""
    last: dict[str, int] = {}
    for index, unit in enumerate(units):
        if isinstance(unit.node, DEFINITIONS):
            last[unit.node.name] = index
    kept: list[Unit] = []
    for index, unit in enumerate(units):
        node = unit.node
        if not isinstance(node, DEFINITIONS) or last[node.name] == index:
            kept.append(unit)
            continue
        final = last[node.name]
        between = units[index + 1 : final + 1]
        if any(node.name in later.reads.hard for later in between if _may_be_above(later)):
            kept.append(unit)
            continue
        later_cell = units[final].cell
        if any(drives(each.node) for each in between):
            notes.append(
                f"cell {unit.cell}: {node.name} is defined again in cell {later_cell}; the script has the last one only"
            )
        unit.drop()
        kept.append(unit)
    return kept


def _place_notes(units: Sequence[Unit], module: set[Unit], result: Arranged) -> None:
    """Comments alone go where the rest of their cell goes; a cell of comments stays with the code above it."""
    driven = {unit.cell for unit in result.main}
    defined = {unit.cell for unit in result.module}
    top: list[Unit] = []
    main: list[Unit] = []
    is_main = False
    for unit in units:
        if not unit.is_note:
            is_main = unit not in module
        elif unit.cell in driven and unit.cell not in defined:
            is_main = True
        elif unit.cell in defined:
            is_main = False
        (main if is_main else top).append(unit)
    result.module, result.main = top, main


def _share(result: Arranged) -> None:
    """Names that `main()` gives a value and that definitions read, or that the module defines too."""
    set_in_main = {name for unit in result.main for name in unit.binds}
    parameters = {name for unit in [*result.main, *result.module] if unit.is_parameter for name in unit.binds}
    defined = {name for unit in result.module for name in unit.binds}
    read: set[str] = set()
    for unit in result.module:
        if isinstance(unit.node, DEFINITIONS):
            read |= unit.reads.names
    result.shared = sorted((set_in_main & (read | defined)) - parameters)
    again = {
        name: unit.cell for unit in result.main for name in (changed(unit.node) | unit.binds) & defined - parameters
    }
    for unit in result.module:
        if isinstance(unit.node, _FUNCTIONS) and unit.node.decorator_list:
            reached = _reached(unit, result.module)
            lost = sorted((reached & set_in_main) - defined)
            if "task" not in ast.unparse(unit.node.decorator_list[0]):
                continue
            for name in sorted(reached & parameters):
                result.readers.setdefault(name, []).append(unit.node.name)
                result.notes.append(
                    f"cell {unit.cell}: task {unit.node.name} reads parameter {name} from the file, so that its option "
                    "cannot change it; make it an input of the task"
                )
            if lost:
                names = _listed(lost)
                result.notes.append(
                    f"cell {unit.cell}: task {unit.node.name} reads {names}, which a driver makes: "
                    "a worker of the script does not see it; make it an input of the task"
                )
            for name in sorted(reached & set(again)):
                result.notes.append(
                    f"cell {again[name]}: {name} is changed by a driver, and task {unit.node.name} reads it: "
                    "a worker of the script has it as it was; make it an input of the task"
                )


def _reached(unit: Unit, module: Iterable[Unit]) -> set[str]:
    """Names that a definition reads, by itself or through others."""
    by_name = {name: each for each in module if isinstance(each.node, DEFINITIONS) for name in each.binds}
    seen: set[str] = set()
    rest = set(unit.reads.names)
    while rest:
        name = rest.pop()
        if name not in seen:
            seen.add(name)
            if name in by_name:
                rest |= by_name[name].reads.names - seen
    return seen


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
