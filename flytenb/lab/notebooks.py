"""Notebook files of a Jupyter server: what a batch asks for, its start, and the export as a script. Blocking."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from flytenb.client.names import new_run_name
from flytenb.client.session import session
from flytenb.client.start import is_there
from flytenb.errors import BaseRuntimeError, FlytenbError
from flytenb.export import NotebookError, export_file, read_notebook

#: Seconds that the run of a batch may take to begin.
BEGIN_S = 60.0
_LOOK_S = 0.1
TARGETS = ("flytenb", "flyte")


class NotebookRefused(Exception):
    """What cannot be done with a notebook, in one sentence."""


def parameters(path: Path) -> dict[str, Any]:
    """What a batch of this notebook can be given: name, type and default of each, as they are written.

    Raises:
        NotebookRefused: it is no notebook.
    """
    try:
        cells = read_notebook(path)
    except NotebookError as error:
        raise NotebookRefused(str(error)) from error
    tagged = next((cell for cell in cells if cell.kind == "code" and "parameters" in cell.tags), None)
    return {
        "has_cell": tagged is not None,
        "parameters": _declared(tagged.text) if tagged is not None else [],
        "output": f"{path.name.removesuffix('.ipynb')}-out.ipynb",
    }


def _declared(source: str) -> list[dict[str, str]]:
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return []
    found = []
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.append(_told(node.target.id, ast.unparse(node.annotation), node.value))
        elif isinstance(node, ast.Assign):
            found += [_told(each.id, "", node.value) for each in node.targets if isinstance(each, ast.Name)]
    return found


def _told(name: str, kind: str, value: ast.expr | None) -> dict[str, str]:
    text = ast.unparse(value) if value is not None else ""
    if isinstance(value, ast.Constant):
        kind = kind or ("" if value.value is None else type(value.value).__name__)
        text = value.value if isinstance(value.value, str) else text
    return {"name": name, "type": kind, "default": text}


def start_batch(home: Path, path: Path, given: dict[str, str], output: str = "") -> dict[str, str]:
    """Execute a notebook unattended, in a process that outlives the server; returns when its run exists.

    Args:
        home: the state directory.
        path: of the notebook.
        given: parameters as they were typed.
        output: beside the notebook; "" = its name with -out.

    Raises:
        NotebookRefused: the batch does not begin; the sentence is its own.
    """
    name = new_run_name()
    target = path.parent / (output or f"{path.name.removesuffix('.ipynb')}-out.ipynb")
    pairs = [word for key, value in given.items() for word in ("-p", f"{key}={value}")]
    words = ["-m", "flytenb", "batch", str(path), str(target), "--name", name, "--output-format", "json", *pairs]
    variables = {key: value for key, value in os.environ.items() if key != "JPY_PARENT_PID"}
    said = tempfile.TemporaryFile()  # noqa: SIM115 (the batch writes it as long as it lives)
    process = subprocess.Popen(
        [sys.executable, *words], cwd=path.parent, env={**variables, "FLYTENB_HOME": str(home)},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said, start_new_session=True,
    )  # fmt: skip
    threading.Thread(target=process.wait, name="flytenb-batch-end", daemon=True).start()
    end = time.monotonic() + BEGIN_S
    while time.monotonic() < end:
        code = process.poll()
        if _exists(home, name):
            return {"run": name, "output": str(target)}
        if code:
            said.seek(0)
            lines = [line for line in said.read().decode(errors="replace").splitlines() if line.strip()]
            raise NotebookRefused(lines[-1] if lines else f"the batch of {path.name} ended with status {code}")
        time.sleep(_LOOK_S)  # another process's run gives no event here
    process.terminate()
    raise NotebookRefused(f"the batch of {path.name} did not begin within {BEGIN_S:.0f} s; see `flytenb engine logs`")


def _exists(home: Path, name: str) -> bool:
    if not is_there(home):
        return False
    try:
        session(home).query("run", run=name)
    except (FlytenbError, BaseRuntimeError):
        return False
    return True


def export(path: Path, target: str) -> dict[str, Any]:
    """Write the script of a notebook beside it.

    Args:
        target: "flytenb", or "flyte" for a script that needs only that package.

    Raises:
        NotebookRefused: it is no notebook, or cannot be written there.
    """
    if target not in TARGETS:
        raise NotebookRefused(f"there is no target {target!r}; there are: {', '.join(TARGETS)}")
    file = path.with_name(path.name.removesuffix(".ipynb") + (".py" if target == "flytenb" else "_flyte.py"))
    try:
        made = export_file(path, file, target=target)
    except (NotebookError, FlytenbError) as error:
        raise NotebookRefused(str(error)) from error
    return {"file": file.name, "cell_count": made.cell_count, "notes": [str(each) for each in made.notes]}
