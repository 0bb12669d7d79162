"""joblib.Memory: `peer_joblib.py [MEASURE …] [--quick]`. A hit hashes arguments, reads a file, records nothing."""

from __future__ import annotations

import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import joblib
from timing import Report, clock, latencies

FOLDER = tempfile.mkdtemp(prefix="bench-joblib-")
memory = joblib.Memory(FOLDER, verbose=0)
DISTINCT = 20


@memory.cache
def child(x: int) -> int:
    return x


def hits(n: int) -> dict[str, float]:
    for i in range(DISTINCT):
        child(i)
    took = []
    for i in range(n):
        start = clock()
        value = child(i % DISTINCT)
        took.append(clock() - start)
        assert value == i % DISTINCT
    return latencies(took)


def main() -> None:
    report = Report("joblib", version("joblib"))
    report.measure("hit", lambda: hits(report.size(1_000, 100)))
    report.end()
    shutil.rmtree(FOLDER, ignore_errors=True)


if __name__ == "__main__":
    main()
