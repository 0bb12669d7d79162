"""What a run took and gave, as Flyte shows it: a tuple of outputs with names, a mapping of inputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

UserValue = Any


class ActionOutputs(tuple[UserValue, ...]):
    """The outputs of an action: a tuple, also for one value, with attributes by output name.

    Example:
        outputs = run.outputs()
        outputs[0] is outputs.o0
    """

    _names: tuple[str, ...]
    #: (run, action) that gave them, for `flyte.where`.
    _where: tuple[str, str] | None = None

    def __new__(cls, values: Sequence[UserValue] = (), names: Sequence[str] = ()) -> ActionOutputs:
        made = super().__new__(cls, values)
        made._names = tuple(names) or tuple(f"o{index}" for index in range(len(made)))
        return made

    @property
    def named_outputs(self) -> dict[str, UserValue]:
        """The values by output name."""
        return dict(zip(self._names, self, strict=False))

    def __getattr__(self, name: str) -> UserValue:
        if not name.startswith("_") and name in self._names:
            return self[self._names.index(name)]
        raise AttributeError(f'no output "{name}"; there is {", ".join(self._names) or "none"}')

    def __repr__(self) -> str:
        return f"ActionOutputs({', '.join(f'{name}={value!r}' for name, value in self.named_outputs.items())})"

    def __reduce__(self) -> tuple[Any, ...]:
        return ActionOutputs, (tuple(self), self._names)


class ActionInputs(Mapping[str, UserValue]):
    """The inputs of an action by parameter name."""

    def __init__(self, values: Mapping[str, UserValue]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> UserValue:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __getattr__(self, name: str) -> UserValue:
        if not name.startswith("_") and name in self._values:
            return self._values[name]
        raise AttributeError(f'no input "{name}"; there is {", ".join(self._values) or "none"}')

    def __repr__(self) -> str:
        return f"ActionInputs({', '.join(f'{name}={value!r}' for name, value in self._values.items())})"
