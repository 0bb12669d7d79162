"""A task's signature as Flyte shows it: plain names and types."""

from __future__ import annotations

from typing import Any

import msgspec

from flytenb.codec.interface import Interface


class NativeInterface(msgspec.Struct, frozen=True):
    """Inputs and outputs of a task."""

    #: name → (type, default); `NO_DEFAULT` where there is none.
    inputs: dict[str, tuple[Any, Any]]
    #: name → type.
    outputs: dict[str, Any]
    #: JSON Schema of the inputs as one object.
    json_schema: dict[str, Any] = {}
    #: JSON Schema of the outputs as one object.
    output_schema: dict[str, Any] = {}

    def required_inputs(self) -> list[str]:
        """Names of the inputs without a default."""
        return [name for name, (_, default) in self.inputs.items() if default is NO_DEFAULT]

    def has_outputs(self) -> bool:
        """Whether a call gives anything back."""
        return bool(self.outputs)

    @classmethod
    def of(cls, interface: Interface) -> NativeInterface:
        """From the compiled interface."""
        return cls(
            inputs={
                one.name: (one.annotation, one.default if one.has_default else NO_DEFAULT)
                for one in interface.parameters
            },
            outputs={one.name: one.annotation for one in interface.outputs},
            json_schema=interface.schema(),
            output_schema=interface.output_schema(),
        )


class _NoDefault:
    """Stands where an input has no default."""

    def __repr__(self) -> str:
        return "NO_DEFAULT"

    def __reduce__(self) -> str:
        return "NO_DEFAULT"


NO_DEFAULT = _NoDefault()
