"""Sizes in memory and on disk as a person reads them, in the units in which resources are asked for."""

from __future__ import annotations

#: Of a unit: its bytes, its name, below which number a decimal is told.
_UNITS = ((1 << 40, "TiB", 100), (1 << 30, "GiB", 100), (1 << 20, "MiB", 10), (1 << 10, "KiB", 10))


def size_words(size_bytes: float) -> str:
    """`512 B`, `9.4 KiB`, `96 MiB`, `1.2 GiB`, `2 GiB`: a decimal only where it tells something."""
    for unit_bytes, unit, decimals_below in _UNITS:
        # From 1,000 of the smaller unit on: `1 GiB` reads better than `1012 MiB`.
        if size_bytes >= unit_bytes * 1000 / 1024:
            number = size_bytes / unit_bytes
            digits = f"{number:.1f}".removesuffix(".0") if number < decimals_below else f"{number:.0f}"
            return f"{digits} {unit}"
    return f"{size_bytes:.0f} B"
