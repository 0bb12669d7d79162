"""Is anybody watching? nbclient, papermill and nbconvert execute notebooks for nobody.

Then a cell ends only when the runs it started have ended, its output holds their final view, and it fails if one of
its runs failed. How it is found out, in this order:

1. `FLYTENB_HEADLESS=1` or `0` decides.
2. The execute request: nbclient (so papermill, nbconvert and `jupyter execute`, and every program that uses it) says
   `allow_stdin: false`, because nobody could answer. JupyterLab, Notebook, VS Code, Colab and consoles say true.
3. Without a request at hand: the process that started the kernel (`JPY_PARENT_PID`), by the words of its command line.

papermill and nbconvert set no variable of their own and send no cell ids, so neither can be used.
"""

from __future__ import annotations

import os
from typing import Any

_PROGRAMS = ("nbconvert", "papermill", "jupyter-execute", "nbclient")


def is_headless(ip: Any) -> bool:
    """Whether the cell that runs now has no reader."""
    said = os.environ.get("FLYTENB_HEADLESS", "")
    if said:
        return said not in ("0", "false", "no")
    kernel = getattr(ip, "kernel", None)
    if kernel is None:
        return False
    allowed = _allow_stdin(kernel)
    return not allowed if allowed is not None else _is_started_by_a_program()


def _allow_stdin(kernel: Any) -> bool | None:
    try:
        content = kernel.get_parent("shell").get("content", {})
    except Exception:
        return None
    allowed = content.get("allow_stdin")
    return allowed if isinstance(allowed, bool) else None


def _is_started_by_a_program() -> bool:
    parent = os.environ.get("JPY_PARENT_PID", "")
    if not parent.isdigit():
        return False
    import psutil

    try:
        words = psutil.Process(int(parent)).cmdline()[:4]
    except (psutil.Error, OSError):
        return False
    return any(name in os.path.basename(word) for word in words for name in _PROGRAMS)
