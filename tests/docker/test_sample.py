"""The sample about images: the same results in containers and in virtual environments."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.docker.engine import DockerEngine
from tests.integration.conftest import Home, home  # noqa: F401  a fixture

pytestmark = pytest.mark.engine
SAMPLE = Path(__file__).resolve().parents[2] / "sample_notebooks" / "containers.py"


@pytest.mark.skipif(sys.version_info[:2] != (3, 11), reason="the base image of the tests has Python 3.11")
def test_the_sample_gives_the_same_in_containers_and_in_processes(docker_engine: DockerEngine, home: Home):  # noqa: F811
    home.env |= {**docker_engine.env, "FLYTENB_BASE_IMAGE": docker_engine.image}
    home.env.pop("FLYTENB_EXECUTOR", None)
    script = home.script("containers.py", "")
    shutil.copyfile(SAMPLE, script)
    boxed = home.python(str(script), timeout=300).stdout.splitlines()
    assert boxed[0] == "['1.10.0', '1.10.0']"
    assert [line.split()[1] for line in boxed[1:]] == ["process", "docker", "docker"]
    assert "'semver==2.13.0'" in boxed[2]
    assert "'semver==3.0.2'" in boxed[3]
    shown = home.cli("get", "run", "last").stdout
    assert "  env old      container of flytenb/" in shown
    home.env["FLYTENB_EXECUTOR"] = "process"
    plain = home.python(str(script), timeout=120).stdout.splitlines()
    assert plain[0] == boxed[0]
    assert [line.split()[1] for line in plain[1:]] == ["process", "process", "process"]
    assert plain[2].endswith("('semver==2.13.0',)")
    home.cli("engine", "stop")
    assert docker_engine.containers(flytenb="1") == []
