"""The short version of `make soak` with containers among the work and among those that are killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docker.engine import IMAGE, DockerEngine

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.engine
def test_killed_containers_lose_nothing(docker_engine: DockerEngine, tmp_path: Path) -> None:
    words = ["--kills", os.environ.get("FLYTENB_SOAK_KILLS", "25"), "--between", "1.5", "--seed", "3", "--image", IMAGE]
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "soak.py"), *words],
        capture_output=True,
        text=True,
        timeout=880,
        env={**os.environ, **docker_engine.env, "TMPDIR": str(tmp_path)},
    )
    assert "{" in done.stdout, done.stdout + done.stderr
    print(done.stdout)
    said = json.loads(done.stdout[done.stdout.index("{") :])
    assert said["broken"] == []
    assert (said["lost"], said["finished twice"], said["hangs"]) == (0, 0, 0)
    assert said["kills"].get("container", 0) > 2
