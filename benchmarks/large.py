"""Large values from one child to another: what both sides of the measure share.

The time is from the end of the child that makes a value to the end
of the child that reads all of it; both clocks are the machine's.
"""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

import numpy as np
import pandas as pd

ROWS = 12_500_000
FILE_BYTES = 1 << 30


def array(seed: int, rows: int) -> np.ndarray:
    """8 bytes a row of random numbers, which nothing can compress."""
    return np.random.default_rng(seed).random(rows)


def frame(seed: int, rows: int) -> pd.DataFrame:
    """Ten columns of numbers, as many bytes."""
    generator = np.random.default_rng(seed)
    return pd.DataFrame({f"c{i}": generator.random(rows // 10) for i in range(10)})


def spread(took: list[float]) -> dict[str, float]:
    """The median of a few, in seconds."""
    return {"value": statistics.median(took), "best": min(took), "n": len(took)}


def make_file(path: Path, size: int) -> None:
    """A file of random bytes."""
    block = os.urandom(16 << 20)
    with open(path, "wb") as file:
        for start in range(0, size, len(block)):
            file.write(block[: size - start])


def clock() -> float:
    """The same in every process."""
    return time.monotonic()
