"""Parameters of a notebook as keyword parameters of `main()` and options of the command line."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from flytenb.export.units import Unit

_PLAIN = {"int": "int", "float": "float", "str": "str", "bool": "bool"}
_JSON = (ast.List, ast.Dict, ast.Tuple, ast.Set)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One of them."""

    name: str
    #: Its default, as written.
    default: str
    #: As it stands in the signature, "" when nothing is known.
    annotation: str
    #: "int", "float", "str", "bool", "json" or "" (as Python reads it, else text).
    kind: str
    #: Definitions read it: it stands at module level too.
    is_shared: bool
    #: The cell that sets it.
    cell: int
    #: What the comment beside it says.
    help: str = ""
    #: Tasks that read it where they run: there it has the value of the file.
    readers: tuple[str, ...] = ()


def parameter_of(unit: Unit, *, is_shared: bool) -> Parameter | None:
    """The parameter that a unit of the parameters cell sets; None for anything but `name = value`."""
    node = unit.node
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
        name, value, annotation = node.target.id, node.value, ast.unparse(node.annotation)
    elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        name, value, annotation = node.targets[0].id, node.value, ""
    else:
        return None
    kind = _PLAIN.get(annotation.removesuffix(" | None").removeprefix("Optional[").removesuffix("]"), "")
    literal = _kind(value)
    if not annotation and literal in _PLAIN:
        annotation = kind = literal
    if not kind and (literal == "json" or annotation.split("[")[0] in ("list", "dict", "List", "Dict")):
        kind = "json"
    if not annotation and isinstance(value, (ast.List, ast.Dict)):
        annotation = "list" if isinstance(value, ast.List) else "dict"
    comment = unit.text.split("\n")[-1].partition("#")[2].strip() if "\n" not in ast.unparse(value) else ""
    return Parameter(
        name, ast.unparse(value), annotation, kind, is_shared, unit.cell, "" if '"' in comment else comment
    )


def _kind(value: ast.expr) -> str:
    if isinstance(value, ast.UnaryOp):
        value = value.operand
    if isinstance(value, ast.Constant):
        return type(value.value).__name__
    return "json" if isinstance(value, _JSON) else ""


def signature(parameters: list[Parameter]) -> str:
    """Between the brackets of `main(…)`."""
    if not parameters:
        return ""
    parts = []
    for one in parameters:
        default = one.name if one.is_shared else one.default
        parts.append(f"{one.name}: {one.annotation} = {default}" if one.annotation else f"{one.name}={default}")
    return "*, " + ", ".join(parts)


def command_line(parameters: list[Parameter], title: str, name: str, literal: str) -> list[str]:
    """The function that reads them from the command line."""
    rows = [
        f"def {name}() -> dict:",
        '    """What the command line gives `main()`."""',
        f"    parser = argparse.ArgumentParser(description={_text(title)})" if title else
        "    parser = argparse.ArgumentParser()",
    ]  # fmt: skip
    for one in parameters:
        default = one.name if one.is_shared else one.default
        options = [f'"--{one.name.replace("_", "-")}"', f"default={default}"]
        if one.kind == "bool":
            options.insert(1, "action=argparse.BooleanOptionalAction")
        elif one.kind == "json":
            options.insert(1, "type=json.loads")
        elif one.kind:
            options.insert(1, f"type={one.kind}")
        else:
            options.insert(1, f"type={literal}")
        if one.help:
            options.append(f"help={_text(one.help.replace('%', '%%'))}")
        rows.append(f"    parser.add_argument({', '.join(options)})")
    fixed = [one for one in parameters if one.is_shared and one.readers]
    if not fixed:
        return [*rows, "    return vars(parser.parse_args())"]
    rows.append("    given = parser.parse_args()")
    for one in fixed:
        said = f"task {one.readers[0]} reads it from this file; change it here, or make it an input of the task"
        rows.append(f"    if given.{one.name} != {one.name}:")
        rows.append(f'        parser.error("--{one.name.replace("_", "-")}: {said}")')
    return [*rows, "    return vars(given)"]


#: Reads a value whose type the notebook does not tell.
LITERAL = '''\
def {literal}(text: str) -> object:
    """A value as Python writes it, or the text itself."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text'''


def _text(text: str) -> str:
    return '"' + repr("'" + text)[2:-1] + '"' if '"' not in text else repr(text)
