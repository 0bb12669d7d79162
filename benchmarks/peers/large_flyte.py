"""flyte 2's local mode passing large values on: `large_flyte.py [MEASURE …] [--quick]`."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from timing import Report

HOME = tempfile.mkdtemp(prefix="bench-flyte-", dir=os.getcwd())
os.environ.update(HOME=HOME, TMPDIR=HOME, FLYTE_INTERNAL_LOG_LEVEL="40")
os.chdir(HOME)

import flyte  # noqa: E402  reads HOME on import
import large  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from flyte.io import File  # noqa: E402

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


def value_of(task: Any, *args: Any) -> Any:
    return flyte.with_runcontext(mode="local").run(task, *args).outputs()[0]


def passing(task: Any, make: Any, report: Report) -> dict[str, float]:
    rows, took = report.size(large.ROWS, large.ROWS // 10), []
    for seed in range(report.size(4, 2)):
        total, seconds = value_of(task, seed, rows)
        assert abs(total - float(np.asarray(make(seed, rows)).sum())) < 1e-3 * rows
        took.append(seconds)
    return large.spread(took)


def passing_file(report: Report) -> dict[str, float]:
    path = Path(HOME, "large.bin")
    large.make_file(path, report.size(large.FILE_BYTES, large.FILE_BYTES // 16))
    return large.spread([value_of(pass_file, str(path)) for _ in range(3)])


def main() -> None:
    flyte.init()
    report = Report("flyte", version("flyte"))
    report.measure("array", lambda: passing(pass_array, large.array, report))
    report.measure("frame", lambda: passing(pass_frame, large.frame, report))
    report.measure("file", lambda: passing_file(report))
    report.end()
    shutil.rmtree(HOME, ignore_errors=True)


if __name__ == "__main__":
    main()
