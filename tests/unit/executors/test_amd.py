"""AMD's GPUs in containers: which device files, and whose groups."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flytenb.containers.gpus import amd_options, gpu_options, render_devices
from flytenb.errors import ContainerStartError
from flytenb.executors.gpus.declared import declared


@pytest.fixture
def machine(tmp_path: Path) -> tuple[Path, Path]:
    """Folders like `/dev` and the driver's in `/sys`: a CPU, then two GPUs whose numbers do not follow one another."""
    devices, nodes = tmp_path / "dev", tmp_path / "nodes"
    (devices / "dri").mkdir(parents=True)
    for name in ("kfd", "dri/renderD128", "dri/renderD136"):
        (devices / name).touch()
    for node, minor in (("0", 0), ("10", 128), ("2", 136)):
        (nodes / node).mkdir(parents=True)
        (nodes / node / "properties").write_text(f"cpu_cores_count 0\nsimd_count 304\ndrm_render_minor {minor}\n")
    return devices, nodes


def test_each_gpu_is_its_render_device(machine: tuple[Path, Path]) -> None:
    devices, nodes = machine
    assert render_devices(nodes) == [136, 128]
    made = amd_options(["1"], devices=devices, topology=nodes)
    assert made["devices"] == [f"{devices}/kfd:/dev/kfd:rwm", f"{devices}/dri/renderD128:/dev/dri/renderD128:rwm"]
    group = os.stat(devices / "kfd").st_gid
    assert made["group_add"] == ([str(group)] if group else [])


def test_what_is_not_there_is_said(machine: tuple[Path, Path]) -> None:
    devices, nodes = machine
    with pytest.raises(ContainerStartError, match=r'driver has 2 \(GPU 0 to 1\); start .*FLYTENB_GPUS="MI300X:2"'):
        amd_options(["2"], devices=devices, topology=nodes)
    (devices / "kfd").unlink()
    with pytest.raises(ContainerStartError, match=r"dev/kfd is not on this machine; install AMD's driver"):
        amd_options(["0"], devices=devices, topology=nodes)


def test_an_engine_elsewhere_has_its_own_files() -> None:
    made = gpu_options(["0", "1"], "amd", is_local=False)
    assert [one.split(":")[0] for one in made["devices"]] == ["/dev/kfd", "/dev/dri/renderD128", "/dev/dri/renderD129"]
    assert made["group_add"] == []


def test_nvidia_is_a_request_and_nothing_is_nothing() -> None:
    (request,) = gpu_options(["0", "2"])["device_requests"]
    assert request["DeviceIDs"] == ["0", "2"]
    assert gpu_options([]) == {}


def test_declared_gpus_are_of_one_maker() -> None:
    assert {gpu.vendor for gpu in declared("MI300X:2")} == {"amd"}
    with pytest.raises(ValueError, match="names GPUs of AMD and of NVIDIA; an engine hands out those of one maker"):
        declared("A100:1,MI300X:1")
