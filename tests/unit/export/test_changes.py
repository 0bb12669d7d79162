"""What cells change in place: where tasks read it, the script's workers must have it too, or the export says so."""

from __future__ import annotations

import subprocess
import sys

import pytest

from flytenb.export import export_notebook
from tests.unit.export.shapes import TASK, cells

READS = TASK.replace("return x", "return len(values) + sum(f(x) for f in F)")


def script(*shape):
    return export_notebook(cells(list(shape)), name="n.ipynb")


def above(text: str) -> str:
    return text.partition("def main(")[0]


@pytest.mark.parametrize("change", [
    "values.append(3)",
    "for i in range(3):\n    def f(x, i=i):\n        return x * i\n    F.append(f)",
    "if not values:\n    values.extend([1])",
    "with lock:\n    values.insert(0, 1)",
])  # fmt: skip
def test_a_change_before_anything_is_driven_stands_at_module_level(change):
    made = script("import threading\nlock = threading.Lock()\nvalues, F = [], []", "x = 1\nprint(x)", change, READS,
                  "flyte.run(f, x=1)")  # fmt: skip
    assert change in above(made.text)
    assert "print(x)" not in above(made.text)
    assert made.notes == ()


@pytest.mark.parametrize("change", ["values.append(3)", "values[0] = 1", "values = [3]"])
def test_a_change_after_a_run_is_said(change):
    made = script("values, F = [1], []", READS, "flyte.run(f, x=1)", change, "flyte.run(f, x=1)")
    assert change not in above(made.text)
    assert made.notes == (
        "cell 4: values is changed by a driver, and task f reads it: a worker of the script has it as it was; "
        "make it an input of the task",
    )


def test_what_was_seen_before_it_changed_changes_there():
    made = script("values, F = [], []", "print(values)", "values.append(3)", READS, "flyte.run(f, x=1)")
    assert "values.append(3)" not in above(made.text)
    assert "cell 3: values is changed by a driver, and task f reads it" in made.notes[0]


def test_plots_and_prints_stay_in_main():
    made = script("values, F = [], []", "for i in range(2):\n    print(i)\n    values.append(i)", READS)
    assert "print(i)" not in above(made.text)


def test_a_parameter_that_a_task_reads_is_no_silent_option(tmp_path):
    made = script(
        ("code", "lr: float = 0.1", "parameters"), TASK.replace("return x", "return int(x * lr)"), "print(lr)"
    )
    assert made.notes == (
        "cell 2: task f reads parameter lr from the file, so that its option cannot change it; make it an input of the "
        "task",
    )
    file = tmp_path / "s.py"
    file.write_text(made.text)

    def told(*words):
        return subprocess.run([sys.executable, file, *words], capture_output=True, text=True, timeout=60)

    assert told("--lr", "0.1").stdout == "0.1\n"
    assert told("--lr", "2").returncode == 2
    assert (
        "--lr: task f reads it from this file; change it here, or make it an input of the task"
        in told("--lr", "2").stderr
    )
