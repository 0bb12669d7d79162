"""What a shell task is declared with: collectors of outputs, and how an input becomes an option of the program."""

from __future__ import annotations

import types
import typing
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

from flytenb.codec.file import File
from flytenb.codec.folder import Dir

ListMode = Literal["join", "repeat", "comma"]
DictMode = Literal["pairs", "equals"]
Kind = Literal["bool", "scalar", "file", "dir", "files", "dict"]

_SCALARS = (bool, int, float, str)


@dataclass(frozen=True)
class Glob:
    """Files that the script writes into the folder of an output, as `list[File]`.

    Args:
        pattern: which of them count.

    Example:
        `outputs={"tables": Glob("*.csv")}`, and in the script `split … > {outputs.tables}/part.csv`
    """

    pattern: str = "*"


@dataclass(frozen=True)
class Stdout:
    """What the script writes to its standard output, as an output.

    Args:
        type: `File`, or int, float, str or bool, which the text is read as.

    Raises:
        TypeError: another type.
    """

    type: Any = File

    def __post_init__(self) -> None:
        _check_stream("Stdout", self.type)


@dataclass(frozen=True)
class Stderr:
    """What the script writes to its standard error, as an output. As `Stdout`."""

    type: Any = File

    def __post_init__(self) -> None:
        _check_stream("Stderr", self.type)


def _check_stream(name: str, kind: Any) -> None:
    if kind is not File and kind not in _SCALARS:
        raise TypeError(f"{name}(type={kind!r}) must be File, int, float, str or bool")


OutputSpec: TypeAlias = Any


@dataclass(frozen=True)
class FlagSpec:
    """How `{flags.name}` shows an input.

    Args:
        flag: the option itself: `"--threads"`.
        list_mode: several files as "join" (`-b x y`), "repeat" (`-b x -b y`) or "comma" (`-b x,y`).
        separator: between the option and one value: `" "`, or `"="` for `--threads=4`.
        dict_mode: a dict as "pairs" (`k v k v`) or "equals" (`FLAGk=v FLAGk=v`).
    """

    flag: str
    list_mode: ListMode = "join"
    separator: str = " "
    dict_mode: DictMode = "pairs"

    @classmethod
    def coerce(cls, name: str, alias: Any) -> FlagSpec:
        """From what `flag_aliases` may hold: nothing, the option, the option and a mode, or a `FlagSpec`.

        Raises:
            TypeError: none of these.
        """
        if alias is None:
            return cls(f"-{name}")
        if isinstance(alias, FlagSpec):
            return alias
        if isinstance(alias, str):
            return cls(alias)
        if isinstance(alias, tuple) and len(alias) == 2:
            flag, mode = alias
            if mode in typing.get_args(ListMode):
                return cls(flag, list_mode=cast("ListMode", mode))
            if mode in typing.get_args(DictMode):
                return cls(flag, dict_mode=cast("DictMode", mode))
        raise TypeError(
            f'flag_aliases["{name}"]={alias!r} must be an option ("-b"), an option and a mode (for files "join", '
            '"repeat", "comma", for a dict "pairs", "equals"), or a FlagSpec'
        )


def kind_of(name: str, annotation: Any) -> tuple[Kind, bool]:
    """What an input is to a script, and whether it may be None.

    Raises:
        TypeError: a type that has no form on a command line.
    """
    kind, is_optional = annotation, False
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        left = [one for one in typing.get_args(annotation) if one is not type(None)]
        if len(left) == 1 and len(typing.get_args(annotation)) == 2:
            kind, is_optional = left[0], True
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind is bool:
        return "bool", is_optional
    if kind in _SCALARS:
        return "scalar", is_optional
    if kind is File or origin is File:
        return "file", is_optional
    if kind is Dir or origin is Dir:
        return "dir", is_optional
    if origin is list and len(args) == 1 and (args[0] is File or typing.get_origin(args[0]) is File):
        return "files", is_optional
    if origin is dict and args == (str, str):
        return "dict", is_optional
    raise TypeError(
        f'the input "{name}" cannot be {annotation!r}: write File, Dir, list[File], dict[str, str], int, float, str, '
        "bool, or one of them | None"
    )


def output_type(name: str, spec: OutputSpec) -> Any:
    """The type of what an output's declaration collects.

    Raises:
        TypeError: it is no declaration of an output.
    """
    if isinstance(spec, Glob):
        return list[File[Any]]
    if isinstance(spec, (Stdout, Stderr)):
        return spec.type
    if isinstance(spec, type) and issubclass(spec, (File, Dir, *_SCALARS)):
        return spec
    raise TypeError(
        f'the output "{name}" cannot be {spec!r}: write File, Dir, int, float, str, bool, Glob(), Stdout() or Stderr()'
    )
