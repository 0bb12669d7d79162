"""Scripts and cells that tell, as data, what a caller of the product saw."""

from __future__ import annotations

import json
import os
from typing import Any

from tests.integration.conftest import Home

#: `tell(call)` prints one line: what the call returned, or the error it raised and how a caller may catch it.
_PRELUDE = """
def tell(call):
    import json, time
    begun = time.perf_counter()
    try:
        told = {"value": repr(call()), "error": ""}
    except Exception as error:
        cause = error.__cause__
        told = {
            "error": type(error).__name__,
            "bases": [base.__name__ for base in type(error).__mro__],
            "message": str(error),
            "code": getattr(error, "code", ""),
            "kind": getattr(error, "kind", ""),
            "state": {key: repr(item) for key, item in vars(error).items()},
            "traceback": getattr(cause if cause is not None else error, "flytenb_traceback", ""),
        }
    told["seconds"] = time.perf_counter() - begun
    print("TOLD " + json.dumps(told), flush=True)

def outputs(*args, **kwargs):
    return flyte.run(*args, **kwargs).outputs()
"""

_SHELL = """
    import json, sys
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    for cell in json.load(open(sys.argv[1])):
        shell.run_cell(cell, store_history=True).raise_error()
"""


def told_by_script(home: Home, name: str, text: str, *arguments: str) -> list[dict[str, Any]]:
    """Run a script that may use `tell` and `outputs`; returns what it told."""
    return told_in(home.python(str(script(home, name, text)), *arguments).stdout)


def script(home: Home, name: str, text: str) -> os.PathLike[str]:
    """A script that may use `tell` and `outputs`."""
    path = home.script(name, text)
    path.write_text("import flytenb as flyte\n" + _PRELUDE + path.read_text())
    return path


def told_by_cells(home: Home, *cells: str) -> list[dict[str, Any]]:
    """Execute cells in an IPython shell; `Cell In[1]` has loaded the extension."""
    shell = home.script("shell.py", _SHELL)
    sources = shell.with_suffix(".json")
    sources.write_text(json.dumps(["%load_ext flytenb\nimport flytenb as flyte\n" + _PRELUDE, *cells]))
    return told_in(home.python(str(shell), str(sources)).stdout)


def told_in(text: str) -> list[dict[str, Any]]:
    """What a process that used `tell` has told."""
    return [json.loads(line.partition("TOLD ")[2]) for line in text.splitlines() if "TOLD " in line]


def check_sentence(message: str, *parts: str) -> None:
    """One sentence on one line with all these parts."""
    assert "\n" not in message, message
    assert "Traceback" not in message, message
    assert 20 < len(message) < 400, message
    for part in parts:
        assert part in message, f"{part!r} is not in: {message}"
