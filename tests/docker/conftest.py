"""A real Docker engine for the session."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from flytenb.containers.labels import home_id
from flytenb.executors.docker.runtime import make_runtime
from tests.docker.engine import OTHER_IMAGE, DockerEngine, NoEngine, far_engine, running_engine
from tests.integration.conftest import Home, _is_alive, home, until

__all__ = ["home"]

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the engine, and the first test waits for its image to be made."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.docker)
            item.add_marker(pytest.mark.timeout(900))


def _started(start: Callable[[], AbstractContextManager[DockerEngine]], what: str) -> Iterator[DockerEngine]:
    """An engine while the session lasts; skips where none can run, fails in CI."""
    try:
        with start() as engine:
            yield engine
    except NoEngine as error:
        if os.environ.get("CI") or os.environ.get("FLYTENB_REQUIRE_DOCKER"):
            pytest.fail(f"the tests of {what} must run here: {error}", pytrace=False)
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[DockerEngine]:
    """A running Docker engine with a Python image."""
    yield from _started(running_engine, "containers")


@pytest.fixture(scope="session")
def other_python(docker_engine: DockerEngine) -> str:
    """An image with another Python minor than the first one's."""
    return docker_engine.need(OTHER_IMAGE)


class DockerHome(Home):
    """A home whose engine uses the tests' Docker."""

    def __init__(self, path: Path, docker: DockerEngine) -> None:
        super().__init__(path)
        self.docker = docker
        self.env |= docker.env

    def containers(self) -> list[dict]:
        """Of this home, running or not."""
        return self.docker.containers(flytenb_home=home_id(self.path))

    def run(self, text: str, *arguments: str, **options: object) -> str:
        """Run a script of tasks to its end; what it printed."""
        return self.python(str(self.script("tasks.py", text)), *arguments, **options).stdout


@pytest.fixture
def docker_home(tmp_path: Path, docker_engine: DockerEngine) -> Iterator[DockerHome]:
    """A home of its own; after the test its engine is stopped, and no container of it may be left."""
    home = DockerHome(tmp_path / "home", docker_engine)
    yield home
    try:
        pid = home.engine_pid()
        if pid is not None and _is_alive(pid):
            home.cli("engine", "stop", "--force")
            until(lambda: not _is_alive(pid), "the engine to stop")
    finally:  # no other test finds them
        left = [one for one in home.containers() if not one["Names"][0].startswith("/flytenb-kept-")]
        for one in home.containers():
            docker_engine.api.remove_container(one["Id"], force=True, v=True)
    assert not left, f"containers are left: {left}\n{home.engine_log()}"


@pytest.fixture(scope="session")
def far() -> Iterator[DockerEngine]:
    """An engine with a file system of its own."""
    yield from _started(far_engine, "distant engines")


@pytest.fixture(scope="session")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The worker's code, made once for all homes."""
    return make_runtime(tmp_path_factory.mktemp("runtime"))


@pytest.fixture
def far_home(tmp_path: Path, far: DockerEngine, runtime: Path) -> Iterator[DockerHome]:
    """A home whose engine uses it; after the test nothing of the home is left there."""
    home = DockerHome(tmp_path / "home", far)
    shutil.copytree(runtime, home.path / "runtime" / runtime.name, copy_function=os.link)
    home.path.chmod(0o700)
    home.env["FLYTENB_DOCKER_NETWORK"] = "none"
    yield home
    pid = home.engine_pid()
    if pid is not None and _is_alive(pid):
        home.cli("engine", "stop", "--force")
        until(lambda: not _is_alive(pid), "the engine to stop")
    left, volumes = home.containers(), own_volumes(home)
    for one in far.containers():
        far.api.remove_container(one["Id"], force=True, v=True)
    assert (left, volumes) == ([], []), home.engine_log()
    assert list((home.path / "containers").glob("*")) == []


def own_volumes(home: DockerHome) -> list[str]:
    """Those of the home: the code of workers is for all."""
    found = home.docker.api.volumes(filters={"label": "flytenb.home"})["Volumes"] or []
    return [one["Name"] for one in found]
