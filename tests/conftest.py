"""No test meets the home, the engine or the IPython profile of the person who runs the suite."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Side by side go folders, whose tests share an engine, a Docker or a browser, and files of unit tests."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFolder(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            _, folder, *_ = file.split("/")
            return file if folder == "unit" else folder

    return ByFolder(config, log)


@pytest.fixture(scope="session", autouse=True)
def _default_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A test that needs a home takes one of its own; what forgets to must not reach a real one."""
    base = tmp_path_factory.mktemp("defaults")
    forgotten = base / "home-that-no-test-uses"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLYTENB_HOME", str(forgotten))
        patch.setenv("IPYTHONDIR", str(base / "ipython"))
        yield
    assert not forgotten.exists(), "a test used the default home: give it one of its own with FLYTENB_HOME"
