"""What drives is not executed to have a notebook's definitions."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from flytenb.capture.drivers import drives
from flytenb.notebook.load import define

DRIVING = [
    "run = flyte.run(task)",
    "found = flyte.sweep(task, {'lr': [0.1]})",
    "done = flyte.batch('other.ipynb')",
    "first = flyte.batch('other.ipynb').run",
    "best = flyte.compare(one, other)",
    "x = await task(1)",
    "found = [x async for x in pages()]",
    "value = (n := run.outputs())",
]
HARMLESS = [
    "rows = dataset.batch(32)",
    "grid = model.sweep(3)",
    "env = flyte.TaskEnvironment(name='e')",
    "later = lambda: flyte.run(task)",
    "async def f():\n    return await task(1)",
    "if True:\n    async def f():\n        return await task(1)",
]


@pytest.mark.parametrize("source", DRIVING)
def test_what_drives(source: str) -> None:
    assert drives(ast.parse(source).body[0])


@pytest.mark.parametrize("source", HARMLESS, ids=lambda source: source[:30])
def test_what_does_not(source: str) -> None:
    assert not drives(ast.parse(source).body[0])


def test_a_batch_or_a_sweep_is_not_begun_by_loading(tmp_path: Path) -> None:
    sources = [
        "import flytenb as flyte",
        "done = flyte.batch('nowhere.ipynb')\nname = done.run.name",
        "found = flyte.sweep(print, {'n': [1]})",
        "limit = 3\nif limit:\n    async def f():\n        return await g()",
    ]
    cells = [{"cell_type": "code", "source": source} for source in sources]
    path = tmp_path / "book.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    names: dict[str, Any] = {}
    define(path, names)
    assert names["limit"] == 3
    assert "f" in names
    assert not {"done", "name", "found"} & set(names)
