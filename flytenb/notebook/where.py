"""Which notebook and cell this is, as far as the front end has said it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def notebook_path(ip: Any) -> Path | None:
    """The notebook's file; None when no front end has named it (papermill and nbclient do not).

    Jupyter servers name it in `JPY_SESSION_NAME`, VS Code in a variable of the notebook.
    """
    named = ip.user_ns.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME") or ""
    path = Path(str(named))
    if path.suffix != ".ipynb":
        return None
    return path if path.is_absolute() else Path.cwd() / path.name


def told(ip: Any) -> dict[str, Any]:
    """What a run records of the cell that starts it: notebook, cell number, cell id."""
    found: dict[str, Any] = {}
    path = notebook_path(ip)
    if path is not None:
        found["notebook"] = str(path)
    kernel = getattr(ip, "kernel", None)
    if kernel is not None:
        found["cell"] = cell_number(ip)
        metadata = (_parent(kernel) or {}).get("metadata") or {}
        cell_id = metadata.get("cellId")
        if isinstance(cell_id, str) and cell_id:
            found["cell_id"] = cell_id
    return found


def cell_number(ip: Any) -> int:
    """Number of the cell that runs: IPython 9 counts on when a cell begins, earlier ones when it ends."""
    inputs = getattr(getattr(ip, "history_manager", None), "input_hist_parsed", None) or ()
    return len(inputs) - 1 if len(inputs) > 1 else int(ip.execution_count)


def _parent(kernel: Any) -> Any:
    try:
        return kernel.get_parent("shell")
    except Exception:  # a kernel that is no ipykernel
        return None
