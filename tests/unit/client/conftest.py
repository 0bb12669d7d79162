from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from flytenb.client.session import Session


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state directory with a short path: sockets live in it."""
    with TemporaryDirectory(prefix="nb") as folder:
        monkeypatch.setenv("FLYTENB_HOME", folder)
        (Path(folder) / "token").write_text("secret")
        yield Path(folder)


@pytest.fixture
def link(state: Path) -> Iterator[Session]:
    made = Session(state)
    yield made
    made.close()
