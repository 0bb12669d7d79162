"""Source text and notebook files: read without being run, refused in words."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import nbformat.v4  # noqa: F401  takes seconds, which are not an input's

from flytenb.capture import pragma, syntax
from flytenb.capture.cells import Cell, bound_names
from flytenb.cli.errors import LoadError
from flytenb.cli.notebook import load_notebook
from flytenb.errors import CaptureError, FlytenbError
from flytenb.export.read import NotebookError, read_notebook
from flytenb.notebook.transform import CellTransformer
from tests.fuzz.trying import mutated, try_all, value, word

PIECES = [
    "import os\n", "from a.b import *\n", "x = 1\n", "def f(a, b=2):\n    return a + b\n", "class K:\n    v = x\n",
    "@env.task\n", "async def g():\n    await f(1)\n", "%%flyte_task --name a --inputs x --outputs y\n",
    "%flyte_env e\n",
    "# %flyte task --inputs x:int\n", "!ls {x}\n", "%%bash\n", "lambda x: (yield)\n", "global x\n", "nonlocal y\n",
    "x: int = 3\n", "match x:\n    case [a, *b]: pass\n", "f'{x!r:{y}}'\n", '"""doc"""\n', "if True:\n", "\t", "    ",
    "exec('x=1')\n", "return\n", "print(f(x) @ 3)\n", "del x\n", "with open(p) as h: pass\n",
    "try: pass\nexcept* E: pass\n",
    "\\\n", "\0", "\f", "\r", "\ud800", "\u2028", "é = 1\n", "𝐱 = 1\n", "0x" + "f" * 5000 + "\n", "1_" * 50 + "1\n",
    "(" * 300, "[" * 150 + "]" * 150 + "\n", "-" * 3000 + "1\n", "not " * 2000 + "x\n", "a." * 3000 + "b\n",
    "f(" * 90 + ")" * 90 + "\n", "x = " * 2000 + "1\n", "lambda: " * 150 + "1\n", "+1" * 20_000 + "\n",
    "if x:\n" + " pass\n", "for i in x:\n" * 30, "{**" * 100, "'" * 3, "#" * 10_000 + "\n", "# -*- coding: x -*-\n",
]  # fmt: skip
#: What compiling a text may say, whoever does it.
NO_PYTHON = (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError)


def source(rng: random.Random) -> str:
    """Something like a cell."""
    text = "".join(rng.choice(PIECES) for _ in range(rng.randrange(1, 9)))
    if rng.random() < 0.4:
        text = mutated(rng, text.encode("utf-8", "surrogatepass")).decode("utf-8", "surrogateescape")
    return text


def test_cells_that_the_slicer_reads() -> None:
    """What the interpreter has compiled is read; what it has not, is refused as it refuses it."""

    def attempt(rng: random.Random) -> None:
        text = source(rng)
        for read in (syntax.reads_of, syntax.digest_of, syntax.frozen_lines):
            try:
                read(text)
            except (*NO_PYTHON, CaptureError):
                pass
        try:
            cell = Cell("Cell In[1]", text, 1)
            for statement in cell.tree.body:
                bound_names(statement)
            cell.binding("x")
            cell.klass("K")
        except (*NO_PYTHON, CaptureError):
            pass

    try_all("slicer", attempt, ())


def test_magics_and_pragmas() -> None:
    def attempt(rng: random.Random) -> None:
        lines = source(rng).splitlines(keepends=True)
        CellTransformer({})(lines)
        pragma.find(lines)
        pragma.transform(lines)
        pragma.parse_options(rng.choice([word(rng), "--inputs " + word(rng), "--name 'x", "--cpu nan --memory -1"]))

    try_all("magics", attempt, (FlytenbError,))


def notebook(rng: random.Random) -> bytes:
    """Something like a notebook's file; its code does nothing if it is run."""
    quiet = [piece for piece in PIECES if not piece.startswith(("import os", "!", "print", "with open", "exec"))]
    cells: list[Any] = []
    for _ in range(rng.randrange(6)):
        text = "".join(rng.choice(quiet) for _ in range(rng.randrange(4)))
        cells.append({
            "cell_type": rng.choice(["code", "code", "code", "markdown", "raw", value(rng)]),
            "source": rng.choice([text, text.splitlines(keepends=True), value(rng)]),
            "id": rng.choice(["a", value(rng)]),
            "metadata": rng.choice([{}, {"tags": ["parameters"]}, {"tags": value(rng)}, value(rng)]),
            "outputs": value(rng),
        })  # fmt: skip
        if rng.random() < 0.1:
            cells.append(value(rng))
    made: Any = {"cells": cells, "metadata": rng.choice([{}, value(rng)]), "nbformat": rng.choice([4, 3, value(rng)])}
    if rng.random() < 0.15:
        made = rng.choice([value(rng), {"worksheets": [{"cells": cells}], "nbformat": 3}])
    text = json.dumps(made, default=str).encode("utf-8", "surrogatepass")
    return mutated(rng, text) if rng.random() < 0.4 else text


def test_notebooks_that_become_scripts(tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"

    def attempt(rng: random.Random) -> None:
        path.write_bytes(notebook(rng))
        for cell in read_notebook(path):
            assert cell.text.strip()

    try_all("notebooks read", attempt, (NotebookError,))


def test_notebooks_whose_tasks_are_run(tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    path.parent.joinpath("a").mkdir()
    path.parent.joinpath("a", "b.py").touch()

    def attempt(rng: random.Random) -> None:
        path.write_bytes(notebook(rng))
        load_notebook(path)

    # The notebook's own code has run, and failed.
    own = (NameError, AttributeError, TypeError, ImportError, CaptureError, FlytenbError)
    try_all("notebooks run", attempt, (LoadError, *own))
