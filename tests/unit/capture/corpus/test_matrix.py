"""One key wherever the same definitions run: the notebook as it was edited, started anew, with cells cut and moved, as
a script, imported as the command line does, and in IPython itself.

Every state of every small notebook is a row; what each edit must do comes from `cases`.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import random
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

from flytenb.capture.key import code_key
from flytenb.capture.registry import registry
from flytenb.errors import CaptureError
from tests.unit.capture.corpus.cases import CASES, HIT, MISS, Case
from tests.unit.capture.kernel import Env, Kernel

NOISE = ["import os, sys\nnoise = [1, 2, 3]", "def noisy():\n    return noise", "noise.append(4)"]
REFUSED = "refused"
DOUBTED = "doubted "


def states_of(case: Case) -> list[list[str]]:
    """The cells of each state: as given, then with one edit more each time."""
    return [[*case.cells, *(text for text, _ in case.edits[:n])] for n in range(len(case.edits) + 1)]


def key_in(cells: list[str]) -> str:
    """The key of `t` after these cells in a new kernel."""
    with Kernel() as kernel:
        for text in cells:
            kernel.run(text, is_ok="raise" not in text)
        return _key(kernel.ns["t"])


def _key(task: object) -> str:
    try:
        found = code_key(task)
        return DOUBTED + found.hex if found.doubts else found.hex
    except CaptureError:
        return REFUSED


@pytest.fixture(scope="module")
def edited() -> dict[str, list[str]]:
    """Keys of all states of all notebooks, each in one kernel that lives on."""
    found = {}
    for case in CASES:
        keys = []
        with Kernel() as kernel:
            for n, cells in enumerate(states_of(case)):
                for text in cells if n == 0 else cells[-1:]:
                    kernel.run(text, is_ok="raise" not in text)
                keys.append(_key(kernel.ns["t"]))
        found[case.name] = keys
    return found


def cut(cells: list[str]) -> list[str]:
    """One cell for each statement; cells that need their whole text stay whole."""
    found = []
    for text in cells:
        try:
            tree = ast.parse(text)
        except SyntaxError:
            found.append(text)
            continue
        lines = text.split("\n")
        firsts = [min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))]) for node in tree.body]
        one_a_line = all(a < b for a, b in pairwise(firsts))
        ends = [node.end_lineno or 0 for node in tree.body]
        if (
            not one_a_line
            or any(end >= first for end, first in zip(ends, firsts[1:], strict=False))
            or "raise" in text
            or "__future__" in text
        ):
            found.append(text)
            continue
        found += ["\n".join(lines[first - 1 : end]) for first, end in zip(firsts, ends, strict=True)]
    return found


def moved(cells: list[str], seed: int) -> list[str] | None:
    """Cells that only define functions, elsewhere; None when there is nothing to move."""
    free = [
        n for n, text in enumerate(cells) if _is_plain_definition(text) and sum(_defines(text, o) for o in cells) == 1
    ]
    if not free or len(cells) < 2:
        return None
    rest = [text for n, text in enumerate(cells) if n not in free]
    rng = random.Random(seed)
    for n in free:
        rest.insert(rng.randint(0, len(rest)), cells[n])
    return rest if rest != cells else None


def _is_plain_definition(text: str) -> bool:
    try:
        body = ast.parse(text).body
    except SyntaxError:
        return False
    return all(
        isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and all("env.task" in ast.unparse(d) for d in node.decorator_list)
        and not node.args.defaults
        and not node.args.kw_defaults
        and not any(isinstance(part, ast.Call) for part in ast.walk(node.args))
        for node in body
    )


def _defines(text: str, other: str) -> bool:
    names = {getattr(node, "name", "") for node in ast.parse(text).body}
    try:
        tree = ast.parse(other)
    except SyntaxError:
        return True
    stored = (node for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load))
    bound = {node.id for node in stored} | {getattr(node, "name", "") for node in tree.body}
    return bool(names & bound)


def in_script(cells: list[str], path: Path, name: str) -> str:
    """The key of `t` when the same definitions are a file: the running script, or a module of that name."""
    registry.forget()
    path.write_text("\n\n".join(cells) + "\n")
    module = ModuleType(name)
    module.__file__ = str(path)
    if name != "__main__":
        module.__spec__ = importlib.util.spec_from_file_location(name, path)
    vars(module)["env"] = Env("nb")
    former = sys.modules.get(name)
    sys.modules[name] = module
    try:
        exec(compile(path.read_text(), str(path), "exec", dont_inherit=True), vars(module))
        return _key(vars(module)["t"])
    finally:
        if former is not None:
            sys.modules[name] = former
        else:
            del sys.modules[name]
        registry.forget()


def is_script(cells: list[str]) -> bool:
    """Whether these cells can be one file."""
    text = "\n\n".join(cells)
    try:
        compile(text, "script", "exec", dont_inherit=True)
    except SyntaxError:
        return False
    return "raise" not in text


def rows() -> list[tuple[Case, int, list[str]]]:
    return [(case, n, cells) for case in CASES for n, cells in enumerate(states_of(case))]


def differing(
    found: dict[tuple[str, int], str], edited: dict[str, list[str]], *, is_doubt_told: bool = True
) -> dict[tuple[str, int], tuple[str, str]]:
    """Rows whose key is not that of the notebook."""
    wanted = {row: edited[row[0]][row[1]] for row in found}
    if not is_doubt_told:
        wanted = {row: key.removeprefix(DOUBTED) for row, key in wanted.items()}
    return {row: (key, wanted[row]) for row, key in found.items() if key != wanted[row]}


def test_a_new_kernel(edited: dict[str, list[str]]) -> None:
    """Restart and run all, with other cells between."""
    found = {}
    for case, n, cells in rows():
        if not case.is_open:
            found[case.name, n] = key_in([NOISE[0], *(one for text in cells for one in (text, NOISE[1]))])
    assert len(found) > 400
    assert differing(found, edited) == {}


def test_cut_cells(edited: dict[str, list[str]]) -> None:
    found = {}
    for case, n, cells in rows():
        pieces = cut(cells)
        if pieces != cells and not case.is_open:
            found[case.name, n] = key_in(pieces)
    assert len(found) > 150
    assert differing(found, edited) == {}


def test_moved_cells(edited: dict[str, list[str]]) -> None:
    found = {}
    for case, n, cells in rows():
        for seed in range(2):
            other = moved(cells, seed)
            if other is None or case.is_open:
                continue
            try:
                found[case.name, n] = key_in(other)
            except Exception:  # a cell called what is not defined yet: such an order is no notebook
                continue
    assert len(found) > 150
    assert differing(found, edited) == {}


@pytest.mark.parametrize("name", ["__main__", "matrix_script"])
def test_a_script(edited: dict[str, list[str]], tmp_path: Path, name: str) -> None:
    """A file has the notebook's key, or one that never hits; each edit does to it what it must."""
    found = {
        (case.name, n): in_script(cells, tmp_path / f"matrix_{case.name}_{n}.py", name)
        for case, n, cells in rows()
        if is_script(cells) and not case.is_open
    }
    assert len(found) > 300
    # What a notebook refuses because a cell is older than what it uses, a file makes anew in order.
    certain = {
        row: key for row, key in found.items() if not key.startswith(DOUBTED) and edited[row[0]][row[1]] != REFUSED
    }
    assert differing(certain, edited, is_doubt_told=False) == {}
    assert len(certain) > 0.9 * len(found)
    wrong = []
    for case in CASES:
        for n, (_, expected) in enumerate(case.edits):
            before, after = found.get((case.name, n), REFUSED), found.get((case.name, n + 1), REFUSED)
            may_hit = not {before, after} & {REFUSED} and not before.startswith(DOUBTED)
            after = after.removeprefix(DOUBTED)
            if may_hit and expected in (HIT, MISS) and (HIT if before == after else MISS) != expected:
                wrong.append((case.name, n, expected))
    assert wrong == []


def test_ipython(edited: dict[str, list[str]]) -> None:
    """IPython's own shell, with our extension, one process for each state."""
    jobs = [(f"{case.name}/{n}", cells) for case, n, cells in rows() if not case.is_open and n == len(case.edits)]
    script = Path(__file__).with_name("shells.py")
    done = subprocess.run(
        [sys.executable, str(script)], input=json.dumps(jobs[:: int(os.environ.get("FLYTENB_MATRIX_STEP", "5"))]),
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = {tuple(name.rsplit("/", 1)): key for name, key in json.loads(done.stdout.splitlines()[-1]).items()}
    found = {(name, int(n)): key for (name, n), key in told.items()}
    assert len(found) > 40
    assert differing(found, edited) == {}
