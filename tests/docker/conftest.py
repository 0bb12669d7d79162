"""A real Docker engine for the session."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docker.engine import DockerEngine, NoEngine, running_engine

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs the engine, and the first test waits for its image to be made."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.docker)
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[DockerEngine]:
    """A running Docker engine with a Python image; skips where none can run, fails in CI."""
    try:
        with running_engine() as engine:
            yield engine
    except NoEngine as error:
        if os.environ.get("CI") or os.environ.get("FLYTENB_REQUIRE_DOCKER"):
            pytest.fail(f"the tests of containers must run here: {error}", pytrace=False)
        pytest.skip(str(error))
