"""A size in words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flytenb.model.sizes import size_words


@pytest.mark.parametrize(
    ("size_bytes", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 KiB"),
        (9_600, "9.4 KiB"),
        (96 << 20, "96 MiB"),
        (1 << 20, "1 MiB"),
        (999 << 20, "999 MiB"),
        (1000 << 20, "1 GiB"),
        (1 << 30, "1 GiB"),
        (int(1.94 * (1 << 30)), "1.9 GiB"),
        (900 << 30, "900 GiB"),
        (3 << 39, "1.5 TiB"),
    ],
)
def test_words(size_bytes: int, words: str) -> None:
    assert size_words(size_bytes) == words


@given(st.integers(min_value=0, max_value=1 << 50))
def test_they_are_short_and_near(size_bytes: int) -> None:
    number, unit = size_words(size_bytes).split()
    told = float(number) * {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}[unit]
    assert abs(told - size_bytes) <= 0.06 * size_bytes
