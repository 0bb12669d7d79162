"""Code from a notebook, a REPL or a script: its key, and a program that runs elsewhere.

Live objects choose what is needed, executed text tells how to write it down, values go by content. Names load what they
need when they are used: a worker only loads programs and has no use for what makes them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flytenb.capture.key import CodeKey, code_key
    from flytenb.capture.program import Program, TaskEntry, build_program
    from flytenb.capture.registry import CellRegistry

__all__ = ["CellRegistry", "CodeKey", "Program", "TaskEntry", "build_program", "code_key"]

_HOMES = {
    "CellRegistry": "registry",
    "CodeKey": "key",
    "Program": "program",
    "TaskEntry": "program",
    "build_program": "program",
    "code_key": "key",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
