"""A task's interface, compiled once: checking, encoding and decoding of its inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import cached_property
from hashlib import blake2b
from typing import Any

from flytenb import errors
from flytenb.codec import payload as layout
from flytenb.codec.annotations import DYNAMIC, codec_of
from flytenb.codec.codec import Codec, MismatchError, type_name
from flytenb.codec.containers import parse_text
from flytenb.codec.leaves import pack
from flytenb.codec.objects import ObjectStore
from flytenb.codec.plain import decode_plain, has_opaque, jsonable
from flytenb.codec.scalars import NOWHERE
from flytenb.codec.schemas import DRAFT, collected, with_default
from flytenb.codec.signature import Output, Parameter, Signature

__all__ = ["Interface", "Output", "Parameter"]

_INPUTS_HASH = b"flytenb.inputs/1\0"


class Interface(Signature):
    """How a task is called and what it returns. Make it with `Interface.of`.

    Example:
        interface = Interface.of(fit, task_name="digits.fit")
        payload = interface.encode_inputs(interface.bind((0.1,), {}), objects)
    """

    def __init__(self, func: Callable[..., Any], task_name: str, where: str, *, is_strict: bool) -> None:
        super().__init__(func, task_name, where, is_strict=is_strict)
        self._prefix = layout.prefix(self._names)
        self._encoders: list[Any] = []
        self._decoders: list[tuple[int, Any]] | None = None

    @cached_property
    def _input_codecs(self) -> tuple[Codec, ...]:
        return tuple(codec_of(parameter.annotation) for parameter in self.parameters)

    @cached_property
    def _output_codecs(self) -> tuple[Codec, ...]:
        return tuple(codec_of(output.annotation) for output in self.outputs)

    @cached_property
    def _output_prefix(self) -> bytes:
        return layout.prefix(self.output_names)

    @cached_property
    def _is_one(self) -> bool:
        """One output that msgpack itself reads: the common and the fast case."""
        codecs = self._output_codecs
        return len(codecs) == 1 and codecs[0].decode is None and not self._is_split and self._output_class is None

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
            return layout.build(self._prefix, encoded, objects)
        except MismatchError:
            raise self._input_error(values, objects) from None
        except (RecursionError, ValueError):
            return self._encode_deep(values, objects)

    def _encode_deep(self, values: Sequence[Any], objects: ObjectStore) -> bytes:
        try:
            pairs = zip(self._input_codecs, values, strict=True)
            encoded = [layout.encode_whole(codec, value, objects) for codec, value in pairs]
        except MismatchError:
            raise self._input_error(values, objects) from None
        return layout.build(self._prefix, encoded, objects)

    def _input_error(self, values: Sequence[Any], objects: ObjectStore) -> errors.InputTypeError:
        for name, codec, value in zip(self._names, self._input_codecs, values, strict=True):
            try:
                layout.encode_whole(codec, value, objects)
            except MismatchError as error:
                if not error.problem and not error.hint:
                    error.hint = f"give {_example(error.expected)} there"
                    if not error.path:
                        error.hint = f"write {name}={_example(error.expected)}"
                return errors.InputTypeError(f'task "{self.task_name}", parameter "{name}": {error.sentence(name)}')
        return errors.InputTypeError(f'task "{self.task_name}": an input cannot be encoded')

    def decode_inputs(self, payload: bytes, objects: ObjectStore) -> list[Any]:
        """The values in the order of the parameters."""
        values = layout.values(payload, self._prefix, objects)
        decoders = self._decoders
        if decoders is None:
            decoders = self._decoders = [(i, c.decode) for i, c in enumerate(self._input_codecs) if c.decode]
        for index, decode in decoders:
            values[index] = layout.decode_value(decode, values[index], objects)
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
            return layout.build(self._output_prefix, encoded, objects)
        except MismatchError as error:
            raise self._mismatch(self.output_names[len(encoded)], error) from None
        except (RecursionError, ValueError):
            return self._encode_deep_outputs(parts, objects)

    def _encode_deep_outputs(self, parts: Sequence[Any], objects: ObjectStore) -> bytes:
        encoded: list[Any] = []
        try:
            for codec, part in zip(self._output_codecs, parts, strict=True):
                encoded.append(layout.encode_whole(codec, part, objects))
        except MismatchError as error:
            raise self._mismatch(self.output_names[len(encoded)], error) from None
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
            encoded = [layout.encode_whole(DYNAMIC.codec, value, objects)]
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

    def _mismatch(self, output: str, error: MismatchError) -> errors.OutputTypeError:
        if not error.problem and not error.hint:
            is_iterator = not error.path and hasattr(error.value, "__next__")
            error.hint = "return list(…) of it" if is_iterator else f"return <{error.expected}>"
            error.hint += ", or change the return annotation"
        return self._output_error(output, error.sentence())

    def _output_error(self, output: str, sentence: str) -> errors.OutputTypeError:
        return errors.OutputTypeError(f'task "{self.task_name}", output "{output}": {sentence}')

    def decode_output_tuple(self, payload: bytes, objects: ObjectStore) -> tuple[Any, ...]:
        """The outputs one by one, in the order of `output_names`."""
        codecs = self._output_codecs
        values = layout.values(payload, self._output_prefix, objects)
        if len(codecs) != len(values):
            return tuple(layout.decode_value(DYNAMIC.decode, value, objects) for value in values)
        pairs = zip(codecs, values, strict=True)
        return tuple([layout.decode_value(c.decode, v, objects) if c.decode else v for c, v in pairs])

    def decode_outputs(self, payload: bytes, objects: ObjectStore) -> Any:
        """What the caller of the task receives: one value, a tuple, a named tuple, or None."""
        if self._is_one and payload.startswith(self._output_prefix):
            return layout.values(payload, self._output_prefix, objects)[0]
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
        """JSON schema of the inputs as one object; classes and their fields under `$defs`."""
        return {"$schema": DRAFT, "title": self.task_name, **collected(self._schema)}

    def _schema(self) -> dict[str, Any]:
        properties = {}
        for parameter, codec in zip(self.parameters, self._input_codecs, strict=True):
            schema = codec.schema()
            if parameter.has_default:
                schema = self._with_default(schema, codec, parameter.default)
            properties[parameter.name] = schema
        return {
            "type": "object",
            "properties": properties,
            "required": [name for name in self._names if name not in self._defaults],
            "additionalProperties": False,
        }

    def _with_default(self, schema: dict[str, Any], codec: Codec, default: Any) -> dict[str, Any]:
        try:
            (value,) = decode_plain(layout.prefix(("x",)) + pack([codec.encode(default, NOWHERE)]))
        except (MismatchError, RecursionError, OSError):
            return schema
        return schema if has_opaque(value) else with_default(schema, jsonable(value))

    def output_schema(self) -> dict[str, Any]:
        """JSON schema of the outputs as one object."""
        pairs = list(zip(self.output_names, self._output_codecs, strict=True))
        made = collected(
            lambda: {
                "type": "object",
                "properties": {name: codec.schema() for name, codec in pairs},
                "required": list(self.output_names),
            }
        )
        return {"$schema": DRAFT, "title": self.task_name, **made}

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
                f'task "{self.task_name}", parameter "{name}": {error.sentence(name)}'
            ) from None
        except errors.FlytenbError:
            raise
        except Exception as error:  # the type's own library
            reason = (str(error).splitlines() or [""])[0][:200]
            raise errors.InputTypeError(
                f'task "{self.task_name}", parameter "{name}": what was given makes no value of its type '
                f"({type(error).__name__}: {reason}); give plain data that does"
            ) from error


def _example(expected: str) -> str:
    """`<int>`, and `Point(…)` for a class."""
    return f"{expected}(…)" if expected.isidentifier() and expected[0].isupper() else f"<{expected}>"
