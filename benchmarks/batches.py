"""What a batch costs over papermill, and what an export takes, as JSON.

    batches.py [--quick] [--rounds 3] [--cells 50]

Both engines execute the same notebook of cheap cells in alternating rounds, the engine of this home running already; an
export is of a notebook of 200 cells, 100 of which define functions. `compare.py` has both in its table.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hello
import nbformat
from timing import clock

#: What a batch is compared with.
PAPERMILL = "papermill"
#: Measures of the table.
MEASURES = ("batch", "export")
_ENGINES = {PAPERMILL: "nbclient", "flytenb": "flytenb"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20 cells and one round, for seconds instead of minutes")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--cells", type=int)
    options = parser.parse_args()
    out = Path(__file__).resolve().parent / "out"
    out.mkdir(exist_ok=True)
    taken: dict[tuple[str, str], list[float]] = {}
    for measure, side, result in measured(out, set(MEASURES), options.rounds, options.cells, is_quick=options.quick):
        taken.setdefault((measure, side), []).append(result["value"])
    found = {f"{measure}, {side}, s": round(statistics.median(values), 3) for (measure, side), values in taken.items()}
    ours, theirs = found["batch, flytenb, s"], found[f"batch, {PAPERMILL}, s"]
    print(json.dumps(found | {"ratio": round(ours / theirs, 3)}, indent=1))


def measured(
    out: Path, wanted: set[str], rounds: int | None = None, cells: int | None = None, *, is_quick: bool = False
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Measure, side and result of every round; seconds."""
    rounds, cells = rounds or (1 if is_quick else 3), cells or (20 if is_quick else 50)
    with hello.own_home(out) as home:
        try:
            if "batch" in wanted:
                yield from executed(home, cells, rounds)
            if "export" in wanted:
                yield "export", "flytenb", exported(home)
        finally:
            hello.stop_engine(home)


def executed(home: Path, cells: int, rounds: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """A whole notebook with both engines, kernel and interpreter included, the first round uncounted."""
    source, env = home / "in.ipynb", hello.environment(home)
    made = [nbformat.v4.new_code_cell(f"value_{n} = sum(range({n} * 1000))\nprint(value_{n})") for n in range(cells)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=made, metadata=kernel), source)
    subprocess.run([sys.executable, "-m", "flytenb", "engine", "start"], env=env, capture_output=True, check=True)
    for number in range(rounds + 1):
        for side in (list(_ENGINES), list(_ENGINES)[::-1])[number % 2]:
            out = home / f"{side}.ipynb"
            words = ["papermill", str(source), str(out), "--engine", _ENGINES[side], "--no-progress-bar"]
            start = clock()
            subprocess.run([sys.executable, "-m", *words], env=env, capture_output=True, check=True)
            seconds = clock() - start
            if number:
                yield "batch", side, {"value": seconds, "n": cells, "checked": f"{counted(out)} cells with outputs"}


def counted(notebook: Path) -> int:
    """Code cells of a saved notebook that printed something."""
    return sum(bool(cell.get("outputs")) for cell in nbformat.read(notebook, 4).cells)


def exported(home: Path) -> dict[str, Any]:
    """An export, in a process that has imported it."""
    from flytenb.export import export_file

    source = home / "large.ipynb"
    cells = [nbformat.v4.new_code_cell('import flytenb as flyte\nenv = flyte.TaskEnvironment(name="large")')]
    for n in range(100):
        below = f"step_{n - 1}(x)" if n else "x"
        cells.append(nbformat.v4.new_code_cell(f"@env.task\ndef step_{n}(x: int) -> int:\n    return {below} + {n}"))
        cells.append(nbformat.v4.new_code_cell(f"run_{n} = flyte.run(step_{n}, x={n})\nprint(run_{n}.value())"))
    nbformat.write(nbformat.v4.new_notebook(cells=cells), source)
    taken = []
    for _ in range(5):
        start = clock()
        made = export_file(source, home / "large.py")
        taken.append(clock() - start)
    return {"value": statistics.median(taken), "n": 5, "checked": f"{made.text.count('def step_')} functions"}


if __name__ == "__main__":
    main()
