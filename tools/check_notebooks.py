"""Refuses notebooks that are committed with outputs or execution counts. A pre-commit hook and a test call it."""

from __future__ import annotations

import json
import sys
from pathlib import Path


def stains(path: Path) -> list[str]:
    """What a committed notebook must not carry, one sentence each."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return [
        f"{path}: cell {number} carries {'outputs' if cell['outputs'] else 'an execution count'}; clear all outputs"
        for number, cell in enumerate(notebook["cells"], 1)
        if cell["cell_type"] == "code" and (cell["outputs"] or cell["execution_count"] is not None)
    ]


if __name__ == "__main__":
    found = [sentence for name in sys.argv[1:] for sentence in stains(Path(name))]
    print("\n".join(found), end="\n" if found else "")
    sys.exit(bool(found))
