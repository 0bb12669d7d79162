"""The short version of `make soak`: thirty kills."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.engine
@pytest.mark.timeout(300)
def test_thirty_kills_lose_nothing(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "tools" / "soak.py"), "--kills", "30", "--between", "0.7", "--seed", "7"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, env=_environment(tmp_path))
    assert "{" in done.stdout, done.stdout + done.stderr
    said = json.loads(done.stdout[done.stdout.index("{") :])
    assert said["broken"] == []
    assert (said["lost"], said["finished twice"], said["hangs"]) == (0, 0, 0)
    assert said["observations"] > 20
    assert done.returncode == 0


def _environment(folder: Path) -> dict[str, str]:
    import os

    return {**os.environ, "TMPDIR": str(folder)}
