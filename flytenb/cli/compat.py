"""`flytenb compat SCRIPT`: a script that imports `flyte` runs on flytenb."""

from __future__ import annotations

import importlib
import os
import runpy
import sys

from flytenb.cli.errors import LoadError


def run_script(script: str, arguments: list[str]) -> None:
    """Run a script as `python script.py arguments` would, with `flyte` meaning this package.

    Raises:
        LoadError: there is no such script.
    """
    if not os.path.isfile(script):
        raise LoadError(f"there is no file {script}; give the path of a .py script")
    # The alias is a face beside this room: reached by name, as a user reaches it.
    importlib.import_module(f"{__package__.partition('.')[0]}.compat").install()
    sys.argv = [script, *arguments]
    sys.path[0] = os.path.dirname(os.path.abspath(script))
    runpy.run_path(script, run_name="__main__")
