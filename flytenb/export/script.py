"""The text of a script, from what goes where. The same notebook gives the same bytes."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from flytenb.capture.syntax import shifted
from flytenb.export.arrange import Arranged
from flytenb.export.parameters import LITERAL, Parameter, command_line, parameter_of, signature
from flytenb.export.read import SourceCell
from flytenb.export.units import DEFINITIONS, IMPORTS, Unit, free_name

#: Begins a cell, at module level or in `main()`.
MARK = "# %%"
_SHOW = '''\
def {show}(value: object) -> None:
    """What a notebook shows under a cell."""
    if value is not None:
        print(repr(value))'''
#: Calls whose value is never of interest.
_SILENT = frozenset({"print", "display", "show", "plot", "set_option", "seed", "filterwarnings", "basicConfig"})


@dataclass(frozen=True, slots=True)
class Form:
    """What a target needs besides."""

    #: How the notebook calls the package, and the package's own name.
    package: str
    module: str
    #: Statements at the beginning of `main()`.
    setup: tuple[str, ...] = ()
    #: Definitions that its drivers call.
    helpers: tuple[str, ...] = ()
    #: A run that a cell starts and does not await is awaited by this: `{run}.wait()`.
    wait: str = "{run}.wait()"
    #: Import statements of the helpers.
    imports: tuple[str, ...] = ()
    #: Definitions that its definitions need.
    above: tuple[str, ...] = ()


def write(arranged: Arranged, cells: Sequence[SourceCell], form: Form, title: str, source: str) -> str:
    """The script.

    Args:
        arranged: where every unit goes.
        cells: all cells, for text and order.
        form: what the target needs.
        title: for the command line's help.
        source: name of the notebook, for the docstring.
    """
    parameters, arranged = _parameters(arranged)
    is_async = any(drives_async(unit.node) for unit in arranged.main)
    own = _Own.beside({name for unit in [*arranged.module, *arranged.main] for name in unit.binds})
    main = _main(arranged, cells, form, parameters, own)
    helpers = list(form.helpers)
    if any(row.lstrip().startswith(f"{own.show}(") for row in main):
        helpers.append(_SHOW.format(show=own.show))
    if any(one.kind == "" for one in parameters):
        helpers.append(LITERAL.format(literal=own.literal))
    blocks = [*_module(arranged, cells, parameters), *helpers]
    if main:
        head = f"{'async ' if is_async else ''}def {own.main}({signature(parameters)}) -> None:"
        blocks.append("\n".join([head, *main]))
        if parameters:
            blocks.append("\n".join(command_line(parameters, title, own.arguments, own.literal)))
        call = f"{own.main}({f'**{own.arguments}()' if parameters else ''})"
        blocks.append(f'if __name__ == "__main__":\n    {f"asyncio.run({call})" if is_async else call}')
    text = _joined(blocks)
    imports = _own_imports(arranged, form, parameters, text, is_async=is_async and bool(main))
    doc = f'"""{_said(title).rstrip(".?!") or "Notebook"}. Made from {_said(source)} by `flytenb export`."""'
    future = "\n".join(unit.text for unit in arranged.module if _is_future(unit))
    above = "\n" + "\n\n\n".join(form.above) + "\n" if form.above else ""
    body = "\n\n".join(part for part in [doc, future, *imports, above, text] if part)
    return body.rstrip("\n") + "\n"


@dataclass(frozen=True, slots=True)
class _Own:
    """What our own functions are called: they get out of the way of the notebook's names."""

    main: str
    show: str
    arguments: str
    literal: str

    @classmethod
    def beside(cls, taken: set[str]) -> _Own:
        """Names that the notebook does not use."""
        return cls(*(free_name(name, taken) for name in ("main", "show", "arguments", "literal")))


def _said(text: str) -> str:
    return " ".join(text.replace("\\", "/").replace('"', "'").split())


def drives_async(node: ast.AST | None) -> bool:
    """Whether a statement awaits something itself."""
    if node is None or isinstance(node, (*DEFINITIONS, ast.Lambda)):
        return False
    if isinstance(node, (ast.Await, ast.AsyncFor, ast.AsyncWith)):
        return True
    if isinstance(node, ast.comprehension) and node.is_async:
        return True
    return any(drives_async(child) for child in ast.iter_child_nodes(node))


def _parameters(arranged: Arranged) -> tuple[list[Parameter], Arranged]:
    """The parameters, and the rest: those that definitions read stay at module level too."""
    main: list[Unit] = []
    kept = [parameter_of(unit, is_shared=True) for unit in arranged.module if unit.is_parameter]
    found = [one for one in kept if one is not None]
    for unit in arranged.main:
        one = parameter_of(unit, is_shared=False) if unit.is_parameter else None
        if one is None:
            main.append(unit)
        else:
            found.append(one)
    found = list({one.name: one for one in found}.values())  # set twice: the last one counts
    found = [replace(one, readers=tuple(arranged.readers.get(one.name, ()))) for one in found]
    return found, replace(arranged, main=main)


def _module(arranged: Arranged, cells: Sequence[SourceCell], parameters: Sequence[Parameter]) -> list[str]:
    """Blocks of module level: cells with their marks, text of markdown before them."""
    units = [unit for unit in arranged.module if not _is_future(unit)]
    shown = {unit.cell for unit in arranged.main} | {one.cell for one in parameters}
    here = {unit.cell for unit in units}
    return list(_blocks(units, cells, lambda number: number in here or number not in shown))


def _mark(number: int, is_parameters: bool) -> str:
    return f"{MARK} cell {number}{' [parameters]' if is_parameters else ''}"


def _blocks(units: Iterable[Unit], cells: Sequence[SourceCell], takes: object) -> Iterable[str]:
    by_cell: dict[int, list[Unit]] = {}
    for unit in units:
        by_cell.setdefault(unit.cell, []).append(unit)
    code = [cell.number for cell in cells if cell.kind == "code"]
    for cell in cells:
        if cell.kind == "code":
            if cell.number in by_cell:
                is_parameters = any(unit.is_parameter for unit in by_cell[cell.number])
                yield f"{_mark(cell.number, is_parameters)}\n" + _spaced(by_cell[cell.number])
            continue
        following = next((number for number in code if number > cell.number), None)
        # Text goes with the code below it.
        if (following is None and takes(0)) or (following is not None and takes(following)):  # type: ignore[operator]
            yield markdown(cell)


def markdown(cell: SourceCell) -> str:
    """Text as comments."""
    kind = "markdown" if cell.kind == "markdown" else "raw"
    rows = cell.text.strip("\n").split("\n")
    return "\n".join([f"{MARK} [{kind}]", *(f"# {row}".rstrip() for row in rows)])


def _spaced(units: Sequence[Unit]) -> str:
    """Statements of one cell with their empty lines; two around definitions."""
    rows: list[str] = []
    before: Unit | None = None
    for unit in units:
        if before is not None:
            around = isinstance(unit.node, DEFINITIONS) or isinstance(before.node, DEFINITIONS)
            rows += [""] * (2 if around else min(unit.gap, 1))
        rows.append(unit.text)
        before = unit
    return "\n".join(rows)


def _joined(blocks: Sequence[str]) -> str:
    """Blocks with the empty lines that formatters put between them."""
    out = ""
    for index, block in enumerate(blocks):
        if index:
            before = blocks[index - 1].rsplit("\n", 1)[-1]
            first = next((row for row in block.split("\n") if row and not row.startswith("#")), "")
            is_definition = first.startswith(("def ", "async def ", "class ", "@", "if __name__"))
            ends_definition = before.startswith((" ", "\t", ")", "]", "}"))
            out += "\n\n\n" if is_definition or (ends_definition and before.startswith((" ", "\t"))) else "\n\n"
        out += block
    return out


def _is_future(unit: Unit) -> bool:
    return isinstance(unit.node, ast.ImportFrom) and unit.node.module == "__future__"


def _main(
    arranged: Arranged, cells: Sequence[SourceCell], form: Form, parameters: list[Parameter], own: _Own
) -> list[str]:
    """The indented lines of `main()`, none when nothing is driven."""
    if not parameters and all(unit.is_note for unit in arranged.main):
        return []
    rows: list[str] = []
    shared = [name for name in arranged.shared if name not in {one.name for one in parameters}]
    if shared:
        rows += [f"    global {', '.join(shared)}"]
    given = [one.name for one in parameters if one.is_shared]
    if given:
        rows += [f"    globals().update({', '.join(f'{name}={name}' for name in given)})"]
    rows += [f"    {line}" for line in form.setup]
    module = {unit.cell for unit in arranged.module}
    here = {unit.cell for unit in arranged.main} | {one.cell for one in parameters}
    marked = {one.cell for one in parameters if not one.is_shared}
    by_cell: dict[int, list[Unit]] = {}
    for unit in arranged.main:
        by_cell.setdefault(unit.cell, []).append(unit)
    code = [cell.number for cell in cells if cell.kind == "code"]
    for cell in cells:
        if cell.kind != "code":
            following = next((number for number in code if number > cell.number), None)
            if following in here and following not in module:
                rows += _after(rows, shifted(markdown(cell), 4))
        elif cell.number in by_cell or cell.number in marked:
            mark = "    " + _mark(cell.number, cell.number in marked)
            rows += _after(rows, "\n".join([mark, *_driver(by_cell.get(cell.number, []), form, own.show)]))
    return rows if any(not unit.is_note for unit in arranged.main) else [*rows, "    pass"]


def _after(rows: list[str], text: str) -> list[str]:
    return ([""] if rows else []) + text.split("\n")


def _driver(units: Sequence[Unit], form: Form, show: str) -> Iterable[str]:
    started: list[str] = []
    for index, unit in enumerate(units):
        text = unit.text
        node = unit.node
        if unit.is_shown and isinstance(node, ast.Expr):
            text = _shown(unit, form, show)
        apart = index and (unit.gap or isinstance(node, DEFINITIONS) or isinstance(units[index - 1].node, DEFINITIONS))
        yield ("\n" if apart else "") + _indented(text)
        run = _started(node, form)
        if run:
            started.append(run)
        for name in list(started):
            if name != run and any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(node or ast.Pass())):
                started.remove(name)
    for run in started:
        yield "    " + form.wait.format(run=run)


def _indented(text: str) -> str:
    try:
        return shifted(text, 4)
    except Exception:
        return "\n".join("    " + row if row.strip() else row for row in text.split("\n"))


def _shown(unit: Unit, form: Form, show: str) -> str:
    """The last expression of a cell: its value is printed, a run that it starts is awaited."""
    node = unit.node
    assert isinstance(node, ast.Expr)
    value = node.value
    if isinstance(value, ast.Constant) and isinstance(value.value, str) and len(unit.text) > 80:
        return unit.text
    called = value.func if isinstance(value, ast.Call) else None
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    if name in _SILENT or unit.origin:
        return _waited(unit, form) if unit.origin else unit.text
    if _is_run_call(value, form):
        return _waited(unit, form)
    lead, code, comment = _parts(unit.text)
    if isinstance(value, ast.Tuple) and len(ast.parse(f"f({code})").body[0].value.args) != 1:  # type: ignore[attr-defined]
        code = f"({code})"
    return f"{lead}{show}({code}){comment}"


def _parts(text: str) -> tuple[str, str, str]:
    """An expression's text: the comments above it, itself, the comment behind it."""
    rows = text.split("\n")
    at = next(index for index, row in enumerate(rows) if row.strip() and not row.lstrip().startswith("#"))
    lead, code = "".join(f"{row}\n" for row in rows[:at]), "\n".join(rows[at:])
    last = rows[-1]
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT and token.start[0] == len(rows) - at and len(rows) > at:
            code = code[: len(code) - len(last) + token.start[1]]
            return lead, code.rstrip(), "  " + token.string
    return lead, code.rstrip(), ""


def _waited(unit: Unit, form: Form) -> str:
    node = unit.node
    if isinstance(node, ast.Expr) and _is_run_call(node.value, form):
        return form.wait.format(run=unit.text.rstrip())
    return unit.text


def _is_run_call(value: ast.expr, form: Form) -> bool:
    if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Attribute):
        return False
    if value.func.attr not in ("run", "rerun"):
        return False
    root: ast.expr = value.func.value
    while isinstance(root, (ast.Call, ast.Attribute)):
        root = root.func if isinstance(root, ast.Call) else root.value
    return isinstance(root, ast.Name) and root.id == form.package


def _started(node: ast.stmt | None, form: Form) -> str:
    """The variable of a run that a statement starts."""
    if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not isinstance(node.targets[0], ast.Name):
        return ""
    return node.targets[0].id if _is_run_call(node.value, form) else ""


def _own_imports(
    arranged: Arranged, form: Form, parameters: list[Parameter], text: str, *, is_async: bool
) -> list[str]:
    """Imports that the written parts need and the notebook does not have, as one block."""
    have = {name for unit in arranged.module if isinstance(unit.node, IMPORTS) for name in unit.binds}
    standard = []
    if parameters:
        standard.append("argparse")
    if any(one.kind == "" for one in parameters):
        standard.append("ast")
    if is_async:
        standard.append("asyncio")
    if any(one.kind == "json" for one in parameters):
        standard.append("json")
    lines = [f"import {name}" for name in standard if name not in have]
    lines += [line for line in form.imports if line.split()[-1] not in have]
    blocks = ["\n".join(sorted(lines, key=lambda line: (line.startswith("from"), line)))]
    if form.package not in have and f"{form.package}." in text:
        alias = "" if form.module == form.package else f" as {form.package}"
        blocks.append(f"import {form.module}{alias}")
    return [block for block in blocks if block]
