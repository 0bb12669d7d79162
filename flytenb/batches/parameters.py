"""Parameters of a notebook: what its cell tagged `parameters` declares, and values that fit."""

from __future__ import annotations

import ast
import builtins
import difflib
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flytenb.codec.annotations import codec_of
from flytenb.codec.codec import Codec, MismatchError
from flytenb.codec.containers import parse_text
from flytenb.errors import FlytenbError

#: What an annotation may be made of: nothing of the notebook is executed for it.
_NAMES = {
    **{name: getattr(builtins, name) for name in ("int", "float", "str", "bool", "list", "dict", "tuple", "set")},
    **{name: getattr(typing, name) for name in ("Any", "Dict", "List", "Literal", "Optional", "Tuple", "Union")},
    "typing": typing,
}


class ParameterError(FlytenbError, ValueError):
    """A parameter that the notebook does not have, or a value of another type than it declares."""


@dataclass(frozen=True)
class Given:
    """A value that has its type already, among words of a command line."""

    value: Any


@dataclass(frozen=True)
class Parameter:
    """One name that the parameters cell sets."""

    name: str
    #: As written, "" without one.
    annotation: str
    #: Code cells up to its cell, and the line there.
    cell: int
    line: int
    codec: Codec | None = None

    @property
    def place(self) -> str:
        """Where it is declared, in words."""
        return f"cell {self.cell}, line {self.line}"


def declared(cells: list[Any]) -> dict[str, Parameter] | None:
    """Parameters by name; None where no cell has the tag, or it is not Python.

    Args:
        cells: of the notebook, as nbformat has them.
    """
    number = 0
    for cell in cells:
        if cell["cell_type"] != "code" or not "".join(cell["source"]).strip():
            continue
        number += 1
        if "parameters" not in (cell.get("metadata", {}).get("tags") or []):
            continue
        try:
            tree = ast.parse("".join(cell["source"]))
        except SyntaxError:
            return None
        return {one.name: one for one in _of(tree, number)}
    return None


def _of(tree: ast.Module, cell: int) -> list[Parameter]:
    found = []
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.append(
                Parameter(node.target.id, ast.unparse(node.annotation), cell, node.lineno, _codec(node.annotation))
            )
        elif isinstance(node, ast.Assign):
            found += [Parameter(one.id, "", cell, node.lineno) for one in node.targets if isinstance(one, ast.Name)]
    return found


def _codec(annotation: ast.expr) -> Codec | None:
    text = annotation.value if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str) else None
    names = {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)}
    is_call = any(isinstance(node, ast.Call) for node in ast.walk(annotation))
    if text is not None or is_call or not names <= set(_NAMES):
        return None  # a class of the notebook: its cells would have to be executed
    try:
        return codec_of(eval(ast.unparse(annotation), {"__builtins__": {}}, dict(_NAMES)))
    except Exception:
        return None


def checked(
    given: Mapping[str, Any], known: dict[str, Parameter] | None, notebook: str, *, is_text: bool = False
) -> dict[str, Any]:
    """Values as the notebook wants them.

    Args:
        given: by name.
        known: of `declared`.
        notebook: for words.
        is_text: the values come from a command line; those without an annotation are read as papermill does.

    Raises:
        ParameterError: no such parameter, or not of its type.
    """
    if given and known is None:
        raise ParameterError(
            f"{notebook} has no parameters: tag the cell that sets them with `parameters`, or leave out "
            f"{', '.join(given)}"
        )
    return {name: _one(name, value, known or {}, notebook, is_text) for name, value in given.items()}


def _one(name: str, value: Any, known: dict[str, Parameter], notebook: str, is_text: bool) -> Any:
    parameter = known.get(name)
    if parameter is None:
        near = difflib.get_close_matches(name, known, 3)
        meant = f"did you mean {' or '.join(near)}?" if near else f"it has {', '.join(known) or 'none'}"
        raise ParameterError(f'{notebook} has no parameter "{name}"; {meant}')
    if isinstance(value, Given):
        value, is_text = value.value, False
    if parameter.codec is None:
        return _resolved(value) if is_text else value
    try:
        return parse_text(parameter.codec, value) if is_text else parameter.codec.from_json(value)
    except MismatchError as error:
        raise ParameterError(f'{notebook}, {parameter.place}: parameter "{name}": {error.sentence(name)}') from None


def _resolved(value: str) -> Any:
    from papermill.cli import _resolve_type

    return _resolve_type(value)


def read_file(address: str) -> dict[str, Given]:
    """Parameters of a YAML or JSON file, by a path or an address.

    Raises:
        ParameterError: there is no such file, or it is no table of names and values.
    """
    import yaml

    from flytenb.codec.places import opened

    try:
        with opened(address, "rb") as file:
            found = yaml.safe_load(bytes(file.read()))
    except FileNotFoundError as error:
        raise ParameterError(f"there is no parameters file {address}; give the path or the address of one") from error
    except (OSError, FlytenbError):
        raise
    except Exception as error:
        raise ParameterError(f"{address} is neither YAML nor JSON: {' '.join(str(error).split())}") from error
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found):
        raise ParameterError(f"{address} holds no parameters: it must be a table of names and values")
    return {name: Given(value) for name, value in found.items()}
