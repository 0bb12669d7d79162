"""A view that is redrawn in a terminal while other threads print leaves nothing of it behind, and loses no line."""

from __future__ import annotations

import io
import sys
import threading
from collections.abc import Iterator

import pytest
from rich.console import Group
from rich.text import Text

from flytenb.client.redrawn import Redrawn, console_of
from tests.screen import Screen

COLUMNS, COUNT = 60, 300


@pytest.fixture
def hasty() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def view(height: int) -> Group:
    return Group(*(Text(f"▶ line {n}") for n in range(height)))


def test_prints_beside_drawings_of_any_height(hasty: None) -> None:
    file = io.StringIO()
    console = console_of(file, force_terminal=True, width=COLUMNS, height=40)
    begun, over = threading.Event(), threading.Event()

    def talk() -> None:
        begun.wait()
        for n in range(COUNT):
            console.print(f"said {n}")
        over.set()

    thread = threading.Thread(target=talk)
    thread.start()
    begun.set()
    turn = 0
    while not over.is_set():
        with Redrawn(console, view(3), redirects_stdout=False) as drawing:
            for _ in range(5):
                turn += 1
                drawing.update(view(1 + turn % 7))
    thread.join()
    shown = [line.rstrip() for line in Screen(file.getvalue().replace("\n", "\r\n"), COLUMNS).lines]
    assert [line for line in shown if line.startswith("said")] == [f"said {n}" for n in range(COUNT)]
    assert not any("▶" in line for line in shown)
