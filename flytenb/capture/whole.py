"""Tasks that have no function: the task itself is the program. Cheap to import, for workers declare such tasks too."""

from __future__ import annotations

from typing import Any

import msgpack

FORMAT = 1
#: The task's name in its program.
ENTRY = "task"


def whole_body(task: Any) -> bytes:
    """The program of one task."""
    source, line = task.place
    entry = {
        "name": task.name, "short_name": task.short_name, "entry": ENTRY, "key": task.code_key,
        "doubts": [], "source": source, "line": line, "config": None,
    }  # fmt: skip
    body = {
        "v": FORMAT,
        "kind": "whole",
        "entry": ENTRY,
        "task": task.to_bytes(),
        "entries": {ENTRY: entry},
        "files": "",
    }
    made: bytes = msgpack.packb(body, use_bin_type=True)
    return made
