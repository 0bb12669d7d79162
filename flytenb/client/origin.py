"""What a run tells of where it came from."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from flytenb.client import belonging

#: The notebook room installs what it knows (notebook's path, cell number and id).
_tellers: list[Callable[[], dict[str, Any]]] = []


def tell_origin(teller: Callable[[], dict[str, Any]]) -> None:
    """Add to what every run of this process records of itself."""
    if teller not in _tellers:
        _tellers.append(teller)


def forget_teller(teller: Callable[[], dict[str, Any]]) -> None:
    """Take it out again."""
    if teller in _tellers:
        _tellers.remove(teller)


def origin() -> dict[str, Any]:
    """Script or notebook, directory, user, interpreter."""
    told: dict[str, Any] = {"cwd": _cwd(), "user": _user(), "python": sys.executable, "pid": os.getpid()}
    if worker := os.environ.get("FLYTENB_WORKER"):
        told["worker"] = worker  # whose action may wait for this very run
    main = sys.modules.get("__main__")
    script = getattr(main, "__file__", None)
    if script and "ipykernel" not in sys.modules and not _is_command(main, script):
        told["script"] = os.path.abspath(script)
    for teller in _tellers:
        told.update(teller())
    if batch := belonging.current():
        told["batch"] = {"name": batch.name, "cell": told.get("cell", 0)}
    return told


def _is_command(main: Any, script: str) -> bool:
    """Whether it is our own command line, which says itself what file it runs."""
    name = getattr(getattr(main, "__spec__", None), "name", "") or ""
    return name.partition(".")[0] == __name__.partition(".")[0] or os.path.basename(script) == "flytenb"


def _cwd() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return "/"


def _user() -> str:
    name = os.environ.get("USER") or os.environ.get("LOGNAME")
    return name or str(os.getuid())
