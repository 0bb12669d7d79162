"""What a batch costs over papermill, and what an export takes: `batches.py [--rounds 3] [--cells 50]` prints JSON.

Both engines execute the same notebook of cheap cells in alternating rounds, the engine of this home running already; an
export is of a notebook of 200 cells, 100 of which define functions.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat

CLOCK = time.perf_counter


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cells", type=int, default=50)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["FLYTENB_HOME"] = str(Path(folder) / "home")
        found = executed(Path(folder), options.cells, options.rounds) | exported(Path(folder))
        subprocess.run([sys.executable, "-m", "flytenb", "engine", "stop"], capture_output=True, check=False)
    print(json.dumps(found, indent=1))


def executed(folder: Path, cells: int, rounds: int) -> dict[str, float]:
    """Seconds of a whole notebook with both engines, kernel and interpreter included."""
    source = folder / "in.ipynb"
    made = [nbformat.v4.new_code_cell(f"value_{n} = sum(range({n} * 1000))\nprint(value_{n})") for n in range(cells)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=made, metadata=kernel), source)
    subprocess.run([sys.executable, "-m", "flytenb", "engine", "start"], capture_output=True, check=True)
    taken: dict[str, list[float]] = {"nbclient": [], "flytenb": []}
    for number in range(rounds + 1):
        for engine in (list(taken), list(taken)[::-1])[number % 2]:
            words = ["papermill", str(source), str(folder / "out.ipynb"), "--engine", engine, "--no-progress-bar"]
            start = CLOCK()
            subprocess.run([sys.executable, "-m", *words], capture_output=True, check=True)
            if number:  # the first round only warms caches
                taken[engine].append(CLOCK() - start)
    plain, ours = statistics.median(taken["nbclient"]), statistics.median(taken["flytenb"])
    return {"papermill_s": round(plain, 3), "batch_s": round(ours, 3), "ratio": round(ours / plain, 3)}


def exported(folder: Path) -> dict[str, float]:
    """Seconds of an export, in a process that has imported it."""
    from flytenb.export import export_file

    source = folder / "large.ipynb"
    cells = [nbformat.v4.new_code_cell('import flytenb as flyte\nenv = flyte.TaskEnvironment(name="large")')]
    for n in range(100):
        below = f"step_{n - 1}(x)" if n else "x"
        cells.append(nbformat.v4.new_code_cell(f"@env.task\ndef step_{n}(x: int) -> int:\n    return {below} + {n}"))
        cells.append(nbformat.v4.new_code_cell(f"run_{n} = flyte.run(step_{n}, x={n})\nprint(run_{n}.value())"))
    nbformat.write(nbformat.v4.new_notebook(cells=cells), source)
    taken = []
    for _ in range(5):
        start = CLOCK()
        export_file(source, folder / "large.py")
        taken.append(CLOCK() - start)
    return {"export_200_cells_s": round(statistics.median(taken), 3)}


if __name__ == "__main__":
    main()
