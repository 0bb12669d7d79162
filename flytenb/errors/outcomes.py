"""How an action or a call ended badly, and conditions."""

from __future__ import annotations

from flytenb.errors.base import (
    NamedUserError,
    RuntimeUserError,
)


class OOMError(RuntimeUserError):
    """The action needed more memory than it had."""


class TaskInterruptedError(RuntimeUserError):
    """The machine under the action was taken away."""


class RetriesExhaustedError(RuntimeUserError):
    """Every attempt failed."""


class ActionAbortedError(NamedUserError):
    """Somebody aborted the action; its parent sees this."""


class TaskTimeoutError(RuntimeUserError):
    """An action passed one of the bounds of its `flyte.Timeout`; the subclasses say which."""

    def __init__(self, message: str, code: str = "TaskTimeoutError") -> None:
        super().__init__(code, message)


class MaxQueuedTimeExceededError(TaskTimeoutError):
    """An attempt waited longer than `max_queued_time`."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "MaxQueuedTimeExceededError")


class MaxRuntimeExceededError(TaskTimeoutError):
    """An attempt ran longer than `max_runtime`."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "MaxRuntimeExceededError")


class DeadlineExceededError(TaskTimeoutError):
    """All attempts together took longer than `deadline`."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "DeadlineExceededError")


class NonRecoverableError(RuntimeUserError):
    """Raise it in a task to fail at once, whatever retries are left."""

    def __init__(self, message: str, code: str = "NonRecoverableError") -> None:
        super().__init__(code, message)


class CustomError(RuntimeUserError):
    """A user's own error under a code of its own."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)

    @classmethod
    def from_exception(cls, e: Exception) -> CustomError:
        """The exception's class name as the code, its text as the message, itself as the cause."""
        error = cls(type(e).__name__, str(e))
        error.__cause__ = e
        return error


# ---- values ---------------------------------------------------------------------------------------------------


class InlineIOMaxBytesBreached(NamedUserError):
    """Inputs or outputs are larger than `max_inline_io_bytes`."""


class RuntimeDataValidationError(RuntimeUserError):
    """A value could not be encoded or decoded."""

    def __init__(self, var: str, e: Exception | str, task_name: str = "") -> None:
        super().__init__("DataValidationError", f'task "{task_name}", value "{var}": {e}')


class RestrictedTypeError(RuntimeUserError):
    """A type that cannot be used where it is used."""

    def __init__(self, message: str) -> None:
        super().__init__("RestrictedTypeUsage", message)


# ---- calls at the wrong place ---------------------------------------------------------------------------------


class NotInTaskContextError(RuntimeUserError):
    """It works only inside a task."""


class OnlyAsyncIOSupportedError(NamedUserError):
    """Blocking I/O where only awaiting works."""


class SyncTaskCallInAsyncContextError(NamedUserError):
    """A blocking call of a sync task from async code; write `await task.aio(…)`."""


class TraceDoesNotAllowNestedTasksError(NamedUserError):
    """A task was called inside a traced function."""


# ---- conditions -----------------------------------------------------------------------------------------------


class ConditionTimedoutError(NamedUserError):
    """Nobody signalled the condition in time."""


class ConditionFailedError(NamedUserError):
    """The condition failed."""


class ConditionAlreadyExistsError(NamedUserError):
    """The action has a condition of this name already."""


class ConditionNotFoundError(NamedUserError):
    """There is no condition of this name."""
