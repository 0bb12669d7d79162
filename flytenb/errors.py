"""Every exception a user can catch.

FlytenbError                                refusals before anything runs
├── MissingTypeHintError                    a task's parameter has no type hint                  (TypeError)
├── InputTypeError                          an argument of the wrong type                        (TypeError)
├── UnknownParameterError                   a keyword that the task does not have                (TypeError)
├── OutputTypeError                         a result of the wrong type                           (TypeError)
├── MissingInputError                       a required input is not there                        (ValueError)
├── CaptureError                            code or a value that cannot travel                   (ValueError)
├── SecretNotFoundError                     a secret that has no value anywhere                 (LookupError)
├── EngineError                             the engine cannot be reached, or refused             (RuntimeError)
└── NotAvailableError                       known, and not built here yet            (NotImplementedError)

BaseRuntimeError(code, kind, root_cause_message, worker)    an error of a run; Flyte's tree      (RuntimeError)
├── InitializationError
├── LogsNotYetAvailableError
├── RuntimeUnknownError
├── GPUFaultError
│   ├── GPUFaultUserError                   (also RuntimeUserError)
│   └── GPUFaultSystemError                 (also RuntimeSystemError)
├── RuntimeSystemError                      the engine or the machine failed
│   └── UnionRpcError
└── RuntimeUserError                        the user's code or configuration failed
    ├── OOMError
    ├── TaskTimeoutError
    │   ├── MaxQueuedTimeExceededError
    │   ├── MaxRuntimeExceededError
    │   └── DeadlineExceededError
    ├── RetriesExhaustedError
    ├── TaskInterruptedError
    ├── ActionAbortedError
    ├── NonRecoverableError
    ├── CustomError
    ├── InlineIOMaxBytesBreached
    ├── RuntimeDataValidationError
    ├── RestrictedTypeError
    ├── NotInTaskContextError
    ├── OnlyAsyncIOSupportedError
    ├── SyncTaskCallInAsyncContextError
    ├── TraceDoesNotAllowNestedTasksError
    ├── ConditionTimedoutError
    ├── ConditionFailedError
    ├── ConditionAlreadyExistsError
    ├── ConditionNotFoundError
    ├── RemoteTaskNotFoundError
    ├── RemoteTaskUsageError
    ├── ParameterMaterializationError
    ├── ModuleLoadError
    ├── CodeBundleError
    ├── DeploymentError
    ├── ContainerEngineError
    ├── ContainerStartError
    ├── ContainerExitError
    ├── ImageBuildError
    ├── ImagePullBackOffError
    ├── InvalidImageNameError
    ├── InvalidPackageError
    ├── PrimaryContainerNotFoundError
    ├── SlowDownError
    │   └── ResourceExhaustedError
    └── AppleSiliconError
        ├── AppleSiliconNotAvailableError
        ├── AppleSiliconHostExecFailedError
        ├── AppleSiliconDaemonStartFailedError
        ├── AppleSiliconDaemonOOMError
        ├── AppleSiliconModelNotFoundError
        └── AppleSiliconBridgeUnreachableError
ActionNotFoundError                                                                              (RuntimeError)
"""

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


class _Portable:
    """Survives pickling whatever its constructor takes: exceptions pickle by `cls(*args)`, and args is the message."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return rebuild_error, (type(self), self.args, self.__dict__.copy())  # type: ignore[attr-defined]


# ---- refusals before anything runs ----------------------------------------------------------------------------


class FlytenbError(_Portable, Exception):
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


class NotAvailableError(FlytenbError, NotImplementedError):
    """A name of Flyte's that is known here and does nothing yet; says what to use instead."""

    def __init__(self, name: str, instead: str) -> None:
        self.feature, self.instead = name, instead
        super().__init__(f"{name} is not available in this version of flytenb; {instead}")


# ---- errors of a run: Flyte's tree ----------------------------------------------------------------------------


class BaseRuntimeError(_Portable, RuntimeError):
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


class ActionNotFoundError(_Portable, RuntimeError):
    """There is no such action."""


class _NamedUserError(RuntimeUserError):
    """A user error whose code is the name of its class, built from the message alone."""

    def __init__(self, message: str) -> None:
        super().__init__(type(self).__name__, message)


# ---- how an action ended badly --------------------------------------------------------------------------------


class OOMError(RuntimeUserError):
    """The action needed more memory than it had."""


class TaskInterruptedError(RuntimeUserError):
    """The machine under the action was taken away."""


class RetriesExhaustedError(RuntimeUserError):
    """Every attempt failed."""


class ActionAbortedError(_NamedUserError):
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


class InlineIOMaxBytesBreached(_NamedUserError):
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


class OnlyAsyncIOSupportedError(_NamedUserError):
    """Blocking I/O where only awaiting works."""


class SyncTaskCallInAsyncContextError(_NamedUserError):
    """A blocking call of a sync task from async code; write `await task.aio(…)`."""


class TraceDoesNotAllowNestedTasksError(_NamedUserError):
    """A task was called inside a traced function."""


# ---- conditions -----------------------------------------------------------------------------------------------


class ConditionTimedoutError(_NamedUserError):
    """Nobody signalled the condition in time."""


class ConditionFailedError(_NamedUserError):
    """The condition failed."""


class ConditionAlreadyExistsError(_NamedUserError):
    """The action has a condition of this name already."""


class ConditionNotFoundError(_NamedUserError):
    """There is no condition of this name."""


# ---- deployed things, code and images -------------------------------------------------------------------------


class RemoteTaskNotFoundError(_NamedUserError):
    """No deployed task has this name and version."""


class RemoteTaskUsageError(_NamedUserError):
    """A deployed task was used in a way that it does not allow."""


class ParameterMaterializationError(_NamedUserError):
    """The value of an app's parameter could not be found."""


class ModuleLoadError(_NamedUserError):
    """A module cannot be imported."""


class CodeBundleError(_NamedUserError):
    """The code could not be packed."""


class DeploymentError(_NamedUserError):
    """A deployment was refused or failed."""


class ContainerEngineError(_NamedUserError):
    """Docker cannot be used: it is not there, does not answer, or refuses this user."""


class ContainerStartError(_NamedUserError):
    """A container could not be started, or ended before its worker began: an image without Python, a wrong network."""


class ContainerExitError(_NamedUserError):
    """The program of a container task ended with another status than 0.

    Attributes:
        status: its exit status.
    """

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


class ImageBuildError(_NamedUserError):
    """An image could not be built."""


class ImagePullBackOffError(RuntimeUserError):
    """An image could not be pulled."""


class InvalidImageNameError(RuntimeUserError):
    """That is no name of an image."""


class InvalidPackageError(RuntimeUserError):
    """A system package of an image does not exist."""

    def __init__(self, package_name: str, original_error: str) -> None:
        self.package_name, self.original_error = package_name, original_error
        super().__init__(
            "InvalidPackageError", f'system package "{package_name}" is in no apt repository: {original_error}'
        )


class PrimaryContainerNotFoundError(RuntimeUserError):
    """A pod template does not contain its primary container."""


class SlowDownError(_NamedUserError):
    """Too many requests at once."""


class ResourceExhaustedError(SlowDownError):
    """A limit of the other side is reached."""


# ---- devices --------------------------------------------------------------------------------------------------


class GPUFaultError(BaseRuntimeError):
    """A fault of a GPU ended the action. Every detail may be None.

    Args:
        fault_kind: "xid" or "sxid".
        fault_code: the driver's number.
        fault_name: the driver's name for it.
        severity: "user" or "critical".
        gpu_uuid, gpu_index, node, pci_bus_id, process: where it happened.
    """

    def __init__(
        self,
        code: str,
        kind: ErrorKind,
        message: str,
        worker: str | None = None,
        *,
        fault_kind: str | None = None,
        fault_code: int | None = None,
        fault_name: str | None = None,
        severity: str | None = None,
        gpu_uuid: str | None = None,
        gpu_index: int | None = None,
        node: str | None = None,
        pci_bus_id: str | None = None,
        process: str | None = None,
    ) -> None:
        # By name: the concrete errors mix in classes whose constructors fix the kind.
        BaseRuntimeError.__init__(self, code, kind, message, worker)
        self.fault_kind, self.fault_code, self.fault_name, self.severity = fault_kind, fault_code, fault_name, severity
        self.gpu_uuid, self.gpu_index, self.node = gpu_uuid, gpu_index, node
        self.pci_bus_id, self.process = pci_bus_id, process

    @property
    def xid(self) -> int | None:
        """The Xid of a GPU's fault."""
        return self.fault_code if self.fault_kind == "xid" else None

    @property
    def sxid(self) -> int | None:
        """The SXid of a switch's fault."""
        return self.fault_code if self.fault_kind == "sxid" else None


class GPUFaultUserError(GPUFaultError, RuntimeUserError):
    """The workload caused the fault."""

    def __init__(self, code: str, message: str, worker: str | None = None, **fault: Any) -> None:
        GPUFaultError.__init__(self, code, "user", message, worker, **fault)


class GPUFaultSystemError(GPUFaultError, RuntimeSystemError):
    """The hardware failed."""

    def __init__(self, code: str, message: str, worker: str | None = None, **fault: Any) -> None:
        GPUFaultError.__init__(self, code, "system", message, worker, **fault)


class AppleSiliconError(RuntimeUserError):
    """Something about `Resources(gpu="AppleSilicon")`."""

    code_name = "APPLE_SILICON_ERROR"
    #: Trying again can help.
    recoverable = True

    def __init__(self, message: str, worker: str | None = None) -> None:
        super().__init__(self.code_name, message, worker)


class AppleSiliconNotAvailableError(AppleSiliconError):
    """This is no Mac with Apple Silicon, or it is not lent to actions."""

    code_name, recoverable = "APPLE_SILICON_NOT_AVAILABLE", False


class AppleSiliconHostExecFailedError(AppleSiliconError):
    """The workload could not be started on the Mac itself."""

    code_name, recoverable = "APPLE_SILICON_HOST_EXEC_FAILED", False


class AppleSiliconDaemonStartFailedError(AppleSiliconError):
    """The helper on the Mac did not start."""

    code_name, recoverable = "APPLE_SILICON_DAEMON_START_FAILED", False


class AppleSiliconDaemonOOMError(AppleSiliconError):
    """The helper on the Mac ran out of memory."""

    code_name = "APPLE_SILICON_DAEMON_OOM"


class AppleSiliconModelNotFoundError(AppleSiliconError):
    """The model to serve cannot be found."""

    code_name, recoverable = "APPLE_SILICON_MODEL_NOT_FOUND", False


class AppleSiliconBridgeUnreachableError(AppleSiliconError):
    """The Mac cannot be reached from the container."""

    code_name = "APPLE_SILICON_BRIDGE_UNREACHABLE"


APPLE_SILICON_ERRORS_BY_CODE: dict[str, type[AppleSiliconError]] = {
    cls.code_name: cls
    for cls in (
        AppleSiliconNotAvailableError,
        AppleSiliconHostExecFailedError,
        AppleSiliconDaemonStartFailedError,
        AppleSiliconDaemonOOMError,
        AppleSiliconModelNotFoundError,
        AppleSiliconBridgeUnreachableError,
    )
}

# ---- from a code back to its class ----------------------------------------------------------------------------

#: Codes that say more than "the user's exception of this name", and the class that a parent sees for each.
_CLASS_OF_CODE: dict[str, type[RuntimeUserError]] = {
    **{
        cls.__name__: cls
        for cls in (
            OOMError,
            TaskInterruptedError,
            RetriesExhaustedError,
            ActionAbortedError,
            TaskTimeoutError,
            MaxQueuedTimeExceededError,
            MaxRuntimeExceededError,
            DeadlineExceededError,
            NonRecoverableError,
            InlineIOMaxBytesBreached,
            ConditionTimedoutError,
            ConditionFailedError,
            ConditionAlreadyExistsError,
            ConditionNotFoundError,
            RemoteTaskNotFoundError,
            RemoteTaskUsageError,
            ParameterMaterializationError,
            ModuleLoadError,
            CodeBundleError,
            DeploymentError,
            ContainerEngineError,
            ContainerStartError,
            ImageBuildError,
            ImagePullBackOffError,
            InvalidImageNameError,
            PrimaryContainerNotFoundError,
            SlowDownError,
            ResourceExhaustedError,
            NotInTaskContextError,
            OnlyAsyncIOSupportedError,
            SyncTaskCallInAsyncContextError,
            TraceDoesNotAllowNestedTasksError,
        )
    },
    "OOMKilled": OOMError,
    "Interrupted": TaskInterruptedError,
    "RetriesExhausted": RetriesExhaustedError,
    "ImagePullBackOff": ImagePullBackOffError,
    "InvalidImageName": InvalidImageNameError,
    "PrimaryContainerNotFound": PrimaryContainerNotFoundError,
    "RestrictedTypeUsage": RestrictedTypeError,
    "DataValidationError": RuntimeDataValidationError,
    **APPLE_SILICON_ERRORS_BY_CODE,
}


def class_of(code: str) -> type[BaseRuntimeError] | None:
    """The class that Flyte has for a code; None for a code that is only a word."""
    return _CLASS_OF_CODE.get(code)


def error_of(code: str, message: str, kind: str = "user", worker: str | None = None) -> BaseRuntimeError:
    """The error that a parent sees for a failure with this code: its own class where Flyte has one."""
    if kind == "system":
        return RuntimeSystemError(code, message, worker)
    if kind == "unknown":
        return RuntimeUnknownError(code, message, worker)
    cls = _CLASS_OF_CODE.get(code, RuntimeUserError)
    error = cls.__new__(cls)
    RuntimeUserError.__init__(error, code, message, worker)
    return error
