"""Refusals before anything runs, and the roots of the tree of a run's errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NoReturn, TypeVar

ErrorKind = Literal["system", "unknown", "user"]

_E = TypeVar("_E", bound=BaseException)


def rebuild_error(cls: type[_E], args: tuple[Any, ...], state: dict[str, Any]) -> _E:
    """An exception from its parts, past a constructor that takes other arguments than `args`."""
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class Portable:
    """Survives pickling whatever its constructor takes: exceptions pickle by `cls(*args)`, and args is the message."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.__module__.startswith("flytenb.errors."):
            cls.__module__ = "flytenb.errors"  # the name in tracebacks and pickles: where users import it from

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return rebuild_error, (type(self), self.args, self.__dict__.copy())  # type: ignore[attr-defined]


# ---- refusals before anything runs ----------------------------------------------------------------------------


class FlytenbError(Portable, Exception):
    """A refusal that names the cause, the object and the fix."""


class MissingTypeHintError(FlytenbError, TypeError):
    """A task's parameter has no type hint."""

    def __init__(self, task: str, parameter: str, where: str = "") -> None:
        self.task, self.parameter, self.where = task, parameter, where
        place = f" ({where})" if where else ""
        super().__init__(
            f'task "{task}"{place}: parameter "{parameter}" has no type hint; write for example "{parameter}: int"'
        )


class InputTypeError(FlytenbError, TypeError):
    """An argument is not of the type that the task declares."""


class UnknownParameterError(FlytenbError, TypeError):
    """A keyword that the task does not have."""


class UnknownInputError(UnknownParameterError, ValueError):
    """An input for a recorded run that its task does not have."""


class MissingInputError(FlytenbError, ValueError):
    """A required input was not given, or too many were."""


class OutputTypeError(FlytenbError, TypeError):
    """A task returned something its return annotation does not allow."""


class CaptureError(FlytenbError, ValueError):
    """Code or a captured value that cannot travel to a worker."""


class SecretNotFoundError(FlytenbError, LookupError):
    """A secret that a task needs has no value: neither stored, nor in the environment."""


class EngineError(FlytenbError, RuntimeError):
    """The engine cannot be started, reached, or refused the request."""


class MissingPackageError(FlytenbError, ImportError):
    """An optional package is not installed."""

    def __init__(self, what: str, package: str) -> None:
        self.package = package
        super().__init__(f'{what} needs the package {package}: run "pip install {package}" (in a cell: %pip)')


class NotAvailableError(FlytenbError, NotImplementedError):
    """A name of Flyte's that is known here and does nothing yet; says what to use instead."""

    def __init__(self, name: str, instead: str) -> None:
        self.feature, self.instead = name, instead
        super().__init__(f"{name} is not available in this version of flytenb; {instead}")


# ---- errors of a run: Flyte's tree ----------------------------------------------------------------------------


class BaseRuntimeError(Portable, RuntimeError):
    """An error of a run, as Flyte's.

    Args:
        code: Flyte's error code, or the class name of the user's exception.
        kind: "user", "system" or "unknown".
        root_cause_message: what happened.
        worker: the process that had it.
    """

    def __init__(self, code: str, kind: ErrorKind, root_cause_message: str, worker: str | None = None) -> None:
        super().__init__(root_cause_message)
        self.code, self.kind, self.worker = code, kind, worker

    def _raise_again(self, *_: object) -> NoReturn:
        raise self

    # `map` yields errors as values: arithmetic on one shows the error itself and not "unsupported operand".
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _raise_again
    __truediv__ = __rtruediv__ = __floordiv__ = __rfloordiv__ = _raise_again


class InitializationError(BaseRuntimeError):
    """Something was used that `flyte.init` has to set up first."""


class LogsNotYetAvailableError(BaseRuntimeError):
    """The attempt has not written a log yet."""

    def __init__(self, message: str) -> None:
        super().__init__("LogsNotYetAvailable", "system", message)


class RuntimeUserError(BaseRuntimeError):
    """The user's code or configuration failed."""

    def __init__(self, code: str, message: str, worker: str | None = None) -> None:
        super().__init__(code, "user", message, worker)


class RuntimeSystemError(BaseRuntimeError):
    """The engine or the machine failed."""

    def __init__(self, code: str, message: str, worker: str | None = None) -> None:
        super().__init__(code, "system", message, worker)


class RuntimeUnknownError(BaseRuntimeError):
    """It failed, and nobody can say whose doing it was."""

    def __init__(self, code: str, message: str, worker: str | None = None) -> None:
        super().__init__(code, "unknown", message, worker)


class UnionRpcError(RuntimeSystemError):
    """Talking to a control plane failed."""


class ActionNotFoundError(Portable, RuntimeError):
    """There is no such action."""


class NamedUserError(RuntimeUserError):
    """A user error whose code is the name of its class, built from the message alone."""

    def __init__(self, message: str) -> None:
        super().__init__(type(self).__name__, message)
