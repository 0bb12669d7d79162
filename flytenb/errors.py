"""Every exception a user can catch.

    BaseRuntimeError(code, kind, root_cause_message, worker)      RuntimeError
    ├── RuntimeUserError            the user's code or configuration
    ├── RuntimeSystemError          the engine or the machine
    └── …                           Flyte's tree, see the API reference
    FlytenbError                    refusals before anything runs
    ├── MissingTypeHintError        (TypeError)
    ├── InputTypeError              (TypeError)
    ├── UnknownParameterError       (TypeError)
    ├── MissingInputError           (ValueError)
    ├── CaptureError                code or a value that cannot travel
    └── EngineError                 the engine cannot be reached, or refused
"""

from __future__ import annotations


class FlytenbError(Exception):
    """A refusal that names the cause, the object and the fix."""


class MissingTypeHintError(FlytenbError, TypeError):
    """A task's parameter has no type hint."""

    def __init__(self, task: str, parameter: str, where: str = "") -> None:
        self.task, self.parameter, self.where = task, parameter, where
        place = f" ({where})" if where else ""
        super().__init__(
            f'task "{task}"{place}: parameter "{parameter}" has no type hint; write for example "{parameter}: int"'
        )

    def __reduce__(self) -> tuple[type, tuple[str, str, str]]:
        return type(self), (self.task, self.parameter, self.where)


class InputTypeError(FlytenbError, TypeError):
    """An argument is not of the type that the task declares."""


class UnknownParameterError(FlytenbError, TypeError):
    """A keyword that the task does not have."""


class MissingInputError(FlytenbError, ValueError):
    """A required input was not given, or too many were."""


class OutputTypeError(FlytenbError, TypeError):
    """A task returned something its return annotation does not allow."""


class CaptureError(FlytenbError, ValueError):
    """Code or a captured value that cannot travel to a worker."""


class EngineError(FlytenbError, RuntimeError):
    """The engine cannot be started, reached, or refused the request."""


class BaseRuntimeError(RuntimeError):
    """An error of a run, as Flyte's.

    Args:
        code: Flyte's error code, or the class name of the user's exception.
        kind: "user", "system" or "unknown".
        root_cause_message: what happened.
        worker: the process that had it.
    """

    def __init__(self, code: str, kind: str, root_cause_message: str, worker: str | None = None) -> None:
        super().__init__(root_cause_message)
        self.code, self.kind, self.worker = code, kind, worker


class RuntimeUserError(BaseRuntimeError):
    """The user's code or configuration failed."""

    def __init__(self, code: str, message: str, worker: str | None = None) -> None:
        super().__init__(code, "user", message, worker)


class RuntimeSystemError(BaseRuntimeError):
    """The engine or the machine failed."""

    def __init__(self, code: str, message: str, worker: str | None = None) -> None:
        super().__init__(code, "system", message, worker)
