"""What a function's signature says of a task: names, hints, defaults, outputs; and binding of calls to it."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

from flytenb import errors
from flytenb.codec.codec import type_name
from flytenb.codec.records import is_namedtuple

_EMPTY = inspect.Parameter.empty
Self = TypeVar("Self", bound="Signature")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One input of a task."""

    name: str
    annotation: Any
    has_default: bool = False
    default: Any = None
    is_keyword_only: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """One output of a task."""

    name: str
    annotation: Any


class Signature:
    """A task's names and types. `Interface` adds how values are written."""

    def __init__(self, func: Callable[..., Any], task_name: str, where: str, *, is_strict: bool) -> None:
        self.task_name, self.where = task_name, where
        self._func, self._is_strict = func, is_strict
        self._signature = inspect.signature(func)
        self._names = tuple(self._signature.parameters)
        self._count = len(self._names)
        self._positional = sum(
            p.kind is not inspect.Parameter.KEYWORD_ONLY for p in self._signature.parameters.values()
        )
        self._defaults = {name: p.default for name, p in self._signature.parameters.items() if p.default is not _EMPTY}

    @classmethod
    def of(
        cls: type[Self], func: Callable[..., Any], *, task_name: str, where: str = "", is_strict: bool = True
    ) -> Self:
        """Read a function's signature.

        Args:
            func: the task's plain function.
            task_name: "environment.function", for messages.
            where: cell or file and line, for messages.
            is_strict: whether a parameter without a type hint is refused; else it takes any value.

        Raises:
            MissingTypeHintError: a parameter has no type hint.
            ValueError: the function takes `*args` or `**kwargs`.
        """
        interface = cls(func, task_name, where, is_strict=is_strict)
        for parameter in interface._signature.parameters.values():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                star = "*" if parameter.kind is parameter.VAR_POSITIONAL else "**"
                raise ValueError(
                    f'task "{task_name}": {star}{parameter.name} is not allowed, because every input has a name and a '
                    f'type; write "{parameter.name}: list[int]" or "{parameter.name}: dict[str, int]"'
                )
            if is_strict and parameter.annotation is _EMPTY:
                raise errors.MissingTypeHintError(task_name, parameter.name, where)
        return interface

    # ---- the signature ----------------------------------------------------------------------------------------

    @cached_property
    def _hints(self) -> dict[str, Any]:
        """Annotations as objects; resolved at first use, so that they may name what is defined later."""
        func = inspect.unwrap(self._func)
        names = getattr(getattr(func, "__code__", None), "co_freevars", ())
        local: dict[str, Any] = {}
        for name, cell in zip(names, getattr(func, "__closure__", None) or (), strict=True):
            try:
                local[name] = cell.cell_contents
            except ValueError:
                continue
        try:
            hints = typing.get_type_hints(func, localns=local or None, include_extras=True)
        except NameError as error:
            missing = error.name or str(error)
            culprit = next(
                (name for name, text in self._func.__annotations__.items() if missing in str(text)), "return"
            )
            kind = "the return type" if culprit == "return" else f'parameter "{culprit}"'
            raise errors.InputTypeError(
                f'task "{self.task_name}": {kind} is annotated with "{missing}", which is not defined; '
                f"define or import {missing} before the task is called"
            ) from None
        for name, default in self._defaults.items():
            if default is None and hints.get(name, typing.Any) is not typing.Any:
                hints[name] = typing.Union[hints[name], None]  # noqa: UP007  a string forward reference has no `|`
        return hints

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The inputs in order."""
        return tuple(
            Parameter(
                name,
                self._hints.get(name, Any),
                name in self._defaults,
                self._defaults.get(name),
                p.kind is inspect.Parameter.KEYWORD_ONLY,
            )
            for name, p in self._signature.parameters.items()
        )

    @cached_property
    def outputs(self) -> tuple[Output, ...]:
        """The outputs in order: `o0`, `o1`, … or a named tuple's fields; none for `None` or no annotation."""
        returned = self._hints.get("return", _EMPTY)
        if returned is _EMPTY or returned is type(None) or returned in (typing.NoReturn, None):
            return ()
        if is_namedtuple(returned):
            hints = typing.get_type_hints(returned, include_extras=True)
            return tuple(Output(name, hints.get(name, Any)) for name in returned._fields)
        if self._is_split:
            return tuple(Output(f"o{i}", part) for i, part in enumerate(typing.get_args(returned)))
        return (Output("o0", returned),)

    @cached_property
    def _is_split(self) -> bool:
        returned = self._hints.get("return")
        parts = typing.get_args(returned)
        return typing.get_origin(returned) is tuple and len(parts) > 0 and parts[-1] is not Ellipsis

    @cached_property
    def output_names(self) -> tuple[str, ...]:
        """The outputs' names."""
        return tuple(output.name for output in self.outputs)

    @cached_property
    def _output_class(self) -> Any:
        returned = self._hints.get("return")
        return returned if is_namedtuple(returned) else None

    @cached_property
    def _is_open(self) -> bool:
        """No return annotation: whatever is returned is the output, and None is none."""
        return "return" not in self._hints

    # ---- calls ------------------------------------------------------------------------------------------------

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
        """All values in the order of the parameters, defaults filled in.

        Raises:
            UnknownParameterError: a keyword that the task does not have, or a value given twice.
            MissingInputError: a required value is missing, or there are too many positional ones.
        """
        if not kwargs and len(args) == self._count:
            return tuple(args)
        if len(args) > self._count:
            raise errors.MissingInputError(
                f'task "{self.task_name}" takes {self._count} input{"" if self._count == 1 else "s"} '
                f"({', '.join(self._names) or 'none'}), got {len(args)}; leave out the last {len(args) - self._count}"
            )
        values = dict(zip(self._names, args, strict=False))
        for name, value in kwargs.items():
            if name not in self._names:
                raise errors.UnknownParameterError(self._unknown(name))
            if name in values:
                raise errors.UnknownParameterError(
                    f'task "{self.task_name}": parameter "{name}" is given twice, by position and by name; give it once'
                )
            values[name] = value
        if len(values) != self._count:
            for name in self._names:
                if name not in values:
                    if name not in self._defaults:
                        raise errors.MissingInputError(self._missing(values))
                    values[name] = self._defaults[name]
        return tuple([values[name] for name in self._names])

    def _unknown(self, name: str) -> str:
        import difflib

        near = difflib.get_close_matches(name, self._names, n=3, cutoff=0.5)
        if near:
            fix = f"did you mean {' or '.join(repr(word) for word in near)}?"
        else:
            fix = f"it has {', '.join(self._names)}" if self._names else "it has none"
        return f'task "{self.task_name}" has no parameter "{name}"; {fix}'

    def _missing(self, values: Mapping[str, Any]) -> str:
        names = [name for name in self._names if name not in values and name not in self._defaults]
        hint = ""
        if self._is_strict:
            parameter = next(parameter for parameter in self.parameters if parameter.name == names[0])
            hint = f"; write {names[0]}=<{type_name(parameter.annotation)}>"
        plural = "s" if len(names) > 1 else ""
        return f'task "{self.task_name}": missing input{plural} {", ".join(names)}{hint}'

    def split(self, values: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Positional and keyword arguments to call the function with."""
        if self._positional == self._count:
            return tuple(values), {}
        by_name = zip(self._names[self._positional :], values[self._positional :], strict=True)
        return tuple(values[: self._positional]), dict(by_name)
