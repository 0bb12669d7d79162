"""From the code of a failure back to its class. Loaded when something failed."""

from __future__ import annotations

from flytenb.errors.base import BaseRuntimeError, RuntimeSystemError, RuntimeUnknownError, RuntimeUserError
from flytenb.errors.deployed import (
    CodeBundleError,
    ContainerEngineError,
    ContainerStartError,
    DeploymentError,
    ImageBuildError,
    ImagePullBackOffError,
    InvalidImageNameError,
    ModuleLoadError,
    ParameterMaterializationError,
    PrimaryContainerNotFoundError,
    RemoteTaskNotFoundError,
    RemoteTaskUsageError,
    ResourceExhaustedError,
    SlowDownError,
)
from flytenb.errors.devices import APPLE_SILICON_ERRORS_BY_CODE
from flytenb.errors.outcomes import (
    ActionAbortedError,
    ConditionAlreadyExistsError,
    ConditionFailedError,
    ConditionNotFoundError,
    ConditionTimedoutError,
    DeadlineExceededError,
    InlineIOMaxBytesBreached,
    MaxQueuedTimeExceededError,
    MaxRuntimeExceededError,
    NonRecoverableError,
    NotInTaskContextError,
    OnlyAsyncIOSupportedError,
    OOMError,
    RestrictedTypeError,
    RetriesExhaustedError,
    RuntimeDataValidationError,
    SyncTaskCallInAsyncContextError,
    TaskInterruptedError,
    TaskTimeoutError,
    TraceDoesNotAllowNestedTasksError,
)

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
