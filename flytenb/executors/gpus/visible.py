"""What a worker process sees of the machine's GPUs: those it was given, and otherwise none."""

from __future__ import annotations

import os
from collections.abc import Mapping

from flytenb.executors.gpus.declared import VARIABLE
from flytenb.model import Grant

#: Device files of drivers: NVIDIA, AMD, and Windows' subsystem for Linux.
_FILES = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
#: "0" lets actions that asked for no GPU see all.
HIDE_VARIABLE = "FLYTENB_HIDE_GPUS"


def has_gpus(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this machine may have GPUs: a cheap look, nobody is asked."""
    return bool(environ.get(VARIABLE)) or any(map(os.path.exists, _FILES))


def gpu_variables(grant: Grant, own: Mapping[str, str], environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Variables that a worker process starts with.

    Args:
        grant: what the scheduler gave it.
        own: variables of its task; without a GPU they win, and may let it see some.
        environ: the engine's.
    """
    if grant.gpus:
        ids = ",".join(grant.gpus)
        # CUDA counts the fastest first unless told to count like the driver's tools.
        found = {"CUDA_VISIBLE_DEVICES": ids, "CUDA_DEVICE_ORDER": "PCI_BUS_ID", "NVIDIA_VISIBLE_DEVICES": ids}
        if grant.gpu_vendor == "amd":
            found["FLYTENB_GPU_VENDOR"] = "amd"  # for containers that this worker starts
        return found | ({"HIP_VISIBLE_DEVICES": ids} if all(map(str.isdigit, grant.gpus)) else {})
    if environ.get(HIDE_VARIABLE) == "0" or not has_gpus(environ):
        return {}
    none = {"CUDA_VISIBLE_DEVICES": "", "NVIDIA_VISIBLE_DEVICES": "void", "HIP_VISIBLE_DEVICES": "-1"}
    return {name: value for name, value in none.items() if name not in own}
