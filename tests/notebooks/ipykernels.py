"""The two ipykernels that people have: the one of this environment (7) and 6.31, whose loop and output differ.

The older one is installed alone into an environment of its own, kept between runs of the tests; all the rest comes from
the environment of the tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.installing import make_venv

OLD = "6.31.0"
_PACKAGES = (f"ipykernel=={OLD}", "nest-asyncio==1.6.0")


def old_python() -> Path:
    """An interpreter that imports the older ipykernel."""
    cache = Path(os.environ.get("FLYTENB_TEST_CACHE") or Path.home() / ".cache" / "flytenb-tests")
    folder = cache / f"ipykernel-{OLD}-py{sys.version_info.major}.{sys.version_info.minor}"
    python = make_venv(folder, *_PACKAGES, options=("--no-deps",))
    # Not within the kept part: the environment of the tests may be another one next time.
    asked = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = Path(subprocess.run([python, "-c", asked], check=True, capture_output=True, text=True).stdout.strip())
    (site / "tests.pth").write_text(f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n")
    return python


@pytest.fixture(scope="session")
def old_kernels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for JUPYTER_PATH in which `python3` is the older ipykernel."""
    folder = tmp_path_factory.mktemp("ipykernel-6")
    spec = folder / "kernels" / "python3"
    spec.mkdir(parents=True)
    words = [str(old_python()), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(
        json.dumps({"argv": words, "display_name": f"ipykernel {OLD}", "language": "python"})
    )
    return folder


@pytest.fixture(params=["", OLD], ids=["ipykernel 7", "ipykernel 6.31"])
def ipykernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The version of the kernels that the test starts; "" is that of this environment."""
    if request.param:
        monkeypatch.setenv("JUPYTER_PATH", str(request.getfixturevalue("old_kernels")))
    return str(request.param)
