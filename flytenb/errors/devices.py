"""Faults of devices. Loaded when one of them is named."""

from __future__ import annotations

from typing import Any

from flytenb.errors.base import (
    BaseRuntimeError,
    ErrorKind,
    RuntimeSystemError,
    RuntimeUserError,
)


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
