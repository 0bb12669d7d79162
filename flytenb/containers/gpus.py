"""GPUs as a container gets them: NVIDIA's by a request to the engine, AMD's as device files with their groups."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flytenb.errors import ContainerStartError

_DEVICES = Path("/dev")
_TOPOLOGY = Path("/sys/class/kfd/kfd/topology/nodes")
#: The number of the first render device, and what a program needs of each.
_FIRST_RENDER, _ACCESS = 128, "rwm"


def gpu_options(ids: Sequence[str], vendor: str = "nvidia", *, count: int = 0, is_local: bool = True) -> dict[str, Any]:
    """Options of a container's host configuration.

    Args:
        ids: the GPUs that it gets.
        vendor: "nvidia" or "amd".
        count: how many, where no ids are known.
        is_local: the engine runs on this machine.

    Raises:
        ContainerStartError: the driver's device files are not there.
    """
    if not ids and not count:
        return {}
    if vendor == "amd":
        return amd_options(ids or [str(n) for n in range(count)], is_local=is_local)
    from docker.types import DeviceRequest

    which = {"device_ids": list(ids)} if ids else {"count": count}
    return {"device_requests": [DeviceRequest(capabilities=[["gpu"]], **which)]}


def amd_options(
    ids: Sequence[str], *, is_local: bool = True, devices: Path = _DEVICES, topology: Path = _TOPOLOGY
) -> dict[str, Any]:
    """`/dev/kfd`, which all AMD GPUs share, and the render device of each; who may open them, by number of group."""
    renders = render_devices(topology) if is_local else []
    names = ["kfd"]
    for ident in ids:
        n = int(ident)
        if is_local and renders and n >= len(renders):
            raise ContainerStartError(
                f"AMD GPU {ident} was assigned and this machine's driver has {len(renders)} (GPU 0 to "
                f'{len(renders) - 1}); start the engine with FLYTENB_GPUS="MI300X:{len(renders)}"'
            )
        names.append(f"dri/renderD{renders[n] if renders else _FIRST_RENDER + n}")
    groups: dict[int, None] = {}
    if is_local:
        for name in names:
            try:
                groups[os.stat(devices / name).st_gid] = None
            except OSError as error:
                raise ContainerStartError(
                    f"an AMD GPU was asked for and {devices / name} is not on this machine; install AMD's driver "
                    "(amdgpu-dkms), or declare the GPUs that there are with FLYTENB_GPUS"
                ) from error
    return {
        "devices": [f"{devices / name}:/dev/{name}:{_ACCESS}" for name in names],
        # Root's own group needs no mention, and names of groups differ in images.
        "group_add": [str(group) for group in groups if group],
    }


def render_devices(topology: Path = _TOPOLOGY) -> list[int]:
    """Numbers of the render devices in the order in which AMD's runtime counts GPUs; [] where its driver is not."""
    found = []
    for node in topology.iterdir() if topology.is_dir() else ():
        try:
            lines = (node / "properties").read_text().splitlines()
        except OSError:  # another user's
            continue
        facts = dict(line.split(maxsplit=1) for line in lines if " " in line)
        minor = int(facts.get("drm_render_minor", "0"))
        if node.name.isdigit() and minor > 0:  # a CPU has none
            found.append((int(node.name), minor))
    return [minor for _, minor in sorted(found)]
