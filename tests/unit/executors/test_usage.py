"""What is read of processes and containers, and of the whole machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from flytenb.executors import machine, usage
from flytenb.executors.gpus.inventory import Inventory
from flytenb.executors.gpus.nvml import Nvml
from flytenb.executors.gpus.owners import is_kernel
from flytenb.model.devices import Gpu

_CHILD = """
import subprocess, sys, time
held = b"x" * (64 << 20)
end = time.process_time() + 0.3
while time.process_time() < end: pass
subprocess.run([sys.executable, "-c", "import time\\nwhile time.process_time() < 0.3: pass"])
inner = subprocess.Popen([sys.executable, "-c", "held = b'x' * (32 << 20); print('there', flush=True); input()"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
inner.stdout.readline()
print("ready", flush=True)
input()
inner.communicate(b"\\n")
"""


@pytest.mark.parametrize("way", ["files", "psutil"])
def test_a_process_counts_with_what_it_started(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == "psutil":
        monkeypatch.setattr(usage, "_has_children_file", lambda: False)
    with subprocess.Popen(
        [sys.executable, "-c", _CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        look = usage.of_process(process.pid)
        assert look is not None
        assert look.memory_bytes > 96 << 20
        assert look.cpu_s >= 0.55  # of the one that has ended, too
        assert look.at <= time.monotonic()
        if way == "files" and sys.platform == "linux":
            assert look.most_bytes >= look.memory_bytes - (1 << 20)
        process.stdin.write("\n")
        process.stdin.flush()
    assert usage.of_process(process.pid) is None
    assert usage.of_processes({"gone": process.pid, "here": os.getpid()}).keys() == {"here"}


def _write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_groups_of_both_hierarchies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "_NEW", (f"{tmp_path}/new/{{}}",))
    monkeypatch.setattr(usage, "_OLD", ((f"{tmp_path}/cpu/{{}}", f"{tmp_path}/memory/{{}}"),))
    _write(
        tmp_path / "new" / "one",
        cpu__stat="usage_usec 1500000\nuser_usec 1\n",
        memory__current="3000000\n",
        memory__stat="anon 1\ninactive_file 1000000\n",
    )
    _write(tmp_path / "cpu" / "two", cpuacct__usage="2500000000\n")
    _write(tmp_path / "memory" / "two", memory__usage_in_bytes="500\n", memory__stat="total_inactive_file 900\n")
    new, old = usage.of_group("one"), usage.of_group("two")
    assert new is not None
    assert old is not None
    assert (new.cpu_s, new.memory_bytes, new.source) == (1.5, 2_000_000, "container")
    assert (old.cpu_s, old.memory_bytes) == (2.5, 0)
    assert usage.of_group("three") is None


def test_what_a_container_engine_tells() -> None:
    told = {
        "cpu_stats": {"cpu_usage": {"total_usage": 3_000_000_000}},
        "memory_stats": {"usage": 700, "stats": {"inactive_file": 200}},
    }
    look = usage.of_container("elsewhere", lambda ident: told)
    assert look is not None
    assert (look.cpu_s, look.memory_bytes) == (3.0, 500)
    # A container that has ended has no memory.
    assert usage.of_container("elsewhere", lambda ident: {"cpu_stats": {}, "memory_stats": {}}) is None


class _Driver:
    """As much of the driver's library as is asked."""

    NVMLError = type("NVMLError", (Exception,), {})

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        return uuid

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        return str(index)

    def nvmlDeviceGetMemoryInfo(self, handle: str) -> SimpleNamespace:
        if handle == "lost":
            raise self.NVMLError("GPU is lost")
        return SimpleNamespace(free=30 << 30, total=80 << 30)

    def nvmlDeviceGetUtilizationRates(self, handle: str) -> SimpleNamespace:
        if handle == "lost" or handle.startswith("MIG"):
            raise self.NVMLError("Not Supported")
        return SimpleNamespace(gpu=91, memory=40)


def test_gpus_are_measured_at_once_or_not_at_all() -> None:
    nvml = Nvml.__new__(Nvml)
    nvml._nvml = _Driver()
    found = Inventory({})
    gpus = (Gpu(id="0"), Gpu(id="MIG-1", uuid="MIG-1"), Gpu(id="2", uuid="lost"), Gpu(id="3"))
    found._nvml, found._source, found._devices = nvml, "nvml", gpus
    used = 50 << 30
    assert found.measure({"0", "MIG-1", "2"}) == {"0": (0.91, used, 80 << 30), "MIG-1": (None, used, 80 << 30)}
    found._source = "smi"  # a process for every look
    assert found.measure({"0"}) == {}


def test_what_a_home_takes(tmp_path: Path) -> None:
    (tmp_path / "objects" / "ab").mkdir(parents=True)
    (tmp_path / "objects" / "ab" / "cd").write_bytes(b"x" * 100_000)
    (tmp_path / "store.db").write_bytes(b"x" * 50_000)
    (tmp_path / "store.db-wal").write_bytes(b"x" * 10_000)
    (tmp_path / "engine.log").write_bytes(b"x" * 5_000)
    (tmp_path / "objects" / "all").symlink_to("/")
    parts, is_whole = machine.sizes(tmp_path)
    assert is_whole
    assert [part.name for part in parts] == ["values and reports", "runs and cache", "other"]
    assert 100_000 <= parts[0].bytes <= 140_000
    assert machine.sizes(tmp_path / "nothing") == ((), True)


def test_a_large_home_is_not_looked_at_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "objects" / "ab").mkdir(parents=True)
    monkeypatch.setattr(machine, "MOST_S", -1.0)
    assert machine.sizes(tmp_path) == ((), False)


def test_the_machine_and_its_kernels(tmp_path: Path) -> None:
    words = [sys.executable, "-c", "print('ready', flush=True); input()", "-f", "/run/kernel-12ab.json"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as kernel:
        assert kernel.stdout is not None
        assert kernel.stdout.readline() == b"ready\n"
        assert is_kernel(kernel.pid)
        assert not is_kernel(os.getpid())
        looking = machine.Machine(tmp_path)
        now = looking.use({os.getpid()})
        assert now.kernels_bytes > 1 << 20
        assert now.workers_bytes > 1 << 20
        assert 0 < now.memory_bytes <= now.memory_total_bytes
        assert now.disk_total_bytes >= now.disk_bytes > 0
        assert now.cpu >= 0
        assert looking.use(set()) is now  # of a moment ago
        kernel.communicate(b"\n")
