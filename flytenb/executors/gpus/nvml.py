"""The driver asked directly, by nvidia-ml-py where it is installed: a millisecond instead of a process."""

from __future__ import annotations

import contextlib
from importlib import import_module
from typing import Any

from flytenb.executors.gpus.kinds import kind_of
from flytenb.model.devices import Gpu


class NvmlError(Exception):
    """NVML is not installed or cannot tell; the text says why, in words."""


class Nvml:
    """An open session with the driver.

    Raises:
        NvmlError: there is none to be had.
    """

    def __init__(self) -> None:
        try:
            self._nvml: Any = import_module("pynvml")
        except ImportError:
            raise NvmlError("nvidia-ml-py is not installed") from None
        self._ask("nvmlInit")

    def _ask(self, name: str, *arguments: Any) -> Any:
        try:
            return getattr(self._nvml, name)(*arguments)
        except self._nvml.NVMLError as error:
            raise NvmlError(f"the NVIDIA driver says {str(error).lower()!r}") from error
        except AttributeError:
            raise NvmlError(f"this nvidia-ml-py has no {name}") from None

    def devices(self) -> tuple[Gpu, ...]:
        """The GPUs of the machine; a partitioned one is its slices.

        Raises:
            NvmlError: the driver cannot tell.
        """
        found: list[Gpu] = []
        for index in range(self._ask("nvmlDeviceGetCount")):
            handle = self._ask("nvmlDeviceGetHandleByIndex", index)
            name, uuid = _text(self._ask("nvmlDeviceGetName", handle)), _text(self._ask("nvmlDeviceGetUUID", handle))
            total_bytes = self._memory(handle)[1]
            kind = kind_of(name, total_bytes)
            if not self._is_partitioned(handle):
                found.append(Gpu(id=str(index), kind=kind, memory_bytes=total_bytes, uuid=uuid))
                continue
            found += self._slices(handle, kind)
        return tuple(found)

    def _is_partitioned(self, handle: Any) -> bool:
        try:
            return bool(self._ask("nvmlDeviceGetMigMode", handle)[0])
        except NvmlError:
            return False  # most models cannot be

    def _slices(self, handle: Any, kind: str) -> list[Gpu]:
        found = []
        for number in range(self._ask("nvmlDeviceGetMaxMigDeviceCount", handle)):
            try:
                part = self._ask("nvmlDeviceGetMigDeviceHandleByIndex", handle, number)
            except NvmlError:
                continue  # not made
            ident = _text(self._ask("nvmlDeviceGetUUID", part))
            # "NVIDIA A100-SXM4-40GB MIG 1g.5gb"
            profile = _text(self._ask("nvmlDeviceGetName", part)).rpartition(" ")[2]
            found.append(Gpu(id=ident, kind=kind, uuid=ident, partition=profile, memory_bytes=self._memory(part)[1]))
        return found

    def _memory(self, handle: Any) -> tuple[int, int]:
        try:
            memory = self._ask("nvmlDeviceGetMemoryInfo", handle)
        except NvmlError:
            return 0, 0  # one memory with the CPU
        return int(memory.free), int(memory.total)

    def use(self, gpu: Gpu) -> tuple[int, int, list[tuple[int, int]]]:
        """(free bytes, total bytes, [(pid, bytes)]) of one GPU.

        Raises:
            NvmlError: the driver cannot tell.
        """
        handle = self._handle(gpu)
        free_bytes, total_bytes = self._memory(handle)
        running = self._ask("nvmlDeviceGetComputeRunningProcesses", handle)
        return free_bytes, total_bytes, [(int(each.pid), int(each.usedGpuMemory or 0)) for each in running]

    def measure(self, gpu: Gpu) -> tuple[float | None, int, int]:
        """(share of the last moment in which it computed, None of a slice; bytes in use; bytes in all).

        Raises:
            NvmlError: the driver cannot tell.
        """
        handle = self._handle(gpu)
        free_bytes, total_bytes = self._memory(handle)
        busy: float | None = None
        with contextlib.suppress(NvmlError):
            busy = float(self._ask("nvmlDeviceGetUtilizationRates", handle).gpu) / 100
        if busy is None and not total_bytes:
            raise NvmlError(f"the NVIDIA driver tells nothing of GPU {gpu.id}")
        return busy, max(0, total_bytes - free_bytes), total_bytes

    def _handle(self, gpu: Gpu) -> Any:
        if gpu.uuid:
            return self._ask("nvmlDeviceGetHandleByUUID", gpu.uuid)
        return self._ask("nvmlDeviceGetHandleByIndex", int(gpu.id))


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
