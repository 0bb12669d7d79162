"""This project's side of the measures of large values: `large_ours.py [MEASURE …] [--quick]`.

A script of its own, so that the workers of the other measures have not loaded numpy and pandas.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import large
import numpy as np
import pandas as pd
from checks import expect
from timing import Report

import flytenb as flyte
from flytenb.io import File

env = flyte.TaskEnvironment(name="large")


@env.task
async def make_array(seed: int, rows: int) -> tuple[np.ndarray, float]:
    return large.array(seed, rows), large.clock()


@env.task
async def take_array(value: np.ndarray) -> tuple[float, float]:
    return float(value.sum()), large.clock()


@env.task
async def pass_array(seed: int, rows: int) -> list[float]:
    value, start = await make_array(seed, rows)
    total, end = await take_array(value)
    return [total, end - start]


@env.task
async def make_frame(seed: int, rows: int) -> tuple[pd.DataFrame, float]:
    return large.frame(seed, rows), large.clock()


@env.task
async def take_frame(value: pd.DataFrame) -> tuple[float, float]:
    return float(value.sum().sum()), large.clock()


@env.task
async def pass_frame(seed: int, rows: int) -> list[float]:
    value, start = await make_frame(seed, rows)
    total, end = await take_frame(value)
    return [total, end - start]


@env.task
async def take_file(file: File) -> int:
    with file.open_sync("rb") as handle:
        return len(handle.read(1 << 20))


@env.task
async def pass_file(path: str) -> float:
    start = large.clock()
    size = await take_file(await File.from_local(path))
    assert size == 1 << 20
    return large.clock() - start


def call(task: Any, **inputs: Any) -> Any:
    """The output of a run."""
    return flyte.run(task, **inputs).outputs()[0]


def passing(task: Any, make: Any, report: Report) -> dict[str, Any]:
    """Pass a few values on and check what their reader has seen."""
    rows, took = report.size(large.ROWS, large.ROWS // 10), []
    for seed in range(report.size(4, 2)):
        total, seconds = call(task, seed=seed, rows=rows)
        expected = float(np.asarray(make(seed, rows)).sum())
        expect(abs(total - expected) < 1e-3 * rows, f"the sum is {total} instead of {expected}")
        took.append(seconds)
    return {**large.spread(took), "checked": f"{rows * 8 / 1e6:g} MB summed"}


def passing_file(home: Path, report: Report) -> dict[str, Any]:
    """Pass a large file on, and look whether the disk holds it twice."""
    size, took = report.size(large.FILE_BYTES, large.FILE_BYTES // 4), []
    for number in range(3):
        path = home / f"large-{number}.bin"
        large.make_file(path, size)
        before = shutil.disk_usage(home).used
        took.append(call(pass_file, path=str(path)))
        grown = shutil.disk_usage(home).used - before
        expect(grown < size // 2, f"{grown / 1e6:.0f} MB more on disk: the file was copied")
        path.unlink()
    return {**large.spread(took), "checked": f"{size / 1e9:.2g} GB, not copied"}


def main() -> None:
    """Run the measures asked for; FLYTENB_HOME must name a home of the benchmark's own."""
    import importlib.metadata

    report = Report("flytenb", importlib.metadata.version("flytenb"))
    report.measure("array", lambda: passing(pass_array, large.array, report))
    report.measure("frame", lambda: passing(pass_frame, large.frame, report))
    report.measure("file", lambda: passing_file(Path(os.environ["FLYTENB_HOME"]), report))
    report.end()


if __name__ == "__main__":
    main()
