"""Accelerators by name: which exist, in which counts, in which partitions."""

from __future__ import annotations

from typing import Literal

import msgspec

DeviceClass = Literal["GPU", "TPU", "NEURON", "AMD_GPU", "HABANA_GAUDI", "APPLE_SILICON"]

_UP_TO_8 = tuple(range(1, 9))
_TRN = (1, 4, 8, 16)

#: GPU → counts that can be asked for.
_GPU_COUNTS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("A10", "A10G", "A100", "A100_80G", "B200", "H100", "H200", "L4", "L40s", "T4", "V100"), _UP_TO_8),
    **dict.fromkeys(("A2", "RTX_PRO_4500", "GB10"), (1,)),
    "RTX_PRO_6000": (1, 2),
    **dict.fromkeys(("T4 shared", "L4 shared", "A10G shared", "A10 shared", "L40S shared"), (1,)),
}
_NEURON_COUNTS: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("Trn1", "Trn1n", "Trn2", "Trn2u"), _TRN),
    "Inf1": tuple(range(1, 17)),
    "Inf2": tuple(range(1, 13)),
}
_AMD = ("MI100", "MI210", "MI250", "MI250X", "MI300A", "MI300X", "MI325X", "MI350X", "MI355X")
_GAUDI = ("Gaudi1",)
_APPLE = "AppleSilicon"

#: Spellings that Flyte used once.
_OLD_GPU_NAMES = {"A100 80G": "A100_80G", "RTX PRO 6000": "RTX_PRO_6000"}

_MIG_80G = ("1g.10gb", "2g.20gb", "3g.40gb", "4g.40gb", "7g.80gb")
_PARTITIONS: dict[str, tuple[str, ...]] = {
    "A100": ("1g.5gb", "2g.10gb", "3g.20gb", "4g.20gb", "7g.40gb"),
    "A100_80G": _MIG_80G,
    "H100": (*_MIG_80G, "1g.20gb"),
    "H200": ("1g.18gb", "1g.35gb", "2g.35gb", "3g.71gb", "4g.71gb", "7g.141gb"),
    "RTX_PRO_6000": ("1g.24gb", "2g.48gb", "4g.96gb"),
}
_TPU_SLICES: dict[str, tuple[str, ...]] = {
    "V5E": ("1x1", "2x2", "2x4", "4x4", "4x8", "8x8", "8x16", "16x16"),
    "V6E": ("1x1", "2x2", "2x4", "4x4", "4x8", "8x8", "8x16", "16x16"),
    "V5P": (),
}


class Device(msgspec.Struct, frozen=True):
    """Accelerators that an action asks for; made by `GPU`, `TPU`, `Neuron`, `AMD_GPU`, `HABANA_GAUDI`.

    Args:
        quantity: how many, at least 1.
        device_class: the family, `"GPU"` …
        device: the model, `"A100"` …; None = any.
        partition: a slice of one, `"1g.5gb"` …
    """

    quantity: int
    device_class: DeviceClass
    device: str | None = None
    partition: str | None = None

    def __post_init__(self) -> None:
        if self.quantity < 1:
            raise ValueError(f"device quantity is {self.quantity}; ask for at least 1")
        if (self.device == _APPLE) != (self.device_class == "APPLE_SILICON"):
            raise ValueError('Apple Silicon is device="AppleSilicon" with device_class="APPLE_SILICON"')
        if self.device_class == "APPLE_SILICON" and self.quantity != 1:
            raise ValueError("a Mac has one Apple Silicon GPU; quantity must be 1")


def _known(kind: str, device: str, allowed: tuple[str, ...]) -> str:
    if device not in allowed:
        raise ValueError(f"{device!r} is not a known {kind}; known: {', '.join(allowed)}")
    return device


def current_gpu_name(device: str) -> str:
    """The name in use today for a GPU; warns about an old spelling."""
    new = _OLD_GPU_NAMES.get(device)
    if new is None:
        return device
    import warnings

    warnings.warn(f'GPU name "{device}" is old; write "{new}"', DeprecationWarning, stacklevel=4)
    return new


def GPU(device: str, quantity: int = 1, partition: str | None = None) -> Device:
    """An NVIDIA GPU by model.

    Example:
        `flyte.Resources(gpu=flyte.GPU("A100", 1, partition="1g.5gb"))`

    Raises:
        ValueError: unknown model, count or partition.
    """
    device = _known("GPU", current_gpu_name(device), tuple(_GPU_COUNTS))
    if partition is not None:
        allowed = _PARTITIONS.get(device, ())
        if partition not in allowed:
            known = ", ".join(allowed) or "none"
            raise ValueError(f"GPU {device} has no partition {partition!r}; it has: {known}")
    return Device(quantity, "GPU", device, partition)


def TPU(device: str, partition: str | None = None) -> Device:
    """A TPU by generation (`"V5E"`, `"V5P"`, `"V6E"`), `partition` is the slice, for example `"2x2"`."""
    _known("TPU", device, tuple(_TPU_SLICES))
    if partition is not None:
        slices = _TPU_SLICES[device]
        axes = partition.split("x")
        ok = partition in slices if slices else len(axes) == 3 and all(axis.isdigit() for axis in axes)
        if not ok:
            raise ValueError(
                f"TPU {device} has no slice {partition!r}; write for example {slices[1] if slices else '2x2x1'!r}"
            )
    return Device(1, "TPU", device, partition)


def Neuron(device: str) -> Device:
    """An AWS Neuron device (`"Trn1"`, `"Inf2"` …)."""
    return Device(1, "NEURON", _known("Neuron device", device, tuple(_NEURON_COUNTS)))


def AMD_GPU(device: str) -> Device:
    """An AMD GPU (`"MI300X"` …)."""
    return Device(1, "AMD_GPU", _known("AMD GPU", device, _AMD))


def HABANA_GAUDI(device: str) -> Device:
    """A Habana Gaudi (`"Gaudi1"`)."""
    return Device(1, "HABANA_GAUDI", _known("Habana Gaudi", device, _GAUDI))


def APPLE_SILICON() -> Device:
    """The GPU of a Mac with Apple Silicon."""
    return Device(1, "APPLE_SILICON", _APPLE)


def parse_device(text: str) -> Device:
    """The device behind `"A100:2"`.

    Raises:
        ValueError: the model is unknown, the count missing or not offered.
    """
    name, colon, count = text.partition(":")
    if name == _APPLE and count in ("", "1"):
        return APPLE_SILICON()
    name = current_gpu_name(name)
    device_class, counts = _counts_of(name)
    if not counts:
        raise ValueError(f"gpu={text!r}: {name!r} is not a known device; known: {', '.join(_all_names())}")
    if not colon:
        raise ValueError(f'gpu={text!r} says no count; write "{name}:1"')
    if not count.isdigit() or int(count) not in counts:
        raise ValueError(f"gpu={text!r}: {name} comes in counts of {', '.join(map(str, counts))}")
    return Device(int(count), device_class, name)


def _counts_of(name: str) -> tuple[DeviceClass, tuple[int, ...]]:
    if name in _GPU_COUNTS:
        return "GPU", _GPU_COUNTS[name]
    if name in _NEURON_COUNTS:
        return "NEURON", _NEURON_COUNTS[name]
    if name in _AMD:
        return "AMD_GPU", (1,)
    if name in _GAUDI:
        return "HABANA_GAUDI", (1,)
    return "GPU", ()


def _all_names() -> tuple[str, ...]:
    return (*_GPU_COUNTS, *_NEURON_COUNTS, *_AMD, *_GAUDI, _APPLE)


class GPUAccelerator:
    """The older spelling of device models: `TaskEnvironment(accelerator=flyte.GPUAccelerator.NVIDIA_A10G)`."""

    NVIDIA_A2 = "A2"
    NVIDIA_A10 = "A10"
    NVIDIA_A10G = "A10G"
    NVIDIA_A100 = "A100"
    NVIDIA_A100_80GB = "A100_80G"
    NVIDIA_B200 = "B200"
    NVIDIA_H100 = "H100"
    NVIDIA_H200 = "H200"
    NVIDIA_L4 = "L4"
    NVIDIA_L40S = "L40s"
    NVIDIA_T4 = "T4"
    NVIDIA_V100 = "V100"
    NVIDIA_TESLA_T4 = "T4"
    NVIDIA_TESLA_V100 = "V100"


def with_count(accelerator: str | Device, count: int) -> Device:
    """The device of an `accelerator=` in the number that `Resources(gpu=…)` gives."""
    given = accelerator if isinstance(accelerator, Device) else None
    device = given.device if given else current_gpu_name(str(accelerator).partition(":")[0])
    if device == _APPLE:
        return APPLE_SILICON()
    if device is None or not _counts_of(device)[1]:
        raise ValueError(f"accelerator={accelerator!r} is no known device; write for example GPUAccelerator.NVIDIA_T4")
    if given:
        return Device(count, given.device_class, device, given.partition)
    return parse_device(f"{device}:{count}")
