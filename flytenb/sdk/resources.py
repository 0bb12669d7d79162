"""`Resources` and its grammar of quantities."""

from __future__ import annotations

import re
from dataclasses import InitVar, dataclass
from typing import TypeAlias

from flytenb.model.declaration import ResourceRequest
from flytenb.sdk.devices import Device, current_gpu_name, parse_device, with_count

CPU: TypeAlias = int | float | str

_QUANTITY = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(m|[KMGTPE]i|[kKMGTPE]|[eE]\d+)?")
_FACTORS = {
    "": 1.0, "m": 1e-3, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18,
    **{unit + "i": float(1 << 10 * power) for power, unit in enumerate("KMGTPE", 1)},
}  # fmt: skip


def quantity(text: str, field: str = "quantity") -> float:
    """The number behind a Kubernetes quantity: `"500m"` is 0.5, `"1Gi"` is 2**30.

    Raises:
        ValueError: the text is no quantity.
    """
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        raise ValueError(f'{field}={text!r} is not a quantity; write a number with a unit, as "500m", "512Mi", "2Gi"')
    number, unit = match.group(1), match.group(2) or ""
    if len(unit) > 1 and unit[0] in "eE" and unit[1:].isdigit():
        return float(number + unit)
    return float(number) * _FACTORS[unit]


def _check_cpu(value: CPU) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise ValueError(f'cpu={value!r} is not a number of cores; write 1, 0.5, "500m" or a pair (1, 2)')
    if cores(value) < 0:
        raise ValueError(f"cpu={value!r} is negative")


def cores(value: CPU) -> float:
    """Cores behind `1`, `0.5` or `"500m"`."""
    if not isinstance(value, str):
        return float(value)
    return quantity(value, "cpu")


def _check_size(field: str, value: object) -> None:
    if not isinstance(value, str):
        raise ValueError(f'{field}={value!r} is not a quantity; write text with a unit such as "512Mi" or "2Gi"')
    quantity(value, field)


@dataclass
class Resources:
    """What an action needs of a machine.

    Args:
        cpu: cores: `1`, `0.5`, `"500m"`, or a pair (request, limit).
        memory: `"512Mi"`, `"2Gi"`, or a pair (request, limit).
        gpu: a count, `"A100:2"`, or a `Device`.
        disk: `"10Gi"`.
        shm: `"1Gi"` or `"auto"`.
        mem: the older spelling of `memory`.

    Example:
        `flyte.Resources(cpu=2, memory="4Gi", gpu="T4:1")`

    Raises:
        ValueError: a value outside this grammar.
    """

    cpu: CPU | tuple[CPU, CPU] | None = None
    memory: str | tuple[str, str] | None = None
    gpu: int | str | Device | None = None
    disk: str | None = None
    shm: str | None = None
    mem: InitVar[str | tuple[str, str] | None] = None

    def __post_init__(self, mem: str | tuple[str, str] | None) -> None:
        if mem is not None:
            if self.memory is not None and self.memory != mem:
                raise ValueError(f"memory={self.memory!r} and mem={mem!r} say different things; give memory= only")
            self.memory = mem
        for field, value, check in (("cpu", self.cpu, _check_cpu), ("memory", self.memory, None)):
            pair = value if isinstance(value, tuple) else (value,) if value is not None else ()
            if isinstance(value, tuple) and len(value) != 2:
                raise ValueError(f"{field}={value!r} must be one value or a pair (request, limit)")
            for one in pair:
                _check_cpu(one) if check else _check_size(field, one)
        if self.disk is not None:
            _check_size("disk", self.disk)
        if self.shm is not None and self.shm != "auto":
            _check_size("shm", self.shm)
        self._check_gpu()

    def _check_gpu(self) -> None:
        gpu = self.gpu
        if gpu is None or isinstance(gpu, Device):
            return
        if isinstance(gpu, str):
            if gpu.isdigit():
                self.gpu = int(gpu)
                return
            parse_device(gpu)
            name, colon, count = gpu.partition(":")
            self.gpu = current_gpu_name(name) + colon + count
        elif isinstance(gpu, bool) or not isinstance(gpu, int) or gpu < 0:
            raise ValueError(f'gpu={gpu!r} is not a count, "<model>:<count>" or a Device; write 1 or "T4:1"')

    def get_device(self) -> Device | None:
        """The accelerators as a `Device`; None without any."""
        if isinstance(self.gpu, Device):
            return self.gpu
        if isinstance(self.gpu, str):
            return parse_device(self.gpu)
        return Device(self.gpu, "GPU") if self.gpu else None

    def get_shared_memory(self) -> str | None:
        """The size of /dev/shm; "" stands for as much as there is."""
        return "" if self.shm == "auto" else self.shm

    def with_accelerator(self, accelerator: str | Device) -> Resources:
        """These resources with the model of an `accelerator=` given beside them."""
        from dataclasses import replace

        device = self.get_device()
        if device is not None and device.device is not None:
            raise ValueError(f"accelerator={accelerator!r} beside gpu={self.gpu!r}: name the device once, in gpu=")
        return replace(self, gpu=with_count(accelerator, device.quantity if device else 1))

    def to_request(self) -> ResourceRequest:
        """As the scheduler counts: the requested cores, the limit of memory."""
        cpu = self.cpu[0] if isinstance(self.cpu, tuple) else self.cpu
        memory = self.memory[1] if isinstance(self.memory, tuple) else self.memory
        device = self.get_device()
        return ResourceRequest(
            cpu=None if cpu is None else cores(cpu),
            memory_bytes=None if memory is None else round(quantity(memory, "memory")),
            gpu=device.quantity if device else 0,
            gpu_kind=(device.device or "") if device else "",
            gpu_class=device.device_class if device and device.device else "",
            gpu_partition=(device.partition or "") if device else "",
            disk_bytes=None if self.disk is None else round(quantity(self.disk, "disk")),
            shm_bytes=None if self.shm in (None, "auto") else round(quantity(self.shm or "", "shm")),
        )
