"""GPUs found: recorded answers of nvidia-smi, its complaints, declarations, and names of processes."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from flytenb.executors.gpus import owners, smi
from flytenb.executors.gpus.declared import declared
from flytenb.executors.gpus.inventory import Inventory
from flytenb.executors.gpus.kinds import kind_of
from flytenb.executors.gpus.nvml import Nvml, NvmlError
from flytenb.executors.gpus.visible import gpu_variables
from flytenb.model import Grant
from flytenb.model.devices import Gpu
from flytenb.sdk.devices import _GPU_COUNTS

GB = 10**9


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("NVIDIA A100-SXM4-80GB", "A100_80G"),
        ("NVIDIA A100 80GB PCIe", "A100_80G"),
        ("NVIDIA A100-SXM4-40GB", "A100"),
        ("NVIDIA A100-PCIE-40GB", "A100"),
        ("A100-SXM4-40GB", "A100"),
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA H100 PCIe", "H100"),
        ("NVIDIA H100 NVL", "H100"),
        ("NVIDIA H200", "H200"),
        ("NVIDIA H200 NVL", "H200"),
        ("NVIDIA B200", "B200"),
        ("NVIDIA GB10", "GB10"),
        ("Tesla T4", "T4"),
        ("NVIDIA T4", "T4"),
        ("Tesla V100-SXM2-16GB", "V100"),
        ("NVIDIA L4", "L4"),
        ("NVIDIA L40S", "L40s"),
        ("NVIDIA A10", "A10"),
        ("NVIDIA A10G", "A10G"),
        ("NVIDIA A2", "A2"),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", "RTX_PRO_6000"),
        ("NVIDIA RTX PRO 4500 Blackwell", "RTX_PRO_4500"),
        ("AMD Instinct MI300X OAM", "MI300X"),
        ("AMD Instinct MI210", "MI210"),
        # Flyte has no name for these: they keep their own, and are asked for by count.
        ("NVIDIA L40", "L40"),
        ("NVIDIA GeForce RTX 4090", "GeForce RTX 4090"),
        ("NVIDIA RTX A6000", "RTX A6000"),
        ("NVIDIA GH200 480GB", "GH200 480GB"),
    ],
)
def test_models_have_flytes_names(name: str, kind: str) -> None:
    assert kind_of(name) == kind


def test_every_name_given_is_one_that_can_be_asked_for() -> None:
    from flytenb.executors.gpus.kinds import _NAMES

    assert set(_NAMES.values()) | {"A100_80G"} == {name for name in _GPU_COUNTS if not name.endswith("shared")}


# ---- recorded: nvidia-smi --query-gpu=index,uuid,name,memory.total,memory.free,mig.mode.current ----------------------

DGX = """\
0, GPU-5c89b9a6-1c1c-4d0e-9b1e-1f2f5c0f7a01, NVIDIA A100-SXM4-80GB, 81920, 81050, Disabled
1, GPU-5c89b9a6-1c1c-4d0e-9b1e-1f2f5c0f7a02, NVIDIA A100-SXM4-80GB, 81920, 50213, Disabled
"""
MIXED = """\
0, GPU-a, Tesla T4, 15360, 14923, [N/A]
1, GPU-b, Tesla V100-SXM2-16GB, 16384, 16144, [N/A]
"""
OLD = "0, GPU-a, Tesla V100-PCIE-16GB, 16160, 16157\n"
UNIFIED = "0, GPU-c, NVIDIA GB10, [N/A], [N/A], [N/A]\n"
LOST = "Unable to determine the device handle for GPU0: 0000:3B:00.0: Unknown Error\n" + DGX.splitlines()[1] + "\n"
MIG = """\
0, GPU-a, NVIDIA A100-SXM4-40GB, 40960, 40000, Enabled
1, GPU-b, NVIDIA A100-SXM4-40GB, 40960, 40000, Disabled
"""
LISTING = """\
GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-a)
  MIG 3g.20gb     Device  0: (UUID: MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f)
  MIG 1g.5gb      Device  1: (UUID: MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-b)
"""


def test_tables_become_devices() -> None:
    mib = 1 << 20
    first, second = smi.devices(DGX)
    assert first == Gpu(
        id="0", kind="A100_80G", memory_bytes=81920 * mib, uuid="GPU-5c89b9a6-1c1c-4d0e-9b1e-1f2f5c0f7a01"
    )
    assert second.id == "1"
    assert [gpu.kind for gpu in smi.devices(MIXED)] == ["T4", "V100"]
    assert [gpu.kind for gpu in smi.devices(OLD)] == ["V100"]
    assert [(gpu.kind, gpu.memory_bytes) for gpu in smi.devices(UNIFIED)] == [("GB10", 0)]
    assert [gpu.id for gpu in smi.devices(LOST)] == ["1"]
    assert smi.devices("") == ()


def test_a_partitioned_gpu_is_its_slices() -> None:
    assert [(gpu.id, gpu.kind, gpu.partition) for gpu in smi.devices(MIG, LISTING)] == [
        ("MIG-c6d4f1ef-42e4-5de3-91c7-45d71c87eb3f", "A100", "3g.20gb"),
        ("MIG-cba663e8-9bed-5b25-b243-5985ef7c9beb", "A100", "1g.5gb"),
        ("1", "A100", ""),
    ]
    assert [gpu.id for gpu in smi.devices(MIG, "GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-a)\n")] == ["1"]


def test_processes_by_device() -> None:
    text = "4711, GPU-a, 31200\n4712, GPU-a, [N/A]\n99, GPU-b, 310\nNo running processes found\n"
    mib = 1 << 20
    assert smi.processes(text) == {"GPU-a": [(4711, 31200 * mib), (4712, 0)], "GPU-b": [(99, 310 * mib)]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("No devices were found\n", "the driver answers and finds no GPU"),
        (
            "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 535.161\n",
            "the NVIDIA driver was updated and not loaded yet (driver/library version mismatch): restart the machine",
        ),
        (
            "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest "
            "NVIDIA driver is installed and running.\n",
            "the NVIDIA driver is not loaded",
        ),
        (
            "Unable to determine the device handle for GPU 0000:3B:00.0: GPU is lost.  Reboot the system to recover\n",
            "a GPU is lost: restart the machine",
        ),
        ("Failed to initialize NVML: Insufficient Permissions\n", "nvidia-smi says 'Failed to initialize NVML"),
        ("", "nvidia-smi ended with status 9"),
    ],
)
def test_complaints_in_words(text: str, said: str) -> None:
    assert smi.failure(text, 9).startswith(said)


# ---- a program that answers as nvidia-smi does ----------------------------------------------------------------------


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder whose files `gpus`, `apps` and `list` are what nvidia-smi prints; `status` is its exit status."""
    program = tmp_path / "nvidia-smi"
    program.write_text(
        f"#!{sys.executable}\n"
        "import sys\nfrom pathlib import Path\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "text = ' '.join(sys.argv[1:])\n"
        "name = 'gpus' if '--query-gpu' in text else 'apps' if '--query-compute' in text else 'list'\n"
        "if 'mig.mode' in text and (folder / 'old').exists():\n"
        "    print('Field \"mig.mode.current\" is not a valid field to query.')\n"
        "    sys.exit(2)\n"
        "print((folder / name).read_text(), end='')\n"
        "sys.exit(int((folder / 'status').read_text()) if (folder / 'status').exists() else 0)\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "apps").write_text("")
    (tmp_path / "list").write_text(LISTING)
    return tmp_path


def test_found_by_nvidia_smi_with_who_uses_them(answers: Path) -> None:
    (answers / "gpus").write_text(MIXED)
    other = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()", "serve.py"], stdin=subprocess.PIPE)
    ours = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    try:
        (answers / "apps").write_text(f"{other.pid}, GPU-a, 1000\n{ours.pid}, GPU-b, 2000\n")
        inventory = Inventory({})
        found = inventory.find({ours.pid})
        assert [gpu.kind for gpu in found.devices] == ["T4", "V100"]
        assert found.is_observable
        first, second = found.uses
        assert (first.free_bytes, first.total_bytes) == (14923 << 20, 15360 << 20)
        assert [(each.pid, each.bytes) for each in first.outside] == [(other.pid, 1000 << 20)]
        assert first.outside[0].words.endswith(f"(process {other.pid})")
        assert second.outside == ()
        (answers / "apps").write_text("")
        assert [use.outside for use in inventory.look(())] == [(), ()]
    finally:
        for process in (other, ours):
            process.communicate()


def test_old_drivers_know_no_slices(answers: Path) -> None:
    (answers / "gpus").write_text(OLD)
    (answers / "old").touch()
    assert [gpu.kind for gpu in Inventory({}).find().devices] == ["V100"]


def test_a_driver_that_fails_is_told_and_gives_none(answers: Path) -> None:
    (answers / "gpus").write_text("Failed to initialize NVML: Driver/library version mismatch\n")
    (answers / "status").write_text("18")
    found = Inventory({}).find()
    assert (found.devices, found.is_observable) == ((), False)
    assert "driver/library version mismatch" in found.words


def test_the_engines_own_environment_narrows_the_choice(answers: Path) -> None:
    (answers / "gpus").write_text(DGX)

    def seen(value: str) -> list[str]:
        return [gpu.id for gpu in Inventory({"CUDA_VISIBLE_DEVICES": value}).find().devices]

    assert seen("1") == ["1"]
    assert seen("1,0") == ["1", "0"]
    assert seen("0,-1,1") == ["0"]
    assert seen("") == []
    assert seen("GPU-5c89b9a6-1c1c-4d0e-9b1e-1f2f5c0f7a02") == ["1"]
    assert "CUDA_VISIBLE_DEVICES=''" in Inventory({"CUDA_VISIBLE_DEVICES": ""}).find().words


def test_slices_are_found(answers: Path) -> None:
    (answers / "gpus").write_text(MIG)
    assert [gpu.partition for gpu in Inventory({}).find().devices] == ["3g.20gb", "1g.5gb", ""]


def test_without_anything_the_reason_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = Inventory({}).find()
    assert found.devices == ()
    assert found.words


def test_declared_ones_win(answers: Path) -> None:
    (answers / "gpus").write_text(DGX)
    found = Inventory({"FLYTENB_GPUS": "A100:1,T4:2"}).find()
    assert [(gpu.id, gpu.kind) for gpu in found.devices] == [("0", "A100"), ("1", "T4"), ("2", "T4")]
    assert found.words == "FLYTENB_GPUS='A100:1,T4:2'"
    assert not found.is_observable  # GPU 2 does not exist: nothing to look at
    assert Inventory({"FLYTENB_GPUS": "A100:2"}).find().is_observable
    assert Inventory({"FLYTENB_GPUS": "none"}).find().devices == ()


@pytest.mark.parametrize(
    ("text", "kinds"), [("4", [""] * 4), ("A100:2, L40S:1", ["A100", "A100", "L40s"]), ("none", [])]
)
def test_declarations(text: str, kinds: list[str]) -> None:
    assert [gpu.kind for gpu in declared(text)] == kinds
    assert [gpu.id for gpu in declared(text)] == [str(n) for n in range(len(kinds))]


def test_amd_is_declared_by_model() -> None:
    assert [(gpu.kind, gpu.vendor) for gpu in declared("MI300X:1")] == [("MI300X", "amd")]


@pytest.mark.parametrize("text", ["A100", "A100:x", "A100:-1", ":", "T4:1;L4:1"])
def test_a_wrong_declaration_says_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match=r'write "A100:4" or "A100:2,T4:1"'):
        declared(text)


def test_nvml_is_optional_and_tells_why_it_cannot() -> None:
    with pytest.raises(NvmlError, match=r"not installed|the NVIDIA driver says"):
        Nvml()


# ---- what a worker sees ---------------------------------------------------------------------------------------------


def test_variables_of_a_worker() -> None:
    declared_ = {"FLYTENB_GPUS": "A100:2"}
    seen = gpu_variables(Grant(gpus=("0", "2")), {"CUDA_VISIBLE_DEVICES": "7"}, declared_)
    assert seen == {
        "CUDA_VISIBLE_DEVICES": "0,2",
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "NVIDIA_VISIBLE_DEVICES": "0,2",
        "HIP_VISIBLE_DEVICES": "0,2",
    }
    assert "HIP_VISIBLE_DEVICES" not in gpu_variables(Grant(gpus=("MIG-a",)), {}, declared_)
    none = gpu_variables(Grant(), {}, declared_)
    assert none["CUDA_VISIBLE_DEVICES"] == ""
    assert "CUDA_VISIBLE_DEVICES" not in gpu_variables(Grant(), {"CUDA_VISIBLE_DEVICES": "1"}, declared_)
    assert gpu_variables(Grant(), {}, {**declared_, "FLYTENB_HIDE_GPUS": "0"}) == {}


@pytest.mark.skipif(os.path.exists("/dev/nvidiactl") or os.path.exists("/dev/kfd"), reason="this machine has GPUs")
def test_a_machine_without_gpus_changes_nothing() -> None:
    assert gpu_variables(Grant(), {}, {}) == {}


# ---- whose process --------------------------------------------------------------------------------------------------

IDLE = "import sys; print('up', flush=True); sys.stdin.read()"


def _started(*arguments: str, **variables: str) -> subprocess.Popen[str]:
    environment = {**os.environ, **variables}
    process = subprocess.Popen(
        [sys.executable, "-c", IDLE, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd="/",
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


def test_a_kernel_is_named_by_its_notebook_else_by_its_id_and_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("-m", "ipykernel_launcher", "-f", "/run/kernel-0a1b2c3d-4e5f.json")
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", "/nowhere")
    named, nameless = _started(*arguments, JPY_SESSION_NAME="/home/ada/train.ipynb"), _started(*arguments)
    try:
        assert owners.words(named.pid) == "kernel train.ipynb"
        assert owners.words(nameless.pid) == f"kernel 0a1b2c3d (process {nameless.pid}) in /"
    finally:
        named.communicate()
        nameless.communicate()


def test_a_kernels_notebook_is_asked_of_its_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import json
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    asked: list[str] = []

    class Sessions(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.path} {self.headers['Authorization']}")
            body = json.dumps([{"path": "work/deep.ipynb", "kernel": {"id": "0a1b2c3d-4e5f"}}]).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Sessions)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    facts = {"url": f"http://127.0.0.1:{server.server_port}/", "token": "secret"}
    (tmp_path / "jpserver-1.json").write_text(json.dumps(facts))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    kernel = _started("-m", "ipykernel_launcher", "-f", "/run/kernel-0a1b2c3d-4e5f.json")
    try:
        assert owners.words(kernel.pid) == "kernel deep.ipynb"
        assert asked == ["/api/sessions token secret"]
    finally:
        kernel.communicate()
        server.shutdown()
        server.server_close()


def test_other_processes_are_named_by_their_command() -> None:
    process = _started("train.py")
    try:
        program = os.path.basename(sys.executable)
        assert owners.words(process.pid).startswith(program)
        assert owners.words(process.pid).endswith(f"(process {process.pid})")
    finally:
        process.communicate()
    assert owners.words(process.pid) == f"process {process.pid}"


def test_what_a_worker_started_is_the_workers() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", f"import subprocess, sys; subprocess.run([sys.executable, '-c', {IDLE!r}])"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "up\n"
        children = Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
        assert owners.is_of(int(children[0]), {child.pid})
        assert owners.is_of(child.pid, {child.pid})
        assert not owners.is_of(os.getpid(), {child.pid})
    finally:
        child.communicate()
