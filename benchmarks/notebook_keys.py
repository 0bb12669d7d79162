"""Keys in a notebook of 300 functions, one a cell: `notebook_keys.py N` prints seconds as JSON.

`cells` are what the extension adds to each cell, `cold` the first key of a task that reaches all functions, `same` the
next ones, when nothing has changed.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import time

from IPython.core.interactiveshell import InteractiveShell

from flytenb.capture import key as keys
from flytenb.capture.key import code_key
from flytenb.capture.registry import registry

clock = time.perf_counter


def main() -> None:
    count = int(sys.argv[1])
    shell = InteractiveShell.instance()
    spent = [0.0]

    def timed(name: str) -> None:
        work = getattr(registry, name)

        def measured(*args: object, **kwargs: object) -> object:
            start = clock()
            try:
                return work(*args, **kwargs)
            finally:
                spent[0] += clock() - start

        setattr(registry, name, measured)

    cells = []
    with contextlib.redirect_stdout(io.StringIO()):
        shell.run_cell('%load_ext flytenb\nimport flytenb as flyte\nenv = flyte.TaskEnvironment(name="n")')
        for name in ("pre_cell", "record_compile", "post_cell"):
            timed(name)
        for n in range(count):
            below = f"step_{n - 1}(x)" if n else "x"
            constant = f"K_{n} = {n}\n" * (n % 10 == 0)
            text = f"{constant}def step_{n}(x: int) -> int:\n    '''Step {n}.'''\n"
            text += f"    return {below} + K_{n // 10 * 10} * len(str(x))"
            spent[0] = 0.0
            shell.run_cell(text, store_history=True).raise_error()
            cells.append(spent[0])
        shell.run_cell(f"@env.task\ndef t(x: int) -> int:\n    return step_{count - 1}(x)").raise_error()
    task = shell.user_ns["t"]
    cold = []
    for _ in range(9):
        keys._snapshots.clear()  # as if it had never been asked for: what the cells have paid for stays
        start = clock()
        first = code_key(task)
        cold.append(clock() - start)
    same = []
    for _ in range(50):
        start = clock()
        again = code_key(task)
        same.append(clock() - start)
    shell.run_cell("K_0 = -1", store_history=True).raise_error()
    changed = code_key(task)
    reached = sum(kind == "function" for kind, *_ in first.parts.values())
    facts = {"is_right": again.hex == first.hex != changed.hex, "reached": reached}
    print("\n" + json.dumps({"cells": cells, "cold": cold, "same": same, **facts}))


main()
