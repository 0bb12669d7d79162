"""An interface that no function has: names and types as they were said."""

from __future__ import annotations

import inspect
from collections import namedtuple
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from flytenb.codec.interface import Interface, Output
from flytenb.codec.objects import ObjectStore


class DeclaredInterface(Interface):
    """Inputs and outputs by name.

    Args:
        inputs: name → type.
        outputs: name → type, in the order of the results.
        task_name: for messages.
        defaults: values of inputs that need not be given.

    Example:
        DeclaredInterface({"x": int}, {"y": float}, "tool.run")
    """

    def __init__(
        self,
        inputs: Mapping[str, Any],
        outputs: Mapping[str, Any],
        task_name: str,
        defaults: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(_stand_in(inputs, defaults or {}), task_name, "", is_strict=True)
        self._declared = tuple(Output(name, kind) for name, kind in outputs.items())
        #: How a caller gets several results: a tuple whose parts have their names.
        self._several: Any = _several(list(outputs)) if len(outputs) > 1 else None

    @cached_property
    def outputs(self) -> tuple[Output, ...]:
        """The outputs in order."""
        return self._declared

    @cached_property
    def _is_split(self) -> bool:
        return len(self._declared) > 1

    @cached_property
    def _output_class(self) -> Any:
        return None

    @cached_property
    def _is_open(self) -> bool:
        return False

    def decode_outputs(self, payload: bytes, objects: ObjectStore) -> Any:
        """What a caller receives: None, the value, or several by position and by name."""
        value = super().decode_outputs(payload, objects)
        return self._several(*value) if self._several is not None else value


def _several(names: list[str]) -> Any:
    return namedtuple("Outputs", names, rename=True)


def _stand_in(inputs: Mapping[str, Any], defaults: Mapping[str, Any]) -> Any:
    """Something with a signature."""

    def call() -> None: ...

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [
        inspect.Parameter(name, kind, default=defaults.get(name, inspect.Parameter.empty), annotation=annotation)
        for name, annotation in inputs.items()
    ]
    # What has a default may stand before what has none: these are given by name.
    parameters.sort(key=lambda one: one.default is not inspect.Parameter.empty)
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = dict(inputs)
    return call
