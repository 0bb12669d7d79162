"""`flyte.sweep`: one task, or one notebook, at every point of a grid."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from flytenb.batches import execute, parameters
from flytenb.batches.grid import SweepResult, points
from flytenb.client import belonging
from flytenb.client.context import with_runcontext
from flytenb.client.names import new_run_name
from flytenb.context import current_action
from flytenb.errors import BaseRuntimeError, FlytenbError

__all__ = ["SweepResult", "sweep", "sweep_notebook"]


def sweep(
    task: Any, grid: Mapping[str, Iterable[Any]] | Iterable[Mapping[str, Any]], /, name: str = "", **fixed: Any
) -> SweepResult:
    """Run a task at every point of a grid; waits for all of them, failures included.

    Every point is a run `NAME.1`, `NAME.2` …, with the label `sweep: NAME`; what is cached is not repeated.

    Args:
        task: an environment's task.
        grid: values by input, or points themselves.
        name: of the sweep.
        **fixed: inputs that are the same at every point.

    Raises:
        SweepError: the grid has no points.
        TypeError: not a task, an unknown input, or a value of the wrong type.

    Example:
        found = flyte.sweep(train, {"lr": [0.1, 0.01], "model": ["a", "b"]}, epochs=3)
        found.best()
    """
    chosen = points(grid)
    if current_action.get() is not None:
        raise TypeError("flyte.sweep starts runs and waits for them; inside a task use flyte.group and flyte.map")
    ident = name or new_run_name()
    started = []
    for number, point in enumerate(chosen, 1):
        # In a batch the run is named after its cell, so that one that is resumed finds it.
        named = {} if belonging.current() is not None and not name else {"name": f"{ident}.{number}"}
        runner = with_runcontext(labels={"sweep": ident}, **named)
        started.append(runner.run(task, **{**fixed, **point}))
    rows = [_row(point, run) for point, run in zip(chosen, started, strict=True)]
    return SweepResult(tuple(chosen[0]), rows)


def _row(point: dict[str, Any], run: Any) -> dict[str, Any]:
    result, error = None, ""
    try:
        result = run.value()
    except (BaseRuntimeError, FlytenbError) as failure:
        error = f"{getattr(failure, 'code', type(failure).__name__)}: {failure}"
    row = run.sync().row
    return {
        **point,
        "result": result,
        "run": run.name,
        "seconds": max(0.0, row.ended_at - row.created_at),
        "error": error,
    }


def sweep_notebook(
    notebook: str,
    output: str | None,
    axes: Mapping[str, Iterable[Any]],
    given: Mapping[str, Any],
    *,
    jobs: int = 2,
    on_step: Callable[..., None] | None = None,
    is_text: bool = False,
    name: str | None = None,
    **options: Any,
) -> SweepResult:
    """Execute a notebook at every point of a grid, several at once, each in a kernel of its own.

    Args:
        output: an address with the parameters in braces (`out/{lr}.ipynb`); None or without braces: numbered.
        axes: values of the parameters that vary.
        given: those that do not.
        jobs: notebooks that are executed at once.
        name: of the sweep; its batches are NAME.1, NAME.2 …
    """
    chosen = points(axes)
    node, _ = execute._read(notebook)
    known = parameters.declared(node["cells"])
    for point in chosen:  # all of them are looked at before one begins
        parameters.checked({**given, **point}, known, notebook, is_text=is_text)
    ident = name or new_run_name()

    def one(number: int) -> dict[str, Any]:
        asyncio.set_event_loop(asyncio.new_event_loop())
        point = chosen[number - 1]
        began, target = time.time(), _place(notebook, output, number, point)
        row = {**point, "result": None, "run": f"{ident}-{number}", "output": target}
        try:
            done = execute.batch(
                notebook, target, {**given, **point}, is_text=is_text, name=f"{ident}-{number}", **options
            )
            error, row["run"] = "", done.name
            row["result"] = _number(done.shown)
        except (BaseRuntimeError, FlytenbError) as failure:
            error = str(failure)
        row |= {"seconds": time.time() - began, "error": error}
        if on_step is not None:
            on_step("batch", f"{'✖' if error else '✔'} {ident}-{number}  {point}  {error[:120]}".rstrip())
        return row

    with ThreadPoolExecutor(max(1, jobs)) as pool:
        rows = list(pool.map(one, range(1, len(chosen) + 1)))
    return SweepResult(tuple(chosen[0]), rows)


def _place(notebook: str, output: str | None, number: int, point: Mapping[str, Any]) -> str:
    base = output or execute.default_output(notebook)
    if "{" in base:
        return base.format(**{key: str(value).replace(os.sep, "_") for key, value in point.items()})
    path = Path(base)
    return f"{base.removesuffix(path.suffix)}-{number}{path.suffix}" if path.suffix else f"{base}-{number}"


def _number(value: Any) -> Any:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
