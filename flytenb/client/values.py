"""What a run took and gave, as Flyte shows it: a tuple of outputs with names, a mapping of inputs.

Large values are read when they are touched: asking a run of ten frames for its one number loads the number.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

UserValue = Any


class Later:
    """A value that is read when somebody touches it, once.

    Args:
        load: reads it.
        text: what is known of it without reading: `<DataFrame 1,000 rows × 3 columns>`.
    """

    __slots__ = ("_is_read", "_load", "_lock", "_text", "_value", "on_read")

    def __init__(self, load: Callable[[], UserValue], text: str) -> None:
        self._load, self._text = load, text
        self._value: UserValue = None
        self._is_read = False
        self._lock = threading.Lock()
        #: Hears the value when it has been read.
        self.on_read: Callable[[UserValue], None] | None = None

    def read(self) -> UserValue:
        """The value."""
        with self._lock:
            if not self._is_read:
                self._value, self._is_read = self._load(), True
                if self.on_read is not None:
                    self.on_read(self._value)
        return self._value

    def __repr__(self) -> str:
        return repr(self._value) if self._is_read else self._text


def _read(value: UserValue) -> UserValue:
    return value.read() if type(value) is Later else value


class ActionOutputs(tuple[UserValue, ...]):
    """The outputs of an action: a tuple, also for one value, with attributes by output name. Its `repr` loads nothing.

    Example:
        outputs = run.outputs()
        outputs[0] is outputs.o0
    """

    _names: tuple[str, ...]
    #: (run, action) that they are of; None where nobody said.
    _where: tuple[str, str] | None = None

    def __new__(cls, values: Sequence[UserValue] = (), names: Sequence[str] = ()) -> ActionOutputs:
        made = super().__new__(cls, values)
        made._names = tuple(names) or tuple(f"o{index}" for index in range(len(made)))
        return made

    @property
    def named_outputs(self) -> dict[str, UserValue]:
        """The values by output name."""
        return dict(zip(self._names, self, strict=False))

    def as_kept(self) -> tuple[UserValue, ...]:
        """The values as they are kept: `Later` stands for those that nobody has touched."""
        return tuple(tuple.__iter__(self))

    # ---- a tuple whose parts may still have to be read -----------------------------------------------------------
    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return tuple(_read(value) for value in found) if isinstance(index, slice) else _read(found)

    def __iter__(self) -> Iterator[UserValue]:
        return map(_read, super().__iter__())

    def __reversed__(self) -> Iterator[UserValue]:
        return iter(tuple(self)[::-1])

    def __contains__(self, value: object) -> bool:
        return value in tuple(self)

    def __eq__(self, other: object) -> bool:
        return tuple(self) == (tuple(other) if isinstance(other, tuple) else other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __lt__(self, other: Any) -> bool:
        return tuple(self) < tuple(other)

    def __le__(self, other: Any) -> bool:
        return tuple(self) <= tuple(other)

    def __gt__(self, other: Any) -> bool:
        return tuple(self) > tuple(other)

    def __ge__(self, other: Any) -> bool:
        return tuple(self) >= tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __add__(self, other: Any) -> Any:
        return tuple(self) + tuple(other)

    def __radd__(self, other: Any) -> Any:
        return tuple(other) + tuple(self)

    def __mul__(self, count: Any) -> Any:
        return tuple(self) * count

    __rmul__ = __mul__

    def index(self, value: UserValue, *bounds: Any) -> int:
        """Where a value is."""
        return tuple(self).index(value, *bounds)

    def count(self, value: UserValue) -> int:
        """How often it is there."""
        return tuple(self).count(value)

    def __getattr__(self, name: str) -> UserValue:
        if not name.startswith("_") and name in self._names:
            return self[self._names.index(name)]
        raise AttributeError(f'no output "{name}"; there is {", ".join(self._names) or "none"}')

    def __repr__(self) -> str:
        shown = (f"{name}={value!r}" for name, value in zip(self._names, self.as_kept(), strict=False))
        return f"ActionOutputs({', '.join(shown)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return ActionOutputs, (tuple(self), self._names)


class ActionInputs(Mapping[str, UserValue]):
    """The inputs of an action by parameter name. Its `repr` loads nothing."""

    def __init__(self, values: Mapping[str, UserValue]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> UserValue:
        return _read(self._values[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __getattr__(self, name: str) -> UserValue:
        if not name.startswith("_") and name in self._values:
            return self[name]
        raise AttributeError(f'no input "{name}"; there is {", ".join(self._values) or "none"}')

    def __repr__(self) -> str:
        return f"ActionInputs({', '.join(f'{name}={value!r}' for name, value in self._values.items())})"
