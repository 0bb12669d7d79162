"""A machine in trouble: a disk of a few megabytes, a clock that jumps, syncs that take seconds."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import Home, _is_alive, home, until  # noqa: F401


class Faults:
    """What is wrong now: files that the shim reads."""

    def __init__(self, folder: Path, library: Path) -> None:
        self.folder, self.library = folder, library

    def set(self, name: str, value: int) -> None:
        """From now on."""
        part = self.folder / f".{name}"
        part.write_text(str(value))
        part.replace(self.folder / name)

    def into(self, place: Home) -> None:
        """All that this home starts from now on meets the faults."""
        place.env |= {
            "LD_PRELOAD": str(self.library),
            "FAULTS": str(self.folder),
            "FAULTS_BELOW": str(place.path / "store"),
        }


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or os.uname().sysname != "Linux":
        pytest.skip("needs a C compiler and Linux")
    made = tmp_path_factory.mktemp("shim") / "shim.so"
    source = Path(__file__).with_name("shim.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(made), str(source), "-ldl"], check=True)
    return made


@pytest.fixture
def faults(tmp_path: Path, library: Path) -> Faults:
    folder = tmp_path / "faults"
    folder.mkdir()
    return Faults(folder, library)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Home]:
    """A home on a disk of 24 MiB of its own."""
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)], capture_output=True)
    if done.returncode:
        pytest.skip("needs the right to mount a small disk")
    made = Home(place / "home")
    try:
        yield made
    finally:
        pid = made.engine_pid()
        if pid is not None and _is_alive(pid):
            os.kill(pid, 9)
            until(lambda: not _is_alive(pid), "the engine to stop")
        subprocess.run(["umount", "-l", str(place)], check=True)
