"""No test meets the home, the engine or the IPython profile of the person who runs the suite."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

_HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Side by side go folders, whose tests share an engine, a Docker or a browser, and files of unit tests."""
    for item in items:
        parts = item.path.relative_to(_HERE).parts
        item.add_marker(pytest.mark.xdist_group("/".join(parts) if parts[0] == "unit" else parts[0]))


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
