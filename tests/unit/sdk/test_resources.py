import pickle
import re
from dataclasses import replace

import pytest

from flytenb.sdk.devices import (
    AMD_GPU,
    APPLE_SILICON,
    GPU,
    HABANA_GAUDI,
    TPU,
    Device,
    GPUAccelerator,
    Neuron,
    parse_device,
)
from flytenb.sdk.resources import Resources, quantity


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("2", 2),
        ("500m", 0.5),
        ("0.5", 0.5),
        ("1Ki", 1024),
        ("512Mi", 512 << 20),
        ("2Gi", 2 << 30),
        ("1Ti", 1 << 40),
        ("1k", 1e3),
        ("2M", 2e6),
        ("3G", 3e9),
        ("1.5Gi", 1.5 * (1 << 30)),
        ("1e3", 1000),
        (".5", 0.5),
        ("1Pi", 1 << 50),
    ],
)
def test_quantities(text, number):
    assert quantity(text) == pytest.approx(number)


@pytest.mark.parametrize("text", ["", "Gi", "2 GB", "1GiB", "-1", "one", "1,5Gi", "1mi"])
def test_what_is_no_quantity(text):
    with pytest.raises(ValueError, match="is not a quantity; write"):
        quantity(text)


@pytest.mark.parametrize(
    ("given", "cpu", "memory"),
    [
        ({"cpu": 1}, 1.0, None),
        ({"cpu": 0.5, "memory": "1Gi"}, 0.5, 1 << 30),
        ({"cpu": "250m"}, 0.25, None),
        ({"cpu": (1, 4), "memory": ("1Gi", "2Gi")}, 1.0, 2 << 30),
        ({"cpu": "8", "mem": "32Gi"}, 8.0, 32 << 30),
    ],
)
def test_requests(given, cpu, memory):
    request = Resources(**given).to_request()
    assert (request.cpu, request.memory_bytes) == (cpu, memory)


@pytest.mark.parametrize(
    "given",
    [
        {"cpu": -1},
        {"cpu": (1, 2, 3)},
        {"cpu": (None, 1)},
        {"cpu": "lots"},
        {"cpu": [1]},
        {"cpu": True},
        {"cpu": (-1, 2)},
        {"memory": 1024},
        {"memory": ("1Gi",)},
        {"memory": ("1Gi", None)},
        {"memory": "1 GB"},
        {"memory": "1Gi", "mem": "2Gi"},
        {"disk": 10},
        {"disk": ("1Gi", "2Gi")},
        {"shm": 1},
        {"shm": "big"},
        {"gpu": -1},
        {"gpu": "A100"},
        {"gpu": "A100:9"},
        {"gpu": "H300:1"},
        {"gpu": (1, 2)},
        {"gpu": True},
        {"gpu": 0.5},
    ],
)
def test_what_is_refused(given):
    with pytest.raises(ValueError):
        Resources(**given)


def test_older_spelling():
    resources = Resources(cpu="4", mem="16Gi", gpu="1")
    assert resources == Resources(cpu="4", memory="16Gi", gpu=1)
    assert replace(resources, cpu="2").memory == "16Gi"
    assert pickle.loads(pickle.dumps(resources)) == resources


def test_devices_of_resources():
    assert Resources().get_device() is None
    assert Resources(gpu=0).get_device() is None
    assert Resources(gpu=2).get_device() == Device(2, "GPU")
    assert Resources(gpu="A100:2").get_device() == Device(2, "GPU", "A100")
    assert Resources(gpu="AppleSilicon").get_device() == APPLE_SILICON()
    assert Resources(gpu="Trn1:4").to_request().gpu == 4
    assert Resources(gpu=GPU("H100", 1, "1g.20gb")).to_request().gpu_kind == "H100"
    assert Resources(shm="auto").get_shared_memory() == ""
    assert Resources(shm="1Gi").to_request().shm_bytes == 1 << 30
    assert Resources(shm="auto", disk="10Gi").to_request().disk_bytes == 10 << 30


def test_devices_by_name():
    assert GPU("T4", 1) == Device(1, "GPU", "T4")
    assert TPU("V5P", "2x2x1").partition == "2x2x1"
    assert Neuron("Inf2").device_class == "NEURON"
    assert AMD_GPU("MI300X").device == "MI300X"
    assert HABANA_GAUDI("Gaudi1").device_class == "HABANA_GAUDI"
    with pytest.warns(DeprecationWarning, match='write "A100_80G"'):
        assert parse_device("A100 80G:1").device == "A100_80G"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: GPU("T5", 1), "'T5' is not a known GPU"),
        (lambda: GPU("T4", 0), "at least 1"),
        (lambda: GPU("T4", 1, "1g.5gb"), "T4 has no partition"),
        (lambda: GPU("A100", 1, "1g.10gb"), "it has: 1g.5gb"),
        (lambda: GPU("T4 shared", 1, "1g.5gb"), "it has: none"),
        (lambda: TPU("V4"), "not a known TPU"),
        (lambda: TPU("V5E", "3x3"), "no slice"),
        (lambda: Neuron("Inf3"), "known: Trn1"),
        (lambda: AMD_GPU("MI1"), "known: MI100"),
        (lambda: HABANA_GAUDI("Gaudi9"), "known: Gaudi1"),
        (lambda: Device(1, "GPU", "AppleSilicon"), "APPLE_SILICON"),
        (lambda: Device(2, "APPLE_SILICON", "AppleSilicon"), "one Apple Silicon GPU"),
    ],
)
def test_unknown_devices(make, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        make()


def test_accelerators():
    assert Resources(gpu="1").with_accelerator(GPUAccelerator.NVIDIA_A10G).gpu == Device(1, "GPU", "A10G")
    assert Resources(cpu=1).with_accelerator(GPU("L4", 1)).gpu == Device(1, "GPU", "L4")
    assert Resources(gpu=4).with_accelerator("A100").gpu == Device(4, "GPU", "A100")
    with pytest.raises(ValueError, match="name the device once"):
        Resources(gpu="T4:1").with_accelerator("A100")
    with pytest.raises(ValueError, match="is no known device"):
        Resources(gpu=1).with_accelerator("X1")
