"""A task's signature, compiled once: binding, checking, encoding and decoding of its inputs and outputs."""

from __future__ import annotations

import difflib
import inspect
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any

from flytenb import errors
from flytenb.codec import payload as layout
from flytenb.codec.annotations import DYNAMIC, codec_of
from flytenb.codec.codec import Codec, MismatchError, type_name
from flytenb.codec.containers import parse_text
from flytenb.codec.objects import ObjectStore
from flytenb.codec.records import is_namedtuple

_EMPTY = inspect.Parameter.empty
_INPUTS_HASH = b"flytenb.inputs/1\0"


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


class Interface:
    """How a task is called and what it returns. Make it with `Interface.of`.

    Example:
        interface = Interface.of(fit, task_name="digits.fit")
        payload = interface.encode_inputs(interface.bind((0.1,), {}), objects)
    """

    def __init__(self, func: Callable[..., Any], task_name: str, where: str, *, is_strict: bool) -> None:
        self.task_name, self.where = task_name, where
        self._func, self._is_strict = func, is_strict
        self._signature = inspect.signature(func)
        self._names = tuple(self._signature.parameters)
        self._count = len(self._names)
        self._positional = sum(
            p.kind is not inspect.Parameter.KEYWORD_ONLY for p in self._signature.parameters.values()
        )
        self._defaults = {
            name: p.default for name, p in self._signature.parameters.items() if p.default is not _EMPTY
        }
        self._prefix = layout.prefix(self._names)
        self._encoders: list[Any] = []
        self._decoders: list[tuple[int, Any]] | None = None

    @classmethod
    def of(
        cls, func: Callable[..., Any], *, task_name: str, where: str = "", is_strict: bool = True
    ) -> Interface:
        """The interface of a function.

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
            if default is None and name in hints:
                hints[name] = typing.Union[hints[name], None]  # noqa: UP007  a string forward reference has no `|`
        return hints

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The inputs in order."""
        return tuple(
            Parameter(
                name, self._hints.get(name, Any), name in self._defaults, self._defaults.get(name),
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
    def _input_codecs(self) -> tuple[Codec, ...]:
        return tuple(codec_of(parameter.annotation) for parameter in self.parameters)

    @cached_property
    def _output_codecs(self) -> tuple[Codec, ...]:
        return tuple(codec_of(output.annotation) for output in self.outputs)

    @cached_property
    def _output_class(self) -> Any:
        returned = self._hints.get("return")
        return returned if is_namedtuple(returned) else None

    @cached_property
    def _output_prefix(self) -> bytes:
        return layout.prefix(self.output_names)

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

    # ---- inputs -----------------------------------------------------------------------------------------------

    def encode_inputs(self, values: Sequence[Any], objects: ObjectStore) -> bytes:
        """Checked and encoded values.

        Args:
            values: what `bind` returned.
            objects: takes large values.

        Raises:
            InputTypeError: a value is not of its parameter's type, or cannot be encoded.
        """
        encoders = self._encoders
        if not encoders and self._count:
            encoders = self._encoders = [codec.encode for codec in self._input_codecs]
        try:
            encoded = [encode(value, objects) for encode, value in zip(encoders, values, strict=True)]
        except MismatchError:
            raise self._input_error(values, objects) from None
        return layout.build(self._prefix, encoded, objects)

    def _input_error(self, values: Sequence[Any], objects: ObjectStore) -> errors.InputTypeError:
        for name, codec, value in zip(self._names, self._input_codecs, values, strict=True):
            try:
                codec.encode(value, objects)
            except MismatchError as error:
                return errors.InputTypeError(f'task "{self.task_name}", parameter "{name}": {error.sentence()}')
        return errors.InputTypeError(f'task "{self.task_name}": an input cannot be encoded')

    def decode_inputs(self, payload: bytes, objects: ObjectStore) -> list[Any]:
        """The values in the order of the parameters."""
        values = layout.values(payload, self._prefix, objects)
        decoders = self._decoders
        if decoders is None:
            decoders = self._decoders = [(i, c.decode) for i, c in enumerate(self._input_codecs) if c.decode]
        for index, decode in decoders:
            values[index] = decode(values[index], objects)
        return values

    def digest_inputs(self, payload: bytes, ignored: Collection[str] = ()) -> bytes:
        """16 bytes that stand for the inputs' content, without the ignored ones.

        A hash that a value carries (`HashFunction`, `File.hash`) stands for its content.
        """
        if not ignored and not self._may_carry_hash:
            return blake2b(_INPUTS_HASH + payload, digest_size=16).digest()
        return blake2b(_INPUTS_HASH + layout.canonical(payload, ignored), digest_size=16).digest()

    @cached_property
    def _may_carry_hash(self) -> bool:
        return any(codec.has_hash for codec in self._input_codecs)

    # ---- outputs ----------------------------------------------------------------------------------------------

    def encode_outputs(self, value: Any, objects: ObjectStore) -> bytes:
        """What the function returned, checked and encoded.

        Raises:
            OutputTypeError: it is not what the return annotation says, or cannot be encoded.
        """
        codecs = self._output_codecs
        if len(codecs) == 1 and not self._is_split and self._output_class is None:
            parts: Sequence[Any] = (value,)
        elif not codecs:
            return self._encode_open(value, objects)
        else:
            parts = self._split_output(value)
        encoded: list[Any] = []
        try:
            for codec, part in zip(codecs, parts, strict=True):
                encoded.append(codec.encode(part, objects))
        except MismatchError as error:
            raise self._output_error(self.output_names[len(encoded)], error.sentence()) from None
        return layout.build(self._output_prefix, encoded, objects)

    def _encode_open(self, value: Any, objects: ObjectStore) -> bytes:
        if value is None:
            return layout.build(layout.prefix(()), [], objects)
        if not self._is_open:
            raise errors.OutputTypeError(
                f'task "{self.task_name}" returns None by its annotation, got {type(value).__name__}; '
                f'write "-> {type_name(type(value))}" or return nothing'
            )
        try:
            encoded = [DYNAMIC.encode(value, objects)]
        except MismatchError as error:
            raise self._output_error("o0", error.sentence()) from None
        return layout.build(layout.prefix(("o0",)), encoded, objects)

    def _split_output(self, value: Any) -> Sequence[Any]:
        cls, count = self._output_class, len(self.outputs)
        if cls is not None and not isinstance(value, cls):
            raise self._output_error(
                ", ".join(self.output_names),
                f"expected {cls.__qualname__}, got {type(value).__name__}; return {cls.__qualname__}(…)",
            )
        if not isinstance(value, tuple) or len(value) != count:
            got = f"a tuple of {len(value)}" if isinstance(value, tuple) else type(value).__name__
            raise self._output_error(
                ", ".join(self.output_names), f"expected a tuple of {count}, got {got}; return {count} values"
            )
        return value

    def _output_error(self, output: str, sentence: str) -> errors.OutputTypeError:
        return errors.OutputTypeError(f'task "{self.task_name}", output "{output}": {sentence}')

    def decode_output_tuple(self, payload: bytes, objects: ObjectStore) -> tuple[Any, ...]:
        """The outputs one by one, in the order of `output_names`."""
        codecs = self._output_codecs
        values = layout.values(payload, self._output_prefix, objects)
        if len(codecs) != len(values):
            return tuple(DYNAMIC.decode(value, objects) for value in values)
        return tuple([c.decode(v, objects) if c.decode else v for c, v in zip(codecs, values, strict=True)])

    def decode_outputs(self, payload: bytes, objects: ObjectStore) -> Any:
        """What the caller of the task receives: one value, a tuple, a named tuple, or None."""
        values = self.decode_output_tuple(payload, objects)
        if self._output_class is not None:
            return self._output_class(*values)
        if self._is_split:
            return values
        return values[0] if values else None

    # ---- for people -------------------------------------------------------------------------------------------

    def describe(self) -> dict[str, Any]:
        """JSON-able description of inputs and outputs."""
        return {
            "inputs": [
                {
                    "name": parameter.name,
                    "type": codec.name,
                    "required": not parameter.has_default,
                    **({"default": repr(parameter.default)} if parameter.has_default else {}),
                }
                for parameter, codec in zip(self.parameters, self._input_codecs, strict=True)
            ],
            "outputs": [
                {"name": output.name, "type": codec.name}
                for output, codec in zip(self.outputs, self._output_codecs, strict=True)
            ],
            "schema": self.schema(),
        }

    def schema(self) -> dict[str, Any]:
        """JSON schema of the inputs as one object."""
        return {
            "type": "object",
            "properties": {name: codec.schema() for name, codec in zip(self._names, self._input_codecs, strict=True)},
            "required": [name for name in self._names if name not in self._defaults],
            "additionalProperties": False,
        }

    def parse_cli(self, name: str, text: str) -> Any:
        """A typed value from the command line's text.

        Raises:
            UnknownParameterError: no parameter has that name.
            InputTypeError: the text is not a value of its type.
        """
        return self._read(name, text, lambda codec: parse_text(codec, text))

    def parse_json(self, name: str, value: Any) -> Any:
        """A typed value from parsed JSON. Raises as `parse_cli` does."""
        return self._read(name, value, lambda codec: codec.from_json(value))

    def _read(self, name: str, given: Any, read: Callable[[Codec], Any]) -> Any:
        if name not in self._names:
            raise errors.UnknownParameterError(self._unknown(name))
        try:
            return read(self._input_codecs[self._names.index(name)])
        except MismatchError as error:
            raise errors.InputTypeError(
                f'task "{self.task_name}", parameter "{name}": {error.sentence()}'
            ) from None


