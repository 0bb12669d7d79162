"""Every exception a user can catch.

FlytenbError                                refusals before anything runs
├── MissingTypeHintError                    a task's parameter has no type hint                  (TypeError)
├── InputTypeError                          an argument of the wrong type                        (TypeError)
├── UnknownParameterError                   a keyword that the task does not have                (TypeError)
│   └── UnknownInputError                   an input that the task of a recorded run does not have (also ValueError)
├── OutputTypeError                         a result of the wrong type                           (TypeError)
├── MissingInputError                       a required input is not there                        (ValueError)
├── CaptureError                            code or a value that cannot travel                   (ValueError)
├── SecretNotFoundError                     a secret that has no value anywhere                 (LookupError)
├── EngineError                             the engine cannot be reached, or refused             (RuntimeError)
├── MissingPackageError                     an optional package is not installed                 (ImportError)
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

from importlib import import_module
from typing import TYPE_CHECKING, Any

from flytenb.errors.base import ActionNotFoundError as ActionNotFoundError
from flytenb.errors.base import BaseRuntimeError as BaseRuntimeError
from flytenb.errors.base import CaptureError as CaptureError
from flytenb.errors.base import EngineError as EngineError
from flytenb.errors.base import ErrorKind as ErrorKind
from flytenb.errors.base import FlytenbError as FlytenbError
from flytenb.errors.base import InitializationError as InitializationError
from flytenb.errors.base import InputTypeError as InputTypeError
from flytenb.errors.base import LogsNotYetAvailableError as LogsNotYetAvailableError
from flytenb.errors.base import MissingInputError as MissingInputError
from flytenb.errors.base import MissingPackageError as MissingPackageError
from flytenb.errors.base import MissingTypeHintError as MissingTypeHintError
from flytenb.errors.base import NotAvailableError as NotAvailableError
from flytenb.errors.base import OutputTypeError as OutputTypeError
from flytenb.errors.base import RuntimeSystemError as RuntimeSystemError
from flytenb.errors.base import RuntimeUnknownError as RuntimeUnknownError
from flytenb.errors.base import RuntimeUserError as RuntimeUserError
from flytenb.errors.base import SecretNotFoundError as SecretNotFoundError
from flytenb.errors.base import UnionRpcError as UnionRpcError
from flytenb.errors.base import UnknownInputError as UnknownInputError
from flytenb.errors.base import UnknownParameterError as UnknownParameterError
from flytenb.errors.base import rebuild_error as rebuild_error
from flytenb.errors.deployed import CodeBundleError as CodeBundleError
from flytenb.errors.deployed import ContainerEngineError as ContainerEngineError
from flytenb.errors.deployed import ContainerExitError as ContainerExitError
from flytenb.errors.deployed import ContainerStartError as ContainerStartError
from flytenb.errors.deployed import DeploymentError as DeploymentError
from flytenb.errors.deployed import ImageBuildError as ImageBuildError
from flytenb.errors.deployed import ImagePullBackOffError as ImagePullBackOffError
from flytenb.errors.deployed import InvalidImageNameError as InvalidImageNameError
from flytenb.errors.deployed import InvalidPackageError as InvalidPackageError
from flytenb.errors.deployed import ModuleLoadError as ModuleLoadError
from flytenb.errors.deployed import ParameterMaterializationError as ParameterMaterializationError
from flytenb.errors.deployed import PrimaryContainerNotFoundError as PrimaryContainerNotFoundError
from flytenb.errors.deployed import RemoteTaskNotFoundError as RemoteTaskNotFoundError
from flytenb.errors.deployed import RemoteTaskUsageError as RemoteTaskUsageError
from flytenb.errors.deployed import ResourceExhaustedError as ResourceExhaustedError
from flytenb.errors.deployed import SlowDownError as SlowDownError
from flytenb.errors.outcomes import ActionAbortedError as ActionAbortedError
from flytenb.errors.outcomes import ConditionAlreadyExistsError as ConditionAlreadyExistsError
from flytenb.errors.outcomes import ConditionFailedError as ConditionFailedError
from flytenb.errors.outcomes import ConditionNotFoundError as ConditionNotFoundError
from flytenb.errors.outcomes import ConditionTimedoutError as ConditionTimedoutError
from flytenb.errors.outcomes import CustomError as CustomError
from flytenb.errors.outcomes import DeadlineExceededError as DeadlineExceededError
from flytenb.errors.outcomes import InlineIOMaxBytesBreached as InlineIOMaxBytesBreached
from flytenb.errors.outcomes import MaxQueuedTimeExceededError as MaxQueuedTimeExceededError
from flytenb.errors.outcomes import MaxRuntimeExceededError as MaxRuntimeExceededError
from flytenb.errors.outcomes import NonRecoverableError as NonRecoverableError
from flytenb.errors.outcomes import NotInTaskContextError as NotInTaskContextError
from flytenb.errors.outcomes import OnlyAsyncIOSupportedError as OnlyAsyncIOSupportedError
from flytenb.errors.outcomes import OOMError as OOMError
from flytenb.errors.outcomes import RestrictedTypeError as RestrictedTypeError
from flytenb.errors.outcomes import RetriesExhaustedError as RetriesExhaustedError
from flytenb.errors.outcomes import RuntimeDataValidationError as RuntimeDataValidationError
from flytenb.errors.outcomes import SyncTaskCallInAsyncContextError as SyncTaskCallInAsyncContextError
from flytenb.errors.outcomes import TaskInterruptedError as TaskInterruptedError
from flytenb.errors.outcomes import TaskTimeoutError as TaskTimeoutError
from flytenb.errors.outcomes import TraceDoesNotAllowNestedTasksError as TraceDoesNotAllowNestedTasksError

if TYPE_CHECKING:
    from flytenb.errors.devices import APPLE_SILICON_ERRORS_BY_CODE as APPLE_SILICON_ERRORS_BY_CODE
    from flytenb.errors.devices import AppleSiliconBridgeUnreachableError as AppleSiliconBridgeUnreachableError
    from flytenb.errors.devices import AppleSiliconDaemonOOMError as AppleSiliconDaemonOOMError
    from flytenb.errors.devices import AppleSiliconDaemonStartFailedError as AppleSiliconDaemonStartFailedError
    from flytenb.errors.devices import AppleSiliconError as AppleSiliconError
    from flytenb.errors.devices import AppleSiliconHostExecFailedError as AppleSiliconHostExecFailedError
    from flytenb.errors.devices import AppleSiliconModelNotFoundError as AppleSiliconModelNotFoundError
    from flytenb.errors.devices import AppleSiliconNotAvailableError as AppleSiliconNotAvailableError
    from flytenb.errors.devices import GPUFaultError as GPUFaultError
    from flytenb.errors.devices import GPUFaultSystemError as GPUFaultSystemError
    from flytenb.errors.devices import GPUFaultUserError as GPUFaultUserError
    from flytenb.errors.lookup import class_of as class_of
    from flytenb.errors.lookup import error_of as error_of

#: What is loaded when it is named, and its module.
_LATER = {
    name: module
    for module, names in {
        "devices": (
            "GPUFaultError",
            "GPUFaultUserError",
            "GPUFaultSystemError",
            "AppleSiliconError",
            "AppleSiliconNotAvailableError",
            "AppleSiliconHostExecFailedError",
            "AppleSiliconDaemonStartFailedError",
            "AppleSiliconDaemonOOMError",
            "AppleSiliconModelNotFoundError",
            "AppleSiliconBridgeUnreachableError",
            "APPLE_SILICON_ERRORS_BY_CODE",
        ),
        "lookup": ("class_of", "error_of"),
    }.items()
    for name in names
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_LATER[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
